import json
import subprocess
import sys
from pathlib import Path

import pytest

from conductor import record as r
from preprocess.layout import PROJECT, RunLayout

HOLD = """
import sys, time
from pathlib import Path
from conductor.record import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    RunLayout(tmp_path).status.write_text(json.dumps({"pid": 4711}))
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(r.RunFolderError, match="process 4711 is running into this folder"):
            with r.locked(tmp_path):
                pass
        other.kill()
    with r.locked(tmp_path):
        pass


def test_status_is_whole_at_any_time(tmp_path: Path) -> None:
    record = r.Record(RunLayout(tmp_path), {"seed": 0})
    record.update(stage="01_explore")
    record.finish_stage("01_explore", 1.26)
    status = r.read_status(tmp_path)
    assert (status["state"], status["seconds"]) == ("running", {"01_explore": 1.3})
    assert status["parameters"] == {"seed": 0}
    assert set(status["packages"]) == set(r.PACKAGES)
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_log_gets_everything_and_the_console_what_was_asked(tmp_path: Path, capsys) -> None:
    record = r.Record(RunLayout(tmp_path), {})
    r.Echo(record, console=False).write("hidden\n")
    r.Echo(record, console=True).write("epoch 1\n")
    record.say("done")
    assert capsys.readouterr().out == "epoch 1\ndone\n"
    assert RunLayout(tmp_path).log.read_text() == "hidden\nepoch 1\ndone\n"


def test_clearing_spares_what_no_run_wrote(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path).make()
    (layout.figures / "01_a.png").touch()
    layout.log.touch()
    (tmp_path / "my_notes.txt").touch()
    r.clear_run(layout)
    assert [path.name for path in tmp_path.iterdir()] == ["my_notes.txt"]


def test_a_run_folder_must_be_ours(tmp_path: Path) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    r.require_run_folder(run, data)
    run.mkdir()
    r.require_run_folder(run, data)
    (run / "thesis.docx").touch()
    with pytest.raises(r.RunFolderError, match="no earlier run"):
        r.require_run_folder(run, data)
    (run / "status.json").touch()
    r.require_run_folder(run, data)
    with pytest.raises(r.RunFolderError, match="is a file"):
        r.require_run_folder(run / "thesis.docx", data)
    for overlapping in (data, data / "run", tmp_path):
        with pytest.raises(r.RunFolderError, match="overlaps the data"):
            r.require_run_folder(overlapping, data)
