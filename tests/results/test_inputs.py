from math import isnan
from pathlib import Path

import numpy as np
import pytest
import tifffile

from preprocess.tiff import TiffError, write_tiff
from results.inputs import InputError, find_frames


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, in which frames are laid."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frame(path: str, pixel_size_um: float = np.nan) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_tiff(Path(path), np.arange(12, dtype=np.uint16).reshape(3, 4), pixel_size_um)
    return path


def stack(path: str, **metadata) -> str:
    pages = np.arange(30, dtype=np.uint16).reshape(2, 3, 5)
    tifffile.imwrite(
        path, pages, photometric="minisblack", imagej=bool(metadata), metadata=metadata or None
    )
    return path


def names(*arguments: str, **options) -> list[str]:
    return [source.name for source in find_frames(arguments, **options)]


def test_folders_patterns_and_files_in_natural_order_each_once():
    for name in ("m/t10.tif", "m/t2.tif", "m/t1.TIFF", "m/.hidden.tif", "m/notes.txt"):
        frame(name)
    assert names("m") == ["t1", "t2", "t10"]
    assert names("m/t*.tif", "m/t10.tif", "m") == ["t2", "t10", "t1"]


@pytest.mark.parametrize("name", ["two words.tif", "it's.tif", '"q".tif', "zélé µ.tif", "-x.tif"])
def test_names_of_any_kind(name):
    frame(f"m/{name}")
    frame(f"./{name}")
    assert names(f"./{name}") == names("m") == [Path(name).stem]


def test_a_name_with_brackets_is_that_file_and_no_pattern():
    frame("m/a[1].tif")
    assert names("m/a[1].tif") == ["a[1]"]


def test_a_data_set_stands_for_its_images():
    frame("d/test/images/a.tif")
    frame("d/test/labels/a.tif")
    frame("e/images/b.tif")
    assert names("d", "e") == ["a", "b"]
    assert [source.sequence for source in find_frames(["d", "e"])] == ["test", "e"]


def test_pages_of_a_stack_are_frames_in_time():
    first, second = find_frames([stack("s.tif", axes="TYX")])
    assert (first.name, second.name, second.page, second.t) == ("s_0000", "s_0001", 1, 1)
    assert second.sequence == "s" and second.read()[0, 0] == 15


def test_unnamed_pages_are_an_error_of_the_file_until_they_are_said_to_be_time():
    (source,) = find_frames([stack("s.tif")])
    with pytest.raises(TiffError, match="2 pages, unsaid whether .* --pages-are-time"):
        source.read()
    assert names("s.tif", as_time=True) == ["s_0000", "s_0001"]
    Path("frames.csv").write_text("file\ns.tif\n")
    assert names("s.tif") == ["s_0000", "s_0001"]


def test_pixel_size_and_time_from_the_file_or_from_frames_csv():
    frame("m/a.tif", 0.5)
    frame("m/b.tif")
    frame("m/c.tif", 0.5)
    Path("m/frames.csv").write_text("file,t,pixel_size_um,sequence\nc.tif,7,0.25,night\n")
    a, b, c = find_frames(["m"])
    assert (a.pixel_size_um, isnan(b.pixel_size_um), c.pixel_size_um) == (0.5, True, 0.25)
    assert [(s.t, s.sequence) for s in (a, b, c)] == [(0, "m"), (1, "m"), (7, "night")]
    assert find_frames(["m/c.tif"])[0].t == 7


def test_a_damaged_file_is_one_frame_with_its_error():
    Path("bad.tif").write_bytes(b"")
    (source,) = find_frames(["bad.tif"])
    assert source.name == "bad"
    with pytest.raises(TiffError, match="bad.tif: zero bytes"):
        source.read()


def test_everything_without_a_frame_is_named_at_once():
    Path("empty").mkdir()
    frame("m/a.tif")
    with pytest.raises(InputError, match="(?s)empty holds no .tif .*file.*gone.tif does not exist"):
        find_frames(["empty", "m", "gone.tif"])


@pytest.mark.parametrize("other", ["b/t1.tif", "b/T1.tif", "a/t1.tiff"])
def test_equal_names_are_refused_with_both_files(other):
    frame("a/t1.tif")
    frame(other)
    with pytest.raises(InputError, match=rf"a[/\\]t1.tif and {other}"):
        find_frames(["a/t1.tif", other])


def test_a_useless_frames_csv_is_refused():
    frame("m/a.tif")
    Path("m/frames.csv").write_text("name\na\n")
    with pytest.raises(InputError, match="frames.csv has columns name; expected file"):
        find_frames(["m"])
