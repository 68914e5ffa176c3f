import numpy as np
import pytest
import tifffile

from model import mosaic
from model.device import choose
from model.inference import Segmenter
from model.representation import Cells
from model.tiles import tiles
from model.unet import Maps, UNet, UNetConfig
from preprocess.flow import coarse_flow
from preprocess.normalize import Normalization
from preprocess.tiff import read_label, write_tiff

INFO = {
    "scale": 1.0,
    "normalization": vars(Normalization()),
    "decoding": {"foreground": 0.5, "smallest_cell": 4.0, "confidence": 0.6},
}


class Seeing(Segmenter):
    """A net that knows the truth: pixel values are ids, those of a multiple of 7 in doubt."""

    def maps(self, image, zoom=1.0, limits=None):
        flow = coarse_flow(image.astype(np.int32), 1)
        flow[:, (image > 0) & (image % 7 == 0)] *= 0.3
        return Maps((image > 0).astype(np.float32), flow)


@pytest.fixture
def seeing() -> Segmenter:
    return Seeing(UNet(UNetConfig(width=2, depth=1)), INFO, choose("float32", "cpu"))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(mosaic, "CORE", 48)
    monkeypatch.setattr(mosaic, "MARGIN", 32)


def scattered(shape: tuple[int, int]) -> np.ndarray:
    """Discs in a lattice, some touching, many across the seams."""
    label = np.zeros(shape, np.uint16)
    y, x = np.ogrid[: shape[0], : shape[1]]
    centers = [(r, c) for r in range(4, shape[0], 19) for c in range(7, shape[1], 19)]
    for number, (row, column) in enumerate(centers, start=1):
        radius = 6 + number % 4
        label[(y - row) ** 2 + (x - column) ** 2 < radius**2] = number
    return label


def same_cells(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two label images show the same cells, whatever their numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


@pytest.mark.parametrize("shape", [(150, 190), (40, 130), (30, 30)])
def test_cells_across_seams_are_labelled_once_as_in_the_whole_frame(seeing, tmp_path, shape):
    image = scattered(shape)
    write_tiff(tmp_path / "frame.tif", image, 0.5)
    target = tmp_path / "cells.tif"
    cells = mosaic.segment_mosaic(seeing, tmp_path / "frame.tif", target, pixel_size_um=0.5)
    label = read_label(target)
    whole, _ = seeing.segment(image)
    assert label.max() == len(cells) == whole.label.max() == len(np.unique(image[image % 7 > 0]))
    assert same_cells(label, whole.label)
    assert cells.id.tolist() == list(range(1, len(cells) + 1))
    ids = label[cells.row.round().astype(int), cells.column.round().astype(int)]
    np.testing.assert_array_equal(ids, cells.id)
    np.testing.assert_array_equal(cells.area_px, np.bincount(label.ravel())[1:])
    np.testing.assert_allclose(cells.confidence, 1, atol=0.1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cells.tif", "frame.tif"]


def test_a_centre_that_moves_over_a_seam_loses_and_doubles_no_cell():
    first, second = tiles((40, 100), 50, 20)
    label = np.zeros((40, 70), np.int32)
    label[10:20, 46:53] = 1  # its centre lies at column 49, in the first core
    shifted = np.roll(label, 3, axis=1)[:, -70:]  # in the second window: column 52 - 30
    there = np.zeros((40, 70), np.int32)
    confidence = np.ones(1, np.float32)
    assert mosaic._own(first, Cells(np.roll(label, 4, axis=1), confidence), there).all()
    in_second = np.roll(shifted, -30, axis=1)
    assert mosaic._own(second, Cells(np.roll(in_second, -4, axis=1), confidence), there).all()
    there[:, 15:30] = 5
    assert not mosaic._own(second, Cells(in_second, confidence), there).any()


def test_blocks_are_scaled_by_the_limits_and_the_zoom_of_the_mosaic(seeing, monkeypatch):
    calls = []

    def maps(self, image, zoom=1.0, limits=None):
        calls.append((image.shape, zoom, limits))
        return Maps(np.zeros(image.shape, np.float32), np.zeros((2, *image.shape), np.float32))

    monkeypatch.setattr(Seeing, "maps", maps)
    image = np.arange(100 * 110, dtype=np.uint16).reshape(100, 110)
    mosaic.write_cells(seeing, image, np.zeros(image.shape, np.uint32), 0.5)
    limits = pytest.approx(tuple(np.percentile(image, (1, 99))))
    assert calls == [((100, 110), 0.5, limits), ((100, 78), 0.5, limits)] + [
        ((68, 110), 0.5, limits),
        ((68, 78), 0.5, limits),
    ]


def test_nothing_is_found_in_an_empty_mosaic(seeing, tmp_path):
    write_tiff(tmp_path / "frame.tif", np.zeros((100, 100), np.uint8))
    cells = mosaic.segment_mosaic(seeing, tmp_path / "frame.tif", tmp_path / "cells.tif")
    assert cells.columns.tolist() == ["id", "row", "column", "area_px", "confidence"]
    assert len(cells) == 0 and not read_label(tmp_path / "cells.tif").any()


def test_a_mosaic_that_fails_leaves_nothing(seeing, tmp_path, monkeypatch):
    write_tiff(tmp_path / "frame.tif", scattered((60, 60)))
    monkeypatch.setattr(mosaic, "decode", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        mosaic.segment_mosaic(seeing, tmp_path / "frame.tif", tmp_path / "cells.tif")
    assert [p.name for p in tmp_path.iterdir()] == ["frame.tif"]


def test_labels_are_written_in_tiles_with_their_pixel_size(seeing, tmp_path):
    write_tiff(tmp_path / "frame.tif", scattered((60, 60)))
    target = tmp_path / "cells.tif"
    mosaic.segment_mosaic(seeing, tmp_path / "frame.tif", target, pixel_size_um=0.65)
    with tifffile.TiffFile(target) as file:
        assert file.pages[0].is_tiled and file.pages[0].dtype == np.uint16
