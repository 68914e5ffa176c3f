"""Predicted cells beside the true ones, and whether low confidence finds the wrong ones."""

from math import nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model import evaluation
from preprocess.labels import IGNORE
from preprocess.tiff import write_tiff

TRUTH = np.zeros((40, 60), np.uint16)
TRUTH[2:12, 2:12], TRUTH[2:12, 12:22], TRUTH[25:35, 40:50] = 4, 9, 30
MASK = np.zeros_like(TRUTH)
MASK[2:12, 2:22], MASK[25:35, 42:52], MASK[30:34, 2:8] = 1, 2, 3  # two in one, shifted, invented
CELLS = pd.DataFrame(
    {"frame": ["a", "a", "a", "b"], "id": [1, 2, 3, 2], "confidence": [0.5, 0.9, 0.4, 0.7]}
)


@pytest.fixture
def frames(tmp_path: Path) -> pd.DataFrame:
    """Two frames with the same mask in tmp_path; only the first has a label."""
    write_tiff(tmp_path / "image.tif", TRUTH * 1000)
    write_tiff(tmp_path / "label.tif", TRUTH)
    for name in "ab":
        write_tiff(tmp_path / f"{name}.tif", MASK)
    common = {
        "image": str(tmp_path / "image.tif"),
        "border": "",
        "page": 0,
        "channel": -1,
        "series": -1,
        "pixel_size_um": nan,
    }
    labels = {"a": str(tmp_path / "label.tif"), "b": ""}
    return pd.DataFrame([{"name": k, "label": v} | common for k, v in labels.items()])


def test_cells_are_judged_by_their_best_overlap(frames, tmp_path):
    judged = evaluation.judged_cells(CELLS, frames, tmp_path)
    pd.testing.assert_frame_equal(judged[list(CELLS)], CELLS)
    # 100 of 200 pixels; 80 of 120; none; nobody annotated
    np.testing.assert_allclose(judged.iou, [0.5, 2 / 3, 0, nan])
    assert judged.wrong[:3].tolist() == [False, False, True]
    assert pd.isna(judged.wrong[3])


def test_cells_where_nobody_annotated_are_not_judged(frames, tmp_path):
    partly = TRUTH.copy()
    partly[20:] = IGNORE
    write_tiff(tmp_path / "label.tif", partly)
    judged = evaluation.judged_cells(CELLS, frames, tmp_path)
    assert judged.iou.notna().tolist() == [True, False, False, False]


@pytest.mark.parametrize("cells", [CELLS, CELLS[:0], pd.DataFrame(columns=list(CELLS))])
def test_without_labels_nothing_is_judged(cells, frames, tmp_path):
    judged = evaluation.judged_cells(cells, frames[frames.label == ""], tmp_path)
    assert len(judged) == len(cells)
    assert judged.iou.isna().all() and judged.wrong.isna().all()
    groups = evaluation.wrong_by_confidence(judged)
    assert list(groups) == ["group", "cells", "confidence", "wrong"] and groups.empty


def test_groups_of_confidence_are_equally_large_and_begin_with_the_least():
    confidence = np.array([0.9, 0.4, 0.8, 0.5, 0.7, 0.6, 0.3])
    wrong = pd.array([False, True, False, False, True, False, None], "boolean")
    judged = pd.DataFrame({"confidence": confidence, "wrong": wrong})
    groups = evaluation.wrong_by_confidence(judged, groups=3)
    assert groups.group.tolist() == ["0.40 to 0.50", "0.60 to 0.70", "0.80 to 0.90"]
    assert groups.cells.tolist() == [2, 2, 2]
    assert groups.wrong.tolist() == [0.5, 0.5, 0]
    np.testing.assert_allclose(groups.confidence, [0.45, 0.65, 0.85])


def test_predicted_cells_are_cut_out_with_or_without_a_label(frames, tmp_path):
    asked = CELLS.sort_values("confidence").iloc[[0, 2]]
    first, second = evaluation.worst_cells(asked, frames, tmp_path, of="predicted", size=20)
    assert first["title"] == "a, cell 3: confidence 0.40"
    assert second["title"] == "b, cell 2: confidence 0.70"
    assert (first["id"], first["of"]) == (3, "predicted")
    assert np.count_nonzero(first["predicted"] == 3) == 24  # the whole cell
    assert first["truth"].shape == first["image"].shape == (20, 20)
    assert second["truth"] is None and 2 in second["predicted"]
