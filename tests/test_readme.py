"""The README says what the tables say, and links to files that exist."""

import re
from pathlib import Path

import pandas as pd
import pytest

PROJECT = Path(__file__).resolve().parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
SCORES = ["IoU", "AP50", "mSA", "F1", "SEG"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_results_are_those_of_the_last_measurement() -> None:
    """The last opening counts, and where nets of one kind saw different frames, their mean."""
    openings = pd.read_csv(PROJECT / "benchmarks" / "final.csv")
    measured = openings.groupby(["model", "trained_on"])[SCORES].last().groupby("model").mean()
    rows = re.findall(r"^\| ([^|]+?) \|((?: \d\.\d{3} \|)+)$", README, flags=re.MULTILINE)
    stated = {name: [float(v) for v in values.split("|")[:-1]] for name, values in rows}
    assert {"shipped", "three frames", "simulated only"} <= set(stated)
    for name, values in stated.items():
        assert values == measured.loc[name].round(3).tolist(), name


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"^make (\w+)", README, flags=re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_speeds_are_those_of_the_last_measurement() -> None:
    """Columns of docs/speed.md are what benchmarks/speed.csv holds of two machines."""
    measured = pd.read_csv(PROJECT / "benchmarks" / "speed.csv")
    epyc, xeon = (
        measured[measured.machine.str.startswith(name)].set_index("what").value
        for name in ("AMD EPYC, AVX512", "Intel(R) Xeon(R)")
    )
    page = (PROJECT / "docs" / "speed.md").read_text(encoding="utf-8")
    number = r"([\d.,]+|–)[^|]*"
    rows = re.findall(rf"^\| (\w[^|]*?) \| {number} \| {number} \|", page, flags=re.MULTILINE)
    assert len(rows) > 20
    for what, *shown in rows:
        for values, text in zip((epyc, xeon), shown, strict=True):
            if text == "–":
                assert what not in values
            else:
                decimals = len(text.partition(".")[2])
                assert float(text.replace(",", "")) == round(values[what], decimals), what
