"""Strict nbval over all notebooks in a throw-away copy, and the proof that it sees a change."""

import copy
import random
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

PROJECT = Path(__file__).resolve().parents[1]
FIXTURES = PROJECT / "tests" / "fixtures"
STAGES = sorted((PROJECT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
NOTEBOOKS = [*STAGES, *PROJECT.glob("main.ipynb")]
SEED = 20260101  # chooses the number that the self-test changes in each notebook
IGNORED = "nbval-ignore-output"


def relative(path: Path) -> str:
    """Path inside the project."""
    return path.relative_to(PROJECT).as_posix()


def numbers(notebook: NotebookNode) -> list[tuple[int, int, int]]:
    """Every compared digit: (cell, output, position in its text), before any ignored cell.

    A cell that is not compared marks the live fit; what follows it would have to be trained first.
    """
    found = []
    for c, cell in enumerate(notebook.cells):
        if IGNORED in cell.metadata.get("tags", []):
            break
        for o, output in enumerate(cell.get("outputs", [])):
            if output.output_type == "stream" or "image/png" not in output.get("data", {}):
                found += [(c, o, m.start()) for m in re.finditer(r"\d", text_of(output))]
    return found


def text_of(output: NotebookNode) -> str:
    """What an output says in plain text."""
    return output.text if output.output_type == "stream" else output.data.get("text/plain", "")


def with_changed_number(notebook: NotebookNode, rng: random.Random) -> NotebookNode:
    """A copy that ends after the cell in which one stored digit was raised by one (9 becomes 0)."""
    c, o, position = rng.choice(numbers(notebook))
    changed = copy.deepcopy(notebook)
    output = changed.cells[c].outputs[o]
    text = text_of(output)
    text = text[:position] + str((int(text[position]) + 1) % 10) + text[position + 1 :]
    if output.output_type == "stream":
        output.text = text
    else:
        output.data["text/plain"] = text
    changed.cells = changed.cells[: c + 1]
    return changed


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_what_a_new_run_gives(path: Path, executed_copy: Path, nbval) -> None:
    result = nbval(executed_copy / relative(path), executed_copy)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_changed_number_is_caught(path: Path, executed_copy: Path, nbval) -> None:
    notebook = with_changed_number(nbformat.read(path, as_version=4), random.Random(SEED))
    changed = executed_copy / relative(path).replace(".ipynb", "_changed.ipynb")
    nbformat.write(notebook, changed)
    result = nbval(changed, executed_copy)
    changed.unlink()
    assert result.returncode == 1 and "1 failed" in result.stdout, result.stdout + result.stderr


@pytest.mark.slow
def test_packages_come_from_the_copy(executed_copy: Path, nbval) -> None:
    """An editable install points at the checkout; comparing its code would prove nothing."""
    code = "import preprocess, pipeline; print(preprocess.__file__, pipeline.__file__)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code, execution_count=1)])
    root = executed_copy.as_posix()
    text = f"{root}/preprocess/__init__.py {root}/pipeline.py\n"
    notebook.cells[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
    path = executed_copy / "notebooks" / "origin.ipynb"
    nbformat.write(notebook, path)
    result = nbval(path, executed_copy)
    path.unlink()
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", ["passes", "figure"])
def test_nbval_passes_what_did_not_change(name: str, nbval) -> None:
    result = nbval(FIXTURES / f"{name}.ipynb", PROJECT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", ["changed_number", "raises", "warns"])
def test_nbval_fails_on(name: str, nbval) -> None:
    result = nbval(FIXTURES / f"{name}.ipynb", PROJECT)
    assert result.returncode == 1 and "failed" in result.stdout, result.stdout


def test_nbval_is_blind_to_unexecuted_cells(nbval) -> None:
    """Why the style test counts executions: without a count nbval compares nothing."""
    assert nbval(FIXTURES / "never_executed.ipynb", PROJECT).returncode == 0
