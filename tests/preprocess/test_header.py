"""Hyperstacks, colours and several series: the channel and series asked for, or a refusal."""

from math import isnan
from pathlib import Path

import numpy as np
import pytest
import tifffile

from preprocess.check import check_data, list_frames
from preprocess.frames import read_cells, read_recorded
from preprocess.header import Selection
from preprocess.large import mapped_image
from preprocess.tiff import (
    TiffError,
    page_count,
    read_header,
    read_image,
    read_label,
    read_pages,
    read_pixel_size,
    write_tiff,
)

MOVIE = np.arange(3 * 2 * 4 * 6, dtype=np.uint16).reshape(3, 2, 4, 6)  # T, C, Y, X
COLOURS = np.arange(4 * 6 * 4, dtype=np.uint8).reshape(4, 6, 4)  # Y, X, S
FORMS = [{"imagej": True}, {"ome": True}, {}]


def write(path: Path, array: np.ndarray, axes: str, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"axes": axes, **options.pop("metadata", {})}
    options = {"photometric": "minisblack", **options}
    tifffile.imwrite(path, array, metadata=metadata, **options)
    return path


def two_series(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path, ome=True) as writer:
        for picture, size in ((MOVIE[0, 0], 0.5), (MOVIE[1, 1, :3], 0.25)):
            writer.write(picture, metadata={"axes": "YX", "PhysicalSizeX": size})
    return path


def refused(path: Path, selection: Selection = Selection()) -> TiffError:
    with pytest.raises(TiffError) as caught:
        read_image(path, 0, selection)
    return caught.value


@pytest.mark.parametrize(
    ("form", "axes"),
    [*((form, "TCYX") for form in FORMS), ({"ome": True}, "CTYX"), ({}, "CTYX")],
)
def test_a_channel_of_a_movie(tmp_path: Path, form: dict, axes: str) -> None:
    stored = MOVIE if axes == "TCYX" else MOVIE.swapaxes(0, 1)
    path = write(tmp_path / "a.tif", stored, axes, **form)
    assert read_header(path, Selection(channel=1)).axes == {"T": 3}
    np.testing.assert_array_equal(list(read_pages(path, selection=Selection(1))), MOVIE[:, 1])
    np.testing.assert_array_equal(read_image(path, 2, Selection(channel=0)), MOVIE[2, 0])


@pytest.mark.parametrize("form", FORMS, ids=["imagej", "ome", "shaped"])
def test_channels_without_a_choice_name_the_parameter(tmp_path: Path, form: dict) -> None:
    error = refused(write(tmp_path / "a.tif", MOVIE, "TCYX", **form))
    assert error.found == "axes TCYX of (3, 2, 4, 6)"
    assert error.remedy.startswith("set channel (0 to 1)")


def test_a_channel_that_is_not_there_is_refused(tmp_path: Path) -> None:
    error = refused(write(tmp_path / "a.tif", MOVIE, "TCYX"), Selection(channel=2))
    assert error.expected == "a channel 2, counted from 0"
    assert error.remedy == "set channel to one from 0 to 1"
    write_tiff(tmp_path / "b.tif", MOVIE[0, 0])
    assert "leave channel at -1" in refused(tmp_path / "b.tif", Selection(channel=1)).remedy
    np.testing.assert_array_equal(
        read_image(tmp_path / "b.tif", 0, Selection(channel=0)), MOVIE[0, 0]
    )


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("samples", [3, 4])
def test_one_colour_of_a_picture(tmp_path: Path, samples: int, planar: str) -> None:
    picture = COLOURS[..., :samples]
    stored = picture if planar == "contig" else np.moveaxis(picture, -1, 0)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, metadata=None)
    error = refused(path)
    assert error.found == f"{samples} colour samples a pixel"
    assert error.remedy.startswith(f"set channel (0 to {samples - 1})")
    np.testing.assert_array_equal(read_image(path, 0, Selection(channel=2)), picture[..., 2])
    with mapped_image(path, 0, tmp_path, Selection(channel=2)) as image:
        np.testing.assert_array_equal(image, picture[..., 2])
    assert read_header(path, Selection(channel=2)).shape == (4, 6)


def test_a_colour_movie(tmp_path: Path) -> None:
    movie = np.stack([COLOURS[..., :3], COLOURS[..., 1:]])
    for form in FORMS:
        path = write(tmp_path / "a.tif", movie, "TYXS", **{"photometric": "rgb", **form})
        found = list(read_pages(path, selection=Selection(channel=1)))
        np.testing.assert_array_equal(found, movie[..., 1])


@pytest.mark.parametrize("axes", ["TZYX", "ZYX", "ZCYX"])
def test_planes_in_depth_are_refused(tmp_path: Path, axes: str) -> None:
    stored = MOVIE if len(axes) == 4 else MOVIE[0]
    error = refused(write(tmp_path / "a.tif", stored, axes, imagej=True), Selection(channel=0))
    assert "Z" in error.found and "export one plane" in error.remedy


