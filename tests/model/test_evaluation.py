from math import nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skimage.segmentation import relabel_sequential

from model import evaluation
from model.checkpoint import CheckpointError
from model.representation import Cells
from preprocess.labels import IGNORE
from preprocess.layout import RunLayout, StageMissing
from preprocess.tiff import read_label, write_tiff

TRUTH = np.zeros((40, 60), np.uint16)
TRUTH[2:12, 2:12], TRUTH[2:12, 12:22], TRUTH[25:35, 40:50] = 4, 9, 30
MASK = np.where(TRUTH == 9, 0, TRUTH)  # the second cell is missed


@pytest.fixture
def frames(tmp_path: Path) -> pd.DataFrame:
    """Two frames, one of them without a label, and a mask for both in tmp_path."""
    rows = []
    for name, label in (("a", TRUTH), ("b", None)):
        write_tiff(tmp_path / f"{name}_image.tif", TRUTH * 1000)
        if label is not None:
            write_tiff(tmp_path / f"{name}_label.tif", label)
        write_tiff(tmp_path / f"{name}.tif", MASK)
        rows.append(
            {
                "name": name,
                "image": str(tmp_path / f"{name}_image.tif"),
                "label": "" if label is None else str(tmp_path / f"{name}_label.tif"),
                "border": "",
                "page": 0,
                "channel": -1,
                "series": -1,
                "sequence": "",
                "t": len(rows),
                "pixel_size_um": nan,
            }
        )
    return pd.DataFrame(rows)


class Knows:
    """A segmenter that answers with MASK, its cells numbered from 1; in a black frame with none."""

    def zoom(self, pixel_size_um, cell_diameter_px):
        return 1.0 if np.isnan(cell_diameter_px) else 40 / cell_diameter_px

    def segment(self, image, zoom):
        self.last_zoom = zoom
        label = relabel_sequential(MASK * (image.max() > 0))[0].astype(np.int32)
        return Cells(label, np.array([0.9, 0.6], np.float32)[: label.max()]), None


