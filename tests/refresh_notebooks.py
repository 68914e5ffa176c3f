"""Rewrite the stored outputs: `make refresh`.

Runs the pipeline in reference settings with the notebooks' own defaults, and lays the executed
notebooks, without their timing, and the figures into the project. Nothing else writes them.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import pipeline  # noqa: E402  (this file is a script beside the package, not in it)
from conductor.stage import REFERENCE_SETTINGS  # noqa: E402
from conductor.verify import execute_rest, stored_notebooks  # noqa: E402

TIMING = ("papermill", "execution")
WIDGET = "application/vnd.jupyter.widget-view+json"


def stripped(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without what differs from one execution to the next.

    Raises
    ------
    ValueError
        If parameters were injected: stored outputs show the notebooks' own defaults.
    """
    clean = nbformat.from_dict(notebook)
    clean.metadata = {k: v for k, v in notebook.metadata.items() if k not in TIMING}
    clean.metadata.pop("widgets", None)
    for cell in clean.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k not in TIMING}
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)  # without a kernel there is nothing to move
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]  # papermill gives every cell an empty list
        if "injected-parameters" in cell.metadata.get("tags", []):
            raise ValueError(
                f"injected parameters found, none expected; parameters/quick.yaml has to equal "
                f"the notebook's defaults, but gave:\n{cell.source}"
            )
    return clean


def refresh() -> None:
    """Run, strip and copy."""
    os.environ.update(REFERENCE_SETTINGS, PYTHONPATH=str(PROJECT))
    os.environ.pop("MPLBACKEND", None)  # with another backend no figure reaches the notebooks
    command = [sys.executable, "pipeline.py", "--parameters", "parameters/quick.yaml"]
    subprocess.run(command, cwd=PROJECT, check=True)
    run = pipeline.RunLayout(
        pipeline.resolve(pipeline.read_parameters("parameters/quick.yaml")["run"])
    )
    notebooks = stored_notebooks(PROJECT)
    execute_rest(run, notebooks, {})
    for target in notebooks:
        executed = nbformat.read(run.notebooks / target.name, as_version=4)
        nbformat.write(stripped(executed), target)
    figures = PROJECT / "figures"
    shutil.rmtree(figures, ignore_errors=True)
    figures.mkdir()
    for file in sorted(run.figures.iterdir()):
        if file.suffix in (".png", ".csv"):
            shutil.copy(file, figures)
    print("Rewrote notebooks/, main.ipynb and figures/. Read the difference before committing it.")


if __name__ == "__main__":
    refresh()
