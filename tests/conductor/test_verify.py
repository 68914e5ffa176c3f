"""One table, and a code that says whether everything agrees."""

import shutil
from pathlib import Path

import nbformat
import pytest

from conductor import verify
from conductor.compare import Comparison
from conductor.stage import StageFailed
from preprocess.layout import PROJECT, RunLayout

GOOD = Comparison("01_a.csv", 4, 0, 0.001, "")


@pytest.fixture
def project(tmp_path: Path, fixture_notebook) -> Path:
    """A project of one executed notebook, main.ipynb and one table, and a run that agrees."""
    root, run = tmp_path / "project", RunLayout(tmp_path / "run").make()
    for folder in ("notebooks", "figures"):
        (root / folder).mkdir(parents=True)
    for name in ("notebooks/01_explore.ipynb", "main.ipynb"):
        nbformat.write(fixture_notebook("passes"), root / name)
        nbformat.write(fixture_notebook("passes"), run.notebooks / Path(name).name)
    (root / "figures" / "01_a.csv").write_text("frame,area\nt01,12.5\n")
    shutil.copy(root / "figures" / "01_a.csv", run.figures)
    run.status.write_text('{"state": "done"}')
    return root


@pytest.fixture
def run_folder(project: Path, monkeypatch) -> str:
    """The run, with the project in the place of this one."""
    monkeypatch.setattr(verify, "PROJECT", project)
    for name in (*verify.REFERENCE_SETTINGS, "PYTHONPATH", "MPLBACKEND"):
        monkeypatch.setenv(name, "")  # so that what `main` sets is taken back
    return str(project.parent / "run")


def test_one_row_a_file(run_folder: str, capsys) -> None:
    assert verify.main(["--run", run_folder]) == 0
    printed = capsys.readouterr().out
    rows = [line.split()[:4] for line in printed.splitlines() if " yes " in line]
    assert [row[0] for row in rows] == ["01_explore.ipynb", "main.ipynb", "01_a.csv"]
    assert all(row[1] == "yes" and int(row[2]) > 0 and row[3] == "0" for row in rows)
    assert "3 of 3 files agree" in printed


def test_a_changed_table_is_found(project: Path, run_folder: str, capsys) -> None:
    (project / "figures" / "01_a.csv").write_text("frame,area\nt01,12.0\n")
    assert verify.main(["--run", run_folder]) == 1
    printed = capsys.readouterr().out
    assert "row 1, area: 12.0 stored, 12.5 now" in printed and "2 of 3 files agree" in printed


def test_a_changed_notebook_is_found(project: Path, run_folder: str, capsys) -> None:
    notebook = nbformat.read(project / "main.ipynb", as_version=4)
    outputs = [cell.outputs[0] for cell in notebook.cells if cell.get("outputs")]
    outputs[0].text = outputs[0].text.replace("0.750", "0.751")
    nbformat.write(notebook, project / "main.ipynb")
    assert verify.main(["--run", run_folder]) == 1
    assert "0.001" in capsys.readouterr().out


def test_a_new_figure_that_is_not_stored_is_found(run_folder: str, capsys) -> None:
    shutil.copy(Path(run_folder) / "figures/01_a.csv", Path(run_folder) / "figures/09_b.csv")
    assert verify.main(["--run", run_folder]) == 1
    assert "missing in the stored files" in capsys.readouterr().out


@pytest.mark.slow
def test_a_real_run_agrees_with_what_is_stored(executed_copy: Path) -> None:
    found = verify.compare_run(RunLayout(executed_copy / "runs" / "quick"), PROJECT)
    apart = {comparison.file: comparison for comparison in found if not comparison.agrees}
    apart.pop("07_look.ipynb")  # no stage of the pipeline, so that the run has no copy of it
    assert apart == {}


def test_nothing_compared_is_a_failure() -> None:
    assert verify.verdict([GOOD])[1]
    assert not verify.verdict([])[1]
    assert not verify.verdict([GOOD, GOOD._replace(compared=0)])[1]
    assert not verify.verdict([GOOD, GOOD._replace(differing=1)])[1]


def test_a_failed_run_is_a_failure(run_folder: str, monkeypatch, capsys) -> None:
    def fail(root: Path) -> None:
        raise StageFailed("the pipeline ended with code 1")

    monkeypatch.setattr(verify, "run_anew", fail)
    assert verify.main([]) == 1
    assert "ended with code 1" in capsys.readouterr().err


@pytest.mark.parametrize(("ending", "code"), [("", 0), ("sys.exit(3)", 1)])
def test_without_a_run_the_pipeline_runs_anew(
    ending: str, code: int, project: Path, run_folder: str, capsys
) -> None:
    lines = ["import shutil, sys", f"shutil.copytree({run_folder!r}, sys.argv[-1])", ending]
    (project / "pipeline.py").write_text("\n".join(lines))
    assert verify.main([]) == code
    printed = capsys.readouterr()
    assert ("3 of 3 files agree" in printed.out) == (code == 0)
    assert ("ended with code 3" in printed.err) == (code == 1)


def test_an_unfinished_run_is_refused(run_folder: str, capsys) -> None:
    RunLayout(Path(run_folder)).status.write_text('{"state": "failed"}')
    assert verify.main(["--run", run_folder]) == 1
    assert "holds no finished run" in capsys.readouterr().err


def test_what_is_no_stage_is_executed_on_top_of_the_run(
    project: Path, run_folder: str, monkeypatch
) -> None:
    executed = []
    monkeypatch.setattr(verify, "execute_notebook", lambda *given: executed.append(given[:3]))
    extra = project / "notebooks" / "07_look.ipynb"
    shutil.copy(project / "main.ipynb", extra)
    assert verify.main(["--run", run_folder]) == 1  # no copy came, so nothing was compared
    assert executed == [(extra, Path(run_folder) / "notebooks/07_look.ipynb", {"run": run_folder})]
