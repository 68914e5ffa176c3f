"""Cases 14 to 31: what images and labels hold."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from model.inference import Segmenter
from preprocess.labels import IGNORE
from preprocess.layout import SHIPPED_MODEL
from preprocess.sources.simulate import SimulationConfig, simulate_sequence
from preprocess.tiff import read_image, read_label, write_tiff
from tests.small_frames import LABEL, picture, put


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    """The shipped net, in float32."""
    return Segmenter.load(SHIPPED_MODEL, "float32", "cpu")


def cells() -> np.ndarray:
    """A small simulated frame; whole numbers from 0 to 255."""
    config = SimulationConfig(size=160, walls=0.0)
    return (simulate_sequence(3, 1, config).images[0] // 257).astype(np.float64)


@pytest.mark.parametrize("kind", ["labels", "borders"])
def test_case_14_shape_differs(data: Path, check, kind: str) -> None:
    """A label or border has another shape than its image.

    Refused, with both shapes.
    """
    put(data / f"train/{kind}/t1.tif", LABEL[:, :5] if kind == "labels" else LABEL[:3])
    shape = "(4, 5)" if kind == "labels" else "(3, 6)"
    answer = check(data)
    answer.refused(f"train/{kind}/t1.tif", f"shape {shape}", "(4, 6) as t1.tif", "export it in")
    assert "transposed" not in answer.err


def test_case_15_transposed(data: Path, check) -> None:
    """A label is transposed.

    Refused, with both shapes and the hint "transposed?".
    """
    put(data / "train/labels/t1.tif", LABEL.T)
    check(data).refused("train/labels/t1.tif", "shape (6, 4)", "transposed?")


@pytest.mark.parametrize("samples", [3, 4])
def test_case_16_colours(tmp_path: Path, check, samples: int) -> None:
    """An image has colours (RGB or RGBA).

    Refused, with the number of samples and what to do. Given the parameter channel, that colour is
    the image.
    """
    colours = np.stack([picture(9)] * samples, axis=-1).astype(np.uint8)
    path = put(tmp_path / "frames/s1.tif", colours, photometric="rgb")
    check(path.parent).refused("s1.tif", f"{samples} colour", "set channel")
    check(path.parent, "-p", "channel=1").accepted()


def test_case_17_axes_unknown(data: Path, check) -> None:
    """A stack does not say what its pages are.

    Refused until its axes are stored in it (ImageJ does) or frames.csv lists it.
    """
    stack = np.stack([picture(seed) for seed in range(20, 23)])
    put(data / "test/images/movie.tif", stack, metadata=None)
    check(data).refused("test/images/movie.tif", "3 pages, unsaid", "(TYX)", "frames.csv")
    (data / "frames.csv").write_text("file\ntest/images/movie.tif\n")
    check(data).accepted()


@pytest.mark.parametrize(("axes", "shape"), [("TCYX", (3, 2, 4, 6)), ("ZYX", (5, 4, 6))])
def test_case_18_channels_and_planes(tmp_path: Path, check, axes: str, shape: tuple) -> None:
    """A hyperstack has channels or planes.

    Refused, with its axes; channels and planes are never taken for time. Given the parameter
    channel, that channel is the image; planes are refused all the same.
    """
    stack = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    put(tmp_path / "frames/s1.tif", stack, imagej=True, metadata={"axes": axes})
    check(tmp_path / "frames").refused("s1.tif", axes)
    answer = check(tmp_path / "frames", "-p", "channel=1")
    answer.accepted() if "C" in axes else answer.refused("s1.tif", axes)


def test_case_19_several_series(tmp_path: Path, check) -> None:
    """A file holds several series.

    Refused, with their number: the TIFF library alone would read the first without a word. Given
    the parameter series, that one is the image.
    """
    path = put(tmp_path / "frames/s1.tif", picture(0))
    with tifffile.TiffWriter(path) as writer:
        writer.write(picture(20))
        writer.write(np.eye(9, dtype=np.uint8) * 9 + np.arange(9, dtype=np.uint8))
    check(path.parent).refused("s1.tif", "2 series", "set series (0 to 1)")
    check(path.parent, "-p", "series=0").accepted()


def test_case_20_palette(data: Path, check) -> None:
    """An image has a palette, or is stored inverted (white is zero).

    A palette is refused: its values are no intensities. An inverted image is read inverted, and
    warned of.
    """
    colours = np.zeros((3, 256), np.uint16)
    pixels = picture(9).astype(np.uint8)
    put(data / "test/images/s1.tif", pixels, photometric="palette", colormap=colours)
    check(data).refused("test/images/s1.tif", "palette", "grey scale")


def test_case_20_white_is_zero(data: Path, check) -> None:
    path = put(data / "test/images/s1.tif", picture(9), photometric="miniswhite")
    check(data).warned("test/images/s1.tif", "white is zero", "it is read inverted")
    np.testing.assert_array_equal(read_image(path), 65_535 - picture(9))


def test_case_21_every_dtype(data: Path, check, segmenter) -> None:
    """Images have 1, 8, 16 or 32 bits, whole or floating-point numbers.

    All are accepted; the same picture gives the same cells.
    """
    for dtype in ("uint8", "uint16", "int32", "float32", "float64", ">u2"):
        put(data / "test/images/s1.tif", picture(9).astype(dtype))
        check(data).accepted()
    copies = (cells().astype(t) for t in ("uint8", "uint16", "int32", "float32", "float64"))
    first, *others = (segmenter.segment(copy)[0].label for copy in (*copies, cells() * 257))
    assert first.max() > 2
    for other in others:
        assert (other > 0).sum() == pytest.approx((first > 0).sum(), abs=4)


def test_case_22_memory_layouts(segmenter) -> None:
    """Arrays are big-endian, mapped from a file, not contiguous or read-only.

    They work as any other, and are not changed.
    """
    read_only = cells().astype(np.uint16)
    read_only.flags.writeable = False
    expected = segmenter.segment(cells().astype(np.uint16))[0].label
    for image in (read_only, cells().astype(">u2"), np.asfortranarray(cells().astype(np.uint16))):
        np.testing.assert_array_equal(segmenter.segment(image)[0].label, expected)
        np.testing.assert_array_equal(image, cells())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_case_23_nan_and_infinite_pixels(data: Path, check, value: float) -> None:
    """An image has pixels that are NaN or infinite.

    Refused, with their number and the first one's place; pages of a stack in one row.
    """
    image = picture(9).astype(np.float32)
    image[2, 5] = image[3, 0] = value
    put(data / "test/images/s1.tif", image)
    found = "2 NaN or infinite pixels, the first in row 2, column 5"
    check(data).refused("test/images/s1.tif", found, "finite intensities")


def test_case_23_faults_of_several_pages_stand_in_one_row(data: Path, check) -> None:
    stack = np.stack([picture(seed) for seed in range(20, 24)]).astype(np.float32)
    stack[1, 0, 0] = stack[2, 1, 1] = stack[3, 0, 0] = np.nan
    put(data / "test/images/movie.tif", stack, metadata={"axes": "TYX"})
    answer = check(data)
    answer.refused("test/images/movie.tif", "page 1: 1 NaN", "(and 2 more pages)")
    assert answer.err.count("movie.tif") == 1


@pytest.mark.parametrize("top", [65_535, 4_095])
def test_case_24_saturated(data: Path, check, top: int) -> None:
    """An image has negative values, 12 bits in 16, or saturated pixels.

    Every frame is scaled by its own percentiles, whatever its range. Warned where more than 1 % of
    the pixels have the highest value.
    """
    image = np.arange(400, dtype=np.uint16).reshape(20, 20)
    image.flat[:8] = top
    put(data / "test/images/s1.tif", image)
    found = f"2.0% of the pixels at the highest value, {top}"
    check(data).warned("test/images/s1.tif", found, "at most 1%", "less light")


def test_case_24_negative_values_are_no_fault(data: Path, check, segmenter) -> None:
    put(data / "test/images/s1.tif", picture(9).astype(np.float32) - 100)
    check(data).accepted()
    shifted = segmenter.segment((16 * cells() - 1000).astype(np.int16))[0].label
    assert shifted.max() > 2


def test_case_25_constant(data: Path, check, segmenter) -> None:
    """Every pixel of an image has the same value.

    Warned; no cell is found in it, and every number stays finite.
    """
    for name in ("test/images/s1.tif", "train/images/t1.tif"):  # no leak: there is no picture
        put(data / name, np.full((4, 6), 7, np.uint16))
    answer = check(data)
    answer.warned("test/images/s1.tif", "every pixel is 7", "no cell will be found")
    answer.warned("train/images/t1.tif", "every pixel is 7")
    (label, _), maps = segmenter.segment(np.full((64, 64), 7, np.uint16))
    assert not label.any() and all(np.isfinite(values).all() for values in maps)


@pytest.mark.parametrize("value", [0, IGNORE])
def test_case_26_all_labels_are_background(data: Path, check, value: int) -> None:
    """A label holds no cell.

    Warned; refused if no training label holds one. A frame without cells in which none is found
    scores 1 in every score, one with a wrong cell 0; no score and no loss becomes NaN.
    """
    for name in ("t1", "t2"):
        put(data / f"train/labels/{name}.tif", np.full((4, 6), value, np.uint16))
    check(data).refused("train/labels", "no cell in any training label", "cells in at least one")
    put(data / "train/labels/t2.tif", LABEL)
    check(data).warned("train/labels/t1.tif", "all background", "outline the cells")


@pytest.mark.parametrize("background", [1, IGNORE])
def test_case_27_all_foreground(data: Path, check, background: int) -> None:
    """A label has no background.

    Warned.
    """
    put(data / "train/labels/t1.tif", np.where(LABEL == 0, background, 1).astype(np.uint16))
    check(data).warned("train/labels/t1.tif", "no background", "leave pixels without a cell 0")


def test_case_28_kinds_of_labels(data: Path, check) -> None:
    """Labels are 0/1, 0/255, one id per cell, or fractions left by a resize.

    The first three are recognised, also as floating-point numbers; fractions are refused.
    """
    for scale in (1, 255):
        put(data / "train/labels/t1.tif", ((LABEL > 0) * scale).astype(np.uint8))
        put(data / "train/labels/t2.tif", ((LABEL > 0) * scale).astype(np.float32))
        check(data).accepted()
    put(data / "train/labels/t1.tif", (LABEL / 2).astype(np.float32))
    check(data).refused("train/labels/t1.tif", "no ids (from 0.0 to 1.0)", "with interpolation")


def test_case_29_many_ids(data: Path, check, tmp_path: Path) -> None:
    """A label has more than 255 or 65,535 cells, or large ids.

    Accepted; masks are written in 16 bits, or in 32 where ids need it, and never wrap.
    """
    label = LABEL.astype(np.uint32)
    label[3, 5], label[0, 0] = 70_000, 2_000_000_000
    put(data / "train/labels/t1.tif", label)
    check(data).accepted()
    many = np.arange(300 * 300).reshape(300, 300)
    write_tiff(tmp_path / "many.tif", many)
    np.testing.assert_array_equal(read_label(tmp_path / "many.tif"), many)


def test_case_30_one_id_in_several_pieces(data: Path, check) -> None:
    """One id is on several pieces, or ids have gaps.

    Pieces are warned of, specks left out of account; gaps are allowed, and ids never renumbered.
    """
    label = LABEL.copy()
    label[0, 5] = 1
    put(data / "train/labels/t1.tif", label)
    found = "1 ids in several pieces (first: 1)"
    check(data).warned("train/labels/t1.tif", found, "give every cell an id of its own")


def test_case_30_a_speck_and_a_corner_are_no_second_piece(data: Path, check) -> None:
    label = np.zeros((20, 20), np.uint8)
    label[2:8, 2:8], label[8, 8], label[0, 15], label[15, 15] = 1, 1, 1, 7
    put(data / "train/images/t1.tif", np.arange(400, dtype=np.uint16).reshape(20, 20))
    put(data / "train/labels/t1.tif", label)
    check(data).accepted()


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (3, 5), (33, 47)])
def test_case_31_small_and_odd_frames(data: Path, check, segmenter, shape) -> None:
    """Frames are smaller than a patch, of odd size, or of one pixel.

    Accepted; they are padded by reflection, and a mask has the shape of its frame.
    """
    image = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    put(data / "test/images/s1.tif", image)
    assert check(data).code == 0
    assert segmenter.segment(image)[0].label.shape == shape
