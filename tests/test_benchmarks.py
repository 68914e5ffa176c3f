import itertools
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from benchmarks import experiments, held_out, robustness, uncertainty
from model.representation import Cells, Decoding
from model.unet import Maps
from preprocess.tiff import write_tiff

KNOWN = pd.DataFrame({"name": [f"set{k:02d}" for k in (*range(1, 31), 33)], "label": "there"})
SQUARE = np.zeros((40, 40), np.int32)
SQUARE[10:30, 10:30] = 1


def test_every_frame_is_held_out_in_exactly_one_fold():
    held = [held_out.split_of(fold, KNOWN)[1].name.tolist() for fold in held_out.FOLDS]
    assert sorted(sum(held, [])) == KNOWN.name.tolist()
    for fold in held_out.FOLDS:
        train, out = held_out.split_of(fold, KNOWN)
        assert len(train) + len(out) == len(KNOWN) and not set(train.name) & set(out.name)


def test_a_triple_is_trained_on_and_all_others_are_held_out():
    train, out = held_out.split_of("33,15,06", KNOWN)
    assert set(train.name) == {"set33", "set15", "set06"} and len(out) == 28


def test_the_learning_curve_adds_frames_and_keeps_its_judges():
    splits = [held_out.split_of(name, KNOWN) for name in held_out.COUNTS]
    assert [len(train) for train, _ in splits] == [1, 2, 3, 5, 10, 23]
    for (fewer, judges), (more, same) in itertools.pairwise(splits):
        assert set(fewer.name) < set(more.name) and judges.equals(same)
        assert len(judges) == 8 and not set(more.name) & set(judges.name)


def test_a_row_that_is_run_again_replaces_the_older_one(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "TABLE", tmp_path / "experiments.csv")
    row = {"variant": "base", "set": "fold 1", "seed": 0, "frames": 24, "minutes": 2.0}
    scores = dict.fromkeys(experiments.SCORES, 0.5)
    experiments.record([row | scores, row | scores | {"set": "fold 2", "mSA": 0.3}])
    experiments.record([row | scores | {"mSA": 0.4}])
    table = pd.read_csv(tmp_path / "experiments.csv")
    assert table[["set", "mSA"]].values.tolist() == [["fold 2", 0.3], ["fold 1", 0.4]]
    (line,) = experiments.summary(table).to_dict("records")
    assert (line["sets"], line["runs"], line["mSA"]) == ("folds", 2, pytest.approx(0.35))
    assert line["mSA sd"] == pytest.approx(0.05 * 2**0.5)


def test_every_variant_is_a_possible_training_unlike_the_others():
    configs = [
        (
            str(experiments.replace(experiments.BASE, **variant.change)),
            variant.border_weights,
            variant.refined,
        )
        for variant in experiments.VARIANTS.values()
    ]
    assert len(set(configs)) == len(experiments.VARIANTS) >= 10
    thresholds = {field.name for field in fields(Decoding)}
    assert all(set(change) <= thresholds for change in experiments.READINGS.values())


@pytest.mark.parametrize("name", robustness.CHANGES)
def test_a_changed_frame_keeps_its_shape_and_is_finite(name):
    image = np.random.default_rng(0).random((30, 40), dtype=np.float32)
    changed = robustness.CHANGES[name](image)
    assert changed.shape == image.shape and np.isfinite(changed).all()
    assert (name == "as recorded") == np.array_equal(changed, image)


def test_a_net_that_is_told_the_size_is_given_the_frame_to_zoom():
    zooms = []

    def segment(image, zoom=1.0):
        zooms.append((image.shape[0], zoom))
        label = (image > 0.5).astype(np.int32)
        return Cells(label, np.ones(label.max(), np.float32)), None

    net = SimpleNamespace(segment=segment)
    rows = robustness.scores(net, SQUARE.astype(np.float32), SQUARE)
    assert rows["as recorded"]["AP50"] == 1
    assert {(20, 1.0), (20, 2.0), (80, 1.0), (80, 0.5)} <= set(zooms)


def test_calibration_error_of_known_probabilities(tmp_path):
    """Two cells are said, one is there: half of the pixels said with 0.9 are cells."""
    truth = np.where(np.arange(40) < 20, SQUARE, 0).astype(np.uint16)
    write_tiff(tmp_path / "image.tif", truth)
    write_tiff(tmp_path / "label.tif", truth)
    row = {"name": "a", "image": str(tmp_path / "image.tif"), "label": str(tmp_path / "label.tif")}
    frames = pd.DataFrame([row | {"border": "", "page": 0, "channel": -1, "series": -1}])
    label = SQUARE * np.where(np.arange(40) < 20, 1, 2)
    said = np.where(SQUARE, 0.9, 0.0).astype(np.float32)
    answer = Cells(label, np.array([0.8, 0.3], np.float32)), Maps(said, None)
    pixels, cells = uncertainty.judged(SimpleNamespace(segment=lambda image: answer), frames)
    bins, error = uncertainty.calibration(pixels)
    assert bins["count"].tolist() == [1200, 400]
    assert bins["true"].tolist() == [0, 0.5] and bins.said.tolist() == pytest.approx([0, 0.9])
    assert error == pytest.approx(0.4 * 400 / 1600)
    assert cells.wrong.tolist() == [False, True]
