"""PNG wherever a TIFF is read: grey of 8 and 16 bits, labels of any kind, damage with its name."""

from math import isnan
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preprocess import png
from preprocess.check import check_data, list_frames
from preprocess.frames import read_cells, read_recorded
from preprocess.header import Selection
from preprocess.tiff import (
    TiffError,
    read_header,
    read_image,
    read_label,
    read_pages,
    read_pixel_size,
    write_tiff,
)

FRAME = np.random.default_rng(0).permutation(96).reshape(8, 12)
LABEL = np.zeros((8, 12), np.uint16)
LABEL[1:4, 1:4], LABEL[5:, 5:9] = 1, 300
COLOURS = np.stack([FRAME, FRAME[::-1], FRAME[:, ::-1], FRAME], axis=-1).astype(np.uint8)


def put(path: Path, array: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, format="PNG", **options)
    return path


def refused(path: Path, read=read_image, *arguments: object) -> TiffError:
    with pytest.raises(TiffError) as caught:
        read(path, *arguments)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_an_image_comes_back_as_it_was(tmp_path: Path, dtype: str) -> None:
    path = put(tmp_path / "a.png", (FRAME * (600 if dtype == "uint16" else 1)).astype(dtype))
    assert read_image(path).dtype == dtype
    np.testing.assert_array_equal(read_image(path), FRAME * (600 if dtype == "uint16" else 1))
    np.testing.assert_array_equal(list(read_pages(path)), [read_image(path)])
    assert read_header(path).pages == 1 and read_header(path).shape == (8, 12)


def test_labels_keep_their_ids(tmp_path: Path) -> None:
    found = read_label(put(tmp_path / "a.png", LABEL))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, LABEL)
    np.testing.assert_array_equal(read_label(put(tmp_path / "b.png", LABEL > 0)), LABEL > 0)


def test_a_palette_is_refused_for_images_and_ignored_for_labels(tmp_path: Path) -> None:
    picture = Image.fromarray((LABEL % 255).astype(np.uint8), mode="L").convert("P")
    picture.putpalette(np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes())
    picture.save(tmp_path / "a.png")
    assert "palette" in refused(tmp_path / "a.png").found
    np.testing.assert_array_equal(read_label(tmp_path / "a.png"), LABEL % 255)


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_one_colour_of_a_picture(tmp_path: Path, samples: int) -> None:
    path = put(tmp_path / "a.png", COLOURS[..., :samples])
    error = refused(path)
    assert error.found == f"{samples} colour samples a pixel"
    assert error.remedy.startswith(f"set channel (0 to {samples - 1})")
    np.testing.assert_array_equal(read_image(path, 0, Selection(channel=1)), COLOURS[..., 1])
    assert "0 to" in refused(path, read_image, 0, Selection(channel=samples)).remedy


def test_a_channel_or_series_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "a.png", FRAME.astype(np.uint8))
    np.testing.assert_array_equal(read_image(path, 0, Selection(0, 0)), FRAME)
    assert "channel at -1" in refused(path, read_image, 0, Selection(channel=1)).remedy
    assert "series at -1" in refused(path, read_image, 0, Selection(series=1)).remedy


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "zero bytes"),
        (b"II*\0\x08\0\0\0", "not a PNG but a TIFF image"),
        (b"\n<!DOCTYPE html><title>404", "not a PNG but an HTML page"),
        (b"\x89PNG\r\n\x1a\n\0\0", "damaged (no header)"),
    ],
)
def test_another_type_under_the_name_of_a_png(tmp_path: Path, content: bytes, found: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert refused(tmp_path / "a.png").found == found
    assert refused(tmp_path / "a.png", read_header).found == found


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "a.png").found == "no such file"


def test_damage_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    whole = put(tmp_path / "a.png", noise).read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    assert "damaged" in refused(tmp_path / "a.png").found
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    (tmp_path / "a.png").write_bytes(flipped)
    assert "damaged" in refused(tmp_path / "a.png").found


def test_a_huge_picture_is_refused_before_memory_is_taken(tmp_path: Path, monkeypatch) -> None:
    path = put(tmp_path / "a.png", FRAME.astype(np.uint8))
    monkeypatch.setattr(png.Image, "MAX_IMAGE_PIXELS", 95)
    monkeypatch.setattr(png.Image, "open", lambda *_, **__: pytest.fail("decoded"))
    assert refused(path).expected == "at most 95 pixels in a PNG"


def test_pixel_size(tmp_path: Path) -> None:
    frame = FRAME.astype(np.uint8)
    sharp = put(tmp_path / "a.png", frame, dpi=(25_400 / 0.5,) * 2)
    assert read_pixel_size(sharp) == pytest.approx(0.5, rel=1e-4)
    assert isnan(read_pixel_size(put(tmp_path / "b.png", frame, dpi=(72, 72))))
    assert isnan(read_pixel_size(put(tmp_path / "c.png", frame)))


def test_a_data_set_of_png_and_tiff(tmp_path: Path) -> None:
    put(tmp_path / "train/images/a.png", FRAME.astype(np.uint16))
    put(tmp_path / "train/labels/a.png", LABEL)
    put(tmp_path / "train/images/b.PNG", FRAME[::-1, ::2].astype(np.uint8))
    write_tiff(tmp_path / "train/labels/b.tif", LABEL[::-1, ::2])
    write_tiff(tmp_path / "train/images/c.tif", FRAME[:, ::3].astype(np.uint8))
    put(tmp_path / "train/labels/c.png", LABEL[:, ::3])
    put(tmp_path / "train/borders/a.png", LABEL == 300)
    assert check_data(tmp_path, train=True).empty
    frames = list_frames(tmp_path)
    assert list(frames["name"]) == ["a", "b", "c"]
    np.testing.assert_array_equal(read_recorded(frames.iloc[0]), FRAME)
    np.testing.assert_array_equal(read_cells(frames.iloc[2])[0], LABEL[:, ::3])


def test_one_name_as_png_and_tiff_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "a.png", FRAME.astype(np.uint8))
    write_tiff(tmp_path / "a.tif", FRAME[::-1, ::2].astype(np.uint8))
    (finding,) = check_data(tmp_path, train=False).itertuples()
    assert (finding.file, finding.found) == ("a.png", "the same name as a.tif")


def test_damaged_png_are_listed_by_the_check(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"<html>")
    findings = check_data(tmp_path, train=False)
    assert list(findings["file"]) == ["a.png", "b.png"]
    assert set(findings["severity"]) == {"error"}
