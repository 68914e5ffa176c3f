import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba

from plots import images
from plots.style import PREDICTED, TRUTH, YELLOW

NAN = float("nan")
IMAGE = np.random.default_rng(0).random((40, 40)).astype(np.float32)
TRUE = np.zeros((40, 40), np.int32)
TRUE[2:12, 2:12], TRUE[20:30, 20:30] = 4, 9
FOUND = np.zeros((40, 40), np.int32)
FOUND[2:12, 4:14] = 1


@pytest.fixture(autouse=True)
def frozen():
    """Arrays that cannot be written: a function that tries raises."""
    for array in (IMAGE, TRUE, FOUND):
        array.flags.writeable = False


def outlines(ax) -> dict[str, int]:
    """Number of outlines on a panel by meaning."""
    found = {}
    for lines in ax.collections:
        if isinstance(lines, LineCollection):
            name = {TRUTH: "truth", PREDICTED: "predicted", YELLOW: "meant"}
            name = {to_rgba(colour): text for colour, text in name.items()}
            found[name[tuple(lines.get_color()[0])]] = len(lines.get_segments())
    return found


def panels_of(figure) -> list:
    """Panels with a picture."""
    return [ax for ax in figure.axes if ax.images]


def scale_bars(figure) -> list[str]:
    """Texts of all scale bars, one a panel."""
    return [ax.texts[0].get_text() for ax in panels_of(figure)]


def test_gallery_names_every_frame_and_outlines_the_labelled_ones():
    figure = images.plot_frames({"t01": IMAGE, "t02": IMAGE, "t03": IMAGE}, 0.5, {"t02": TRUE})
    panels = panels_of(figure)
    assert [ax.get_title() for ax in panels] == ["t01", "t02  (2 cells)", "t03"]
    assert [outlines(ax) for ax in panels] == [{}, {"truth": 2}, {}]
    assert scale_bars(figure) == ["5 µm"] * 3


def test_gallery_leaves_unused_panels_empty():
    figure = images.plot_frames({str(n): IMAGE for n in range(5)}, NAN)
    assert len(panels_of(figure)) == 5
    assert [ax.axison for ax in figure.axes] == [True] * 5 + [False]
    assert scale_bars(figure) == ["10 px"] * 5


def test_overlays_show_both_kinds_of_outlines_and_a_legend():
    figure = images.plot_overlays([("a", IMAGE, None, FOUND), ("b", IMAGE, TRUE, FOUND)], 0.5)
    assert [outlines(ax) for ax in panels_of(figure)] == [
        {"predicted": 1},
        {"truth": 2, "predicted": 1},
    ]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["annotated", "predicted"]
    styles = [str(line.get_linestyle()) for line in figure.legends[0].get_lines()]
    assert len(set(styles)) == 2  # told apart without colours


def test_overlays_can_be_cut_to_where_the_cells_are():
    figure = images.plot_overlays([("b", IMAGE, TRUE, FOUND)], 0.5, crop=12)
    (ax,) = panels_of(figure)
    assert ax.get_xlim() == (-0.5, 11.5)
    assert outlines(ax) == {"truth": 1, "predicted": 1}  # the other annotated cell lies outside


def test_pixel_errors_are_counted_in_the_legend():
    figure = images.plot_pixel_errors(IMAGE, TRUE, FOUND, 0.5, crop=20)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    # of 1600 pixels 80 are in both, 120 in the truth alone and 20 in the prediction alone
    assert texts == [
        "found (TP): 5.0% of the frame",
        "missed (FN): 7.5% of the frame",
        "falsely found (FP): 1.2% of the frame",
    ]
    whole, part = panels_of(figure)
    assert whole.get_title() == "whole frame: pixel IoU 0.36"
    assert part.get_xlim() == (-0.5, 19.5)
    (square,) = whole.patches
    assert (square.get_width(), square.get_height()) == (20, 20)


def test_pixel_errors_without_a_truth_say_so():
    figure = images.plot_pixel_errors(IMAGE, None, FOUND, 0.5)
    assert figure.axes[0].texts[0].get_text() == "no annotated frame"


def test_maps_lead_from_the_frame_to_the_cells():
    probability = np.where(TRUE > 0, 0.8, 0.2)
    figure = images.plot_maps(IMAGE, probability, np.ones((2, 20, 20)), TRUE, 0.5, crop=None)
    panels = panels_of(figure)
    frame, foreground, outlined, cells, flow = (ax for ax in panels if ax.get_title())
    assert foreground.images[0].get_clim() == (0, 1)
    assert outlines(outlined) == {"predicted": 2}
    assert (cells.get_title(), flow.get_title()) == ("decoded: 2 cells", "net: flow")
    assert [ax.get_xlabel() for ax in figure.axes if ax.get_xlabel()] == ["probability"]
    (arrows,) = flow.collections
    # one arrow for each block of 2 x 2 pixels: 5 x 5 in each of the two cells
    assert len(arrows.get_offsets()) == 50


def test_maps_are_cut_to_the_rims_of_cells():
    figure = images.plot_maps(IMAGE, TRUE > 0, np.ones((2, 40, 40)), TRUE, 0.5, crop=14)
    assert panels_of(figure)[0].get_xlim() == (-0.5, 13.5)
    assert panels_of(figure)[3].get_title() == "decoded: 1 cells"


def test_worst_cells_mark_the_one_that_is_meant():
    crop = {"image": IMAGE, "truth": TRUE, "predicted": FOUND, "title": "t01, cell 9: IoU 0.00"}
    plain, marked = panels_of(images.plot_worst_cells([crop, crop | {"id": 9}], 0.5))
    assert outlines(plain) == outlines(marked) == {"truth": 2, "predicted": 1}
    assert len(plain.collections) == 2 and len(marked.collections) == 3
    assert len(marked.collections[0].get_segments()) == 1


def test_predicted_cells_can_be_meant_also_without_a_truth():
    crop = {"image": IMAGE, "truth": None, "predicted": FOUND, "title": "t01", "id": 1}
    figure = images.plot_worst_cells([crop | {"of": "predicted"}, crop | {"truth": TRUE}], 0.5)
    alone, both = panels_of(figure)
    assert outlines(alone) == {"meant": 1, "predicted": 1}
    assert outlines(both) == {"truth": 2, "predicted": 1}
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["annotated", "predicted"]


def test_no_worst_cells_are_no_error():
    figure = images.plot_worst_cells([], 0.5)
    assert figure.axes[0].texts[0].get_text() == "no cells to look at"
