"""Outlines of ImageJ's ROI Manager, written by roifile, as labels."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from roifile import ROI_TYPE, ImagejRoi, roiwrite

from preprocess.check import check_data, list_frames
from preprocess.sources.convert import main
from preprocess.sources.roi import read_rois, roi_mask
from preprocess.tiff import read_image, read_label

SHAPE = (8, 10)
SQUARE = [[1, 1], [4, 1], [4, 3], [1, 3]]  # x, y: pixels in rows 1 and 2, columns 1 to 3


def frame(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(80).reshape(SHAPE).astype(np.uint16)


def put(path: Path, array: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array, **options)
    return path


def outline(corners: list, page: int | None = None, name: str = "") -> ImagejRoi:
    """An outline with a name of its own: a set is an archive of one file an outline."""
    name = name or f"at {corners[0]}"
    return ImagejRoi.frompoints(corners, name=name, position=page)


def box(top: int, left: int, bottom: int, right: int, kind: ROI_TYPE) -> ImagejRoi:
    roi = ImagejRoi()
    roi.roitype = kind
    roi.top, roi.left, roi.bottom, roi.right = top, left, bottom, right
    return roi


def shifted(by: int) -> list:
    return [[x + by, y + by] for x, y in SQUARE]


def convert(root: Path, *options: str) -> Path:
    target = root.parent / "out"
    assert main(["roi", str(root), "--to", str(target), *options]) == 0
    return target


def refused(root: Path, capsys: pytest.CaptureFixture) -> str:
    assert main(["roi", str(root), "--to", str(root.parent / "out")]) == 1
    assert not (root.parent / "out").exists()
    return capsys.readouterr().err


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three images, two of them with outlines: a set of two cells, and a single one."""
    folder = tmp_path / "drawn"
    for seed, name in enumerate(("a.tif", "b.tif", "c.tif")):
        put(folder / name, frame(seed))
    roiwrite(folder / "RoiSet_a.zip", [outline(SQUARE), outline(shifted(4))])
    roiwrite(folder / "b.roi", outline(SQUARE))
    return folder


def test_sets_and_single_outlines(root: Path, capsys) -> None:
    data = convert(root, "--pixel-size-um", "0.5")
    frames = list_frames(data)
    assert list(frames["split"] + " " + frames["name"]) == ["train a", "train b", "test c"]
    expected = np.zeros(SHAPE, int)
    expected[1:3, 1:4], expected[5:7, 5:8] = 1, 2
    np.testing.assert_array_equal(read_label(frames["label"][0]), expected)
    np.testing.assert_array_equal(read_label(frames["label"][1]), expected == 1)
    np.testing.assert_array_equal(read_image(frames["image"][2]), frame(2))
    assert set(frames["pixel_size_um"]) == {0.5}
    assert check_data(data, train=True).empty
    assert ["train", "2", "2", "3", "0", "0"] in map(str.split, capsys.readouterr().out.split("\n"))


def test_overlaps_are_counted_and_the_later_cell_wins(root: Path, capsys) -> None:
    roiwrite(root / "b.roi", outline(SQUARE))
    roiwrite(root / "c-rois.zip", [outline(SQUARE), outline(shifted(1)), outline(shifted(90))])
    label = read_label(convert(root) / "train/labels/c.tif")
    np.testing.assert_array_equal(label[2, :6], [0, 1, 2, 2, 2, 0])
    assert ["train", "3", "3", "5", "2", "1"] in map(str.split, capsys.readouterr().out.split("\n"))


@pytest.mark.parametrize(
    ("roi", "rows"),
    [
        (box(1, 1, 3, 4, ROI_TYPE.RECT), ["0111000000"] * 2),
        (box(1, 1, 5, 5, ROI_TYPE.OVAL), ["0011000000", "0111100000"]),
        (outline([[1.4, 1.4], [4.4, 1.4], [4.4, 2.6], [1.4, 2.6]]), ["0111000000"] * 2),
    ],
)
def test_shapes(roi: ImagejRoi, rows: list[str]) -> None:
    found = roi_mask(roi, SHAPE)[1:].astype(int)
    assert ["".join(map(str, row)) for row in found[: len(rows)]] == rows


