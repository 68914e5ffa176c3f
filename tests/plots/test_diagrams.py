import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

from plots.diagrams import plot_toy, plot_unet


def texts(figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_unet_of_depth_2_spelled_out():
    found = texts(plot_unet(width=8, depth=2, size=64))
    assert sorted(found) == sorted(
        [
            *("64 x 64 px", "32 x 32", "16 x 16", "8 x 8"),
            *("image: 1", "4"),  # blocks of 2 x 2 pixels
            *("8", "16"),  # what each level passes on
            *("8", "16", "32"),  # after pooling; and the bottom
            *("16 + 16", "8 + 8"),  # raised maps and the copies beside them
            *("16", "8", "4 + flow: 2", "foreground: 1"),
        ]
    )


@pytest.mark.parametrize(("width", "depth", "size"), [(32, 4, 256), (64, 5, 512), (8, 1, 32)])
def test_unet_doubles_channels_and_halves_sides(width: int, depth: int, size: int):
    found = texts(plot_unet(width, depth, size))
    assert found.count(f"{size} x {size} px") == 1
    for level in range(depth + 1):
        side = size // 2 // 2**level
        assert found.count(f"{side} x {side}") == 1
    assert found.count(str(width * 2**depth)) == 1
    joined = [f"{width * 2**level} + {width * 2**level}" for level in range(depth)]
    assert all(found.count(text) == 1 for text in joined)


def test_unet_draws_every_operation_at_every_level():
    figure = plot_unet(8, 3, 64)
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    # folded and unfolded, 3 poolings, 3 up-convolutions, 3 skips, 4 + 3 double convolutions,
    # 1 read-out
    assert len(arrows) == 19
    assert len({arrow.get_edgecolor() for arrow in arrows}) == 6
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(legend) == 9
    assert legend[0].startswith("2 x 2 pixels become 4 channels")


def test_unet_with_blocks_of_four_pixels():
    found = texts(plot_unet(8, 2, 64, block=4))
    assert {"64 x 64 px", "16 x 16", "16 + flow: 2"} <= set(found)


def test_toy_counts_pixels_and_scores_them():
    truth = np.zeros((8, 8), int)
    predicted = np.zeros((8, 8), int)
    truth[1:4, 1:4] = 1  # 9 pixels
    predicted[1:4, 2:5] = 1  # 6 of them, and 3 others
    figure = plot_toy(truth, predicted)
    found = texts(figure)
    assert [found.count(name) for name in ("TP", "FN", "FP")] == [6, 3, 3]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "TP, in both: 6",
        "FN, annotated alone: 3",
        "FP, predicted alone: 3",
    ]
    formulas = figure.get_supxlabel()
    assert "= 6 / (6 + 3 + 3) = 0.50" in formulas
    assert "= 12 / (12 + 3 + 3) = 0.67" in formulas


def test_toy_of_nothing_is_perfect():
    empty = np.zeros((8, 8), int)
    assert "= 1.00" in plot_toy(empty, empty).get_supxlabel()
