import io
from pathlib import Path

import nbformat
import pytest

from conductor.stage import StageFailed, execute_notebook

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


def execute(name: str, folder: Path, **parameters: object) -> tuple[nbformat.NotebookNode, str]:
    """Run a fixture notebook; returns its kept copy, and what it printed."""
    echo = io.StringIO()
    execute_notebook(FIXTURES / f"{name}.ipynb", folder / f"{name}.ipynb", parameters, echo)
    return nbformat.read(folder / f"{name}.ipynb", as_version=4), echo.getvalue()


def test_nothing_is_injected_where_nothing_changed(tmp_path: Path) -> None:
    notebook, printed = execute("passes", tmp_path)
    assert printed == "sum: 0.750\n"
    assert [c.execution_count for c in notebook.cells if c.cell_type == "code"] == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["passes.ipynb"]


def test_a_changed_parameter_is_injected(tmp_path: Path) -> None:
    notebook, _ = execute("passes", tmp_path, seed=3)
    injected = [c for c in notebook.cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert len(injected) == 1 and "seed = 3" in injected[0].source


def test_an_error_names_stage_cell_and_cause_and_keeps_the_notebook(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"raises stopped in cell \[2\](.|\n)*pad to 80"):
        execute("raises", tmp_path)
    kept = nbformat.read(tmp_path / "raises.ipynb", as_version=4)
    assert any(o.output_type == "error" for c in kept.cells for o in c.get("outputs", []))
    assert [path.name for path in tmp_path.iterdir()] == ["raises.ipynb"]


def test_a_dead_kernel_is_an_error_though_papermill_says_completed(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"kernel died in cell \[2\]"):
        execute("kernel_dies", tmp_path)
    kept = nbformat.read(tmp_path / "kernel_dies.ipynb", as_version=4)
    statuses = {c.metadata.papermill.status for c in kept.cells}
    assert statuses == {"completed"}
    assert kept.cells[2].outputs[-1].ename == "DeadKernel"


def test_cells_after_an_exit_are_missed(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="code cell 3 of 3 was never executed"):
        execute("exits", tmp_path)
