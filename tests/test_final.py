"""Every opening of the test frames leaves a row."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import final
from tests.small_frames import put

LABEL = np.zeros((40, 40), np.int32)
LABEL[5:15, 5:15], LABEL[20:35, 10:30] = 1, 2
ONE_FOUND = np.where(LABEL == 2, 7, 0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        put(tmp_path / "data/test/images" / f"{name}.tif", LABEL.astype(np.uint16) * 1000)
        put(tmp_path / "data/test/labels" / f"{name}.tif", LABEL)
    put(tmp_path / "found/a.tif", ONE_FOUND)
    put(tmp_path / "found/b.tif", LABEL)
    return tmp_path / "data"


def opened(monkeypatch, data: Path, *arguments: str) -> pd.DataFrame:
    record = data.parent / "final.csv"
    monkeypatch.setattr(final, "RECORD", record)
    command = ["final.py", str(data.parent / "found"), "--name", "other", "--data", str(data)]
    monkeypatch.setattr(sys, "argv", [*command, *arguments])
    final.main()
    return pd.read_csv(record, dtype={"sha256": str})


def test_labels_of_another_program_are_scored_and_every_opening_stays(monkeypatch, data):
    opened(monkeypatch, data, "--trained-on", "c,d")
    rows = opened(monkeypatch, data, "--trained-on", "c,d", "--frames", "b")
    assert rows.trained_on.tolist() == ["c,d", "c,d"] and rows.frames.tolist() == [2, 1]
    assert rows.AP50.tolist() == [0.75, 1.0]
    assert rows.IoU.tolist() == [0.875, 1.0]  # 300 of 400 pixels in one frame, all in the other
    assert rows.sha256.nunique() == 2


def test_who_trained_must_be_said_of_labels_alone(monkeypatch, data, capsys):
    with pytest.raises(SystemExit):
        opened(monkeypatch, data)
    assert "--trained-on" in capsys.readouterr().err
