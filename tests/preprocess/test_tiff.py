"""TIFF in and out on small literal arrays, and every kind of damage with the file's name."""

import logging
import os
import pickle
from math import isnan
from pathlib import Path

import numpy as np
import pytest
import tifffile

from preprocess import damage
from preprocess.tiff import (
    TiffError,
    atomic_path,
    page_count,
    read_header,
    read_image,
    read_label,
    read_pages,
    read_pixel_size,
    write_tiff,
)

PICTURE = np.array([[0, 1, 2], [30, 40, 250]])
STACK = np.arange(5 * 4 * 6, dtype=np.uint16).reshape(5, 4, 6)


def refused(path: Path, read=read_image) -> TiffError:
    """The error of a file that must not be read; its message is one line with the file's name."""
    with pytest.raises(TiffError) as caught:
        read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_an_image_comes_back_as_it_was(tmp_path: Path, dtype: str) -> None:
    write_tiff(tmp_path / "a.tif", PICTURE.astype(dtype))
    found = read_image(tmp_path / "a.tif")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, PICTURE)


@pytest.mark.parametrize("dtype", ["uint32", "int32", "int64"])
@pytest.mark.parametrize(("highest", "stored"), [(65_535, "uint16"), (70_000, "uint32")])
def test_ids_never_wrap(tmp_path: Path, dtype: str, highest: int, stored: str) -> None:
    label = np.array([[0, 1], [256, highest]], dtype)
    write_tiff(tmp_path / "a.tif", label)
    assert read_image(tmp_path / "a.tif").dtype == stored
    np.testing.assert_array_equal(read_label(tmp_path / "a.tif"), label)


@pytest.mark.parametrize("wrong", [-1, 2**32])
def test_ids_that_cannot_be_stored_are_refused(tmp_path: Path, wrong: int) -> None:
    with pytest.raises(ValueError, match=r"a\.tif: ids from .* expected 0 to 4,294,967,295"):
        write_tiff(tmp_path / "a.tif", np.array([[0, wrong]]))
    assert not list(tmp_path.iterdir())


def test_a_mask_is_written_as_0_and_255(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", np.array([[False, True]]))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), [[0, 255]])


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 3)])
def test_any_size_keeps_its_shape(tmp_path: Path, shape: tuple[int, int]) -> None:
    write_tiff(tmp_path / "a.tif", np.ones(shape, np.uint8))
    assert read_image(tmp_path / "a.tif").shape == shape


def test_arrays_of_any_memory_layout_are_written_and_left_alone(tmp_path: Path) -> None:
    big_endian = PICTURE.astype(">u2")
    mapped = np.memmap(tmp_path / "raw", np.uint16, "w+", shape=PICTURE.shape)
    mapped[:] = PICTURE
    read_only = PICTURE.astype(np.uint16)
    read_only.flags.writeable = False
    every_second = np.repeat(PICTURE.astype(np.uint16), 2, axis=1)[:, ::2]
    for array in (big_endian, mapped, read_only, every_second):
        write_tiff(tmp_path / "a.tif", array)
        np.testing.assert_array_equal(array, PICTURE)
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), PICTURE)


def test_big_endian_files_are_read_in_native_order(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PICTURE.astype(">u2"), byteorder=">")
    assert read_image(tmp_path / "a.tif").dtype.isnative
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), PICTURE)


@pytest.mark.parametrize("dtype", [bool, "uint8", "uint16", "uint32", "float32", "float64"])
def test_pixel_size_is_kept(tmp_path: Path, dtype) -> None:
    write_tiff(tmp_path / "a.tif", PICTURE.astype(dtype), pixel_size_um=0.8708)
    assert read_pixel_size(tmp_path / "a.tif") == pytest.approx(0.8708, rel=1e-6)


def test_pixel_size_from_ome(tmp_path: Path) -> None:
    metadata = {"PhysicalSizeX": 325.0, "PhysicalSizeXUnit": "nm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", PICTURE.astype(np.uint8), ome=True, metadata=metadata)
    assert read_pixel_size(tmp_path / "a.ome.tif") == pytest.approx(0.325)


@pytest.mark.parametrize("unit", ["um", "\\u00B5m", "micron"])
def test_pixel_size_from_imagej(tmp_path: Path, unit: str) -> None:
    picture = PICTURE.astype(np.uint8)
    options = {"imagej": True, "metadata": {"unit": unit}}
    tifffile.imwrite(tmp_path / "a.tif", picture, resolution=(2, 2), **options)
    assert read_pixel_size(tmp_path / "a.tif") == pytest.approx(0.5)


