"""COCO instances: polygons and run-length codes, images in folders, and what is wrong with them."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from pycocotools import mask as coco_mask

from preprocess.check import check_data, list_frames
from preprocess.labels import IGNORE
from preprocess.sources.coco import read_mask
from preprocess.sources.convert import main
from preprocess.tiff import read_image, read_label

# The compiled part of pycocotools speaks to NumPy in an older way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHAPE = (8, 10)
MASK = np.zeros(SHAPE, np.uint8)
MASK[5:7, 4:9] = 1
SQUARE = [1, 1, 4, 1, 4, 3, 1, 3]  # corners of the pixels in rows 1 and 2, columns 1 to 3


def frame(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(80).reshape(SHAPE).astype(np.uint8)


def compressed(mask: np.ndarray) -> dict:
    code = coco_mask.encode(np.asfortranarray(mask))
    return {"size": list(SHAPE), "counts": code["counts"].decode()}


def uncompressed(mask: np.ndarray) -> dict:
    """Lengths of runs down the columns, background first."""
    flat = mask.ravel(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    return {"size": list(SHAPE), "counts": np.diff([0, *ends, flat.size]).tolist()}


@pytest.fixture
def content(tmp_path: Path) -> dict:
    """Two images in two folders, as LIVECell has them; three cells in one, none in the other."""
    for seed, place in enumerate(("images/A172/a.tif", "images/SKOV3/b.tif")):
        path = tmp_path / "in" / place
        path.parent.mkdir(parents=True)
        tifffile.imwrite(path, frame(seed))
    outlines = ([SQUARE], compressed(MASK), uncompressed(np.roll(MASK, -5, axis=0)))
    return {
        "images": [
            {"id": 7, "file_name": "a.tif", "height": 8, "width": 10},
            {"id": 9, "file_name": "b.tif", "height": 8, "width": 10},
        ],
        "annotations": [
            {"id": i, "image_id": 7, "category_id": 1, "iscrowd": 0, "segmentation": outline}
            for i, outline in enumerate(outlines)
        ],
        "categories": [{"id": 1, "name": "cell"}],
    }


def convert(tmp_path: Path, content: dict, *options: str, name: str = "train.json") -> int:
    (tmp_path / "in").mkdir(exist_ok=True)
    (tmp_path / "in" / name).write_text(json.dumps(content))
    return main(["coco", str(tmp_path / "in" / name), "--to", str(tmp_path / "out"), *options])


def refused(tmp_path: Path, content: dict, capsys, *options: str) -> str:
    assert convert(tmp_path, content, *options) == 1
    assert not (tmp_path / "out").exists()
    return capsys.readouterr().err


def test_polygons_and_both_run_length_codes(tmp_path: Path, content: dict, capsys) -> None:
    assert convert(tmp_path, content) == 0
    expected = np.zeros(SHAPE, int)
    expected[1:3, 1:4], expected[5:7, 4:9], expected[0:2, 4:9] = 1, 2, 3
    frames = list_frames(tmp_path / "out")
    assert list(frames["name"]) == ["a", "b"] and set(frames["split"]) == {"train"}
    np.testing.assert_array_equal(read_label(frames["label"][0]), expected)
    assert not read_label(frames["label"][1]).any()
    np.testing.assert_array_equal(read_image(frames["image"][1]), frame(1))
    findings = check_data(tmp_path / "out", train=True)
    assert list(findings["found"]) == ["all background"]
    printed = capsys.readouterr().out.split()
    assert printed[-printed[::-1].index("train") :][:5] == ["2", "2", "3", "0", "0"]


def test_overlaps_are_counted_and_the_later_cell_wins(tmp_path: Path, content: dict, capsys):
    annotations = content["annotations"]
    annotations[1]["segmentation"] = [[2, 1, 5, 1, 5, 3, 2, 3]]
    annotations[2]["segmentation"] = [[2, 1, 5, 1, 5, 3, 2, 3]]
    assert convert(tmp_path, content) == 0
    label = read_label(tmp_path / "out/train/labels/a.tif")
    np.testing.assert_array_equal(label[1], [0, 1, 3, 3, 3, 0, 0, 0, 0, 0])
    row = capsys.readouterr().out.splitlines()[-2].split()
    assert row == ["train", "2", "2", "2", "10", "1"]


def test_a_crowd_is_a_region_that_nobody_annotated(tmp_path: Path, content: dict) -> None:
    content["annotations"][1]["iscrowd"] = 1
    content["annotations"][1]["segmentation"] = uncompressed(np.ones(SHAPE, np.uint8))
    content["annotations"][1]["segmentation"]["counts"] = [0, 80]
    assert convert(tmp_path, content) == 0
    label = read_label(tmp_path / "out/train/labels/a.tif")
    assert (label[1, 1], label[0, 4], label[7, 0]) == (1, 2, IGNORE)


def test_an_outline_in_two_parts_is_one_cell() -> None:
    parts = [SQUARE, [6, 5, 8, 5, 8, 7, 6, 7]]
    expected = np.zeros(SHAPE, bool)
    expected[1:3, 1:4] = expected[5:7, 6:8] = True
    np.testing.assert_array_equal(read_mask(parts, SHAPE), expected)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("livecell_coco_train.json", "train"),
        ("instances_val2017.json", "validation"),
        ("livecell_coco_test.json", "test"),
    ],
)
def test_the_name_says_the_split(tmp_path: Path, content: dict, name: str, split: str) -> None:
    assert convert(tmp_path, content, name=name) == 0
    assert set(list_frames(tmp_path / "out")["split"]) == {split}


def test_several_files_in_a_folder(tmp_path: Path, content: dict) -> None:
    for name, image in zip(("val.json", "train.json"), content["images"], strict=True):
        part = {**content, "images": [image], "annotations": []}
        (tmp_path / "in" / name).write_text(json.dumps(part))
    assert main(["coco", str(tmp_path / "in"), "--to", str(tmp_path / "out")]) == 0
    frames = list_frames(tmp_path / "out")
    assert list(frames["split"] + " " + frames["name"]) == ["train b", "validation a"]


def test_paths_in_the_file_and_png(tmp_path: Path, content: dict) -> None:
    content["images"][1]["file_name"] = "SKOV3\\a.png"
    Image.fromarray(frame(1)).save(tmp_path / "in/images/SKOV3/a.png")
    assert convert(tmp_path, content, "--images", str(tmp_path / "in/images")) == 0
    assert list(list_frames(tmp_path / "out")["name"]) == ["SKOV3_a", "a"]


def test_a_name_never_leads_out_of_the_target(tmp_path: Path, content: dict) -> None:
    outside = tmp_path / "outside.tif"
    tifffile.imwrite(outside, frame(2))
    content["images"][0]["file_name"] = "../outside.tif"
    content["images"][1]["file_name"] = str(outside)
    assert convert(tmp_path, content, "--split", "test") == 0
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["in", "out", "outside.tif"]
    assert len(list((tmp_path / "out/test/images").iterdir())) == 2


def test_every_offender_is_named(tmp_path: Path, content: dict, capsys) -> None:
    first, second, third = content["annotations"]
    first["segmentation"], second["segmentation"] = [], [[1, 1, 2, 2]]
    third["segmentation"]["size"] = [10, 8]
    content["images"][1]["height"] = 9
    content["images"].append({"id": 11, "file_name": "c.tif", "height": 8, "width": 10})
    content["annotations"].append({"id": 3, "image_id": 99, "segmentation": [SQUARE]})
    message = refused(tmp_path, content, capsys)
    assert "4 offenders" in message
    assert "train.json: 3 annotations of a.tif without outline (id 0)" in message
    assert "b.tif: shape (8, 10); expected (9, 10) as train.json says" in message
    assert "c.tif 0 times below" in message and "--images" in message
    assert "annotations of 1 unknown images (id 99)" in message


def test_an_image_that_lies_twice_is_refused(tmp_path: Path, content: dict, capsys) -> None:
    tifffile.imwrite(tmp_path / "in/images/SKOV3/a.tif", frame(5))
    assert "a.tif 2 times below" in refused(tmp_path, content, capsys)


@pytest.mark.parametrize(
    "content", [[], {"images": []}, {"images": [{"id": 1}], "annotations": []}, {"images": 3}]
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content, capsys) -> None:
    assert "train.json: no annotations" in refused(tmp_path, content, capsys)


def test_a_file_that_is_no_json_is_refused(tmp_path: Path, capsys) -> None:
    (tmp_path / "a.json").write_text("{")
    assert main(["coco", str(tmp_path / "a.json"), "--to", str(tmp_path / "out")]) == 1
    assert "a.json: no annotations (JSONDecodeError" in capsys.readouterr().err
