"""A bounded share of benchmarks/fuzz.py, and proof that it catches what it is there for."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import fuzz
from preprocess.tiff import TiffError, read_pixel_size

FILES = 12  # of each kind


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return fuzz.originals(tmp_path_factory.mktemp("originals"))


@pytest.mark.slow
def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    table = pd.DataFrame(fuzz.rows(tmp_path, FILES, seed=1))
    assert (table[fuzz.OUTCOMES].sum(axis=1) == FILES).all()
    assert not table.failed.any(), table.to_string()
    assert table.refused.sum() > len(table) and table["as before"].any() and table.changed.any()


def test_a_file_is_the_same_whenever_it_is_drawn(files: dict[str, bytes]) -> None:
    kinds = list(files)
    for kind in (kinds[0], fuzz.FORGED):
        one, again, other = (fuzz.damage(kind, files[kind], 0, n, kinds) for n in (5, 5, 6))
        assert one == again != other != files[kind]


@pytest.mark.parametrize("number", [703, 1073])
def test_a_circle_of_pages_is_refused(tmp_path: Path, files: dict[str, bytes], number: int) -> None:
    """tifffile would go round for ever."""
    path, kind = tmp_path / "a.tif", "stack, deflate"
    path.write_bytes(fuzz.damage(kind, files[kind], 0, number, list(files)))
    with pytest.raises(TiffError, match="circular"):
        read_pixel_size(path)


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (KeyError("x"), "failed: KeyError"),
        (fuzz.TiffError("a", "b", "c", "d"), "refused"),
        (SystemExit(), "failed: SystemExit"),
    ],
)
def test_any_other_error_is_a_failure(tmp_path: Path, monkeypatch, error, found: str) -> None:
    def read(_):
        raise error

    monkeypatch.setattr(fuzz, "read_tiff", read)
    assert fuzz.outcome("8 bits", tmp_path / "a.tif", None).startswith(found)


def test_changed_weights_are_a_failure_unless_forged(tmp_path: Path, monkeypatch) -> None:
    weights = [np.zeros(2), np.array("info")]
    monkeypatch.setattr(fuzz, "read_model", lambda _: weights)
    path = tmp_path / "a.pth"
    assert fuzz.outcome(fuzz.MODEL, path, weights) == "as before"
    changed = [np.ones(2), weights[1]]
    assert fuzz.outcome(fuzz.MODEL, path, changed) == "failed: another model is read"
    assert fuzz.outcome(fuzz.FORGED, path, changed) == "changed"


@pytest.mark.slow
def test_a_worker_that_dies_or_hangs_is_replaced(tmp_path: Path, files, monkeypatch) -> None:
    worker = fuzz.Worker(tmp_path, files, seed=0)
    first, _ = worker.read("8 bits", 0)
    worker.process.kill()
    worker.process.join()
    assert worker.read("8 bits", 0)[0] == "failed: crashed with code -9"
    monkeypatch.setattr(fuzz, "HANGS", 0)
    assert worker.read("8 bits", 0)[0] == "failed: hangs"
    monkeypatch.undo()
    assert worker.read("8 bits", 0)[0] == first
    worker.stop()


def test_the_record_has_no_failure() -> None:
    table = pd.read_csv(fuzz.TABLE)
    assert len(table) and not table.failed.any()
    assert (table[fuzz.OUTCOMES].sum(axis=1) == table.files).all()


def test_torch_alone_would_read_a_flipped_bit(tmp_path: Path, files: dict[str, bytes]) -> None:
    """Why checksums are compared: torch does not."""
    path, whole = tmp_path / "flipped.pth", files[fuzz.MODEL]
    path.write_bytes(whole)
    weight = torch.load(path, weights_only=True)["state_dict"]["encoder.0.0.weight"]
    where = whole.index(weight.numpy().tobytes())
    path.write_bytes(whole[:where] + bytes([whole[where] ^ 1]) + whole[where + 1 :])
    flipped = torch.load(path, weights_only=True)["state_dict"]["encoder.0.0.weight"]
    assert not torch.equal(weight, flipped)
    assert fuzz.outcome(fuzz.MODEL, path, None) == "refused"
