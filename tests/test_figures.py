"""Every stored figure has its table, shows something, and says what a new run says."""

import shutil
from pathlib import Path

import matplotlib.image
import pandas as pd
import pytest

from conductor.compare import compare_tables

PROJECT = Path(__file__).resolve().parents[1]
FIGURES = PROJECT / "figures"
NAMES = sorted({path.stem for path in FIGURES.glob("*.*") if path.suffix in (".png", ".csv")})
MAX_BYTES = 400_000


def test_there_are_figures() -> None:
    assert {name[:2] for name in NAMES} >= {"01", "02", "03", "04", "05", "06"}


@pytest.mark.parametrize("name", NAMES)
def test_figure_has_its_table_and_is_not_blank(name: str) -> None:
    picture, table = FIGURES / f"{name}.png", FIGURES / f"{name}.csv"
    assert len(pd.read_csv(table)) > 0
    assert picture.stat().st_size <= MAX_BYTES
    pixels = matplotlib.image.imread(picture)[..., :3]
    assert pixels.std() > 0.02


@pytest.mark.slow
def test_a_new_run_draws_the_same_figures(executed_copy: Path) -> None:
    drawn = {path.stem for path in (executed_copy / "runs/quick/figures").glob("*.csv")}
    assert sorted(drawn) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_new_run_gives_the_same_table(name: str, executed_copy: Path) -> None:
    new = executed_copy / "runs" / "quick" / "figures" / f"{name}.csv"
    found = compare_tables(new, FIGURES / f"{name}.csv")
    assert found.agrees, found


@pytest.mark.parametrize(
    "edited",
    [
        "frame,area\nt01,12.6\nt02,9\n",
        "frame,area\nt01,12.5\nt03,9\n",
        "frame,area\nt01,12.5\n",
        "frame,size\nt01,12.5\nt02,9\n",
    ],
    ids=["number", "text", "row", "column"],
)
def test_an_edited_table_is_caught(edited: str, tmp_path: Path) -> None:
    new, stored = tmp_path / "new" / "01_a.csv", tmp_path / "01_a.csv"
    stored.write_text("frame,area\nt01,12.5\nt02,9\n")
    new.parent.mkdir()
    shutil.copy(stored, new)
    assert compare_tables(new, stored).agrees
    stored.write_text(edited)
    assert not compare_tables(new, stored).agrees