def test_masks_are_written_under_the_names_of_the_frames(frames, tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    table, _ = evaluation.write_masks(Knows(), frames, folder)
    assert sorted(p.name for p in folder.iterdir()) == ["a.tif", "b.tif"]
    np.testing.assert_array_equal(read_label(folder / "b.tif"), relabel_sequential(MASK)[0])
    assert list(table.cells) == [2, 2]
    assert table.covered[0] == pytest.approx(200 / 2400)


def test_cells_that_were_written_are_listed_with_their_confidence(frames, tmp_path):
    _, cells = evaluation.write_masks(Knows(), frames, tmp_path)
    expected = {
        "frame": ["a", "a", "b", "b"],
        "id": [1, 2, 1, 2],
        "row": [6.5, 29.5, 6.5, 29.5],
        "column": [6.5, 44.5, 6.5, 44.5],
        "area_px": [100.0] * 4,
        "confidence": np.array([0.9, 0.6, 0.9, 0.6], np.float32),
    }
    pd.testing.assert_frame_equal(cells, pd.DataFrame(expected), check_dtype=False)


def test_frames_without_cells_add_no_row(frames, tmp_path):
    write_tiff(tmp_path / "a_image.tif", 0 * TRUTH)
    table, cells = evaluation.write_masks(Knows(), frames, tmp_path)
    assert (table.cells.tolist(), table.covered[0]) == ([0, 2], 0)
    assert (cells.frame.tolist(), cells.id.tolist()) == (["b", "b"], [1, 2])
    assert cells.id.dtype.kind == "i"
    for few in (frames[:1], frames[:0]):
        table, cells = evaluation.write_masks(Knows(), few, tmp_path)
        assert (len(table), len(cells)) == (len(few), 0)
        assert list(cells) == ["frame", "id", "row", "column", "area_px", "confidence"]


def test_a_stated_cell_diameter_scales_the_frames(frames, tmp_path):
    knows = Knows()
    evaluation.write_masks(knows, frames, tmp_path, cell_diameter_px=20)
    assert knows.last_zoom == 2


def test_labelled_frames_alone_are_scored(frames, tmp_path):
    scores = evaluation.score_masks(frames, tmp_path)
    assert list(scores.frame) == ["a"]
    assert (scores.IoU[0], scores.AP50[0]) == pytest.approx((2 / 3, 2 / 3))
    pd.testing.assert_frame_equal(evaluation.score_model(Knows(), frames), scores)


def test_pixels_that_nobody_annotated_are_not_scored(frames, tmp_path):
    partly = TRUTH.copy()
    partly[:20] = IGNORE
    write_tiff(tmp_path / "a_label.tif", partly)
    scores = evaluation.score_masks(frames, tmp_path)
    assert (scores.IoU[0], scores.n_true[0]) == (1, 1)


def test_without_labels_tables_have_columns_and_no_rows(frames, tmp_path):
    unlabelled = frames[frames.label == ""]
    assert "AP50" in evaluation.score_masks(unlabelled, tmp_path)
    for function in (evaluation.score_masks, evaluation.mean_curve, evaluation.found_cells):
        assert len(function(unlabelled, tmp_path)) == 0
    cells = evaluation.found_cells(unlabelled, tmp_path)
    assert len(evaluation.recall_by(cells, "area_px", 5)) == 0
    assert evaluation.worst_cells(cells, unlabelled, tmp_path) == []


def test_curve_is_the_mean_over_frames(frames, tmp_path):
    both = frames.assign(label=frames.label[0])
    write_tiff(tmp_path / "b.tif", TRUTH)
    curve = evaluation.mean_curve(both, tmp_path)
    assert list(curve.threshold) == pytest.approx(np.arange(0.5, 1, 0.05))
    assert list(curve.AP) == pytest.approx([(2 / 3 + 1) / 2] * 10)


def test_cells_are_named_by_frame_and_id(frames, tmp_path):
    cells = evaluation.found_cells(frames, tmp_path)
    assert list(cells.frame) == ["a", "a", "a"]
    assert list(cells.id) == [4, 9, 30]
    assert list(cells.matched) == [True, False, True]
    assert list(cells.neighbours) == [1, 1, 0]
    assert list(cells.sequence) == ["a", "a", "a"]
    movie = evaluation.found_cells(frames.assign(sequence="dish 1"), tmp_path)
    assert list(movie.sequence) == ["dish 1"] * 3


def test_recall_by_crowding_and_size(frames, tmp_path):
    cells = evaluation.found_cells(frames, tmp_path)
    table = evaluation.recall_by(cells, "neighbours", 0)
    assert table.values.tolist() == [["0", 1, 1.0, 1.0], ["1", 2, 0.5, 0.5]]
    many = pd.concat([cells.assign(area_px=cells.area_px * k) for k in range(1, 11)])
    by_size = evaluation.recall_by(many, "area_px", 5)
    assert by_size.cells.tolist() == [6] * 5
    of_one_size = evaluation.recall_by(cells.assign(area_px=7), "area_px", 5)
    assert of_one_size[["group", "cells"]].values.tolist() == [["7", 3]]


def test_worst_cells_are_cut_out_with_both_labels(frames, tmp_path):
    cells = evaluation.found_cells(frames, tmp_path).query("id == 9")
    (crop,) = evaluation.worst_cells(cells, frames, tmp_path, size=20)
    assert crop["title"] == "a, cell 9: IoU 0.00"
    assert crop["image"].shape == crop["truth"].shape == crop["predicted"].shape == (20, 20)
    assert 9 in crop["truth"] and 9 not in crop["predicted"]


def test_shapes_of_annotated_and_predicted_cells(frames, tmp_path):
    shapes = evaluation.mask_shapes(frames, tmp_path)
    assert shapes.groupby(["cells", "frame"]).size().to_dict() == {
        ("annotated", "a"): 3,
        ("predicted", "a"): 2,
        ("predicted", "b"): 2,
    }


def test_which_weights_are_scored(tmp_path, monkeypatch):
    shipped, run = tmp_path / "shipped.pth", RunLayout(tmp_path)
    monkeypatch.setattr(evaluation, "SHIPPED_MODEL", shipped)
    with pytest.raises(StageMissing, match="04_train"):
        evaluation.available_models("run", run)
    with pytest.raises(CheckpointError, match="shipped.pth"):
        evaluation.available_models("shipped", run)
    shipped.touch()
    assert evaluation.available_models("shipped", run) == {"shipped": shipped}
    run.model.touch()
    assert list(evaluation.available_models("run", run)) == ["run", "shipped"]
    assert list(evaluation.available_models("shipped", run)) == ["shipped", "run"]
    (tmp_path / "mine.pth").touch()
    found = evaluation.available_models(str(tmp_path / "mine.pth"), run)
    assert list(found) == ["mine", "run", "shipped"]
