"""What is listed of a data set, and the table of findings; the faults are in tests/faults."""

import time
from math import isnan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from preprocess.check import DataError, check_data, list_frames, require_fit
from preprocess.faults import symmetric_hash
from preprocess.labels import IGNORE
from preprocess.listing import COLUMNS
from preprocess.tiff import write_tiff
from tests.small_frames import LABEL, picture, put, write_labelled


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """See `tests.small_frames.write_labelled`."""
    return write_labelled(tmp_path / "frames")


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


# ---- frames of other axes


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


@pytest.mark.parametrize("samples", [3, 4])
def test_case_16_colours(data: Path, samples: int) -> None:
    colours = np.stack([picture(9)] * samples, axis=-1).astype(np.uint8)
    put(data / "test/images/s1.tif", colours, photometric="rgb")
    assert f"{samples} colour" in only_finding(data, "error", "test/images/s1.tif")["found"]


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


def test_partly_annotated_frames_are_accepted(data: Path) -> None:
    label = LABEL.copy()
    label[:, 4:] = IGNORE
    put(data / "train/labels/t1.tif", label)
    assert check_data(data, train=True).empty


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
