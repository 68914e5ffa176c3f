import numpy as np
import pandas as pd
import pytest

from plots import evidence

CEILING = pd.DataFrame(
    [
        {"group": group, "outlines": outlines, "frames": 3, **scores}
        for group in ("all", "thin cells")
        for outlines, scores in {
            "net": {"IoU": 0.8, "AP50": 0.9, "mSA": 0.5, "NSD": 0.9},
            "full spread": {"IoU": 0.81, "AP50": 0.98, "mSA": 0.55, "NSD": 0.92},
            "spread / sqrt 2": {"IoU": 0.86, "AP50": 1.0, "mSA": 0.65, "NSD": 0.97},
            "1 px": {"IoU": 0.9, "AP50": 1.0, "mSA": 0.8, "NSD": 1.0},
        }.items()
    ]
)


def labels(legend) -> list[str]:
    return [text.get_text() for text in legend.get_texts()]


def test_choices_are_compared_on_the_sets_that_both_have():
    rows = [
        ("base", "fold 1", 0.3),
        ("base", "fold 2", 0.5),
        ("wide", "fold 1", 0.4),
        ("wide", "fold 2", 0.7),
        ("short", "fold 1", 0.2),
    ]
    table = pd.DataFrame(rows, columns=["variant", "set", "mSA"])
    (ax,) = evidence.plot_choices(table, "base").axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["short", "wide"]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [-0.1, 0.15])
    assert "0.400" in ax.get_xlabel()


def test_robustness_begins_at_the_top_with_frames_as_recorded():
    table = pd.DataFrame(
        {"frames": ["as recorded", "blurred"], "IoU": [0.8, 0.6], "AP50": [0.9, 0.5]}
    )
    (ax,) = evidence.plot_robustness(table).axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["blurred", "as recorded"]
    whole, iou, *_ = ax.lines
    assert whole.get_xdata()[0] == 0.8
    np.testing.assert_array_equal(iou.get_xdata(), [0.6, 0.8])


def test_calibration_shows_pixels_left_and_cells_right():
    table = pd.DataFrame(
        {
            "of": ["pixels", "pixels", "cells"],
            "count": [900, 100, 10],
            "said": [0.1, 0.9, 0.5],
            "true": [0.2, 0.8, 0.6],
        }
    )
    pixels, cells = evidence.plot_calibration(table).axes
    assert (pixels.get_title(), cells.get_title()) == ("1,000 pixels", "10 cells")
    np.testing.assert_array_equal(pixels.lines[1].get_ydata(), [0.2, 0.8])
    assert cells.get_xlabel() == "confidence"


def test_ceiling_has_a_panel_a_group_and_a_marker_a_kind_of_outline():
    figure = evidence.plot_ceiling(CEILING)
    assert [ax.get_title() for ax in figure.axes] == ["all (3 frames)", "thin cells (3 frames)"]
    net, full, half = figure.axes[0].collections
    assert net.get_offsets()[:, 1].tolist() == pytest.approx([0.8, 0.9, 0.5, 0.9])
    assert full.get_offsets()[2, 1] < half.get_offsets()[2, 1]
    assert len(labels(figure.legends[0])) == 3