def test_a_pixel_size_that_nobody_said_is_nan(tmp_path: Path) -> None:
    write_tiff(tmp_path / "plain.tif", PICTURE.astype(np.uint8))
    assert isnan(read_pixel_size(tmp_path / "plain.tif"))


def test_72_dots_an_inch_are_no_pixel_size(tmp_path: Path) -> None:
    options = {"resolution": (72, 72), "resolutionunit": "INCH"}
    tifffile.imwrite(tmp_path / "a.tif", PICTURE.astype(np.uint8), **options)
    assert isnan(read_pixel_size(tmp_path / "a.tif"))


@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"ome": True}, {"metadata": None}])
def test_pages_of_a_stack(tmp_path: Path, options: dict) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, **{"metadata": {"axes": "TYX"}, **options})
    assert page_count(path) == 5
    np.testing.assert_array_equal(read_image(path, page=3), STACK[3])
    np.testing.assert_array_equal(list(read_pages(path)), STACK)
    np.testing.assert_array_equal(list(read_pages(path, labels=True)), STACK)


def test_a_header_tells_time_from_unnamed_pages(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "named.tif", STACK, metadata={"axes": "TYX"})
    tifffile.imwrite(tmp_path / "unnamed.tif", STACK, metadata=None)
    assert read_header(tmp_path / "named.tif").axes == {"T": 5}
    assert read_header(tmp_path / "unnamed.tif").axes == {"I": 5}


def test_white_is_zero_is_inverted_for_images_and_not_for_labels(tmp_path: Path) -> None:
    stored = np.array([[0, 5, 255]], np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), [[255, 250, 0]])
    np.testing.assert_array_equal(read_label(tmp_path / "a.tif"), stored)
    assert read_header(tmp_path / "a.tif").white_is_zero


def test_a_mask_of_one_bit_is_read_as_0_and_1(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([[False, True, True]]))  # white is zero
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), [[0, 1, 1]])
    np.testing.assert_array_equal(read_label(tmp_path / "a.tif"), [[0, 1, 1]])
    assert not read_header(tmp_path / "a.tif").white_is_zero


def test_colours_of_a_palette_are_refused_for_images_and_ignored_for_labels(tmp_path: Path) -> None:
    colours = np.zeros((3, 256), np.uint16)
    options = {"photometric": "palette", "colormap": colours}
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0, 7]], np.uint8), **options)
    assert "palette" in refused(tmp_path / "a.tif").found
    np.testing.assert_array_equal(read_label(tmp_path / "a.tif"), [[0, 7]])


@pytest.mark.parametrize("value", [0.5, -1.0, np.nan, np.inf, 3e9])
def test_values_that_are_no_ids_are_refused(tmp_path: Path, value: float) -> None:
    write_tiff(tmp_path / "a.tif", np.array([[0, 1, value]], np.float32))
    assert "resized with interpolation" in refused(tmp_path / "a.tif", read_label).remedy


def test_whole_floats_are_ids(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", np.array([[0, 1, 7]], np.float32))
    label = read_label(tmp_path / "a.tif")
    assert label.dtype == np.int32
    np.testing.assert_array_equal(label, [[0, 1, 7]])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "a.tif").found == "no such file"


def test_zero_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").touch()
    assert refused(tmp_path / "a.tif").found == "zero bytes"


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (b"\n<!DOCTYPE html><title>404", "an HTML page"),
        (b"\xff\xd8\xff\xe0", "a JPEG image"),
        (b"version https://git-lfs.github.com", "a Git LFS pointer, not its contents"),
        (b"t, x, y", "a text file"),
        (b"\x01\x02\x03\x04", "of an unknown type"),
    ],
)
def test_another_type_under_the_name_of_a_tiff_is_guessed(tmp_path, header, kind) -> None:
    (tmp_path / "a.tif").write_bytes(header)
    assert refused(tmp_path / "a.tif").found == f"not a TIFF but {kind}"


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_a_truncated_page_is_refused(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "a.tif"
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    tifffile.imwrite(path, ramp, compression=compression)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    assert "cut off" in refused(path).found


def test_a_corrupt_strip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_tiff(path, np.arange(4096, dtype=np.uint16).reshape(64, 64))
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        start = file.pages[0].dataoffsets[0]
    content[start + 20 : start + 60] = b"\xff" * 40
    path.write_bytes(content)
    assert "damaged" in refused(path).found


def cut_stack(path: Path, pages: int, offset: int = 0) -> Path:
    """A stack of five pages, each behind the other, that ends where page `pages` begins."""
    with tifffile.TiffWriter(path) as writer:
        for page in STACK:
            writer.write(page, contiguous=False, metadata=None)
    with tifffile.TiffFile(path) as file:
        end = file.pages[pages].offset + offset
    path.write_bytes(path.read_bytes()[:end])
    return path


@pytest.mark.parametrize("offset", [0, 5, 40])
@pytest.mark.parametrize("read", [page_count, read_image, lambda path: list(read_pages(path))])
def test_a_stack_cut_at_a_page_is_refused(tmp_path: Path, offset: int, read) -> None:
    found = refused(cut_stack(tmp_path / "a.tif", 3, offset), read).found
    assert "damaged" in found


def test_a_stack_cut_at_a_page_says_how_many_are_left(tmp_path: Path) -> None:
    assert "after 3 pages" in refused(cut_stack(tmp_path / "a.tif", 3), page_count).found


def test_metadata_that_promise_more_pages_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, metadata={"axes": "TYX"}, truncate=True)
    error = refused(tmp_path / "a.tif", page_count)
    assert (error.found, error.expected) == ("1 pages", "5 as its metadata say")


