"""A changed number is found wherever it is stored; nothing compared is no agreement."""

import copy
import math
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from conductor.compare import Comparison, compare_notebooks, compare_tables, largest_difference

V4 = nbformat.v4
TABLE = "frame,area,found\nt01,12.5,True\nt02,,False\n"


def tables(folder: Path, new: str, stored: str, name: str = "01_a.csv") -> Comparison:
    """Comparison of two tables."""
    (folder / "new").mkdir()
    (folder / "new" / name).write_text(new)
    (folder / name).write_text(stored)
    return compare_tables(folder / "new" / name, folder / name)


def stored_notebook() -> NotebookNode:
    """Three cells: a picture and a table, a print, and one that is not compared."""
    table = {"text/plain": "IoU 0.750", "text/html": "<td>0.750</td>"}
    shown = [V4.new_output("display_data", {"image/png": "AAAA"}), V4.new_output("execute_result")]
    shown[1].data = nbformat.from_dict(table)
    printed = [V4.new_output("stream", text="12 cells\n"), V4.new_output("stream", text="3 lost\n")]
    live = V4.new_code_cell("fit()", outputs=[V4.new_output("stream", text="loss 1.25\n")])
    live.metadata["tags"] = ["nbval-ignore-output"]
    cells = [V4.new_code_cell("f()", outputs=shown), V4.new_code_cell("g()", outputs=printed), live]
    return V4.new_notebook(cells=cells)


def notebooks(folder: Path, change: Callable[[NotebookNode], None]) -> Comparison:
    """Comparison of a notebook with a copy that was changed."""
    stored = stored_notebook()
    new = copy.deepcopy(stored)
    change(new)
    nbformat.write(new, folder / "new.ipynb")
    nbformat.write(stored, folder / "05_test.ipynb")
    return compare_notebooks(folder / "new.ipynb", folder / "05_test.ipynb")


def test_equal_tables_agree_value_by_value(tmp_path: Path) -> None:
    found = tables(tmp_path, TABLE, TABLE)
    assert found == ("01_a.csv", 6, 0, 0.0, "") and found.agrees


def test_a_changed_number_is_found_with_its_place(tmp_path: Path) -> None:
    found = tables(tmp_path, TABLE.replace("12.5", "12.75"), TABLE)
    assert found == ("01_a.csv", 6, 1, 0.25, "row 1, area: 12.5 stored, 12.75 now")
    assert not found.agrees


def test_a_difference_within_the_tolerance_is_told_and_passes(tmp_path: Path) -> None:
    found = tables(tmp_path, TABLE.replace("12.5", "12.6"), TABLE, name="05_models.csv")
    assert found.agrees and found.largest == pytest.approx(0.1)


@pytest.mark.parametrize(
    "edited",
    [
        TABLE.replace("t02", "t03"),
        TABLE.replace("t02,,", "t02,9,"),
        TABLE.replace("False", "True"),
        TABLE.replace("area", "size"),
        TABLE + "t03,1,True\n",
    ],
    ids=["text", "unknown", "truth", "column", "row"],
)
def test_whatever_else_changes_is_found(edited: str, tmp_path: Path) -> None:
    assert tables(tmp_path, edited, TABLE).differing > 0


@pytest.mark.parametrize("missing", ["new", "stored"])
def test_a_missing_table_is_no_agreement(missing: str, tmp_path: Path) -> None:
    paths = {"new": tmp_path / "01_b.csv", "stored": tmp_path / "01_a.csv"}
    for name in {*paths} - {missing}:
        paths[name].write_text(TABLE)
    found = compare_tables(paths["new"], paths["stored"])
    assert not found.agrees and missing in found.first


def test_an_empty_table_is_no_agreement(tmp_path: Path) -> None:
    assert not tables(tmp_path, "frame,area\n", "frame,area\n").agrees


def test_equal_notebooks_agree_picture_and_live_fit_left_out(tmp_path: Path) -> None:
    def change(new: NotebookNode) -> None:
        new.cells[0].outputs[0].data["image/png"] = "BBBB"
        new.cells[2].outputs[0].text = "loss 1.5\n"
        new.cells.insert(0, V4.new_code_cell("run = 'elsewhere'"))

    assert notebooks(tmp_path, change) == ("05_test.ipynb", 3, 0, 0.0, "")


def test_streams_are_compared_joined(tmp_path: Path) -> None:
    def change(new: NotebookNode) -> None:
        new.cells[1].outputs = [V4.new_output("stream", text="12 cells\n3 lost\n")]

    assert notebooks(tmp_path, change).agrees


def test_a_changed_number_in_an_output_is_found(tmp_path: Path) -> None:
    def change(new: NotebookNode) -> None:
        new.cells[0].outputs[1].data["text/plain"] = "IoU 0.500"

    found = notebooks(tmp_path, change)
    assert found[1:] == (3, 1, 0.25, "code cell 1: IoU 0.750 stored, IoU 0.500 now")


def _clear(new: NotebookNode) -> None:
    new.cells[1].outputs = []


def _remove(new: NotebookNode) -> None:
    del new.cells[1]


def _warn(new: NotebookNode) -> None:
    new.cells[1].outputs.append(V4.new_output("stream", name="stderr", text="careful"))


def _fail(new: NotebookNode) -> None:
    error = V4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    new.cells[1].outputs.append(error)


@pytest.mark.parametrize("change", [_clear, _remove, _warn, _fail])
def test_an_output_less_or_more_is_found(change, tmp_path: Path) -> None:
    assert notebooks(tmp_path, change).differing == 1


def test_a_notebook_without_outputs_is_no_agreement(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    nbformat.write(V4.new_notebook(cells=[V4.new_code_cell("1")]), path)
    assert not compare_notebooks(path, path).agrees
    assert not compare_notebooks(tmp_path / "missing.ipynb", path).agrees


def test_numbers_are_subtracted_where_the_words_agree() -> None:
    assert largest_difference("a 1.5 of -3e-1", "a 1 of -0.3") == 0.5
    assert math.isnan(largest_difference("5 cells", "5 frames"))
