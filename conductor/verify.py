"""Does a new run say what is stored? `make verify`.

    python -m conductor.verify
    python -m conductor.verify --run runs/quick

Runs everything at quick.yaml into a folder that is removed afterwards, compares every stored output
of the notebooks and every table in figures/ with it, and prints one table. Measurements on real
frames, benchmarks/*.csv, are not repeated.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from conductor.compare import Comparison, compare_notebooks, compare_tables
from conductor.record import read_status
from conductor.stage import REFERENCE_SETTINGS, StageFailed, execute_notebook
from preprocess.layout import PROJECT, RunLayout, resolve

PARAMETERS = "parameters/quick.yaml"


def stored_notebooks(project: Path) -> list[Path]:
    """The notebooks whose outputs are stored, main.ipynb last."""
    stages = sorted((project / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    return [*stages, *project.glob("main.ipynb")]


def execute_rest(
    layout: RunLayout, notebooks: Iterable[Path], parameters: Mapping[str, object]
) -> None:
    """Execute what is no stage of the pipeline on top of a run.

    Parameters
    ----------
    layout : RunLayout
        Receives the executed copies.
    notebooks : iterable of Path
        Those of which it has a copy are passed over.
    parameters : mapping
        Injected where it is not empty.

    Raises
    ------
    StageFailed
        If one does not run to its end.
    """
    for notebook in notebooks:
        executed = layout.notebooks / notebook.name
        if not executed.exists():
            print(f"{notebook.stem} (seconds)", flush=True)
            execute_notebook(notebook, executed, parameters, sys.stdout)


def compare_run(layout: RunLayout, project: Path) -> list[Comparison]:
    """Compare a run with all that is stored, one comparison a file.

    Parameters
    ----------
    layout : RunLayout
    project : Path
        Holds `notebooks/`, main.ipynb and `figures/`.
    """
    notebooks = [
        compare_notebooks(layout.notebooks / path.name, path) for path in stored_notebooks(project)
    ]
    names = {
        p.name for folder in (project / "figures", layout.figures) for p in folder.glob("*.csv")
    }
    tables = [
        compare_tables(layout.figures / name, project / "figures" / name) for name in sorted(names)
    ]
    return notebooks + tables


def verdict(comparisons: list[Comparison]) -> tuple[str, bool]:
    """The table to print, and whether everything agrees; nothing compared is no agreement."""
    table = pd.DataFrame(comparisons, columns=Comparison._fields)
    table.insert(1, "agrees", ["yes" if c.agrees else "NO" for c in comparisons])
    table["largest"] = [f"{c.largest:.3g}" if c.largest == c.largest else "-" for c in comparisons]
    agreeing = sum(c.agrees for c in comparisons)
    compared, differing = table["compared"].sum(), table["differing"].sum()
    names = {"largest": "largest difference", "first": "first that differs"}
    text = table.rename(columns=names).to_string(index=False, max_colwidth=90)
    summary = (
        f"{agreeing} of {len(table)} files agree; {compared} values compared, {differing} differ"
    )
    return f"{text}\n\n{summary}", bool(comparisons) and agreeing == len(comparisons)


def run_anew(root: Path) -> None:
    """Run the pipeline at quick.yaml in reference settings.

    Raises
    ------
    StageFailed
        If it does not run to its end; its own message stands above.
    """
    command = [sys.executable, str(PROJECT / "pipeline.py")]
    command += ["--parameters", str(PROJECT / PARAMETERS), "--run", str(root)]
    code = subprocess.run(command, cwd=PROJECT).returncode
    if code:
        raise StageFailed(f"the pipeline ended with code {code}; nothing was compared")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code, 0 where everything agrees."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--run", metavar="DIR", help=f"a finished run of {PARAMETERS}; default: anew"
    )
    options = parser.parse_args(arguments)
    os.environ.update(REFERENCE_SETTINGS, PYTHONPATH=str(PROJECT))
    os.environ.pop("MPLBACKEND", None)  # with another backend no figure reaches the notebooks
    with tempfile.TemporaryDirectory() as folder:
        layout = RunLayout(resolve(options.run) if options.run else Path(folder) / "run")
        try:
            if not options.run:
                run_anew(layout.root)
            elif read_status(layout.root).get("state") != "done":
                raise StageFailed(f"{layout.root} holds no finished run; give another, or none")
            execute_rest(layout, stored_notebooks(PROJECT), {"run": str(layout.root)})
        except StageFailed as error:
            print(f"StageFailed: {error}", file=sys.stderr)
            return 1
        text, agrees = verdict(compare_run(layout, PROJECT))
    print(f"\n{text}")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
