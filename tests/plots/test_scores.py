import numpy as np
import pandas as pd
import pytest

from plots import scores

CURVE = pd.DataFrame(
    {
        "threshold": [0.5, 0.75, 0.95],
        "AP": [0.8, 0.4, 0.0],
        "F1": [0.9, 0.6, 0.0],
        "precision": [0.95, 0.7, 0.0],
        "recall": [0.85, 0.5, 0.0],
    }
)
FRAMES = pd.DataFrame({"name": ["t01", "t02"], "IoU": [0.6, 0.8], "AP50": [0.5, 0.7]})


def labels(legend) -> list[str]:
    return [text.get_text() for text in legend.get_texts()]


def ticks(ax) -> list[str]:
    return [tick.get_text() for tick in ax.get_xticklabels()]


def test_threshold_curve_names_models_left_and_scores_right():
    left, right = scores.plot_threshold_curve({"run": CURVE, "shipped": CURVE}).axes
    assert labels(left.get_legend()) == ["run: mean 0.400", "shipped: mean 0.400"]
    assert labels(right.get_legend()) == ["precision", "recall", "F1"]
    assert len(left.lines) == 2 and len(right.lines) == 6
    np.testing.assert_array_equal(right.lines[1].get_ydata(), CURVE.recall)
    assert left.get_xlabel() == right.get_xlabel() == "IoU threshold"


def test_score_interval_of_wilson():
    low, high = scores.wilson(np.array([0.5, 1.0]), np.array([10, 10]))
    # worked out by hand: (0.5 + 1.96^2 / 20) / (1 + 1.96^2 / 10) = 0.5 in the middle
    np.testing.assert_allclose([low[0], high[0]], [0.2366, 0.7634], atol=1e-4)
    np.testing.assert_allclose([low[1], high[1]], [0.7225, 1.0], atol=1e-4)


def test_recall_by_group_shows_counts_and_intervals():
    table = pd.DataFrame({"group": ["0", "1"], "cells": [40, 1200], "recall": [0.9, 0.6]})
    (ax,) = scores.plot_score_against(table, "cells within 2 px").axes
    assert [bar.get_height() for bar in ax.patches] == [0.9, 0.6]
    assert [text.get_text() for text in ax.texts] == ["40", "1,200"]
    assert ticks(ax) == ["0", "1"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("cells within 2 px", "recall")
    few, many = ax.collections[0].get_segments()
    assert np.ptp(few[:, 1]) > np.ptp(many[:, 1])


def test_wrong_cells_are_compared_with_the_share_of_all():
    table = pd.DataFrame(
        {"group": ["0.4 to 0.6", "0.6 to 0.9"], "cells": [30, 10], "wrong": [0.5, 0.1]}
    )
    (ax,) = scores.plot_confidence(table).axes
    assert [bar.get_height() for bar in ax.patches] == [0.5, 0.1]
    assert ticks(ax) == list(table.group)
    assert labels(ax.get_legend()) == ["all cells: 40.0% wrong"]  # (15 + 1) of 40
    assert ax.get_title() == "2 groups of about 20 cells; 95 % intervals"
    assert ax.get_ylim()[0] == 0


@pytest.mark.parametrize("unit", ["um2", "µm²", "um²"])
def test_sizes_are_counted_in_common_bins_with_their_unit(unit: str):
    rng = np.random.default_rng(0)
    areas = {"annotated": rng.lognormal(7, 0.5, 200), "predicted": rng.lognormal(7.2, 0.5, 90)}
    (ax,) = scores.plot_sizes(areas, unit).axes
    first, second = (patch.get_data() for patch in ax.patches)
    assert (first.values.sum(), second.values.sum()) == (200, 90)
    np.testing.assert_array_equal(first.edges, second.edges)
    assert (ax.get_xlabel(), ax.get_xscale()) == ("area of a cell [µm²]", "log")
    middle = np.median(areas["annotated"])
    assert labels(ax.get_legend())[0] == f"annotated: 200 cells, median {middle:,.0f} µm²"


def test_sizes_of_no_cells_are_no_error():
    (ax,) = scores.plot_sizes({"annotated": np.array([]), "predicted": np.array([])}, "px").axes
    assert labels(ax.get_legend()) == ["annotated: 0 cells", "predicted: 0 cells"]


def test_frame_scores_have_a_dot_each_and_their_mean():
    figure = scores.plot_frame_scores(FRAMES)
    (ax,) = figure.axes
    assert labels(figure.legends[0]) == ["IoU, mean 0.700", "AP50, mean 0.600"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["t01", "t02"]
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), [0.6, 0.8])


def test_many_frames_are_all_drawn_and_some_named():
    many = pd.concat([FRAMES] * 100, ignore_index=True)
    (ax,) = scores.plot_frame_scores(many).axes
    assert len(ax.lines[1].get_xdata()) == 200
    assert len(ax.get_yticks()) <= 22


@pytest.mark.parametrize(
    "figure_of",
    [
        lambda: scores.plot_frame_scores(FRAMES.head(0)),
        lambda: scores.plot_threshold_curve({"run": CURVE.head(0)}),
        lambda: scores.plot_score_against(pd.DataFrame(columns=["group", "cells", "recall"]), "x"),
        lambda: scores.plot_models(pd.DataFrame(columns=["model", "IoU", "AP50"])),
        lambda: scores.plot_confidence(pd.DataFrame(columns=["group", "cells", "wrong"])),
    ],
    ids=["frames", "thresholds", "cells", "models", "confidence"],
)
def test_nothing_annotated_is_said(figure_of):
    assert figure_of().axes[0].texts[0].get_text().startswith("no annotated")


def test_leakage_states_the_gap_with_its_sign():
    table = pd.DataFrame(
        {
            "split": ["copies it was trained on", "copies held back", "unseen frames"],
            "patches": [170, 30, 36],
            "IoU": [0.9, 0.8, 0.6],
            "AP50": [0.7, 0.5, 0.55],
        }
    )
    figure = scores.plot_leakage(table)
    (ax,) = figure.axes
    assert ax.get_title() == "copies held back against unseen frames: IoU +0.20, AP50 -0.05"
    assert [bar.get_height() for bar in ax.patches] == [0.9, 0.8, 0.6, 0.7, 0.5, 0.55]
    assert ticks(ax)[1] == "copies held back\n(30 patches)"
    assert labels(figure.legends[0]) == ["IoU", "AP50"]


def test_models_stand_side_by_side_in_each_score():
    table = pd.DataFrame({"model": ["run", "shipped"], "mSA": [0.2, 0.4], "IoU": [0.6, 0.7]})
    figure = scores.plot_models(table)
    (ax,) = figure.axes
    assert ticks(ax) == ["IoU", "mSA"]
    assert [bar.get_height() for bar in ax.patches] == [0.6, 0.2, 0.7, 0.4]
    assert labels(figure.legends[0]) == ["run", "shipped"]
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches)
    assert all(a[1] < b[0] for a, b in zip(edges, edges[1:], strict=False))
