"""Stored outputs against new ones: how many values, how many differ, and by how much."""

import configparser
import itertools
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import nbformat
import numpy as np
import pandas as pd
from nbformat import NotebookNode

from preprocess.layout import PROJECT

SANITIZE = PROJECT / "tests" / "nbval_sanitize.cfg"
IGNORED = "nbval-ignore-output"
# Pictures are compared by their tables; the others are numbered at random.
SKIPPED = ("image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json")
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")

# Relative and absolute tolerance by the start of a figure's name, the longest match holds.
# Tables are written with six digits. Simulated intensities and frozen weights agree to rounding
# between processors; a decision at a threshold may move one pixel or one cell. A live fit (the
# learning curves of 04, its scores in 05, the leakage experiment of 06) takes another path wherever
# one sum is rounded differently, so that it is held to 0.15 and half of the value.
TOLERANCES = {
    "": (1e-3, 1e-3),
    "04_": (0.5, 0.15),
    "05_": (1e-2, 1e-2),
    "05_models": (0.5, 0.15),
    "06_": (2e-2, 2e-2),
    "06_leakage": (0.5, 0.15),
}


class Comparison(NamedTuple):
    """What a comparison of one file with its stored copy found.

    Parameters
    ----------
    file : str
        Name of the stored file.
    compared : int
        Values of a table, or outputs of a notebook.
    differing : int
        Of them, those that differ by more than the tolerance.
    largest : float
        Largest absolute difference of two numbers, also within the tolerance; NaN if none could be
        taken.
    first : str
        Where the first difference is, empty if there is none.
    """

    file: str
    compared: int
    differing: int
    largest: float
    first: str

    @property
    def agrees(self) -> bool:
        """Whether something was compared, and nothing differs."""
        return self.compared > 0 and self.differing == 0


def compare_tables(found: Path, stored: Path) -> Comparison:
    """Compare a figure's table with the stored one, to the figure's tolerance.

    Parameters
    ----------
    found, stored : Path
        CSV files; either may be missing.
    """
    for path, where in ((found, "the new run"), (stored, "the stored files")):
        if not path.exists():
            return Comparison(stored.name, 0, 0, np.nan, f"missing in {where}")
    new, old = pd.read_csv(found), pd.read_csv(stored)
    if list(new.columns) != list(old.columns) or len(new) != len(old):
        shapes = f"{len(old)} rows of {list(old.columns)}, now {len(new)} of {list(new.columns)}"
        return Comparison(stored.name, old.size, old.size, np.nan, shapes)
    rtol, atol = TOLERANCES[max(filter(stored.name.startswith, TOLERANCES), key=len)]
    differing, largest, first = 0, np.nan, ""
    for column in old:
        a, b = new[column], old[column]
        if all(map(pd.api.types.is_numeric_dtype, (a, b))):
            apart = ~np.isclose(a, b, rtol, atol, equal_nan=True)
            distances = np.abs(a.to_numpy(float) - b.to_numpy(float))
            largest = np.fmax(largest, np.fmax.reduce(distances, initial=0.0))  # unknown: NaN
        else:
            apart = (a.fillna("").astype(str) != b.fillna("").astype(str)).to_numpy()
        if apart.any() and not differing:
            row = int(np.argmax(apart))
            first = f"row {row + 1}, {column}: {b[row]} stored, {a[row]} now"
        differing += int(apart.sum())
    return Comparison(stored.name, old.size, differing, float(largest), first)


def sanitizers() -> list[tuple[str, str]]:
    """What nbval replaces before it compares: pairs of a pattern and its replacement."""
    file = configparser.RawConfigParser()
    file.read(SANITIZE, encoding="utf-8")
    return [(file[s]["regex"], file[s]["replace"]) for s in file.sections()]


def outputs(cell: NotebookNode) -> dict[tuple[str, int], str]:
    """What a cell shows by kind and number, as nbval compares it: streams joined, no pictures."""
    texts = defaultdict(list)
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            texts[output.name] = ["".join([*texts[output.name], output.text])]
        elif output.output_type == "error":
            texts["error"].append(f"{output.ename}: {output.evalue}")
        for kind, data in output.get("data", {}).items():
            if kind not in SKIPPED:
                texts[kind].append(data if isinstance(data, str) else str(data))
    kinds = sorted(texts, key=lambda kind: (kind == "text/html", kind))  # the most legible first
    found = {(kind, i): text for kind in kinds for i, text in enumerate(texts[kind])}
    for pattern, replacement in sanitizers():
        found = {key: re.sub(pattern, replacement, text) for key, text in found.items()}
    return found


def largest_difference(new: str, old: str) -> float:
    """Largest difference of the numbers in two texts; NaN if they differ in their words."""
    if NUMBER.sub("#", new) != NUMBER.sub("#", old):
        return np.nan
    pairs = zip(NUMBER.findall(new), NUMBER.findall(old), strict=True)
    return max((abs(float(a) - float(b)) for a, b in pairs), default=0.0)


def first_difference(new: str, old: str) -> str:
    """The first line in which two texts differ, in more than spaces where there is one."""
    texts = ([" ".join(line.split()) for line in text.splitlines()] for text in (old, new))
    pairs = itertools.zip_longest(*texts, fillvalue="nothing")
    before, after = next(((a, b) for a, b in pairs if a != b), ("spaces", "others"))
    return f"{before} stored, {after} now"


def compare_notebooks(found: Path, stored: Path) -> Comparison:
    """Compare every stored output with that of the same cell in an executed copy, exactly.

    Cells tagged nbval-ignore-output are left out.

    Parameters
    ----------
    found : Path
        Executed copy; it may have cells more, and be missing.
    stored : Path
    """
    if not found.exists():
        return Comparison(stored.name, 0, 0, np.nan, "missing in the new run")
    new = {cell.id: cell for cell in nbformat.read(found, as_version=4).cells}
    code = [c for c in nbformat.read(stored, as_version=4).cells if c.cell_type == "code"]
    compared, differing, largest, first = 0, 0, np.nan, ""
    for number, cell in enumerate(code, start=1):
        if IGNORED in cell.metadata.get("tags", []):
            continue
        was, now = outputs(cell), outputs(new[cell.id]) if cell.id in new else {}
        for key in [*was, *(now.keys() - was.keys())]:
            before, after = was.get(key, ""), now.get(key, "")
            compared += 1
            largest = np.fmax(largest, largest_difference(after, before))
            if before != after:
                differing += 1
                first = first or f"code cell {number}: {first_difference(after, before)}"
    return Comparison(stored.name, compared, differing, float(largest), first)
