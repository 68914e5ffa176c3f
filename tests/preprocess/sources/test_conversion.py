"""A data set is written whole or not at all, and every offender is named."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from preprocess.check import check_data, list_frames
from preprocess.damage import TiffError
from preprocess.header import Selection
from preprocess.sources.conversion import (
    ConversionError,
    Found,
    Outlines,
    Source,
    paint,
    write_dataset,
)
from preprocess.sources.convert import main
from preprocess.tiff import read_image, read_label, write_tiff

FRAME = np.random.default_rng(0).permutation(48).reshape(6, 8).astype(np.uint16)
LABEL = np.zeros((6, 8), np.int32)
LABEL[1:3, 1:4], LABEL[4:, 5:] = 1, 2


def draw(label: np.ndarray, shape: tuple[int, int]) -> Outlines:
    assert label.shape == shape
    return Outlines(label, overlapped=3, hidden=1)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    write_tiff(tmp_path / "in.tif", FRAME, pixel_size_um=0.5)
    return Source("a", "train", tmp_path / "in.tif", partial(draw, LABEL), sequence="s", t=4)


def test_later_cells_are_painted_over_earlier_ones() -> None:
    masks = np.zeros((4, 1, 6), bool)
    masks[0, 0, 0:2] = masks[1, 0, 1:5] = masks[2, 0, 0:1] = True
    outlines = paint(masks, (1, 6))
    np.testing.assert_array_equal(outlines.label, [[3, 2, 2, 2, 2, 0]])
    assert (outlines.overlapped, outlines.hidden) == (2, 2)  # the first cell, and an empty one


def test_no_cells_are_an_empty_label() -> None:
    assert not paint([], (2, 3)).label.any()


def test_more_cells_than_ids_are_refused(tmp_path: Path, source: Source, monkeypatch) -> None:
    monkeypatch.setattr("preprocess.sources.conversion.IGNORE", 3)
    crowded = partial(paint, np.ones((3, 6, 8), bool))
    with pytest.raises(ConversionError, match=r"in\.tif: more than 2 cells in a frame"):
        write_dataset(Found([replace(source, draw=crowded)]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_frames_labels_and_table(tmp_path: Path, source: Source) -> None:
    extra = tmp_path / "man_track.txt"
    extra.write_text("1 0 0 0\n")
    alone = Source("b", "test", source.image)
    found = Found([source, alone], extras={"train/man_track.txt": extra})
    table = write_dataset(found, tmp_path / "out", interval_s=600)
    assert list(table["file"]) == ["train/images/a.tif", "test/images/b.tif"]
    counts = table[["labelled", "cells", "overlapped", "hidden"]].values.tolist()
    assert counts == [[True, 2, 3, 1], [False, 0, 0, 0]]
    frames = list_frames(tmp_path / "out")
    assert list(frames["sequence"]) == ["s", ""] and list(frames["t"]) == [4, 0]
    assert list(frames["interval_s"]) == [600, 600]
    assert list(frames["pixel_size_um"]) == pytest.approx([0.5, 0.5])  # the files' own
    np.testing.assert_array_equal(read_label(frames["label"][0]), LABEL)
    assert (tmp_path / "out/train/images/a.tif").read_bytes() == source.image.read_bytes()
    assert (tmp_path / "out/train/man_track.txt").read_text() == "1 0 0 0\n"
    (tmp_path / "usual").mkdir()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_channel_is_written_and_colours_are_copied(tmp_path: Path) -> None:
    colours = np.stack([FRAME, FRAME.T.reshape(6, 8), FRAME[::-1]], -1).astype(np.uint8)
    tifffile.imwrite(tmp_path / "in.tif", colours, photometric="rgb")
    found = Found([Source("a", "test", tmp_path / "in.tif")])
    write_dataset(found, tmp_path / "all")
    assert check_data(tmp_path / "all", train=False, channel=2).empty
    write_dataset(found, tmp_path / "one", selection=Selection(channel=2))
    np.testing.assert_array_equal(
        read_image(tmp_path / "one/test/images/a.tif"), FRAME[::-1].astype(np.uint8)
    )


def test_all_offenders_are_listed_and_nothing_is_written(tmp_path: Path, source: Source) -> None:
    (tmp_path / "broken.tif").write_bytes(b"<html>")
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((2, 6, 8), np.uint8), metadata=None)
    sources = [source, *(Source(p, "test", tmp_path / f"{p}.tif") for p in ("broken", "stack"))]
    known = TiffError("known.json", "nonsense", "sense", "think")
    with pytest.raises(ConversionError) as caught:
        write_dataset(Found(sources, [known]), tmp_path / "deep" / "out")
    first, *lines = str(caught.value).splitlines()
    assert first == "nothing was written; 3 offenders"
    assert lines[0] == "  known.json: nonsense; expected sense; think"
    assert "broken.tif: not a TIFF but an HTML page" in lines[1]
    assert "stack.tif: 2 pages; expected one" in lines[2]
    assert list((tmp_path / "deep").iterdir()) == []


def test_two_frames_of_one_name_are_refused(tmp_path: Path, source: Source) -> None:
    sources = [source, Source("A", "train", source.image), Source("a", "test", source.image)]
    with pytest.raises(ConversionError, match="the frame name A, 2 times in train"):
        write_dataset(Found(sources), tmp_path / "out")


def test_a_target_that_holds_files_is_left_alone(tmp_path: Path, source: Source) -> None:
    for target in (tmp_path, source.image):
        with pytest.raises(ConversionError, match="expected a new"):
            write_dataset(Found([source]), target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif"]


def test_an_empty_target_is_taken(tmp_path: Path, source: Source) -> None:
    (tmp_path / "out").mkdir()
    write_dataset(Found([source]), tmp_path / "out")
    assert len(pd.read_csv(tmp_path / "out" / "frames.csv")) == 1


def test_a_full_disk_leaves_nothing(tmp_path: Path, source: Source, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("preprocess.sources.conversion.shutil.copyfile", full)
    with pytest.raises(OSError, match="No space"):
        write_dataset(Found([source]), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif"]


@pytest.mark.parametrize("form", ["ctc", "roi", "coco"])
def test_the_command_refuses_a_source_that_is_not_there(tmp_path: Path, form: str, capsys) -> None:
    assert main([form, str(tmp_path / "nowhere"), "--to", str(tmp_path / "out")]) == 1
    assert f"{tmp_path / 'nowhere'}: no such" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["ctc", "roi", "coco"])
def test_the_command_refuses_a_folder_of_another_form(tmp_path: Path, form: str, capsys) -> None:
    assert main([form, str(tmp_path), "--to", str(tmp_path / "out")]) == 1
    assert "expected" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
