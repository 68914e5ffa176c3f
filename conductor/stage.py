"""Execute one notebook, keep what it printed also when it fails, and notice a dead kernel."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

KERNEL = "python3"
AUTOSAVE_S = 5
# The kernel warns on the console where others on this machine could read what it prints.
ENCRYPTED = Config({"KernelManager": {"transport_encryption": "auto"}})
ERROR_LINES = 8
# Environment in which outputs are made and compared: equal on every machine of a kind.
REFERENCE_SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "CUDA_VISIBLE_DEVICES": "",
    # Newer processors add in another order: all of them go the way of AVX2.
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class StageFailed(RuntimeError):
    """A notebook that did not run to its end; the message says where and why."""


def execute_notebook(
    notebook: Path, output: Path, parameters: Mapping[str, object], echo: TextIO
) -> None:
    """Run a notebook in its own folder and write the executed copy.

    Parameters
    ----------
    notebook : Path
        Is read only.
    output : Path
        Executed copy, replaced in one step; it appears also when the notebook fails.
    parameters : mapping
        Injected after the parameters cell; nothing is injected where it is empty.
    echo : text stream
        Receives what the notebook prints, as it comes.

    Raises
    ------
    StageFailed
        If a cell raises, the kernel dies, or a cell was never executed.
    """
    unfinished = output.with_suffix(".tmp.ipynb")
    name = notebook.stem
    try:
        papermill.execute_notebook(
            notebook,
            unfinished,
            parameters=dict(parameters),
            kernel_name=KERNEL,
            cwd=notebook.parent,
            progress_bar=False,
            stdout_file=echo,
            stderr_file=echo,
            autosave_cell_every=AUTOSAVE_S,
            config=ENCRYPTED,
        )
        _require_all_executed(name, unfinished)
    except PapermillExecutionError as error:
        lines = ANSI.sub("", "\n".join(error.traceback)).splitlines()
        tail = "\n    ".join([line for line in lines if line.strip()][-ERROR_LINES:])
        raise StageFailed(f"{name} stopped in cell [{error.exec_count}]:\n    {tail}") from error
    except DeadKernelError as error:
        cell = _mark_dead_cell(unfinished)
        raise StageFailed(
            f"{name}: the kernel died in cell [{cell}] without an error message. The usual cause "
            "is too little memory: close other programs, or use fewer or smaller patches"
        ) from error
    finally:
        if unfinished.exists():
            os.replace(unfinished, output)


def _code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Code cells that hold code."""
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def _require_all_executed(name: str, path: Path) -> None:
    """Refuse a notebook with unexecuted cells: papermill marks them completed all the same."""
    cells = _code_cells(nbformat.read(path, as_version=4))
    pending = [i for i, cell in enumerate(cells, start=1) if cell.execution_count is None]
    if pending:
        raise StageFailed(f"{name}: code cell {pending[0]} of {len(cells)} was never executed")


def _mark_dead_cell(path: Path) -> int:
    """Write the kernel's death into the saved notebook, which papermill shows as completed.

    Returns
    -------
    int
        Execution count of the last cell that was started, 0 if none was.
    """
    notebook = nbformat.read(path, as_version=4)
    started = [c for c in _code_cells(notebook) if c.execution_count is not None]
    if not started:
        return 0
    death = nbformat.v4.new_output(
        "error",
        ename="DeadKernel",
        evalue="the kernel died here",
        traceback=["The kernel died here."],
    )
    started[-1].outputs.append(death)
    nbformat.write(notebook, path)
    return started[-1].execution_count
