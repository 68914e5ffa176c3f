"""The conductor, tried on fixture notebooks that stand for the stages."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

import pipeline
from conductor.parameters import ParameterError, merged_defaults
from conductor.record import RunFolderError
from conductor.stage import StageFailed
from preprocess.check import DataError
from preprocess.tiff import write_tiff
from tests.small_frames import tree_hash

PROJECT = Path(__file__).resolve().parents[1]
FIXTURES = PROJECT / "tests" / "fixtures"
NOTEBOOKS = [pipeline.notebook_path(stage) for stage in [*pipeline.STAGES, "main"]]
FINDINGS = ["severity", "file", "found", "expected", "remedy"]


def write_stand_in(fixture: str, path: Path) -> None:
    """A fixture notebook that declares the parameters of all real notebooks."""
    notebook = nbformat.read(FIXTURES / f"{fixture}.ipynb", as_version=4)
    declared = merged_defaults(NOTEBOOKS).items()
    notebook.cells[1].source = "\n".join(f"{k}: {type(v).__name__} = {v!r}" for k, v in declared)
    nbformat.write(notebook, path)


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stage notebooks that pass and take the real ones' parameters; any may be replaced."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for stage in [*pipeline.STAGES, "main"]:
        write_stand_in("passes", folder / f"{stage}.ipynb")
    monkeypatch.setattr(pipeline, "notebook_path", lambda stage: folder / f"{stage}.ipynb")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def two_stages(stand_ins: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Parameters of a short run whose data need no check."""
    monkeypatch.setattr(pipeline, "plan", lambda p: (dict(p), ["04_train", "06_discuss"]))
    return pipeline.read_parameters("parameters/quick.yaml", data="frames", run_folder="out")


def status_of(run: str | Path) -> dict:
    return json.loads((Path(run) / "status.json").read_text())


def frames(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["split", "label"])


def test_quick_equals_the_notebooks_own_defaults() -> None:
    assert all(path.exists() for path in NOTEBOOKS)
    assert pipeline.read_parameters("parameters/quick.yaml") == merged_defaults(NOTEBOOKS)
    assert set(pipeline.parameter_set.read_file(PROJECT / "parameters/quick.yaml")) == set(
        merged_defaults(NOTEBOOKS)
    )


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "parameters").glob("*.yaml")), ids=lambda p: p.stem
)
def test_parameter_files_are_accepted(path: Path) -> None:
    assert all(notebook.exists() for notebook in NOTEBOOKS)
    assert pipeline.read_parameters(path)["data"] == "unet_data"


def test_data_of_the_caller_get_a_run_folder_of_their_name(stand_ins: Path) -> None:
    found = pipeline.read_parameters("parameters/default.yaml", data="my_frames/")
    assert found["data"] == str(Path.cwd() / "my_frames")
    assert found["run"] == "runs/my_frames"
    assert pipeline.read_parameters("parameters/default.yaml")["run"] == "runs/unet_data"
    found = pipeline.read_parameters(overrides=("data=my_frames", "run=out", "seed=3"))
    assert (found["run"], found["seed"]) == (str(Path.cwd() / "out"), 3)


def test_paths_in_a_file_of_the_caller_are_relative_to_the_caller(stand_ins: Path) -> None:
    Path("mine.yaml").write_text("data: my_frames\n")
    assert pipeline.read_parameters("mine.yaml")["data"] == str(Path.cwd() / "my_frames")


def test_unknown_names_are_refused(stand_ins: Path) -> None:
    with pytest.raises(ParameterError, match="seeds: .* did you mean seed"):
        pipeline.read_parameters(overrides=("seeds=3",))


def test_a_run_is_kept_whole(two_stages: dict, capsys) -> None:
    layout = pipeline.run(two_stages)
    status = status_of("out")
    assert (status["state"], status["stage"], status["reason"]) == ("done", "", "")
    assert list(status["seconds"]) == ["04_train", "06_discuss", "main"]
    assert status["parameters"] == two_stages
    kept = sorted(path.name for path in layout.notebooks.iterdir())
    assert kept == ["04_train.ipynb", "06_discuss.ipynb", "main.ipynb"]
    assert "sum: 0.750" in layout.report.read_text()
    printed = capsys.readouterr().out
    assert printed.count("sum: 0.750") == 1  # the training stage alone is heard on the console
    assert "[1/3] 04_train done in" in printed
    assert layout.log.read_text().count("sum: 0.750") == 3


def test_a_second_run_replaces_the_first(two_stages: dict) -> None:
    layout = pipeline.run(two_stages)
    stale = layout.figures / "09_stale.png"
    stale.touch()
    pipeline.run(two_stages, with_main=False)
    assert not stale.exists() and not (layout.notebooks / "main.ipynb").exists()


