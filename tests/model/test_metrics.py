import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from model.metrics import cell_table, match_cells, score_frame, score_frames, threshold_curve
from preprocess.layout import PROJECT

SCORER = PROJECT.parent / "shared" / "tools" / "score.py"

TRUTH = np.array(
    [
        [1, 1, 0, 0, 5, 5],
        [1, 1, 0, 0, 5, 5],
        [0, 0, 0, 0, 0, 0],
        [9, 9, 9, 0, 0, 0],
    ]
)
PREDICTED = np.array(
    [
        [2, 2, 0, 0, 7, 7],  # 2 equals cell 1; 7 covers half of cell 5
        [2, 2, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 3, 3],  # 3 is a false positive, cell 9 is missed
    ]
)


def test_scores_worked_out_by_hand():
    scores = score_frame(TRUTH, PREDICTED)
    # 6 pixels in both, 11 true and 8 predicted: 13 in either
    assert scores["IoU"] == pytest.approx(6 / 13)
    assert scores["Dice"] == pytest.approx(12 / 19)
    assert scores["accuracy"] == pytest.approx(17 / 24)
    assert scores["precision"] == pytest.approx(6 / 8)
    assert scores["recall"] == pytest.approx(6 / 11)
    # an IoU of exactly 0.5 is a hit: 2 true positives, 1 false positive, 1 false negative
    assert scores["AP50"] == pytest.approx(2 / 4)
    assert scores["F1"] == pytest.approx(4 / 6)
    assert scores["AP75"] == pytest.approx(1 / 5)
    assert scores["mSA"] == pytest.approx((2 / 4 + 9 * 1 / 5) / 10)
    # cell 5 is covered by half, not by more than half
    assert scores["SEG"] == pytest.approx(1 / 3)
    assert (scores["n_true"], scores["n_predicted"]) == (3, 3)


def test_empty_against_empty_is_perfect_and_against_cells_is_zero():
    empty = np.zeros((4, 6), int)
    perfect = score_frame(empty, empty)
    assert [perfect[k] for k in ("IoU", "Dice", "AP50", "mSA", "F1", "SEG")] == [1.0] * 6
    for pair in ((TRUTH, empty), (empty, PREDICTED)):
        scores = score_frame(*pair)
        assert [scores[k] for k in ("IoU", "Dice", "AP50", "mSA", "F1")] == [0.0] * 5


def test_matching_names_the_ids_of_the_labels():
    matching = match_cells(TRUTH, PREDICTED, 0.5)
    assert dict(zip(matching.true_ids, matching.predicted_ids, strict=True)) == {1: 2, 5: 7}
    assert matching.iou.tolist() == [1.0, 0.5]


def test_renumbering_cells_changes_no_score():
    renumbered = np.where(PREDICTED > 0, 100 - PREDICTED, 0)
    assert score_frame(TRUTH, renumbered) == score_frame(TRUTH, PREDICTED)


def test_curve_counts_at_each_threshold():
    curve = threshold_curve(TRUTH, PREDICTED)
    assert curve.threshold.tolist() == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    assert curve.TP.tolist() == [2] + [1] * 9
    assert (curve.TP + curve.FN == 3).all() and (curve.TP + curve.FP == 3).all()


def test_cell_table_has_size_overlap_and_neighbours():
    touching = np.array([[1, 1, 2, 2, 0, 0, 0, 0, 3]])
    table = cell_table(touching, touching, reach=2)
    assert table.id.tolist() == [1, 2, 3]
    assert table.area_px.tolist() == [2, 2, 1]
    assert table.iou.tolist() == [1.0, 1.0, 1.0]
    assert table.neighbours.tolist() == [1, 1, 0]


def test_frames_are_scored_one_by_one_then_averaged():
    table = score_frames({"a": (TRUTH, TRUTH), "b": (TRUTH, PREDICTED)})
    assert table.loc["a", "IoU"] == 1
    assert table.IoU.mean() == pytest.approx((1 + 6 / 13) / 2)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="expected"):
        score_frame(TRUTH, PREDICTED[:2])


@pytest.mark.skipif(not SCORER.is_file(), reason="the independent scorer is not on this machine")
def test_agrees_with_the_independent_scorer(tmp_path):
    rng = np.random.default_rng(3)
    for folder in ("truth", "predicted"):
        (tmp_path / folder).mkdir()
    pairs = {}
    for i in range(12):
        blocks = rng.integers(0, 9, (12, 12)) * rng.integers(0, 2, (12, 12))
        truth = np.kron(blocks, np.ones((4, 4), int)).astype(np.uint16)
        predicted = np.roll(truth, rng.integers(-2, 3, 2), (0, 1))
        predicted[rng.random(predicted.shape) < 0.1] = rng.integers(0, 9)
        if i == 0:
            truth[:] = 0
        pairs[f"{i:02d}.tif"] = truth, predicted
        tifffile.imwrite(tmp_path / "truth" / f"{i:02d}.tif", truth)
        tifffile.imwrite(tmp_path / "predicted" / f"{i:02d}.tif", predicted)
    answer = subprocess.run(
        [sys.executable, SCORER, tmp_path / "truth", tmp_path / "predicted", "--json"],
        capture_output=True,
        check=True,
    )
    expected = json.loads(answer.stdout)["images"]
    for name, ours in score_frames(pairs).iterrows():
        for key in ("IoU", "Dice", "AP50", "AP75", "mSA", "F1", "SEG"):
            assert ours[key] == pytest.approx(expected[name][key], abs=1e-9), (name, key)
