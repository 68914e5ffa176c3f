"""One look for all figures: sizes, colours that mean something, scale bars, and how they are saved.

The colours are those of Okabe and Ito (2008), told apart with any common colour blindness; outlines
and curves differ in line style or marker as well.
"""

import io
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from plots.geometry import round_length

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)

TRUTH, PREDICTED = SKY, ORANGE  # outlines on frames
HIT, MISSED, FALSE = GREEN, BLUE, VERMILLION  # in both, in the truth alone, predicted alone
TRAIN, VALIDATION = BLUE, VERMILLION
METRICS = {"IoU": BLUE, "AP50": VERMILLION, "mSA": GREEN, "SEG": PURPLE, "F1": ORANGE, "Dice": SKY}
QUIET, FAINT = "#595959", "#D9D9D9"  # what stands back: side notes, grids

WIDTH = 10.0  # of a figure [inch]: the width of a notebook
PICTURES = {"layout": "compressed"}  # panels that keep their shape stand close together
MAX_BYTES = 400_000  # of a saved picture
STYLE = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.axisbelow": True,
    "axes.prop_cycle": plt.cycler(color=SERIES),
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
}


def use_style() -> None:
    """Set matplotlib's defaults to the project's look; `new_figure` calls it for every figure."""
    plt.rcParams.update(STYLE)


def new_figure(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (WIDTH, 4.0), **options
) -> tuple[Figure, np.ndarray]:
    """An empty figure in the project's look.

    Parameters
    ----------
    rows, columns : int
        Panels.
    size : (float, float)
        Width and height [inch].
    **options
        As `matplotlib.pyplot.subplots` takes them; `**PICTURES` for panels of square pixels.

    Returns
    -------
    figure : Figure
    axes : (rows, columns) ndarray of Axes
    """
    use_style()
    options = {"layout": "constrained", **options}
    return plt.subplots(rows, columns, figsize=size, squeeze=False, **options)


def nothing_to_show(text: str) -> Figure:
    """A figure that says why it is empty."""
    figure, axes = new_figure(size=(WIDTH, 1.0))
    axes[0, 0].set_axis_off()
    axes[0, 0].text(0.5, 0.5, text, ha="center", va="center", color=QUIET)
    return figure


def scale_bar(
    ax: Axes, pixel_size_um: float, length: float | None = None, color: str = "white"
) -> Line2D:
    """Draw a scale bar into the lower right corner of a picture.

    Parameters
    ----------
    ax : Axes
        Its data coordinates are pixels of the frame.
    pixel_size_um : float
        Side of a pixel [um]; NaN gives a bar in pixels.
    length : float, optional
        Of the bar [um, or px where the pixel size is NaN]; else a round one, at most a quarter of
        the picture.
    color : str

    Returns
    -------
    Line2D
        The bar, `length / pixel_size_um` long in data coordinates.
    """
    known = not np.isnan(pixel_size_um)
    side = pixel_size_um if known else 1.0
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    length = length or round_length(0.25 * abs(right - left) * side)
    end = right - 0.05 * (right - left)
    height = bottom + 0.06 * (top - bottom)
    ax.autoscale(False)
    (bar,) = ax.plot(
        [end - np.sign(right - left) * length / side, end],
        [height, height],
        color=color,
        linewidth=3,
        solid_capstyle="butt",
        path_effects=[withStroke(linewidth=5, foreground="black")],
    )
    ax.annotate(
        f"{length:g} {'µm' if known else 'px'}",
        (end, height),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=color,
        fontsize=9,
        path_effects=[withStroke(linewidth=2, foreground="black")],
    )
    return bar


def _png(figure: Figure) -> bytes:
    """The figure as PNG; in fewer colours if it would be larger than `MAX_BYTES`."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    for levels in (32, 16):  # per channel
        if stream.tell() <= MAX_BYTES:
            break
        stream.seek(0)
        pixels = np.round(plt.imread(stream)[..., :3] * (levels - 1)) / (levels - 1)
        stream = io.BytesIO()
        plt.imsave(stream, pixels, format="png", dpi=figure.dpi, metadata={"Software": None})
    return stream.getvalue()


def _replace(path: Path, content: bytes) -> None:
    """Write a file that is never seen half written."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def save_figure(figure: Figure, folder: Path, name: str, table: pd.DataFrame) -> None:
    """Write a figure and the numbers drawn in it; the figure stays open.

    Parameters
    ----------
    figure : Figure
    folder : Path
        Made if it is not there.
    name : str
        Stem of both files, `NAME.png` and `NAME.csv`.
    table : DataFrame
        Written with six significant digits, without its index.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / f"{name}.png", _png(figure))
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    _replace(folder / f"{name}.csv", text.encode("utf-8"))
