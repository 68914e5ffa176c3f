"""report.html: everything on one page, nothing twice, nothing from elsewhere."""

import base64
import io
import json
import re
from pathlib import Path

import nbformat
import PIL.Image
import pytest

from conductor.report import MATH, formula, write_report
from preprocess.layout import RunLayout

TEXT = "# {0} · Title: more\n\nA weight of $w_0 = 10$.\n\n## Part one\n\nWords. ## no heading"
MAX_BYTES = 10_000_000


def png(colour: int) -> str:
    """A picture, base64."""
    stream = io.BytesIO()
    PIL.Image.new("L", (6, 4), colour).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def write_notebook(path: Path, number: int, code: str, pictures: list[str], text: str = "") -> None:
    """An executed notebook of two cells."""
    v4 = nbformat.v4
    outputs = [v4.new_output("display_data", {"image/png": p}) for p in pictures]
    outputs += [v4.new_output("stream", text=text)] if text else []
    cells = [
        v4.new_markdown_cell(TEXT.format(number)),
        v4.new_code_cell(code, outputs=outputs, execution_count=1),
    ]
    nbformat.write(v4.new_notebook(cells=cells), path)


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """A run of two stages and an overview that shows a figure of each, and one of its own."""
    layout = RunLayout(tmp_path)
    layout.notebooks.mkdir()
    folder = layout.notebooks
    save = 'save_figure(plot(), layout.figures, "{}", table)'
    write_notebook(folder / "01_one.ipynb", 1, save.format("01_a"), [png(10)], "3 < 4 cells")
    write_notebook(folder / "02_two.ipynb", 2, save.format("02_b"), [png(20)])
    write_notebook(folder / "main.ipynb", 0, 'picture(figures, "01_a")', [png(30)])
    status = {"parameters": {"data": "/data/my <frames>"}, "seconds": {"01_one": 1.5}}
    layout.status.write_text(json.dumps(status))
    return layout


def page_of(layout: RunLayout) -> str:
    """The page that `write_report` makes."""
    write_report(layout)
    return layout.report.read_text(encoding="utf-8")


def test_all_notebooks_stand_on_the_page_overview_first(layout: RunLayout) -> None:
    page = page_of(layout)
    assert re.findall(r'<section class="(\w+)">', page) == ["main", "01_one", "02_two", "about"]
    assert "3 &lt; 4 cells" in page
    assert "my &lt;frames&gt;" in page and "<td>1.5</td>" in page


def test_every_entry_of_the_contents_leads_somewhere(layout: RunLayout) -> None:
    page = page_of(layout)
    anchors = re.findall(r'id="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    targets = re.findall(r'href="#([^"]+)"', page)
    assert set(targets) <= set(anchors)
    assert {"main", "01_one", "01_one-1", "02_two", "about"} <= set(targets)
    assert page.count(">Part one</h3>") == 3 and page.count("· Title: more</h2>") == 3


def test_a_figure_of_a_stage_is_stored_once(layout: RunLayout) -> None:
    page = page_of(layout)
    assert page.count(png(10)) == 1 and png(30) not in page
    assert page.count('data-same="01_a"') == 1


def test_two_figures_of_one_cell_keep_their_names(layout: RunLayout) -> None:
    code = 'save_figure(f, layout.figures, "03_a", t)\nsave_figure(g, layout.figures, "03_b", t)'
    path = layout.notebooks / "03_three.ipynb"
    write_notebook(path, 3, code, [png(50), png(60), png(70)])
    page = page_of(layout)
    named = re.findall(r'<figure id="(03_.)"><img [^>]*base64,([^"]+)"', page)
    assert named == [("03_a", png(50)), ("03_b", png(60))]
    assert page.count("<figcaption>picture</figcaption>") == 1


def test_an_overview_without_its_stages_keeps_its_pictures(layout: RunLayout) -> None:
    (layout.notebooks / "01_one.ipynb").unlink()
    page = page_of(layout)
    assert png(30) in page and 'data-same="' not in page


def test_a_run_without_an_overview_has_a_page_too(layout: RunLayout) -> None:
    (layout.notebooks / "main.ipynb").unlink()
    assert '<section class="02_two">' in page_of(layout)


def loaded(page: str) -> list[str]:
    """Start of whatever address a page loads by itself."""
    return re.findall(r"""(?:\bsrc=|<link[^>]*href=|@import |url\()["']?([^"'>]{,30})""", page)


def test_nothing_is_loaded_from_elsewhere(layout: RunLayout) -> None:
    assert {address.split(",")[0] for address in loaded(page_of(layout))} == {
        "data:image/png;base64",
        "data:image/svg+xml;base64",
    }


def test_code_is_folded_away(layout: RunLayout) -> None:
    assert page_of(layout).count('<details class="code"><summary>code</summary>') == 3


def test_a_formula_becomes_a_picture_with_its_text() -> None:
    html = MATH.sub(formula, r"So $$a = \frac{b}{2}$$ holds for $d_1 < 5$; 3 $ or 4 $.")
    assert html.count("<img ") == 2 and html.endswith("; 3 $ or 4 $.")
    assert r'alt="a = \frac{b}{2}"' in html and 'alt="d_1 &lt; 5"' in html


def test_a_formula_that_cannot_be_drawn_stays_text() -> None:
    assert MATH.sub(formula, r"$\unheard{x}$") == r"<code>\unheard{x}</code>"


@pytest.mark.slow
def test_the_report_of_a_real_run(executed_copy: Path) -> None:
    report = executed_copy / "runs" / "quick" / "report.html"
    page = report.read_text(encoding="utf-8")
    assert report.stat().st_size < MAX_BYTES
    assert all(address.startswith("data:image/") for address in loaded(page))
    assert len(re.findall(r'<section class="0\d_', page)) == 6
    figures = {path.stem for path in (executed_copy / "runs/quick/figures").glob("*.png")}
    assert figures == set(re.findall(r'<figure id="(\w+)"', page))
