import numpy as np
import pytest
import tifffile
from PIL import Image

from results.outlines import ORANGE, outline_picture, write_movie, write_outlines

IMAGE = np.random.default_rng(0).integers(1000, 3000, (100, 200)).astype(np.uint16)
LABEL = np.zeros((100, 200), np.int32)
LABEL[20:40, 30:60], LABEL[20:40, 60:90] = 1, 2


def is_orange(pixels: np.ndarray) -> np.ndarray:
    return (pixels == ORANGE).all(axis=-1)


def test_lines_stand_where_cells_end_and_meet():
    picture = np.asarray(outline_picture(IMAGE, LABEL))
    assert picture.shape == (100, 200, 3) and picture.dtype == np.uint8
    line = is_orange(picture)
    assert line[19:21, 30:90].all() and line[20:40, 59:61].all()
    assert not line[22:38, 32:58].any() and not line[60:].any()


def test_the_scale_bar_is_as_long_as_it_says():
    """A quarter of 200 px of 0.5 um is 25 um: the bar is 20 um, 40 px long."""
    flat = np.zeros((100, 200), np.uint8)
    picture = np.asarray(outline_picture(flat, LABEL * 0, 0.5)).astype(int).sum(-1)
    white = picture == 3 * 255
    longest = max(
        np.diff(np.flatnonzero(np.diff(np.r_[0, row, 0]))).max(initial=0) for row in white
    )
    assert longest == 40
    assert not np.asarray(outline_picture(flat, LABEL * 0)).any()


def test_a_movie_opens_in_imagej_with_names_and_pixel_size(tmp_path):
    pictures = [tmp_path / f"t{t}.png" for t in (1, 2, 3)]
    for shift, path in enumerate(pictures):
        write_outlines(path, IMAGE, np.roll(LABEL, shift, axis=1), 0.5)
    write_movie(tmp_path / "overlay.tif", pictures, ["t1", "t2", "t3"], 0.5)
    with tifffile.TiffFile(tmp_path / "overlay.tif") as file:
        told, series = file.imagej_metadata, file.series[0]
        assert (series.axes, series.shape, series.dtype) == ("TYXS", (3, 100, 200, 3), np.uint8)
        assert (told["frames"], told["unit"], told["Labels"]) == (3, "um", ["t1", "t2", "t3"])
        assert file.pages[0].tags["XResolution"].value == (2, 1)
        pages = series.asarray()
    for page, path in zip(pages, pictures, strict=True):
        np.testing.assert_array_equal(page, np.asarray(Image.open(path)))


def test_a_movie_of_unequal_pictures_is_refused_and_not_begun(tmp_path):
    for name, image in (("a", IMAGE), ("b", IMAGE[:50])):
        write_outlines(tmp_path / f"{name}.png", image, np.zeros(image.shape, np.int32))
    with pytest.raises(ValueError, match=r"b.png: shape \(50, 200, 3\), expected \(100, 200, 3\)"):
        write_movie(tmp_path / "m.tif", [tmp_path / "a.png", tmp_path / "b.png"], ["a", "b"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
