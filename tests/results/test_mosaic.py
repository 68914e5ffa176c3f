"""Frames in pieces have the results of whole frames, but for the pictures."""

from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile
from PIL import Image

import predict
from model import mosaic
from model.device import choose
from model.unet import UNet, UNetConfig
from preprocess import large
from preprocess.tiff import read_label, read_pixel_size, write_tiff
from results.inputs import find_frames
from results.store import Options, Store
from results.work import segment
from tests.model.test_mosaic import INFO, Seeing, same_cells, scattered

SIZE = 0.5  # of a pixel [um]


@pytest.fixture
def seeing() -> Seeing:
    known = INFO | {"pixel_size_um": SIZE, "cell_diameter_px": 15.0}
    return Seeing(UNet(UNetConfig(width=2, depth=1)), known, choose("float32", "cpu"))


def predicted(root: Path, path: Path, segmenter: Seeing) -> dict:
    """Record of the only frame of a file, predicted into a new folder."""
    (source,) = find_frames([str(path)])
    store = Store(root, Options("0" * 64))
    root.mkdir()
    store.begin([source])
    segment(source, segmenter, store)()
    assert store.is_complete(source) and not list(root.rglob("*.tmp"))
    return store.read(source.name)


def numbers(row: dict) -> dict:
    return {name: value for name, value in row.items() if not isinstance(value, str)}


def by_place(record: dict) -> list[dict]:
    return sorted(record["cells"], key=lambda cell: (round(cell["row"], 3), cell["column"]))


@pytest.mark.parametrize("shape", [(150, 190), (30, 130)])
def test_cells_across_seams_have_the_same_rows_and_outlines(tmp_path, seeing, monkeypatch, shape):
    write_tiff(tmp_path / "a.tif", scattered(shape), SIZE)
    whole = predicted(tmp_path / "whole", tmp_path / "a.tif", seeing)
    monkeypatch.setattr(large, "LARGE", 1000)
    monkeypatch.setattr(mosaic, "CORE", 48)
    monkeypatch.setattr(mosaic, "MARGIN", 32)
    pieces = predicted(tmp_path / "pieces", tmp_path / "a.tif", seeing)
    assert (whole["left_out"], pieces["left_out"]) == ([], ["outlines"])
    assert numbers(pieces["frame"]) == pytest.approx(numbers(whole["frame"]), rel=1e-3)
    labels = [read_label(tmp_path / name / "labels/a.tif") for name in ("whole", "pieces")]
    assert same_cells(*labels) and labels[1].max() == len(pieces["cells"]) > 10
    assert read_pixel_size(tmp_path / "pieces/labels/a.tif") == pytest.approx(SIZE)
    outlines = [
        {roi.name: roi.coordinates() for roi in roifile.roiread(tmp_path / name / "rois/a.zip")}
        for name in ("whole", "pieces")
    ]
    assert [cell["id"] for cell in pieces["cells"]] == list(range(1, labels[1].max() + 1))
    assert {cell["touches_border"] for cell in pieces["cells"]} == {False, True}
    for one, other in zip(by_place(whole), by_place(pieces), strict=True):
        assert numbers(other | {"id": 0}) == pytest.approx(numbers(one | {"id": 0}), rel=1e-3)
        first, second = (o.pop(str(c["id"])) for o, c in zip(outlines, (one, other), strict=True))
        np.testing.assert_array_equal(first, second)
    assert outlines == [{}, {}]


def test_case_32_very_large_frames(tmp_path, monkeypatch, capsys, model):
    """A frame is very large, such as a mosaic of 16,384 x 16,384 px.

    predict.py segments frames above 8 million pixels in blocks, from file to file, in a memory that
    hardly grows with them, with the same cells as the whole frame. It says that they get no outline
    picture and no movie. (make run reads whole frames.)
    """
    stack = np.random.default_rng(0).integers(0, 60_000, (2, 2, 96, 128)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "s.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    given = [f"{tmp_path}/s.tif", "--channel=1", "--device=cpu", f"--model={model}", "--out"]
    assert predict.main([*given, f"{tmp_path}/whole"]) == 0
    monkeypatch.setattr(large, "LARGE", 96 * 128 - 1)
    capsys.readouterr()
    assert predict.main([*given, f"{tmp_path}/pieces"]) == 0
    shown = capsys.readouterr().out
    assert "2 of 2 frames have more than 12,287 px" in shown
    assert "no movie of s: they are too large for pictures" in shown
    assert predict.main([*given, f"{tmp_path}/pieces"]) == 0
    assert "2 of 2 frames are complete already" in capsys.readouterr().out
    for page in ("s_0000", "s_0001"):
        label = read_label(tmp_path / f"pieces/labels/{page}.tif")
        np.testing.assert_array_equal(label, read_label(tmp_path / f"whole/labels/{page}.tif"))
    for table in ("cells.csv", "frames.csv"):
        assert (tmp_path / "pieces" / table).read_text() == (tmp_path / "whole" / table).read_text()
    assert len((tmp_path / "pieces/cells.csv").read_text().splitlines()) > 2
    assert (
        not list(tmp_path.glob("pieces/outlines/*"))
        and not (tmp_path / "pieces/overlay.tif").exists()
    )


def test_an_unfit_frame_in_pieces_is_refused_and_leaves_nothing(tmp_path, monkeypatch, model):
    monkeypatch.setattr(large, "LARGE", 100)
    tifffile.imwrite(tmp_path / "nan.tif", np.full((40, 40), np.nan, np.float32))
    out = tmp_path / "out"
    given = [f"{tmp_path}/nan.tif", "--device=cpu", f"--model={model}", f"--out={out}"]
    assert predict.main(given) == 1
    assert "1600 NaN or infinite pixels" in (out / "status.csv").read_text()
    assert not [path for path in out.glob("*/*")]


def test_what_a_kill_left_of_a_frame_in_pieces_is_removed(tmp_path):
    left = tmp_path / "labels/.a.tif.x.tmp/image"
    left.parent.mkdir(parents=True)
    left.touch()
    Store(tmp_path, Options("0" * 64)).begin([])
    assert not left.parent.exists()


def test_a_png_is_read_in_blocks_too(tmp_path, seeing, monkeypatch):
    image = scattered((60, 70))
    Image.fromarray(image).save(tmp_path / "a.png")
    whole = predicted(tmp_path / "whole", tmp_path / "a.png", seeing)
    monkeypatch.setattr(large, "LARGE", 1000)
    assert len(predicted(tmp_path / "pieces", tmp_path / "a.png", seeing)["cells"]) == len(
        whole["cells"]
    )
