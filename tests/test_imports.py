"""Data flow one way: preprocess, then model, then plots, and only conductors import them all."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
OWN = {"preprocess", "model", "plots", "conductor", "pipeline", "predict", "benchmarks"}
ALLOWED = {
    "preprocess": {"preprocess"},
    "model": {"model", "preprocess"},
    "plots": {"plots"},
    "conductor": {"conductor", "preprocess"},
}
MODULES = [path for package in ALLOWED for path in sorted((PROJECT / package).rglob("*.py"))]
WITHOUT_TORCH = (
    "layout tiff check normalize borders split frames "
    "sources.simulate sources.download sources.convert"
).split()


def imported(source: str) -> set[str]:
    """Top-level names that a module imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def test_an_import_inside_a_function_is_seen() -> None:
    source = "import os.path\ndef f():\n    from plots.style import x\n"
    assert imported(source) == {"os", "plots"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_import_direction(path: Path) -> None:
    package = path.relative_to(PROJECT).parts[0]
    own = imported(path.read_text(encoding="utf-8")) & OWN
    assert own <= ALLOWED[package], f"{package} must not import {own - ALLOWED[package]}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_package_init_holds_a_docstring_and_nothing_else(path: Path) -> None:
    if path.name == "__init__.py":
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert len(body) == 1 and isinstance(body[0].value, ast.Constant)


def test_reading_and_checking_frames_needs_no_torch() -> None:
    modules = ["preprocess", *(f"preprocess.{name}" for name in WITHOUT_TORCH)]
    code = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0
