"""Reference settings for every test, and one run of the pipeline that the notebook tests share."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import nbformat
import pytest

# Before any test imports torch: sums on one thread are the same on every machine of a kind.
os.environ.update({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})
os.environ.pop("MPLBACKEND", None)

from conductor.stage import REFERENCE_SETTINGS  # noqa: E402

matplotlib.use("Agg")  # in this process alone: MPLBACKEND would take the figures from the kernels

PROJECT = Path(__file__).resolve().parents[1]
NBVAL = [
    "--nbval",
    "--nbval-current-env",
    "--nbval-cell-timeout=300",
    "-p",
    "no:cacheprovider",
    "--quiet",
    "--tb=short",
]


def reference_environment(root: Path) -> dict[str, str]:
    """Environment of a process whose outputs are compared, importing the packages of `root`."""
    return {**os.environ, **REFERENCE_SETTINGS, "PYTHONPATH": str(root)}


def run_nbval(notebook: Path, root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Execute a notebook and compare every output with the stored one.

    Parameters
    ----------
    notebook : Path
        The notebook; its kernel starts in its folder.
    root : Path
        Project whose packages the notebook imports and whose pytest settings hold.
    *options : str
        Further pytest options.
    """
    sanitize = f"--nbval-sanitize-with={PROJECT / 'tests' / 'nbval_sanitize.cfg'}"
    command = [sys.executable, "-m", "pytest", *NBVAL, sanitize, *options, str(notebook)]
    return subprocess.run(
        command, cwd=root, env=reference_environment(root), capture_output=True, text=True
    )


def copy_of_tree(target: Path) -> Path:
    """Copy the files that git tracks or would track, and nothing that a run made."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, target / name)
    return target


@pytest.fixture(scope="session")
def executed_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A throw-away copy of the project in which the pipeline ran once at quick.yaml."""
    root = copy_of_tree(tmp_path_factory.mktemp("project"))
    command = [sys.executable, "pipeline.py", "--parameters", "parameters/quick.yaml"]
    done = subprocess.run(
        command, cwd=root, env=reference_environment(root), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return root


@pytest.fixture(scope="session")
def nbval() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_nbval`."""
    return run_nbval


@pytest.fixture
def fixture_notebook() -> Callable[[str], nbformat.NotebookNode]:
    """Reader of the three-cell notebooks in tests/fixtures, each named for what it shows."""
    folder = PROJECT / "tests" / "fixtures"
    return lambda name: nbformat.read(folder / f"{name}.ipynb", as_version=4)
