"""Cases 1 to 13: folders and files."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from preprocess.check import list_frames
from preprocess.tiff import write_tiff
from tests.small_frames import LABEL, picture, put

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


@pytest.mark.parametrize("there", [False, True])
def test_case_01_missing_or_empty_folder(tmp_path: Path, check, there: bool) -> None:
    """The input folder is missing or empty.

    One line with the name of the parameter, the absolute path and what is expected there; of a
    folder with other files, what it holds instead.
    """
    folder = tmp_path / "frames"
    if there:
        folder.mkdir()
    answer = check(folder)
    assert answer.code == 1 and answer.err.count("\n") == 1
    assert answer.err.startswith(f"DataError: data: {folder} ")
    assert ("has no frames; expected .tif" if there else "does not exist") in answer.err


def test_case_01_a_folder_of_other_images_or_a_file(tmp_path: Path, check) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").touch()
    assert check(tmp_path / "images", "--run", tmp_path / "run").err.endswith("found 1 .jpg\n")
    assert "is a file; give the folder" in check(put(tmp_path / "a.tif", picture(0))).err


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_case_02_zero_bytes(data: Path, check, kind: str) -> None:
    """A file has zero bytes.

    Refused; the file is named.
    """
    (data / f"train/{kind}/t1.tif").write_bytes(b"")
    check(data).refused(f"train/{kind}/t1.tif", "zero bytes", "a TIFF file", "copy or export")


@pytest.mark.parametrize(
    ("header", "kind"),
    [(b"\x89PNG\r\n\x1a\n", "a PNG image"), (b"<!DOCTYPE html><title>404", "an HTML page")],
)
def test_case_03_not_a_tiff(data: Path, check, header: bytes, kind: str) -> None:
    """A file ends in .tif and is something else, such as a PNG image or an HTML page.

    Refused; the real type is guessed from its first bytes.
    """
    (data / "test/images/s1.tif").write_bytes(header)
    check(data).refused("test/images/s1.tif", f"not a TIFF but {kind}", "save it as TIFF")


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_case_04_truncated(data: Path, check, compression: str | None) -> None:
    """A file of one page is cut off, as by an interrupted copy.

    Refused, with the bytes found and expected.
    """
    path = put(data / "test/images/s1.tif", RAMP, compression=compression)
    path.write_bytes(path.read_bytes()[:-10])
    check(data).refused("test/images/s1.tif", "cut off at", " bytes", "copy or export it again")


def test_case_05_stack_cut_at_a_page(data: Path, check) -> None:
    """A stack is cut off at the border of a page, which the TIFF library only logs.

    Refused, with the number of pages that are left; also where its label has fewer pages.
    """
    path = data / "test/images/movie.tif"
    with tifffile.TiffWriter(path) as writer:
        for seed in range(20, 25):
            writer.write(picture(seed), contiguous=False, metadata=None)
    with tifffile.TiffFile(path) as file:
        end = file.pages[3].offset
    path.write_bytes(path.read_bytes()[:end])
    assert len(list_frames(data)) == 5
    check(data).refused("test/images/movie.tif", "damaged or cut off after 3 pages")


def test_case_05_label_stack_shorter_than_its_image(data: Path, check) -> None:
    stack = np.stack([picture(seed) for seed in range(20, 23)])
    put(data / "train/images/movie.tif", stack, metadata={"axes": "TYX"})
    put(data / "train/labels/movie.tif", np.stack([LABEL, LABEL]), metadata={"axes": "TYX"})
    check(data).refused("train/labels/movie.tif", "2 pages", "3 pages")


def test_case_06_corrupt_strip(data: Path, check) -> None:
    """The compressed pixels are damaged.

    Refused where the compression notices (deflate does). LZW and uncompressed pixels hold no
    checksum: what is changed there without a trace cannot be told.
    """
    path = data / "test/images/s1.tif"
    write_tiff(path, RAMP)
    with tifffile.TiffFile(path) as file:
        start = file.pages[0].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[start + 20 : start + 60] = b"\xff" * 40
    path.write_bytes(content)
    check(data).refused("test/images/s1.tif", "damaged", "a whole TIFF file")


def test_case_07_missing_codec(data: Path, check, monkeypatch) -> None:
    """A file is compressed in a way that needs imagecodecs, and that is not installed.

    Refused, with the command that installs it.
    """

    def asarray(*_, **__):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", asarray)
    check(data).refused("test/images/s1.tif", "python -m pip install imagecodecs", "uncompressed")


@pytest.mark.parametrize(
    ("length", "said"), [(2**31, "at most 4,294,967,296 bytes a page"), (2**18, " bytes, out of ")]
)
def test_case_08_header_bomb(data: Path, check, monkeypatch, length: int, said: str) -> None:
    """A small file claims a huge picture.

    Refused by what its header says, before memory is taken for it.
    """
    path = put(data / "test/images/s1.tif", np.zeros((64, 4096), np.uint16), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        for tag in ("ImageLength", "RowsPerStrip"):
            file.pages[0].tags[tag].overwrite(length, dtype="I")
    decoded = tifffile.TiffPage.asarray

    def asarray(page, *arguments, **options):
        assert page.nbytes < 2**20, "memory was taken"
        return decoded(page, *arguments, **options)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", asarray)
    check(data).refused("test/images/s1.tif", said)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_case_09_image_without_label(data: Path, check, split: str) -> None:
    """An image to train or validate on has no label.

    Refused, with the label file that is missing. Images of the test split need none.
    """
    put(data / f"{split}/images/x.tif", picture(20))
    check(data).refused(f"{split}/images/x.tif", "no label", f"{split}/labels/x.tif", "draw its")


def test_case_10_label_or_border_without_image(data: Path, check) -> None:
    """A label or border has no image.

    Warned; it is not used.
    """
    put(data / "train/labels/x.tif", LABEL)
    put(data / "train/borders/y.tif", LABEL)
    answer = check(data)
    answer.warned("train/labels/x.tif", "a label without image", "train/images/x.tif", "add the")
    answer.warned("train/borders/y.tif", "a border without image", "train/images/y.tif")


@pytest.mark.parametrize("twin", ["t1.tiff", "T1.tif"])
def test_case_11_same_stem_twice(data: Path, check, twin: str) -> None:
    """Two files differ only in their ending, or in capitals.

    Refused; both are named.
    """
    put(data / "train/images" / twin, picture(20))
    put(data / "train/labels/T1.tif", LABEL) if twin == "T1.tif" else None
    check(data).refused("train/images/", "the same name as", twin, "t1.tif", "rename all but one")


def test_case_11_a_page_named_like_another_file(tmp_path: Path, check) -> None:
    folder = tmp_path / "frames"
    put(folder / "a.tif", np.stack([picture(0), picture(1)]), metadata={"axes": "TYX"})
    put(folder / "a_0001.tif", picture(2))
    check(folder).refused("a.tif", "the frame name of a_0001.tif", "rename one of the files")


def test_case_12_hidden_and_foreign_files(data: Path, check) -> None:
    """Hidden files, other endings or subfolders lie among the images.

    Ignored; warned with their number and the first names.
    """
    images = data / "train/images"
    for name in (".DS_Store", "._t1.tif", "Thumbs.db", "notes.txt"):
        (images / name).write_text("junk")
    put(images / "subfolder" / "t3.tif", picture(20))
    assert len(list_frames(data)) == 4
    check(data).warned("train/images", "5 others: ", "they are ignored")


def test_case_13_names_are_in_natural_order(tmp_path: Path, check) -> None:
    """Names sort as t1, t10, t2.

    They are taken in natural order: t1, t2, t10.
    """
    for number in (1, 10, 2):
        put(tmp_path / f"frames/t{number}.tif", picture(number))
    check(tmp_path / "frames").accepted()
    frames = list_frames(tmp_path / "frames")
    assert list(frames["name"]) == ["t1", "t2", "t10"] and list(frames["t"]) == [0, 1, 2]
