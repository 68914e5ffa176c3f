"""Folders of the Cell Tracking Challenge, as its 2-D data sets have them."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from preprocess.check import check_data, list_frames
from preprocess.sources.convert import main
from preprocess.sources.ctc import with_tracks
from preprocess.tiff import read_image, read_label


def frame(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(80).reshape(8, 10).astype(np.uint8)


def label(*ids: int) -> np.ndarray:
    """Up to three cells of 2 x 2 px with these ids."""
    array = np.zeros((8, 10), np.uint16)
    for i, number in enumerate(ids):
        array[3:5, 3 * i + 1 : 3 * i + 3] = number
    return array


def put(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array, photometric="minisblack")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two sequences of three frames: all outlined by programs, frame 1 of 01 by people."""
    source = tmp_path / "PhC"
    for sequence in ("01", "02"):
        for t in range(3):
            put(source / sequence / f"t{t:03d}.tif", frame(10 * int(sequence) + t))
            put(source / f"{sequence}_ST" / "SEG" / f"man_seg{t:03d}.tif", label(4, 7))
            put(source / f"{sequence}_GT" / "TRA" / f"man_track{t:03d}.tif", label(4, 7))
        (source / f"{sequence}_GT" / "TRA" / "man_track.txt").write_text(f"4 0 {sequence} 0\n")
    put(source / "01_GT" / "SEG" / "man_seg001.tif", label(1, 2, 3))
    return source


def convert(root: Path, *options: str) -> Path:
    target = root.parent / "out"
    assert main(["ctc", str(root), "--to", str(target), *options]) == 0
    return target


def refused(root: Path, capsys: pytest.CaptureFixture) -> str:
    assert main(["ctc", str(root), "--to", str(root.parent / "out")]) == 1
    assert not (root.parent / "out").exists()
    return capsys.readouterr().err


def test_the_last_sequence_is_the_test(root: Path) -> None:
    data = convert(root, "--pixel-size-um", "1.6", "--interval-s", "600")
    frames = list_frames(data)
    assert list(frames["name"]) == [f"{s}_t00{t}" for s in ("01", "02") for t in range(3)]
    assert list(frames["split"]) == ["train"] * 3 + ["test"] * 3
    assert list(frames["sequence"]) == ["01"] * 3 + ["02"] * 3
    assert list(frames["t"]) == [0, 1, 2] * 2
    assert set(frames["pixel_size_um"]) == {1.6} and set(frames["interval_s"]) == {600}
    assert check_data(data, train=True).empty
    np.testing.assert_array_equal(read_image(frames["image"][4]), frame(21))
    np.testing.assert_array_equal(read_label(frames["label"][4]), label(4, 7))
    assert (data / "train/man_track.txt").read_text() == "4 0 01 0\n"
    assert (data / "test/man_track.txt").read_text() == "4 0 02 0\n"


def test_drawn_outlines_come_before_those_of_programs_with_the_ids_of_the_tracks(root) -> None:
    frames = list_frames(convert(root))
    np.testing.assert_array_equal(read_label(frames["label"][1]), label(4, 7, 8))


def test_all_in_one_split(root: Path) -> None:
    data = convert(root, "--split", "train")
    assert set(list_frames(data)["split"]) == {"train"}
    assert sorted(path.name for path in (data / "train").glob("*.txt")) == [
        "man_track_01.txt",
        "man_track_02.txt",
    ]


def test_frames_without_outlines_are_test_frames(root: Path) -> None:
    for path in (root / "02_ST/SEG").iterdir():
        path.unlink()
    (root / "01_ST/SEG/man_seg002.tif").unlink()
    frames = list_frames(convert(root))
    assert list(frames["name"][frames["split"] == "train"]) == ["01_t000", "01_t001"]
    assert set(frames["label"][frames["split"] == "test"]) == {""}


def test_every_offender_is_named(root: Path, capsys) -> None:
    put(root / "01_ST/SEG/man_seg000.tif", label(1).T)
    put(root / "02_ST/SEG/man_seg009.tif", label(1))
    put(root / "02/t002.tif", np.zeros((3, 8, 10), np.uint8))
    message = refused(root, capsys)
    assert "3 offenders" in message
    assert "man_seg000.tif: shape (10, 8); expected (8, 10) as its image" in message
    assert "man_seg009.tif: no image; expected 02/t009.tif" in message
    assert "t002.tif: 3 pages; expected one" in message


def test_volumes_are_refused(root: Path, capsys) -> None:
    put(root / "01_ST/SEG/man_seg000.tif", np.zeros((3, 8, 10), np.uint16))
    assert "man_seg000.tif: 3 planes; expected one" in refused(root, capsys)


def test_a_cell_takes_the_id_of_the_marker_that_covers_most_of_it() -> None:
    cells = np.array([[1, 1, 1, 0, 2, 2, 3]], np.int32)
    markers = np.array([[9, 5, 5, 5, 5, 0, 0]], np.int32)
    np.testing.assert_array_equal(with_tracks(cells, markers), [[5, 5, 5, 0, 10, 10, 11]])
    np.testing.assert_array_equal(with_tracks(cells, 0 * cells), [[4, 4, 4, 0, 5, 5, 6]])
    assert not with_tracks(0 * cells, markers).any()