@pytest.mark.parametrize(
    ("fixture", "reason"), [("raises", "pad to 80"), ("kernel_dies", "kernel died")]
)
def test_case_43_a_failed_stage_ends_the_run(
    fixture: str, reason: str, two_stages: dict, stand_ins: Path
) -> None:
    """A cell of a notebook fails, or its kernel dies (as for want of memory).

    The run ends there, marked as failed in status.json with stage, cell and reason; the executed
    notebook is kept, and what is finished can be continued with --resume.
    """
    shutil.copy(FIXTURES / f"{fixture}.ipynb", stand_ins / "04_train.ipynb")
    with pytest.raises(StageFailed, match=reason):
        pipeline.run(two_stages)
    status = status_of("out")
    assert (status["state"], status["stage"], status["seconds"]) == ("failed", "04_train", {})
    assert reason in status["reason"]
    assert [path.name for path in Path("out/notebooks").iterdir()] == ["04_train.ipynb"]
    assert "Traceback" in Path("out/log.txt").read_text()


def executed(folder: str = "out") -> dict[str, int]:
    """When each kept notebook was written, by stage."""
    return {path.stem: path.stat().st_mtime_ns for path in Path(folder, "notebooks").iterdir()}


def test_a_failed_run_is_continued_with_its_own_parameters(
    two_stages: dict, stand_ins: Path, capsys
) -> None:
    write_stand_in("raises", stand_ins / "06_discuss.ipynb")
    begin = ["--data", "frames", "--run", "out", "-p", "epochs=5"]
    assert pipeline.main(begin) == 1
    assert "continue with --resume (make: RESUME=1)" in capsys.readouterr().err
    before = executed()
    Path("out/.last.ckpt.x1.tmp").touch()  # as a killed run leaves it
    write_stand_in("passes", stand_ins / "06_discuss.ipynb")
    assert pipeline.main(["--run", "out", "--resume"]) == 0
    status, after = status_of("out"), executed()
    assert status["state"] == "done" and status["parameters"]["epochs"] == 5
    assert list(status["seconds"]) == ["04_train", "06_discuss", "main"]
    assert after["04_train"] == before["04_train"] and after["06_discuss"] > before["06_discuss"]
    assert "[1/3] 04_train is finished already" in Path("out/log.txt").read_text()
    assert "Traceback" in Path("out/log.txt").read_text()  # of the first part
    assert not Path("out/.last.ckpt.x1.tmp").exists()


def test_an_interrupted_training_is_told_to_continue(two_stages: dict, stand_ins: Path) -> None:
    shutil.copy(FIXTURES / "kernel_dies.ipynb", stand_ins / "04_train.ipynb")
    with pytest.raises(StageFailed):
        pipeline.run(two_stages)
    write_stand_in("passes", stand_ins / "04_train.ipynb")
    Path("out/last.ckpt").write_text("the epochs so far")
    layout = pipeline.run(two_stages | {"resume": True})
    cells = nbformat.read(layout.notebooks / "04_train.ipynb", as_version=4).cells
    assert any("resume = True" in cell.source for cell in cells)
    assert layout.checkpoint.read_text() == "the epochs so far"
    assert "resume: false" in layout.config.read_text()


def test_only_the_same_run_is_continued(two_stages: dict, stand_ins: Path) -> None:
    resumed = two_stages | {"resume": True}
    with pytest.raises(RunFolderError, match="out holds no run to continue"):
        pipeline.run(resumed)
    Path("frames").mkdir()
    write_tiff(Path("frames/a.tif"), np.zeros((4, 4), np.uint8))
    shutil.copy(FIXTURES / "raises.ipynb", stand_ins / "04_train.ipynb")
    with pytest.raises(StageFailed):
        pipeline.run(two_stages)
    with pytest.raises(RunFolderError, match="other parameters .epochs: 6, now 7.; leave them out"):
        pipeline.run(resumed | {"epochs": 7})
    write_tiff(Path("frames/a.tif"), np.ones((4, 4), np.uint8))
    with pytest.raises(RunFolderError, match="frames changed since .*out began; restore them"):
        pipeline.run(resumed)
    assert [path.name for path in Path("out/notebooks").iterdir()] == ["04_train.ipynb"]


