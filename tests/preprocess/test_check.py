"""One data set that is fit to train on, and every fault that makes it unfit or doubtful."""

import time
from math import isnan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from preprocess import damage
from preprocess.check import DataError, check_data, list_frames, require_fit
from preprocess.faults import symmetric_hash
from preprocess.labels import IGNORE
from preprocess.listing import COLUMNS
from preprocess.tiff import write_tiff

LABEL = np.array([
    [0, 0, 0, 0, 0, 0],
    [0, 1, 1, 0, 0, 0],
    [0, 1, 1, 0, 2, 0],
    [0, 0, 0, 0, 2, 0],
], np.uint16)  # fmt: skip


def picture(seed: int) -> np.ndarray:
    """A frame of 4 x 6 pixels, all of different brightness."""
    return np.random.default_rng(seed).permutation(24).reshape(4, 6).astype(np.uint16)


def put(path: Path, array: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unless told, tifffile takes three or four pages for colours.
    tifffile.imwrite(path, array, **{"photometric": "minisblack", **options})
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two labelled training frames, a labelled validation frame and an unlabelled test frame."""
    root = tmp_path / "frames"
    for seed, name in enumerate(("train/{}/t1", "train/{}/t2", "validation/{}/v1")):
        put(root / f"{name.format('images')}.tif", picture(seed))
        put(root / f"{name.format('labels')}.tif", LABEL)
    put(root / "test/images/s1.tif", picture(9))
    return root


def only_finding(data: Path, severity: str, file: str, train: bool = True) -> pd.Series:
    """The one row of the table, after its severity and file were compared."""
    findings = check_data(data, train=train)
    assert len(findings) == 1, findings.to_string()
    row = findings.iloc[0]
    assert (row["severity"], row["file"]) == (severity, file)
    assert row["found"] and row["expected"] and row["remedy"]
    return row


def test_fit_data_have_no_findings(data: Path) -> None:
    findings = check_data(data, train=True)
    assert list(findings.columns) == ["severity", "file", "found", "expected", "remedy"]
    assert findings.empty
    require_fit(findings)


# ---- what is listed


def test_frames_are_listed_with_their_labels(data: Path) -> None:
    frames = list_frames(data)
    assert list(frames.columns) == list(COLUMNS)
    assert list(frames["split"]) == ["train", "train", "validation", "test"]
    assert list(frames["name"]) == ["t1", "t2", "v1", "s1"]
    assert frames["image"][0] == str(data / "train/images/t1.tif")
    assert list(frames["label"])[2:] == [str(data / "validation/labels/v1.tif"), ""]
    assert list(frames["border"]) == list(frames["sequence"]) == [""] * 4
    assert list(frames["t"]) == [0, 1, 0, 0] and list(frames["page"]) == [0] * 4
    assert frames[["pixel_size_um", "interval_s"]].isna().all(axis=None)


def test_case_13_names_are_in_natural_order(tmp_path: Path) -> None:
    for number in (1, 10, 2):
        put(tmp_path / f"t{number}.tif", picture(number))
    frames = list_frames(tmp_path)
    assert list(frames["name"]) == ["t1", "t2", "t10"]
    assert list(frames["t"]) == [0, 1, 2]


@pytest.mark.parametrize("folder", ["", "images"])
def test_a_folder_of_frames_alone_is_a_test_set(tmp_path: Path, folder: str) -> None:
    put(tmp_path / folder / "a.TIF", picture(0))
    frames = list_frames(tmp_path)
    assert list(frames[["split", "name", "label"]].iloc[0]) == ["test", "a", ""]
    assert check_data(tmp_path, train=False).empty


def test_pages_of_a_stack_are_frames_in_time(tmp_path: Path) -> None:
    stack = np.stack([picture(seed) for seed in range(3)])
    put(tmp_path / "movie.tif", stack, metadata={"axes": "TYX"})
    frames = list_frames(tmp_path)
    assert list(frames["name"]) == ["movie_0000", "movie_0001", "movie_0002"]
    assert list(frames["page"]) == list(frames["t"]) == [0, 1, 2]
    assert check_data(tmp_path, train=False).empty


def test_borders_are_listed(data: Path) -> None:
    border = put(data / "train/borders/t2.tif", LABEL * 255)
    assert list(list_frames(data)["border"]) == ["", str(border), "", ""]
    assert check_data(data, train=True).empty


def test_pixel_size_comes_from_the_file(data: Path) -> None:
    write_tiff(data / "test/images/s1.tif", picture(9), pixel_size_um=0.5)
    assert list_frames(data)["pixel_size_um"][3] == pytest.approx(0.5)


def test_frames_csv_says_what_names_do_not(data: Path) -> None:
    write_tiff(data / "test/images/s1.tif", picture(9), pixel_size_um=0.5)
    (data / "frames.csv").write_text(
        "file,page,split,sequence,t,pixel_size_um,interval_s\n"
        "test/images/s1.tif,0,test,dish 1,7,0.871,600\n"
        "train\\images\\t2.tif,,,dish 2,,,\n"
    )
    frames = list_frames(data).set_index("name")
    told = frames.loc["s1", ["sequence", "t", "pixel_size_um", "interval_s"]]
    assert list(told) == ["dish 1", 7, 0.871, 600.0]
    assert (frames.loc["t2", "sequence"], frames.loc["t2", "t"]) == ("dish 2", 1)
    assert isnan(frames.loc["t2", "pixel_size_um"])
    assert check_data(data, train=True).empty


def test_a_row_without_page_holds_for_the_whole_stack(tmp_path: Path) -> None:
    put(tmp_path / "movie.tif", np.stack([picture(0), picture(1)]), metadata={"axes": "TYX"})
    (tmp_path / "frames.csv").write_text("file,sequence,t,interval_s\nmovie.tif,dish,5,600\n")
    frames = list_frames(tmp_path)
    assert list(frames["sequence"]) == ["dish", "dish"]
    assert list(frames["t"]) == [5, 6]
    assert list(frames["interval_s"]) == [600.0, 600.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,t\na.tif,1\n", "columns name, t; expected file"),
        ("file,t\na.tif,first\n", "line 2: t is first, expected a whole number"),
        ("file,t\na.tif,1.5\n", "line 2: t is 1.5, expected a whole number"),
        ("file,interval_s\na.tif,0\n", "line 2: interval_s is 0, expected a number above 0"),
        ("file,page\na.tif,0\na.tif,0\n", "page 0 of a.tif twice"),
        ("", "is not a table"),
    ],
)
def test_an_unreadable_frames_csv_is_refused(data: Path, text: str, message: str) -> None:
    (data / "frames.csv").write_text(text)
    with pytest.raises(DataError, match=f"^data: {data / 'frames.csv'}.*{message}"):
        list_frames(data)


@pytest.mark.parametrize(
    ("row", "severity", "found"),
    [
        ("train/images/t9.tif,,", "warning", "train/images/t9.tif"),
        ("train/images/t1.tif,,test", "error", "train/images/t1.tif in split test"),
    ],
)
def test_frames_csv_that_contradicts_the_files(data, row, severity, found) -> None:
    (data / "frames.csv").write_text(f"file,page,split\n{row}\n")
    assert only_finding(data, severity, "frames.csv")["found"] == found


# ---- faults, by their number in the table of faults


@pytest.mark.parametrize("there", [False, True])
def test_case_01_folder_missing_or_empty(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "frames"
    if there:
        folder.mkdir()
    for use in (list_frames, lambda data: check_data(data, train=True)):
        with pytest.raises(DataError) as caught:
            use(folder)
        message = str(caught.value)
        assert message.startswith(f"data: {folder} ") and "\n" not in message


def test_case_01_a_folder_of_other_images_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").touch()
    with pytest.raises(DataError, match=r"has no frames; .* found 1 \.jpg$"):
        list_frames(tmp_path)


def test_case_01_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a file; give the folder"):
        list_frames(put(tmp_path / "a.tif", picture(0)))


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_case_02_zero_bytes(data: Path, kind: str) -> None:
    (data / f"train/{kind}/t1.tif").write_bytes(b"")
    assert only_finding(data, "error", f"train/{kind}/t1.tif")["found"] == "zero bytes"


def test_case_03_not_a_tiff(data: Path) -> None:
    (data / "test/images/s1.tif").write_bytes(b"\x89PNG\r\n\x1a\n")
    row = only_finding(data, "error", "test/images/s1.tif")
    assert row["found"] == "not a TIFF but a PNG image"


def test_case_04_truncated(data: Path) -> None:
    path = data / "train/images/t2.tif"
    path.write_bytes(path.read_bytes()[:-10])
    assert "cut off" in only_finding(data, "error", "train/images/t2.tif")["found"]


def test_case_05_stack_cut_at_a_page(data: Path) -> None:
    path = data / "test/images/movie.tif"
    with tifffile.TiffWriter(path) as writer:
        for seed in range(20, 25):
            writer.write(picture(seed), contiguous=False, metadata=None)
    with tifffile.TiffFile(path) as file:
        end = file.pages[3].offset
    path.write_bytes(path.read_bytes()[:end])
    assert len(list_frames(data)) == 5
    assert "after 3 pages" in only_finding(data, "error", "test/images/movie.tif")["found"]


def test_case_05_label_stack_shorter_than_its_image(data: Path) -> None:
    stack = np.stack([picture(seed) for seed in range(20, 23)])
    put(data / "train/images/movie.tif", stack, metadata={"axes": "TYX"})
    put(data / "train/labels/movie.tif", np.stack([LABEL, LABEL]), metadata={"axes": "TYX"})
    row = only_finding(data, "error", "train/labels/movie.tif")
    assert (row["found"], row["expected"]) == ("2 pages", "3 pages")


def test_case_06_corrupt_strip(data: Path) -> None:
    path = data / "test/images/s1.tif"
    write_tiff(path, np.arange(4096, dtype=np.uint16).reshape(64, 64))
    with tifffile.TiffFile(path) as file:
        start = file.pages[0].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[start + 20 : start + 60] = b"\xff" * 40
    path.write_bytes(content)
    assert "damaged" in only_finding(data, "error", "test/images/s1.tif")["found"]


def test_case_08_header_bomb(data: Path, monkeypatch) -> None:
    monkeypatch.setattr(damage, "MAX_PAGE_BYTES", 1000)
    put(data / "test/images/s1.tif", np.zeros((40, 60), np.uint16), compression="zlib")
    row = only_finding(data, "error", "test/images/s1.tif")
    assert row["expected"] == "at most 1,000 bytes a page"


@pytest.mark.parametrize("split", ["train", "validation"])
def test_case_09_image_without_label(data: Path, split: str) -> None:
    put(data / f"{split}/images/x.tif", picture(20))
    row = only_finding(data, "error", f"{split}/images/x.tif")
    assert (row["found"], row["expected"]) == ("no label", f"{split}/labels/x.tif")
    assert check_data(data, train=False).empty


def test_case_10_label_or_border_without_image(data: Path) -> None:
    put(data / "train/labels/x.tif", LABEL)
    put(data / "train/borders/y.tif", LABEL)
    findings = check_data(data, train=True)
    assert list(findings["severity"]) == ["warning", "warning"]
    assert list(findings["file"]) == ["train/borders/y.tif", "train/labels/x.tif"]
    assert list(findings["expected"]) == ["train/images/y.tif", "train/images/x.tif"]


@pytest.mark.parametrize("twin", ["t1.tiff", "T1.tif"])
def test_case_11_same_stem_twice(data: Path, twin: str) -> None:
    put(data / "train/images" / twin, picture(20))
    put(data / "train/labels/T1.tif", LABEL) if twin == "T1.tif" else None
    findings = check_data(data, train=True)
    assert set(findings["severity"]) == {"error"}
    images = findings[findings["file"].str.startswith("train/images")].iloc[0]
    assert {Path(images["file"]).name, images["found"].split()[-1]} == {"t1.tif", twin}


def test_case_11_a_page_named_like_another_file(tmp_path: Path) -> None:
    put(tmp_path / "a.tif", np.stack([picture(0), picture(1)]), metadata={"axes": "TYX"})
    put(tmp_path / "a_0001.tif", picture(2))
    row = only_finding(tmp_path, "error", "a.tif", train=False)
    assert row["found"] == "the frame name of a_0001.tif"


def test_case_12_junk_is_ignored_and_counted(data: Path) -> None:
    images = data / "train/images"
    for name in (".DS_Store", "._t1.tif", "Thumbs.db", "notes.txt"):
        (images / name).write_text("junk")
    put(images / "subfolder" / "t3.tif", picture(20))
    assert len(list_frames(data)) == 4
    row = only_finding(data, "warning", "train/images")
    assert row["found"].startswith("5 others: ")


def test_frames_beside_the_folders_that_are_read(data: Path) -> None:
    put(data / "loose.tif", picture(20))
    put(data / "test/loose.tif", picture(21))
    findings = check_data(data, train=True)
    assert list(findings["severity"]) == ["warning", "warning"]
    assert list(findings["file"]) == [".", "test"]


def test_labels_beside_a_folder_of_frames_alone(tmp_path: Path) -> None:
    put(tmp_path / "images/a.tif", picture(0))
    put(tmp_path / "labels/a.tif", LABEL)
    row = only_finding(tmp_path, "warning", "labels", train=False)
    assert row["found"] == "1 others: a.tif"


@pytest.mark.parametrize("kind", ["labels", "borders"])
def test_case_14_shape_differs(data: Path, kind: str) -> None:
    put(data / f"train/{kind}/t1.tif", LABEL[:, :5] if kind == "labels" else LABEL[:3])
    row = only_finding(data, "error", f"train/{kind}/t1.tif")
    shape = "(4, 5)" if kind == "labels" else "(3, 6)"
    assert (row["found"], row["expected"]) == (f"shape {shape}", "(4, 6) as t1.tif")
    assert "transposed" not in row["remedy"]


def test_case_15_transposed(data: Path) -> None:
    put(data / "train/labels/t1.tif", LABEL.T)
    assert "transposed?" in only_finding(data, "error", "train/labels/t1.tif")["remedy"]


@pytest.mark.parametrize("samples", [3, 4])
def test_case_16_colours(data: Path, samples: int) -> None:
    colours = np.stack([picture(9)] * samples, axis=-1).astype(np.uint8)
    put(data / "test/images/s1.tif", colours, photometric="rgb")
    assert f"{samples} colour" in only_finding(data, "error", "test/images/s1.tif")["found"]


def test_case_17_axes_unknown_until_frames_csv_lists_the_stack(data: Path) -> None:
    stack = np.stack([picture(seed) for seed in range(20, 23)])
    put(data / "test/images/movie.tif", stack, metadata=None)
    row = only_finding(data, "error", "test/images/movie.tif")
    assert row["found"].startswith("3 pages, unsaid")
    (data / "frames.csv").write_text("file\ntest/images/movie.tif\n")
    assert check_data(data, train=True).empty


@pytest.mark.parametrize(("axes", "shape"), [("TCYX", (3, 2, 4, 6)), ("ZYX", (5, 4, 6))])
def test_case_18_channels_and_planes(data: Path, axes: str, shape: tuple) -> None:
    stack = np.zeros(shape, np.uint16)
    put(data / "test/images/s1.tif", stack, imagej=True, metadata={"axes": axes})
    assert f"axes {axes}" in only_finding(data, "error", "test/images/s1.tif")["found"]


def test_case_19_several_series(data: Path) -> None:
    with tifffile.TiffWriter(data / "test/images/s1.tif") as writer:
        writer.write(picture(20))
        writer.write(np.zeros((9, 9), np.uint8))
    assert only_finding(data, "error", "test/images/s1.tif")["found"] == "2 series"


def test_case_20_palette(data: Path) -> None:
    colours = np.zeros((3, 256), np.uint16)
    pixels = picture(9).astype(np.uint8)
    put(data / "test/images/s1.tif", pixels, photometric="palette", colormap=colours)
    assert "palette" in only_finding(data, "error", "test/images/s1.tif")["found"]


def test_case_20_white_is_zero(data: Path) -> None:
    put(data / "test/images/s1.tif", picture(9), photometric="miniswhite")
    assert "inverted" in only_finding(data, "warning", "test/images/s1.tif")["remedy"]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64", ">u2"])
def test_case_21_every_dtype_is_accepted(data: Path, dtype: str) -> None:
    put(data / "test/images/s1.tif", picture(9).astype(dtype))
    assert check_data(data, train=True).empty


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_case_23_nan_and_infinite_pixels(data: Path, value: float) -> None:
    image = picture(9).astype(np.float32)
    image[2, 5] = image[3, 0] = value
    put(data / "test/images/s1.tif", image)
    found = only_finding(data, "error", "test/images/s1.tif")["found"]
    assert found == "2 NaN or infinite pixels, the first in row 2, column 5"


def test_case_23_faults_of_several_pages_stand_in_one_row(data: Path) -> None:
    stack = np.stack([picture(seed) for seed in range(20, 24)]).astype(np.float32)
    stack[1, 0, 0] = stack[2, 1, 1] = stack[3, 0, 0] = np.nan
    put(data / "test/images/movie.tif", stack, metadata={"axes": "TYX"})
    found = only_finding(data, "error", "test/images/movie.tif")["found"]
    assert found.startswith("page 1: 1 NaN") and found.endswith("(and 2 more pages)")


@pytest.mark.parametrize("top", [65_535, 4_095])
def test_case_24_saturated(data: Path, top: int) -> None:
    image = np.arange(400, dtype=np.uint16).reshape(20, 20)
    image.flat[:8] = top
    put(data / "test/images/s1.tif", image)
    found = only_finding(data, "warning", "test/images/s1.tif")["found"]
    assert found == f"2.0% of the pixels at the highest value, {top}"


def test_case_24_negative_values_are_no_fault(data: Path) -> None:
    put(data / "test/images/s1.tif", picture(9).astype(np.float32) - 100)
    assert check_data(data, train=True).empty


def test_case_25_constant(data: Path) -> None:
    for name in ("test/images/s1.tif", "train/images/t1.tif"):  # no leak: there is no picture
        put(data / name, np.full((4, 6), 7, np.uint16))
    findings = check_data(data, train=True)
    assert list(findings["severity"]) == ["warning", "warning"]
    assert list(findings["found"]) == ["every pixel is 7"] * 2


def test_case_26_all_background(data: Path) -> None:
    put(data / "train/labels/t1.tif", np.zeros((4, 6), np.uint8))
    assert only_finding(data, "warning", "train/labels/t1.tif")["found"] == "all background"


@pytest.mark.parametrize("value", [0, IGNORE])
def test_case_26_all_training_labels_are_background(data: Path, value: int) -> None:
    for name in ("t1", "t2"):
        put(data / f"train/labels/{name}.tif", np.full((4, 6), value, np.uint16))
    findings = check_data(data, train=True)
    errors = findings[findings["severity"] == "error"]
    assert list(errors["file"]) == ["train/labels"]
    assert errors["found"].iloc[0] == "no cell in any training label"


@pytest.mark.parametrize("background", [1, IGNORE])
def test_case_27_all_foreground(data: Path, background: int) -> None:
    label = np.where(LABEL == 0, background, 1).astype(np.uint16)
    put(data / "train/labels/t1.tif", label)
    assert only_finding(data, "warning", "train/labels/t1.tif")["found"] == "no background"


@pytest.mark.parametrize("scale", [1, 255, 1.0])
def test_case_28_binary_labels_are_accepted(data: Path, scale: float) -> None:
    put(data / "train/labels/t1.tif", ((LABEL > 0) * scale).astype(np.uint8))
    put(data / "train/labels/t2.tif", ((LABEL > 0) * scale).astype(np.float32))
    assert check_data(data, train=True).empty


def test_case_28_fractional_label(data: Path) -> None:
    put(data / "train/labels/t1.tif", (LABEL / 2).astype(np.float32))
    row = only_finding(data, "error", "train/labels/t1.tif")
    assert "no ids (from 0.0 to 1.0)" in row["found"] and "interpolation" in row["remedy"]


def test_case_29_many_ids_and_large_ones(data: Path) -> None:
    label = LABEL.astype(np.uint32)
    label[3, 5], label[0, 0] = 70_000, 2_000_000_000
    put(data / "train/labels/t1.tif", label)
    assert check_data(data, train=True).empty


def test_case_30_one_id_in_several_pieces(data: Path) -> None:
    label = LABEL.copy()
    label[0, 5] = 1
    put(data / "train/labels/t1.tif", label)
    found = only_finding(data, "warning", "train/labels/t1.tif")["found"]
    assert found == "1 ids in several pieces (first: 1)"


def test_case_30_a_speck_and_a_corner_are_no_second_piece(data: Path) -> None:
    label = np.zeros((20, 20), np.uint8)
    label[2:8, 2:8], label[8, 8], label[0, 15], label[15, 15] = 1, 1, 1, 2
    put(data / "train/images/t1.tif", np.arange(400, dtype=np.uint16).reshape(20, 20))
    put(data / "train/labels/t1.tif", label)
    assert check_data(data, train=True).empty


def test_partly_annotated_frames_are_accepted(data: Path) -> None:
    label = LABEL.copy()
    label[:, 4:] = IGNORE
    put(data / "train/labels/t1.tif", label)
    assert check_data(data, train=True).empty


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (3, 5)])
def test_case_31_small_and_odd_frames(data: Path, shape: tuple[int, int]) -> None:
    put(data / "test/images/s1.tif", np.arange(np.prod(shape), dtype=np.uint8).reshape(shape))
    assert not (check_data(data, train=True)["severity"] == "error").any()


def test_case_33_one_training_frame_is_enough(data: Path) -> None:
    for kind in ("images", "labels"):
        (data / f"train/{kind}/t2.tif").unlink()
    assert check_data(data, train=True).empty


def test_no_training_frame_is_not(data: Path) -> None:
    for name in ("t1", "t2"):
        (data / f"train/labels/{name}.tif").unlink()
    findings = check_data(data, train=True)
    assert set(findings["severity"]) == {"error"}
    assert findings.set_index("file").loc["train/labels", "found"] == "no labelled frame"
    assert check_data(data, train=False).empty


TURNS = {
    "equal": lambda image: image,
    "turned": np.rot90,
    "mirrored": np.fliplr,
    "transposed": np.transpose,
    "in another dtype": lambda image: image.astype(np.float64),
}


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS.keys())
def test_case_34_same_image_in_two_splits(data: Path, turn) -> None:
    put(data / "test/images/s1.tif", turn(picture(0)))
    row = only_finding(data, "error", "train/images/t1.tif")
    assert row["found"].endswith("test/images/s1.tif") and "one split" in row["expected"]
    assert list(check_data(data, train=False)["severity"]) == ["warning"]


def test_case_34_same_image_twice_in_one_split(data: Path) -> None:
    put(data / "train/images/t2.tif", picture(0)[::-1])
    row = only_finding(data, "warning", "train/images/t1.tif")
    assert row["found"].endswith("train/images/t2.tif")


def test_the_hash_tells_pictures_apart_and_symmetric_ones_too() -> None:
    image = picture(0)
    turned = {symmetric_hash(np.rot90(i, k)) for i in (image, image.T) for k in range(4)}
    assert len(turned) == 1
    other = image.copy()
    other[1, 1] += 1
    assert symmetric_hash(other) not in turned
    flat = np.zeros((5, 5), np.uint8)
    flat[2, 2] = 1  # equal first rows in all eight copies
    assert symmetric_hash(flat) == symmetric_hash(flat.T) != symmetric_hash(flat[:, :4])
    assert symmetric_hash(np.array([[-0.0, 1.0]])) == symmetric_hash(np.array([[0, 1]]))


# ---- the table as a whole


def test_every_offender_is_listed_at_once_and_errors_come_first(data: Path) -> None:
    (data / "train/images/t1.tif").write_bytes(b"")
    put(data / "train/labels/t2.tif", LABEL[:3])
    put(data / "validation/labels/v1.tif", np.zeros((4, 6), np.uint8))
    put(data / "train/images/t10.tif", picture(20))
    findings = check_data(data, train=True)
    assert list(zip(findings["severity"], findings["file"], strict=True)) == [
        ("error", "train/images/t1.tif"),
        ("error", "train/images/t10.tif"),
        ("error", "train/labels/t2.tif"),
        ("warning", "validation/labels/v1.tif"),
    ]
    with pytest.raises(DataError) as caught:
        require_fit(findings)
    message = str(caught.value)
    assert "data: 3 errors" in message and "v1.tif" not in message
    for row in findings[:3].itertuples():
        assert all(text in message for text in row[2:])


def test_warnings_do_not_refuse(data: Path) -> None:
    put(data / "train/labels/t1.tif", np.zeros((4, 6), np.uint8))
    require_fit(check_data(data, train=True))


def test_checking_writes_nothing(data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    check_data(data, train=True)
    assert before == {path: path.stat().st_mtime_ns for path in data.rglob("*")}


def test_hundreds_of_small_files_take_seconds(tmp_path: Path) -> None:
    for number in range(300):
        put(tmp_path / f"train/images/t{number}.tif", picture(number))
        put(tmp_path / f"train/labels/t{number}.tif", LABEL)
    start = time.process_time()
    assert check_data(tmp_path, train=True).empty
    assert time.process_time() - start < 10