def test_a_composite_outline_has_a_hole() -> None:
    roi = box(0, 0, 7, 7, ROI_TYPE.RECT)
    outer, inner = [(0, 0), (7, 0), (7, 7), (0, 7)], [(2, 2), (5, 2), (5, 5), (2, 5)]
    path: list[float] = []
    for corners in (outer, inner):
        for i, (x, y) in enumerate(corners):
            path += [1.0 if i else 0.0, x, y]
        path.append(4.0)
    roi.multi_coordinates = np.array(path, np.float32)
    mask = roi_mask(roi, SHAPE)
    assert mask.sum() == 49 - 9 and not mask[2:5, 2:5].any()


def test_outlines_survive_the_way_through_a_file(tmp_path: Path) -> None:
    corners = [[1.25, 1.0], [4.75, 1.0], [4.0, 3.5]]
    rois = [outline(corners), box(1, 1, 5, 5, ROI_TYPE.OVAL)]
    roiwrite(tmp_path / "a.zip", rois)
    for before, after in zip(rois, read_rois(tmp_path / "a.zip"), strict=True):
        np.testing.assert_array_equal(roi_mask(before, SHAPE), roi_mask(after, SHAPE))


@pytest.mark.parametrize("set_name", ["RoiSet.zip", "a_RoiSet.zip", "a.zip", "a_ROIs.zip"])
def test_names_of_sets(tmp_path: Path, set_name: str) -> None:
    put(tmp_path / "drawn/deep/a.tif", frame(0))
    roiwrite(tmp_path / "drawn/deep" / set_name, [outline(SQUARE)])
    assert (convert(tmp_path / "drawn") / "train/labels/a.tif").is_file()


def test_a_stack_is_taken_apart(tmp_path: Path) -> None:
    stack = np.stack([frame(seed) for seed in range(3)])
    options = {"imagej": True, "metadata": {"axes": "TYX", "unit": "um"}, "resolution": (2, 2)}
    put(tmp_path / "drawn/movie.tif", stack, **options)
    rois = [outline(SQUARE, 0), outline(shifted(1), 2), outline(shifted(4), 2)]
    roiwrite(tmp_path / "drawn/movie.zip", rois)
    data = convert(tmp_path / "drawn")
    frames = list_frames(data)
    expected = ["train movie_0000", "train movie_0002", "test movie_0001"]
    assert list(frames["split"] + " " + frames["name"]) == expected
    assert list(frames["t"]) == [0, 2, 1] and set(frames["sequence"]) == {"movie"}
    assert list(frames["pixel_size_um"]) == pytest.approx([0.5] * 3)
    assert read_label(frames["label"][1]).max() == 2
    np.testing.assert_array_equal(read_image(frames["image"][1]), stack[2])


def test_a_channel_of_a_stack(tmp_path: Path, capsys) -> None:
    stack = np.stack([[frame(t), frame(t + 9)] for t in range(2)])
    put(tmp_path / "drawn/movie.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    roi = outline(SQUARE)
    roi.t_position, roi.c_position, roi.position = 2, 1, 3
    roiwrite(tmp_path / "drawn/movie.zip", [roi])
    assert "set channel (0 to 1)" in refused(tmp_path / "drawn", capsys)
    frames = list_frames(convert(tmp_path / "drawn", "--channel", "1"))
    assert list(frames["name"]) == ["movie_0001", "movie_0000"]
    np.testing.assert_array_equal(read_image(frames["image"][0]), stack[1, 1])


def test_every_offender_is_named(root: Path, capsys) -> None:
    roiwrite(root / "d.zip", [outline(SQUARE)])
    roiwrite(root / "b.zip", [outline(SQUARE)])
    (root / "c.roi").write_bytes(b"no outline")
    roiwrite(root / "RoiSet_a.zip", [outline(SQUARE), box(1, 1, 2, 2, ROI_TYPE.LINE)], mode="w")
    put(root / "stack.tif", np.zeros((2, 8, 10), np.uint8), metadata={"axes": "TYX"})
    roiwrite(root / "stack.roi", outline(SQUARE, name="first"))
    message = refused(root, capsys)
    assert "5 offenders" in message
    assert "d.zip: no image of its name" in message
    assert "outlines of b.tif, as b.roi; expected one file" in message
    assert "c.roi: not readable" in message
    assert "RoiSet_a.zip: 1 without an area, the first unnamed, line" in message
    assert "stack.roi: 1 outlines on no page of stack.tif (first)" in message