def test_unnamed_axes_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", MOVIE, photometric="minisblack")
    error = refused(tmp_path / "a.tif")
    assert (error.found, error.expected) == ("axes QQYX of (3, 2, 4, 6)", "YX or TYX")


def test_one_series_of_several(tmp_path: Path) -> None:
    path = two_series(tmp_path / "a.ome.tif")
    assert refused(path).remedy.startswith("set series (0 to 1)")
    assert page_count(path, Selection(series=1)) == 1
    np.testing.assert_array_equal(read_image(path, 0, Selection(series=0)), MOVIE[0, 0])
    np.testing.assert_array_equal(read_image(path, 0, Selection(series=1)), MOVIE[1, 1, :3])
    assert [read_pixel_size(path, Selection(series=s)) for s in (0, 1)] == [0.5, 0.25]
    assert [read_header(path, Selection(series=s)).shape for s in (0, 1)] == [(4, 6), (3, 6)]
    assert refused(path, Selection(series=2)).remedy == "set series to one from 0 to 1"
    write_tiff(tmp_path / "b.tif", MOVIE[0, 0])
    assert "leave series at -1" in refused(tmp_path / "b.tif", Selection(series=1)).remedy


@pytest.mark.parametrize(
    ("unit", "um"), [("micron", 0.5), ("\\u00B5m", 0.5), ("nm", 0.0005), ("pixel", np.nan)]
)
def test_pixel_size_of_a_hyperstack(tmp_path: Path, unit: str, um: float) -> None:
    options = {"imagej": True, "resolution": (2, 2), "metadata": {"unit": unit}}
    path = write(tmp_path / "a.tif", MOVIE, "TCYX", **options)
    assert read_pixel_size(path, Selection(channel=1)) == pytest.approx(um, nan_ok=True)


def test_a_label_is_never_read_by_channel(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", MOVIE[0], "CYX")
    with pytest.raises(TiffError, match="if it is an image"):
        read_label(path)


# ---- data sets


def test_frames_carry_what_reads_them(tmp_path: Path) -> None:
    size = {"resolution": (4, 4), "metadata": {"unit": "um"}}
    write(tmp_path / "train/images/a.tif", MOVIE, "TCYX", imagej=True, **size)
    write(tmp_path / "train/labels/a.tif", MOVIE[:, 0], "TYX", imagej=True)
    frames = list_frames(tmp_path, channel=1)
    assert list(frames["name"]) == ["a_0000", "a_0001", "a_0002"]
    assert list(frames["channel"]) == [1] * 3 and list(frames["series"]) == [-1] * 3
    assert list(frames["pixel_size_um"]) == [0.25] * 3
    for t, row in enumerate(frames.itertuples()):
        np.testing.assert_array_equal(read_recorded(row), MOVIE[t, 1])
        np.testing.assert_array_equal(read_cells(row)[0], MOVIE[t, 0])


def test_a_series_of_a_data_set(tmp_path: Path) -> None:
    two_series(tmp_path / "a.ome.tif")
    frames = list_frames(tmp_path, series=1)
    assert list(frames[["name", "series", "pixel_size_um"]].iloc[0]) == ["a.ome", 1, 0.25]
    np.testing.assert_array_equal(read_recorded(frames.iloc[0]), MOVIE[1, 1, :3])
    assert check_data(tmp_path, train=False, series=1).empty
    found = check_data(tmp_path, train=False).iloc[0]
    assert (found["severity"], found["found"]) == ("error", "2 series")


@pytest.mark.parametrize("array", [COLOURS, COLOURS[..., :3]], ids=["case 16 RGBA", "case 16 RGB"])
def test_colours_pass_the_check_with_a_channel_alone(tmp_path: Path, array: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb")
    (finding,) = check_data(tmp_path, train=False).itertuples()
    assert finding.severity == "error" and "set channel" in finding.remedy
    assert isnan(list_frames(tmp_path)["pixel_size_um"][0])
    assert check_data(tmp_path, train=False, channel=0).empty


def test_case_18_channels_pass_the_check_with_a_channel_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", MOVIE, "TCYX", imagej=True)
    (finding,) = check_data(tmp_path, train=False).itertuples()
    assert finding.severity == "error" and "set channel" in finding.remedy
    assert len(list_frames(tmp_path)) == 1 and len(list_frames(tmp_path, channel=0)) == 3
    assert check_data(tmp_path, train=False, channel=0).empty


def test_case_18_every_file_without_that_channel_is_listed(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", MOVIE, "TCYX", imagej=True)
    for name in ("b.tif", "c.tif"):
        write_tiff(tmp_path / name, MOVIE[0, 0])
    findings = check_data(tmp_path, train=False, channel=1)
    errors = findings[findings["severity"] == "error"]
    assert list(errors["file"]) == ["b.tif", "c.tif"]
