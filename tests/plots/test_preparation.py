import numpy as np
import pytest

from plots import preparation

IMAGE = np.random.default_rng(0).random((64, 64)).astype(np.float32)
LABEL = np.zeros((64, 64), np.int32)
LABEL[30:50, 30:40], LABEL[30:50, 41:50] = 1, 2
BORDER = np.zeros((64, 64), np.uint8)
BORDER[30:50, 40] = 1
WEIGHT = 1 + 9 * BORDER.astype(np.float32)
for array in (IMAGE, LABEL, BORDER, WEIGHT):
    array.flags.writeable = False


def texts(figure) -> list[str]:
    """All texts inside panels, scale bars among them."""
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_label_steps_show_the_square_with_most_border():
    figure = preparation.plot_label_steps(IMAGE, LABEL, BORDER, WEIGHT, 1.0, crop=20)
    frame, cells, line, weight = figure.axes[:4]
    np.testing.assert_array_equal(frame.images[0].get_array().shape, (20, 20))
    black = np.all(line.images[0].get_array() == 0, axis=-1)
    assert black.sum() == 20  # the whole border, nine tenths of the frame cut away
    colours = cells.images[0].get_array().reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) == 3  # two cells and background
    assert weight.images[0].get_clim() == (1, 10)
    assert texts(figure) == ["5 µm"] * 4


def test_representation_names_what_is_given_and_what_is_learned():
    flow = np.zeros((2, 32, 32), np.float32)
    figure = preparation.plot_representation(IMAGE, LABEL, flow, WEIGHT)
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert sorted(titles) == [
        "drawn: label",
        "given: frame",
        "learned: flow to the centre",
        "learned: foreground",
        "weight of the foreground",
    ]
    assert texts(figure) == ["10 px"] * 5


def test_representation_shows_the_square_with_most_rims():
    figure = preparation.plot_representation(IMAGE, LABEL, np.zeros((2, 64, 64)), WEIGHT, crop=22)
    foreground = next(ax for ax in figure.axes if ax.get_title() == "learned: foreground")
    shown = foreground.images[0].get_array()
    assert shown.shape == (22, 22)
    assert shown.sum() == np.count_nonzero(LABEL)  # both cells whole


def test_normalized_histograms_lie_over_each_other():
    before = {"16 bit": IMAGE * 65_535, "8 bit": IMAGE * 255}
    figure = preparation.plot_normalization(before, dict.fromkeys(before, IMAGE))
    left, right = (ax for ax in figure.axes if ax.get_ylabel() == "pixels [%]")
    a, b = (np.average(p.get_data().edges[:-1], weights=p.get_data().values) for p in left.patches)
    assert a / b == pytest.approx(257, rel=0.1)
    first, second = (patch.get_data().values for patch in right.patches)
    np.testing.assert_array_equal(first, second)
    assert [text.get_text() for text in right.get_legend().get_texts()] == list(before)
    assert left.get_xscale() == "log"


def test_tiles_lie_where_their_corners_are():
    corners = [(0, 0), (10, 34)]
    figure = preparation.plot_tiles(IMAGE, 30, corners, 2.0, shrunk_to=32)
    frame, shrunk, tile = figure.axes
    *patches, square = frame.patches
    assert [patch.get_xy() for patch in patches] == [(0, 0), (34, 10)]
    assert {patch.get_width() for patch in patches} == {30}
    assert square.get_width() == 10
    assert (shrunk.get_xlabel(), tile.get_xlabel()) == ("5 x 5 px", "10 x 10 px")
    # 2 um a pixel in the tile, 4 um in the shrunk frame: one length, half as many pixels
    assert shrunk.texts[0].get_text() == tile.texts[0].get_text() == "5 µm"
    assert np.ptp(shrunk.lines[0].get_xdata()) == pytest.approx(5 / 4)
    assert np.ptp(tile.lines[0].get_xdata()) == pytest.approx(5 / 2)


def test_augmentations_outline_each_copy_with_its_own_label():
    flipped = (IMAGE[:, ::-1], np.where(LABEL[:, ::-1] == 1, 0, LABEL[:, ::-1]))
    figure = preparation.plot_augmentations((IMAGE, LABEL), [flipped] * 6, 1.0)
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in shown] == ["original", *(f"example {n}" for n in range(1, 7))]
    counts = [len(ax.collections[0].get_segments()) for ax in shown]
    assert counts == [2] + [1] * 6
    assert len(figure.axes) == 12 and texts(figure) == ["10 µm"]
