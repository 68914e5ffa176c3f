from pathlib import Path

import pytest

from preprocess.layout import PROJECT, RunLayout, StageMissing, require, resolve


def test_relative_paths_are_meant_from_the_project(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve("unet_data") == PROJECT / "unet_data"
    assert resolve(str(tmp_path)) == tmp_path


def test_a_missing_input_names_the_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(StageMissing, match=r"split.csv is missing; run notebooks/02_preprocess"):
        require(tmp_path / "split.csv", "02_preprocess")
    assert require(tmp_path, "02_preprocess") == tmp_path


def test_a_run_lies_below_its_folder(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path / "runs" / "a").make()
    assert sorted(path.name for path in layout.root.iterdir()) == [
        "augmented",
        "figures",
        "notebooks",
        "predicted_masks",
        "tables",
        "weights",
    ]
    layout.make()  # a second time does no harm