def test_command_line_says_why_without_a_traceback(
    two_stages: dict, stand_ins: Path, capsys
) -> None:
    assert pipeline.main(["-p", "sed=1"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ParameterError: ") and "Traceback" not in error


def test_ensure_run_does_nothing_where_a_run_is_finished(two_stages: dict, monkeypatch) -> None:
    pipeline.run(two_stages, with_main=False)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("started a run"))
    run, data = str(Path("out").resolve()), str(Path("frames").resolve())
    pipeline.ensure_run(run, data)
    with pytest.raises(RunFolderError, match="another folder"):
        pipeline.ensure_run(run, data + "_other")


def test_ensure_run_starts_one_and_reports_its_failure(tmp_path: Path, capfd) -> None:
    with pytest.raises(StageFailed, match="ended with code 1"):
        pipeline.ensure_run(str(tmp_path / "run"), str(tmp_path / "absent"))
    assert "Error" in capfd.readouterr().out
    assert not (tmp_path / "run").exists()


def test_unfit_data_are_refused_before_anything_is_written(stand_ins: Path, monkeypatch) -> None:
    row = ["error", "t1.tif", "zero bytes", "a TIFF file", "copy it again"]
    monkeypatch.setattr(pipeline, "list_frames", lambda *_: frames(("train", "t1.tif")))
    monkeypatch.setattr(pipeline, "check_data", lambda *_: pd.DataFrame([row], columns=FINDINGS))
    with pytest.raises(DataError, match="t1.tif"):
        pipeline.run(pipeline.read_parameters(data="frames", run_folder="out"))
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("rows", "weights", "stages"),
    [
        ([("train", "a.tif"), ("test", "")], "run", [*pipeline.STAGES]),
        ([("test", "")], "shipped", ["01_explore", "05_test", "06_discuss"]),
        ([("train", ""), ("test", "b.tif")], "shipped", ["01_explore", "05_test", "06_discuss"]),
        ([("train", "a.tif")], "run", ["01_explore", *pipeline.NEEDS_LABELS]),
    ],
)
def test_nothing_is_trained_without_labels(rows, weights, stages, stand_ins, monkeypatch) -> None:
    monkeypatch.setattr(pipeline, "list_frames", lambda *_: frames(*rows))
    monkeypatch.setattr(pipeline, "check_data", lambda *_: pd.DataFrame(columns=FINDINGS))
    planned, found = pipeline.plan(pipeline.read_parameters(data="frames"))
    assert (planned["weights"], found) == (weights, stages)


def test_nothing_to_train_on_and_nothing_to_segment(stand_ins: Path, monkeypatch) -> None:
    monkeypatch.setattr(pipeline, "list_frames", lambda *_: frames(("train", "")))
    monkeypatch.setattr(pipeline, "check_data", lambda *_: pd.DataFrame(columns=FINDINGS))
    with pytest.raises(DataError, match="outline cells in train/labels, or move the images to"):
        pipeline.plan(pipeline.read_parameters(data="frames"))


def test_default_data_are_filled_once_and_never_mixed_with_a_users(
    tmp_path: Path, monkeypatch
) -> None:
    data, written = tmp_path / "unet_data", []
    monkeypatch.setattr(pipeline, "DEFAULT_DATA", data)

    def write(root: Path) -> None:
        written.append(root)
        if len(written) == 1:
            raise KeyboardInterrupt
        (root / "train" / "images").mkdir(parents=True)
        (root / "train" / "images" / "a.tif").touch()

    monkeypatch.setattr(pipeline, "write_default", write)
    with pytest.raises(KeyboardInterrupt):
        pipeline.fill_default_data()
    pipeline.fill_default_data()
    pipeline.fill_default_data()
    assert written == [data, data]


@pytest.mark.slow
def test_a_terminated_run_says_so(tmp_path: Path, stand_ins: Path) -> None:
    write_stand_in("waits", stand_ins / "01_explore.ipynb")
    code = (
        "import sys, pathlib, pipeline\n"
        f"folder = pathlib.Path({str(stand_ins)!r})\n"
        "pipeline.notebook_path = lambda stage: folder / f'{stage}.ipynb'\n"
        "pipeline.plan = lambda p: (dict(p), ['01_explore'])\n"
        "sys.exit(pipeline.main(['--data', 'frames', '--run', 'out']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = tmp_path / "out" / "log.txt"
    while process.poll() is None and not (log.exists() and "waiting" in log.read_text()):
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert status_of(tmp_path / "out")["state"] == "failed"


@pytest.mark.slow
def test_a_folder_of_frames_without_labels_gives_masks_and_no_scores(tmp_path: Path) -> None:
    data, run = tmp_path / "my frames", tmp_path / "out"
    data.mkdir()
    rng = np.random.default_rng(0)
    for name in ("t2", "t10"):
        write_tiff(data / f"{name}.tif", rng.integers(0, 60_000, (96, 128)).astype(np.uint16))
    before = tree_hash(data)
    command = [sys.executable, "pipeline.py", "--parameters", "parameters/quick.yaml"]
    command += ["--data", str(data), "--run", str(run), "-p", "weights=run"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no training labels" in done.stdout
    masks = sorted(path.name for path in (run / "predicted_masks").iterdir())
    assert masks == ["t10.tif", "t2.tif"]
    assert len(pd.read_csv(run / "scores.csv")) == 0
    assert (run / "report.html").exists()
    assert tree_hash(data) == before