def test_a_huge_page_is_refused_before_memory_is_taken(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 4), np.uint8), compression="zlib", metadata=None)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        for name in ("ImageWidth", "ImageLength"):
            tag = file.pages[0].tags[name]
            size = 2 if tag.dtype == tifffile.DATATYPE.SHORT else 4
            content[tag.valueoffset : tag.valueoffset + size] = b"\xff" * (size - 1) + b"\x7f"
    path.write_bytes(content)
    monkeypatch.setattr(damage, "MAX_PAGE_BYTES", 2**20)
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda *_, **__: pytest.fail("decoded"))
    error = refused(path)
    assert "bytes" in error.found and error.expected == "at most 1,048,576 bytes a page"


def test_a_small_file_that_claims_many_raw_pixels_is_refused(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 4), np.uint8), metadata=None)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags["ImageLength"]
    content[tag.valueoffset : tag.valueoffset + 2] = b"\x00\x10"
    path.write_bytes(content)
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda *_, **__: pytest.fail("decoded"))
    assert "bytes" in refused(path).found


def test_a_missing_codec_comes_with_the_command_that_installs_it(tmp_path, monkeypatch) -> None:
    write_tiff(tmp_path / "a.tif", PICTURE.astype(np.uint8))

    def asarray(*_, **__):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", asarray)
    assert refused(tmp_path / "a.tif").remedy.startswith("python -m pip install imagecodecs")


@pytest.mark.parametrize("samples", [3, 4])
def test_colours_are_refused(tmp_path: Path, samples: int) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8, samples), np.uint8), photometric="rgb")
    assert f"{samples} colour samples" in refused(tmp_path / "a.tif", page_count).found
    assert "grey scale" in refused(tmp_path / "a.tif").remedy


@pytest.mark.parametrize("axes", ["CYX", "ZYX"])
def test_channels_and_planes_are_never_taken_for_time(tmp_path: Path, axes: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": axes})
    error = refused(tmp_path / "a.tif", page_count)
    assert axes in error.found and error.expected == "YX or TYX" and "ImageJ" in error.remedy


def test_several_series_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(np.zeros((8, 8), np.uint8))
        writer.write(np.zeros((9, 9), np.uint8))
    assert refused(tmp_path / "a.tif", page_count).found == "2 series"


def test_a_page_beyond_the_last_is_refused(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", PICTURE.astype(np.uint8))
    with pytest.raises(TiffError, match="1 pages; expected page 1"):
        read_image(tmp_path / "a.tif", page=1)


def test_errors_cross_processes(tmp_path: Path) -> None:
    error = refused(tmp_path / "a.tif")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.found) == (str(error), error.found)


def test_reading_leaves_the_log_of_tifffile_as_it_was(tmp_path: Path) -> None:
    log = logging.getLogger("tifffile")
    before = (log.propagate, list(log.handlers))
    refused(cut_stack(tmp_path / "a.tif", 3))
    next(read_pages(tmp_path / "a.tif"))  # closed before its end
    assert (log.propagate, list(log.handlers)) == before


def test_an_exception_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_replaces_the_old_one_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_text("old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_keeps_the_old_picture(tmp_path: Path, monkeypatch) -> None:
    write_tiff(tmp_path / "a.tif", PICTURE.astype(np.uint8))

    def imwrite(path: Path, *_, **__) -> None:
        path.write_bytes(b"II*\0")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", imwrite)
    with pytest.raises(OSError, match="No space"):
        write_tiff(tmp_path / "a.tif", PICTURE.astype(np.uint16))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), PICTURE)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.name == "nt", reason="no umask on Windows")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_rights_follow_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_tiff(tmp_path / "a.tif", PICTURE.astype(np.uint8))
    finally:
        os.umask(before)
    assert (tmp_path / "a.tif").stat().st_mode & 0o777 == mode
