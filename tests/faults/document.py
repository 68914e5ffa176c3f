"""Write docs/faults.md from the tests: what may go wrong, and what the user then sees.

    python -m tests.faults.document

A row is a test whose name begins with `test_case_NN_` and whose docstring has two paragraphs: the
fault, and what the user sees. It may stand in any file of tests/.
"""

import ast
import re
from typing import NamedTuple

from preprocess.layout import PROJECT
from preprocess.tiff import atomic_path

DOCUMENT = PROJECT / "docs" / "faults.md"
HEAD = """# What may go wrong, and what you then see

The rule: what cannot be used is refused before anything starts, with a table of all offenders
(file, found, expected, what to do), nothing written and an exit code other than 0.
Nothing is ever left out silently: what is not refused and is not as usual is a warning. A data
folder is never written to. Files appear whole or not at all.

`make check DATA=my_frames` asks for all of it without starting a run. `make run ... RESUME=1`
continues a run that was interrupted, in its folder and with its own parameters: finished stages are
kept, and training goes on after its last finished epoch, with the same result.

Every row is a test; `make faults` writes this page from them.

| # | fault | what you see | test |
|---|---|---|---|
"""


class Case(NamedTuple):
    """One row: number and name of the test, the fault, what the user sees, and the test's file."""

    number: int
    test: str
    fault: str
    seen: str
    file: str


def cases_of(source: str, file: str) -> list[Case]:
    """The cases that a test module documents."""
    found = []
    for node in ast.walk(ast.parse(source)):
        name = isinstance(node, ast.FunctionDef) and re.match(r"test_case_(\d\d)_", node.name)
        text = ast.get_docstring(node) if name else None
        if text and "\n\n" in text:
            fault, seen = (" ".join(part.split()) for part in text.split("\n\n", 1))
            found.append(Case(int(name[1]), node.name, fault, seen, file))
    return found


def all_cases() -> list[Case]:
    """The cases of all tests, by number."""
    found = []
    for path in sorted((PROJECT / "tests").rglob("test_*.py")):
        file = path.relative_to(PROJECT).as_posix()
        found += cases_of(path.read_text(encoding="utf-8"), file)
    return sorted(found, key=lambda case: (case.number, case.file, case.test))


def page(cases: list[Case]) -> str:
    """The document as text."""
    rows = (
        f"| {case.number} | {case.fault} | {case.seen} | [{case.test}](../{case.file}) |"
        for case in cases
    )
    return HEAD + "\n".join(rows) + "\n"


def main() -> None:
    """Write the document."""
    cases = all_cases()
    with atomic_path(DOCUMENT) as path:
        path.write_text(page(cases), encoding="utf-8")
    print(f"{DOCUMENT.relative_to(PROJECT)}: {len(cases)} rows")


if __name__ == "__main__":
    main()
