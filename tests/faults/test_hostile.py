"""What a hostile file could try: code, memory, and names that break a table or a figure."""

import ast
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from plots.images import plot_frames, plot_overlays
from preprocess.check import list_frames
from preprocess.layout import PROJECT
from tests.small_frames import LABEL, picture, put

SOURCES = sorted(
    path
    for folder in ("preprocess", "model", "plots", "results", "conductor", "benchmarks")
    for path in (PROJECT / folder).rglob("*.py")
)
SOURCES += sorted(PROJECT.glob("*.py"))
RUNS_CODE = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "pickle.load",
    "pickle.loads",
    "joblib.load",
    "pd.read_pickle",
    "pandas.read_pickle",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "subprocess.getoutput",
    "torch.hub.load",
    "torch.jit.load",
}


def dangers(source: str) -> list[str]:
    """Calls that would run code from a file or from a text."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name, options = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
        if name in RUNS_CODE or options.get("shell", "False") != "False":
            found.append(f"line {node.lineno}: {name}")
        if name == "torch.load" and options.get("weights_only") != "True":
            found.append(f"line {node.lineno}: torch.load without weights_only=True")
        if name in ("np.load", "numpy.load") and options.get("allow_pickle", "False") != "False":
            found.append(f"line {node.lineno}: np.load with allow_pickle")
    return found


@pytest.mark.parametrize(
    "line",
    [
        "eval('1')",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "subprocess.run(command, shell=True)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text)",
        "def f():\n    return pickle.loads(data)",
    ],
)
def test_the_scan_finds_an_offender(line: str) -> None:
    assert len(dangers(line)) == 1
    assert not dangers("torch.load(path, weights_only=True); net.eval(); yaml.safe_load(text)")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_file_is_ever_run_as_code(path: Path) -> None:
    assert not dangers(path.read_text(encoding="utf-8"))


ODD = (
    "a b",
    "-p",
    "%s",
    "a'b\"c",
    "#1;2",
    "=1+1",
    "$(id)",
    "a$\\frac$b",
    "Zelle ä 细胞",
    "x" * 200,
)


def test_case_42_no_archive_is_unpacked() -> None:
    """Its names could lead out of the folder, and its contents fill the disk."""
    names = {
        node.attr
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    assert "ZipFile" in names and not names & {"extract", "extractall", "unpack_archive"}


def test_odd_names_are_names_like_any_other(data: Path, check) -> None:
    for seed, name in enumerate(ODD):
        put(data / f"train/images/{name}.tif", picture(20 + seed))
        put(data / f"train/labels/{name}.tif", LABEL)
    check(data).accepted()
    assert set(ODD) < set(list_frames(data)["name"])


@pytest.mark.parametrize("name", [b"a\nb.tif", b"a\x1b[31mb.tif", b"caf\xe9.tif"])
def test_names_that_cannot_be_printed_are_refused(data: Path, check, name: bytes) -> None:
    try:
        path = os.path.join(os.fsencode(data / "test/images"), name)
        os.rename(data / "test/images/s1.tif", path)
    except OSError as error:
        pytest.skip(f"this file system refuses the name: {error}")
    escaped = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in os.fsdecode(name))
    check(data).refused(f"test/images/{escaped}", "a name with line breaks", "rename the file")


def test_a_name_is_no_formula_in_a_figure() -> None:
    frame, label = np.zeros((8, 8), np.float32), np.zeros((8, 8), np.int32)
    label[2:5, 2:5] = 1
    for figure in (
        plot_frames({"a$\\frac$b": frame}, 1.0),
        plot_overlays([("a$\\frac$b", frame, label, label)], 1.0),
    ):
        figure.canvas.draw()
        plt.close(figure)
