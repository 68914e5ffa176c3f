"""report.html: what all notebooks of a run say, on one page that needs no network."""

import base64
import html
import io
import re
import time
from itertools import chain, repeat
from pathlib import Path
from string import Template
from typing import NamedTuple

import nbformat
import PIL.Image
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import math_to_image
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from conductor.record import read_status
from preprocess.layout import PROJECT, RunLayout
from preprocess.tiff import atomic_path

TEMPLATE = PROJECT / "conductor" / "report.html"
OVERVIEW = "main"
HEADING = re.compile(r"^(#+) +(.+)$", re.MULTILINE)
MATH = re.compile(r"\$\$(?P<block>.+?)\$\$|\$(?P<inline>(?!\s)[^$\n]+?(?<!\s))\$", re.DOTALL)
FIGURE = re.compile(r'\bfigures, "(\w+)"')  # as in save_figure(figure, layout.figures, "01_frames")


class Chapter(NamedTuple):
    """One notebook of the page.

    Parameters
    ----------
    name : str
        Stem of the notebook.
    headings : list of (str, str)
        Anchor and text, the chapter's own title first.
    body : str
        HTML.
    """

    name: str
    headings: list[tuple[str, str]]
    body: str


def formula(match: re.Match) -> str:
    """A formula in TeX as a picture in HTML, which needs no script; as it is if too difficult."""
    tex = " ".join((match["block"] or match["inline"]).split())
    kind, size = ("block", 16) if match["block"] else ("inline", 12)  # [pt]
    picture = io.BytesIO()
    font = FontProperties(size=size)
    try:
        depth = math_to_image(f"${tex}$", picture, prop=font, dpi=72, format="svg")
    except ValueError:
        return f"<code>{html.escape(tex)}</code>"
    data = base64.b64encode(picture.getvalue()).decode()
    return (
        f'<img class="{kind} math" style="vertical-align:-{depth:.1f}pt" alt="{html.escape(tex)}" '
        f'src="data:image/svg+xml;base64,{data}">'
    )


def pictures(cell: NotebookNode) -> list[tuple[NotebookNode, str]]:
    """The figures among a cell's outputs, each with its name, empty if it has none."""
    shown = [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    return list(zip(shown, chain(FIGURE.findall(cell.source), repeat("")), strict=False))


def drawn_figures(notebooks: dict[str, NotebookNode]) -> set[str]:
    """Names of the figures that the stages show: the overview shows some of them again."""
    cells = (c for name, n in notebooks.items() if name != OVERVIEW for c in n.cells)
    return {name for cell in cells for _, name in pictures(cell)} - {""}


def picture_html(png: str, name: str, elsewhere: bool) -> str:
    """A figure, base64 in and HTML out; a link to it where another chapter holds a copy."""
    label = html.escape(name or "picture")
    with PIL.Image.open(io.BytesIO(base64.b64decode(png))) as picture:
        size = f'width="{picture.width}" height="{picture.height}"'
    if elsewhere:
        image = f'<img {size} data-same="{label}" alt="Figure {label}: see there">'
        return f'<a class="figure" href="#{label}">{image}</a>'
    anchor = f' id="{label}"' if name else ""
    image = f'<img {size} src="data:image/png;base64,{png.strip()}" alt="{label}">'
    return f"<figure{anchor}>{image}<figcaption>{label}</figcaption></figure>"


def code_html(cell: NotebookNode) -> NotebookNode:
    """The code of a cell, folded away, as an output of it."""
    code = f"<pre>{html.escape(cell.source)}</pre>"
    page = f'<details class="code"><summary>code</summary>{code}</details>'
    return nbformat.v4.new_output("display_data", {"text/html": page})


def chapter(name: str, notebook: NotebookNode, elsewhere: set[str]) -> Chapter:
    """One notebook as a part of the page.

    Parameters
    ----------
    name : str
        Stem of the notebook.
    notebook : NotebookNode
        Executed; it is changed.
    elsewhere : set of str
        Figures that this chapter takes from another one.
    """
    headings: list[tuple[str, str]] = []

    def anchored(match: re.Match) -> str:
        anchor = f"{name}-{len(headings)}" if headings else name
        headings.append((anchor, match[2]))
        return f'<a class="anchor" id="{anchor}"></a>\n\n#{match[0]}'

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = HEADING.sub(anchored, MATH.sub(formula, cell.source))
            continue
        for output, drawn in pictures(cell):
            page = picture_html(output.data["image/png"], drawn, drawn in elsewhere)
            output.data = nbformat.from_dict({"text/html": page})
        if cell.cell_type == "code":
            cell.outputs.insert(0, code_html(cell))
    exporter = HTMLExporter(
        template_name="basic",
        exclude_input=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    body, _ = exporter.from_notebook_node(notebook)
    return Chapter(name, headings or [(name, name)], body)


def contents(chapters: list[Chapter]) -> str:
    """The table of contents, HTML."""
    parts = []
    for _, ((anchor, title), *sections), _ in chapters:
        links = [f'<a href="#{a}">{html.escape(t)}</a>' for a, t in sections]
        items = "".join(f"<li>{link}</li>" for link in links)
        short = html.escape(title.split(":")[0])
        parts.append(f'<li><a href="#{anchor}">{short}</a><ul>{items}</ul></li>')
    return f"<ul>{''.join(parts)}</ul>"


def table(rows: dict[str, object]) -> str:
    """Names and values, HTML."""
    cells = (
        f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>"
        for k, v in rows.items()
    )
    return f"<table>{''.join(cells)}</table>"


def provenance(status: dict) -> Chapter:
    """What made the page: parameters, seconds and packages of a run's status.json."""
    tables = {
        "Parameters": status.get("parameters", {}),
        "Seconds a stage took": status.get("seconds", {}),
        "Packages": status.get("packages", {}),
    }
    headings, body = [("about", "About this run")], '<a id="about"></a><h2>About this run</h2>'
    for title, rows in tables.items():
        anchor = f"about-{len(headings)}"
        headings.append((anchor, title))
        body += f'<a class="anchor" id="{anchor}"></a><h3>{title}</h3>{table(rows)}'
    return Chapter("about", headings, body)


def write_report(layout: RunLayout) -> None:
    """Write report.html: the overview, one chapter a stage, and what made them.

    Parameters
    ----------
    layout : RunLayout
        Of a run; its executed notebooks are read, those that it left out are left out.
    """
    stages = sorted(layout.notebooks.glob("[0-9][0-9]_*.ipynb"))
    paths = [p for p in (layout.notebooks / f"{OVERVIEW}.ipynb", *stages) if p.exists()]
    notebooks = {path.stem: nbformat.read(path, as_version=4) for path in paths}
    drawn = drawn_figures(notebooks)
    chapters = [
        chapter(name, notebook, drawn if name == OVERVIEW else set())
        for name, notebook in notebooks.items()
    ]
    status = read_status(layout.root)
    chapters.append(provenance(status))
    data = Path(str(status.get("parameters", {}).get("data", "")))
    page = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        data=html.escape(data.name),
        made=time.strftime("%Y-%m-%d %H:%M"),
        contents=contents(chapters),
        chapters="".join(f'<section class="{c.name}">{c.body}</section>' for c in chapters),
    )
    with atomic_path(layout.report) as path:
        path.write_text(page, encoding="utf-8")
