"""Cases 41 and 43: run folders, disks and parameters; runs side by side, and data left alone."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from benchmarks.kill import prepare, weights
from conductor import record
from model import headless, training
from model.checkpoint import load
from tests.faults.conftest import QUICK
from tests.small_frames import tree_hash


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A disk in memory; skips the test where none can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    with mounted(tmp_path / "disk", "size=4m") as folder:
        yield folder


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A disk that cannot be written to."""
    with mounted(tmp_path / "read only", "ro,size=2g") as folder:
        yield folder


def test_case_41_output_cannot_be_written(data: Path, command, tmp_path: Path) -> None:
    """The run folder is a file, read-only, on a full disk, or holds files of another origin.

    Refused before anything starts; an earlier run in it is kept. Where the disk becomes full during
    a run, the run stops; checkpoints and results that were written stay whole, and it can be
    resumed.
    """
    (tmp_path / "file").write_text("mine")
    answer = command(*QUICK, "--data", data, "--run", tmp_path / "file")
    assert answer.code == 1 and "file is a file; give a folder" in answer.err
    assert (tmp_path / "file").read_text() == "mine"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.docx").touch()
    answer = command(*QUICK, "--data", data, "--run", foreign)
    assert answer.code == 1 and "holds files, but no earlier run" in answer.err
    assert [path.name for path in foreign.iterdir()] == ["thesis.docx"]


def test_case_41_a_read_only_disk(data: Path, command, read_only: Path) -> None:
    answer = command(*QUICK, "--data", data, "--run", read_only / "run")
    assert answer.code == 1 and "run cannot be written to" in answer.err
    assert "Read-only" in answer.err and "give another run folder" in answer.err


def test_case_41_a_full_disk_keeps_the_earlier_run(data: Path, command, disk: Path) -> None:
    run = disk / "run"
    run.mkdir()
    for name in ("status.json", "scores.csv"):
        (run / name).write_text("{}")
    before = tree_hash(run)
    answer = command(*QUICK, "--data", data, "--run", run)
    assert answer.code == 1 and " MB of free disk; expected at least 537 MB" in answer.err
    assert tree_hash(run) == before


def test_case_41_the_disk_becomes_full(disk: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    whole, layout = prepare(tmp_path / "whole", epochs=3), prepare(disk, epochs=3)
    assert headless.main([str(whole.config)]) == 0
    filler, validate = disk / "filler", training._validate

    def fill(*arguments):
        if layout.checkpoint.exists():
            with pytest.raises(OSError), filler.open("wb") as file:
                file.write(bytes(2**23))
        return validate(*arguments)

    monkeypatch.setattr(training, "_validate", fill)
    assert headless.main([str(layout.config)]) == 1
    assert "last.ckpt: not written: is the disk full?" in capsys.readouterr().err
    assert len(load(layout.checkpoint)["rows"]) == 1
    assert not list(layout.root.glob(".*.tmp"))
    monkeypatch.undo()
    filler.unlink()
    assert headless.main([str(layout.config), "--resume"]) == 0
    expected = weights(whole)
    assert all(torch.equal(weights(layout)[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("epoch=3", "epoch: no notebook has this parameter; did you mean epochs?"),
        ("epochs=many", "epochs: found 'many' (str), expected int"),
        ("learning_rate=1e-3", "learning_rate: found '1e-3' (str), expected float; write 1.0e-3"),
        ("epochs=0", "epochs is 0, expected at least 1"),
        ("epochs=-1", "epochs is -1, expected at least 1"),
        ("learning_rate=0", "learning_rate is 0.0, expected more than 0"),
        ("patch_size=500", "patch_size 500 is not a multiple of 32"),
        ("scale=2", "scale is 2.0, expected more than 0 and at most 1"),
        ("seed=-1", "seed: found -1, expected at least 0"),
        ("precision=half", "precision: found 'half', expected one of auto, float32, bfloat16"),
    ],
)
def test_case_43_impossible_parameters(data: Path, check, given: str, said: str) -> None:
    """A parameter is misspelt, of the wrong type, or impossible (EPOCHS=0, a rate of '1e-3').

    Refused before anything starts; all are listed, with what was meant where that can be guessed.
    """
    answer = check(data, "-p", given)
    assert answer.code == 1 and answer.err.startswith("ParameterError: parameters refused")
    assert said in answer.err


def test_case_43_all_impossible_parameters_at_once(data: Path, check) -> None:
    given = [text for pair in ("epochs=0", "width=0", "seed=-1") for text in ("-p", pair)]
    error = check(data, *given).err
    assert all(f"{name}" in error for name in ("width is 0", "epochs is 0", "seed: found -1"))


def test_case_43_an_earlier_stage_is_missing(tmp_path: Path, capsys) -> None:
    """A stage is run whose input an earlier one has not written.

    It says which notebook to run first.
    """
    layout = prepare(tmp_path)
    layout.split.unlink()
    assert headless.main([str(layout.config)]) == 1
    error = capsys.readouterr().err
    assert "split.csv is missing; run notebooks/02_preprocess.ipynb with this run first" in error


def test_two_runs_into_one_folder_are_refused(data: Path, command, tmp_path: Path, capsys) -> None:
    layout = prepare(tmp_path / "tiny")
    layout.status.write_text(f'{{"pid": {os.getpid()}}}')
    with record.locked(layout.root):
        before = tree_hash(layout.root)
        answer = command(*QUICK, "--data", data, "--run", layout.root)
        assert answer.code == 1 and f"process {os.getpid()} is running into" in answer.err
        assert headless.main([str(layout.config)]) == 1
        assert "another process is running into this folder" in capsys.readouterr().err
        assert tree_hash(layout.root) == before


def test_a_run_folder_that_overlaps_the_data_is_refused(data: Path, command) -> None:
    before = tree_hash(data)
    for run in (data, data / "run", data.parent):
        answer = command(*QUICK, "--data", data, "--run", run)
        assert answer.code == 1 and "which a run never writes to" in answer.err
    assert tree_hash(data) == before


def test_training_leaves_the_data_alone(tmp_path: Path) -> None:
    layout = prepare(tmp_path, epochs=1)
    before = tree_hash(tmp_path / "data")
    assert headless.main([str(layout.config)]) == 0
    assert tree_hash(tmp_path / "data") == before
