import numpy as np
import pytest
import tifffile

from preprocess.damage import TiffError
from preprocess.large import mapped_image, mapped_label, write_large_label
from preprocess.tiff import read_image, read_label, read_pixel_size, write_tiff

IMAGE = np.random.default_rng(0).integers(0, 60_000, (70, 50)).astype(np.uint16)


@pytest.mark.parametrize("white", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "tile": (16, 16)}])
def test_a_mapped_frame_is_the_frame(tmp_path, dtype, white, options):
    stack = np.stack([IMAGE, IMAGE[::-1]]).astype(dtype)
    path = tmp_path / "a.tif"
    photometric = "miniswhite" if white else "minisblack"
    tifffile.imwrite(path, stack, photometric=photometric, metadata={"axes": "TYX"}, **options)
    before = path.read_bytes()
    with mapped_image(path, 1, tmp_path) as image:
        assert isinstance(image, np.memmap)
        np.testing.assert_array_equal(image, read_image(path, 1))
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]


def test_what_is_no_frame_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    with pytest.raises(TiffError, match="no such file"), mapped_image(path, 0, tmp_path):
        pass
    tifffile.imwrite(path, np.zeros((20, 20), bool))
    with pytest.raises(TiffError, match="palette or mask"), mapped_image(path, 0, tmp_path):
        pass
    write_tiff(path, IMAGE)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TiffError, match="cut off|damaged"), mapped_image(path, 0, tmp_path):
        pass
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(("shape", "tile"), [((70, 50), 16), ((64, 48), 16), ((9, 5), 16)])
def test_a_large_label_is_renumbered_and_read_back(tmp_path, shape, tile, monkeypatch):
    monkeypatch.setattr("preprocess.large.TILE", tile)
    numbers = np.array([0, 0, 1, 2])
    with mapped_label(shape, tmp_path) as label:
        assert not label.any() and label.dtype == np.uint32
        label[:] = np.random.default_rng(0).integers(0, 4, shape)
        expected = numbers[label]
        write_large_label(tmp_path / "cells.tif", label, numbers, 0.65)
    np.testing.assert_array_equal(read_label(tmp_path / "cells.tif"), expected)
    assert read_pixel_size(tmp_path / "cells.tif") == pytest.approx(0.65)
    assert [p.name for p in tmp_path.iterdir()] == ["cells.tif"]


def test_many_cells_need_wider_numbers(tmp_path):
    label = np.array([[0, 1, 2]], np.uint32)
    write_large_label(tmp_path / "cells.tif", label, np.array([0, 65_535, 65_536]))
    assert tifffile.imread(tmp_path / "cells.tif").dtype == np.uint32
    assert read_label(tmp_path / "cells.tif").tolist() == [[0, 65_535, 65_536]]
