"""Frames in, cells out: every result at once, resumed, refused, failed."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile
import torch
from PIL import Image

import predict
from model.checkpoint import save_model
from model.inference import Segmenter
from model.unet import UNet, UNetConfig
from preprocess.large import LARGE
from preprocess.tiff import read_label, write_tiff
from tests.results.conftest import INFO

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with `tiny.pth` and three frames in `in/`."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)  # with these weights it sees cells in noise
    save_model(Path("tiny.pth"), UNet(UNetConfig(width=4, depth=2)).eval(), INFO)
    Path("in").mkdir()
    for t in (1, 2, 10):
        frame(f"in/t{t}.tif", t)
    return tmp_path


def frame(path: str, seed: int = 0, pixel_size_um: float = 0.5) -> None:
    noise = np.random.default_rng(seed).integers(0, 60_000, (96, 128)).astype(np.uint16)
    write_tiff(Path(path), noise, pixel_size_um)


def run(*arguments: str) -> int:
    return predict.main([*arguments, "--model", "tiny.pth", "--device", "cpu"])


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def times(folder: str) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in Path(folder).glob("*/*")}


def test_all_results_in_one_go():
    assert run("in", "--out", "out") == 0
    assert [row["frame"] for row in table("out/frames.csv")] == ["t1", "t2", "t10"]
    assert [row["state"] for row in table("out/status.csv")] == ["done"] * 3
    cells = table("out/cells.csv")
    for row in table("out/frames.csv"):
        label = read_label(f"out/labels/{row['frame']}.tif")
        own = [cell for cell in cells if cell["frame"] == row["frame"]]
        assert label.max() == int(row["cells"]) == len(own) > 0
        assert [int(cell["area_px"]) for cell in own] == np.bincount(label.ravel())[1:].tolist()
        rois = roifile.roiread(f"out/rois/{row['frame']}.zip")
        assert [roi.name for roi in rois] == [cell["id"] for cell in own]
    with tifffile.TiffFile("out/labels/t1.tif") as file:
        assert file.imagej_metadata["unit"] == "um" and file.pages[0].dtype == np.uint16
        assert file.pages[0].tags["XResolution"].value == (2, 1)
    assert tifffile.imread("out/overlay.tif").shape == (3, 96, 128, 3)
    assert not list(Path("out").rglob("*.tmp"))


def test_labels_are_those_of_the_net():
    assert run("in/t1.tif", "--out", "out") == 0
    image = tifffile.imread("in/t1.tif")
    cells, _ = Segmenter.load(Path("tiny.pth"), device="cpu").segment(image)
    np.testing.assert_array_equal(read_label("out/labels/t1.tif"), cells.label)


def test_a_stack_has_one_label_file_a_page():
    pages = np.random.default_rng(0).integers(0, 255, (2, 64, 64)).astype(np.uint8)
    tifffile.imwrite("s.tif", pages, imagej=True, metadata={"axes": "TYX"})
    assert run("s.tif", "--out", "out") == 0
    assert sorted(p.name for p in Path("out/labels").iterdir()) == ["s_0000.tif", "s_0001.tif"]
    assert tifffile.imread("out/overlay.tif").shape == (2, 64, 64, 3)


def test_a_channel_is_chosen_or_asked_for(capsys):
    channels = np.random.default_rng(0).integers(0, 255, (2, 2, 64, 64)).astype(np.uint8)
    tifffile.imwrite("s.tif", channels, imagej=True, metadata={"axes": "TCYX"})
    assert run("s.tif", "--out", "none") == 1
    assert "set channel (0 to 1)" in capsys.readouterr().err
    assert run("s.tif", "--out", "out", "--channel", "1") == 0
    cell = table("out/cells.csv")[0]
    inside = read_label(f"out/labels/{cell['frame']}.tif") == int(cell["id"])
    mean = channels[int(cell["t"]), 1][inside].mean()
    assert float(cell["mean_intensity"]) == pytest.approx(mean, rel=1e-4)


def test_a_png_is_a_frame_too():
    Image.fromarray(tifffile.imread("in/t1.tif")).save("a.png")
    assert run("a.png", "in/t1.tif", "--out", "out", "--pixel-size", "0.5") == 0
    np.testing.assert_array_equal(*(read_label(f"out/labels/{n}.tif") for n in ("a", "t1")))


def test_each_sequence_has_its_movie():
    for name in ("a/x1", "a/x2", "b/y1", "b/y2", "c/single"):
        Path(name).parent.mkdir(exist_ok=True)
        frame(f"{name}.tif")
    assert run("a", "b", "c", "--out", "out") == 0
    assert sorted(p.name for p in Path("out").glob("*.tif")) == ["overlay_a.tif", "overlay_b.tif"]


def test_complete_frames_are_kept_and_changed_ones_done_again(capsys):
    assert run("in", "--out", "out") == 0
    before = times("out")
    assert run("in", "--out", "out") == 0
    assert times("out") == before
    assert "3 of 3 frames are complete already" in capsys.readouterr().out
    frame("in/t2.tif", seed=7)
    Path("out/labels/t10.tif").unlink()
    assert run("in", "--out", "out") == 0
    after = times("out")
    assert {name for name in after if after[name] == before[name]} == {
        f"t1.{ending}" for ending in ("tif", "zip", "png", "json")
    }


def test_a_frame_that_was_written_while_a_run_was_stopped_is_done(monkeypatch):
    whole, calls = Segmenter.segment, []

    def stopped(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(Segmenter, "segment", stopped)
    assert run("in", "--out", "out") == predict.STOPPED
    assert [row["state"] for row in table("out/status.csv")] == ["done", "done", "waiting"]
    assert [row["frame"] for row in table("out/frames.csv")] == ["t1", "t2"]


def test_a_run_stopped_at_its_movie_goes_on_there(monkeypatch):
    import results.summary

    whole = results.summary.write_movie

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(results.summary, "write_movie", stopped)
    assert run("in", "--out", "out") == predict.STOPPED
    assert [row["frame"] for row in table("out/frames.csv")] == ["t1", "t2", "t10"]
    monkeypatch.setattr(results.summary, "write_movie", whole)
    assert run("in", "--out", "out") == 0
    assert tifffile.imread("out/overlay.tif").shape == (3, 96, 128, 3)


def test_frames_that_differ_in_size_have_no_movie(capsys):
    write_tiff(Path("in/t3.tif"), np.eye(40, dtype=np.uint8), 0.5)
    assert run("in", "--out", "out") == 0
    assert "no movie of in: they differ in size" in capsys.readouterr().out
    assert not list(Path("out").glob("overlay*"))


def test_an_unreadable_record_is_a_frame_not_done():
    assert run("in", "--out", "out") == 0
    Path("out/records/t2.json").write_text("{")
    assert run("in/t1.tif", "--out", "out") == 0
    assert [row["frame"] for row in table("out/frames.csv")] == ["t1", "t10"]
    assert run("in", "--out", "out") == 0
    assert len(table("out/frames.csv")) == 3


def test_other_options_or_weights_do_all_frames_again():
    assert run("in", "--out", "out") == 0
    before = times("out")
    assert run("in", "--out", "out", "--cell-diameter", "11") == 0
    changed = times("out")
    assert all(changed[name] > before[name] for name in before)
    save_model(Path("tiny.pth"), UNet(UNetConfig(width=4, depth=2)).eval(), INFO)
    assert run("in", "--out", "out", "--cell-diameter", "11") == 0
    assert all(times("out")[name] > changed[name] for name in before)


def test_frames_of_a_later_call_join_the_tables():
    assert run("in/t1.tif", "--out", "out") == 0
    assert run("in/t2.tif", "--out", "out") == 0
    assert [row["frame"] for row in table("out/frames.csv")] == ["t1", "t2"]
    assert {row["frame"]: row["state"] for row in table("out/status.csv")} == {
        "t1": "done",
        "t2": "done",
    }


def test_bad_frames_are_listed_and_the_good_ones_written(capsys):
    Path("in/zero.tif").write_bytes(b"")
    Path("in/text.tif").write_text("no picture")
    nan = np.full((40, 40), np.nan, np.float32)
    tifffile.imwrite("in/nan.tif", nan)
    assert run("in", "--out", "out") == 1
    status = {row["frame"]: row for row in table("out/status.csv")}
    assert sorted(name for name in status if status[name]["state"] == "failed") == [
        "nan",
        "text",
        "zero",
    ]
    assert "zero bytes; expected a TIFF file; copy or export it again" in status["zero"]["message"]
    assert "1600 NaN or infinite pixels" in status["nan"]["message"]
    assert sorted(p.stem for p in Path("out/labels").iterdir()) == ["t1", "t10", "t2"]
    shown = capsys.readouterr()
    assert "3 of 6 frames failed" in shown.err and "in/text.tif: not a TIFF but a text" in shown.err
    assert "Traceback" not in shown.err + shown.out
    assert Path("out/log.txt").read_text().count("Traceback") >= 3
    frame("in/zero.tif", 5)
    for name in ("text", "nan"):
        Path(f"in/{name}.tif").unlink()
    assert run("in", "--out", "out") == 0


def test_an_unforeseen_error_fails_one_frame_only(monkeypatch, capsys):
    whole = Segmenter.segment
    calls = []

    def fails_once(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("something broke")
        return whole(*arguments)

    monkeypatch.setattr(Segmenter, "segment", fails_once)
    assert run("in", "--out", "out") == 1
    assert "in/t1.tif: RuntimeError: something broke; see log.txt" in capsys.readouterr().err
    assert [row["state"] for row in table("out/status.csv")] == ["failed", "done", "done"]


def test_a_full_disk_stops_the_run_and_keeps_what_is_complete(monkeypatch, capsys):
    import results.frame

    whole = results.frame.write_rois

    def full(path, rois):
        if path.stem == "t2":
            raise OSError(28, "No space left on device")
        whole(path, rois)

    monkeypatch.setattr(results.frame, "write_rois", full)
    assert run("in", "--out", "out") == 1
    assert "No space left on device; complete frames are kept" in capsys.readouterr().err
    states = [row["state"] for row in table("out/status.csv")]
    assert states == ["done", "waiting", "waiting"]
    assert [row["frame"] for row in table("out/frames.csv")] == ["t1"]


@pytest.mark.parametrize(
    ("number", "largest"),
    [
        (signal.SIGKILL, LARGE),
        pytest.param(signal.SIGTERM, LARGE, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, 1, marks=pytest.mark.slow),
    ],
)
def test_case_39_a_killed_prediction_goes_on(number, largest):
    """predict.py is killed (SIGKILL) or interrupted at any moment.

    No file is half-written. The same command does the unfinished frames only, and removes what
    large frames had left on the disk.
    """
    for t in range(20, 40):
        frame(f"in/t{t}.tif", t)
    code = "import sys, predict; from preprocess import large; large.LARGE = int(sys.argv.pop(1))"
    command = [sys.executable, "-c", f"{code}; sys.exit(predict.main())", str(largest)]
    command += ["in", "--out", "out", "--model", "tiny.pth", "--device", "cpu"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    first = Path("out/records/t1.json")
    with subprocess.Popen(command, env=environment, **pipes) as process:
        deadline = time.monotonic() + 60
        while not first.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        _, error = process.communicate()
    assert process.returncode == (predict.STOPPED if number == signal.SIGTERM else -number)
    assert b"Traceback" not in error
    for path in Path("out").glob("*/[!.]*"):
        assert path.stat().st_size > 0
        if path.suffix == ".tif":
            read_label(path)
    complete = {path.stem for path in Path("out/records").glob("[!.]*")}
    before = {name: t for name, t in times("out").items() if Path(name).stem in complete}
    assert run("in", "--out", "out") == 0
    assert "t1.json" in before and before.items() <= times("out").items()
    assert len(table("out/frames.csv")) == 23 and not list(Path("out").rglob("*.tmp"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in", "--out", "tiny.pth"], "tiny.pth is a file; give a folder"),
        (["in", "--out", "in/cells"], "--out in/cells and the frames in in overlap"),
        (["in", "--out", "in"], "--out in and the frames in in overlap"),
        (["in", "--out", "other"], "--out other holds files, but no earlier results"),
        (["gone", "--out", "out"], "gone does not exist"),
        (["in", "--out", "out", "--model", "gone.pth"], "gone.pth is no file"),
        (["in", "--out", "out", "--model", "in/t1.tif"], "t1.tif: not a readable file of weights"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(arguments, message, capsys):
    Path("other").mkdir()
    Path("other/diary.txt").write_text("mine")
    before = sorted(Path(".").rglob("*"))
    assert predict.main(["--model", "tiny.pth", *arguments]) == 1
    assert message in capsys.readouterr().err
    left = {path for path in Path(".").rglob("*") if path.name not in ("out", ".lock")}
    assert left == set(before)
    assert run("in/t1.tif", "--out", "out") == 0  # a refusal leaves nothing in the way


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_absent_is_refused(capsys):
    assert predict.main(["in", "--out", "out", "--model", "tiny.pth", "--device", "cuda"]) == 1
    assert "torch finds no CUDA device" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(capsys):
    Path("closed").mkdir(mode=0o500)
    assert run("in", "--out", "closed/out") == 1
    assert "closed/out" in capsys.readouterr().err


def test_results_of_other_frames_are_never_mixed_in_or_overwritten(capsys):
    assert run("in", "--out", "out") == 0
    before = times("out")
    assert run("in/t1.tif", "--out", "out", "--cell-diameter", "11") == 1
    assert "holds 2 frames made with another model or other options (t2, t10)" in (
        capsys.readouterr().err
    )
    Path("else").mkdir()
    frame("else/t1.tif", 9)
    assert run("else", "--out", "out") == 1
    assert "frames of the same names from other files" in capsys.readouterr().err
    assert times("out") == before


def test_what_made_the_results_is_recorded():
    assert run("in/t1.tif", "--out", "out", "--pixel-size", "0.4") == 0
    made = json.loads(Path("out/run.json").read_text())
    assert made["pixel_size_um"] == 0.4 and len(made["model_sha256"]) == 64
    assert table("out/frames.csv")[0]["pixel_size_um"] == "0.4"


def test_help_and_refusals_do_not_wait_for_torch():
    code = (
        "import sys, predict\n"
        "try: predict.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib', 'pandas')))"
    )
    for arguments in (["--help"], ["gone", "--out", "out"]):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (
        "python predict.py my_frames --out my_cells"
        in subprocess.run(
            [sys.executable, "predict.py", "--help"], cwd=PROJECT, capture_output=True, text=True
        ).stdout
    )


def test_results_are_written_without_matplotlib_and_pandas():
    """Each would take half a second of every run."""
    code = (
        "import sys, results.summary, results.progress, results.rois\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'matplotlib', 'pandas')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT)
    assert done.returncode == 0
