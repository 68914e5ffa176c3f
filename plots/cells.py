"""Cells of a label image as outlines over a frame or as a picture in colours."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from skimage.segmentation import expand_labels

from plots.geometry import outlines_by_cell
from plots.style import BLUE, GREEN, ORANGE, PREDICTED, PURPLE, SKY, TRUTH, VERMILLION, YELLOW

THIN, WIDE = 0.72, 1.44  # outlines: one and two pixels of a figure [pt]
DASHES = (0, (4, 2))
BASE = np.array([to_rgb(c) for c in (ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE)])
PALETTE = np.concatenate([BASE, 0.45 + 0.55 * BASE])  # (14, 3)
APART = 5  # cells closer than twice this get different colours [px]


def cell_outlines(label: np.ndarray) -> list[np.ndarray]:
    """The lines of `plots.geometry.outlines_by_cell`, of all cells one after another."""
    return [line for lines in outlines_by_cell(label).values() for line in lines]


def draw_outlines(
    ax: Axes, label: np.ndarray, color: str = TRUTH, linewidth: float = THIN, **options
) -> LineCollection:
    """Draw the outlines of the cells of a label image.

    Without anti-aliasing, which would double the size of a picture of many cells.
    """
    lines = LineCollection(
        cell_outlines(label), colors=color, linewidths=linewidth, antialiaseds=False, **options
    )
    ax.add_collection(lines, autolim=False)
    return lines


def draw_truth_and_prediction(
    ax: Axes, truth: np.ndarray | None, predicted: np.ndarray
) -> list[Line2D]:
    """Draw annotated outlines wide and full, predicted ones narrow and dashed over them.

    Returns
    -------
    list of Line2D
        For a legend.
    """
    handles = []
    if truth is not None:
        draw_outlines(ax, truth, TRUTH, WIDE)
        handles.append(Line2D([], [], color=TRUTH, linewidth=3, label="annotated"))
    draw_outlines(ax, predicted, PREDICTED, THIN, linestyles=[DASHES])
    line = Line2D([], [], color=PREDICTED, linewidth=2, linestyle=DASHES, label="predicted")
    return [*handles, line]


def _neighbours(label: np.ndarray) -> dict[int, set[int]]:
    """Ids within 2 * `APART` px of each id."""
    grown = expand_labels(label, APART)
    found = {int(cell): set() for cell in np.unique(label) if cell}
    for a, b in (
        (grown[1:], grown[:-1]),
        (grown[:, 1:], grown[:, :-1]),
        (grown[1:, 1:], grown[:-1, :-1]),
        (grown[1:, :-1], grown[:-1, 1:]),
    ):
        meet = (a != b) & (a > 0) & (b > 0)
        for one, other in np.unique(np.stack([a[meet], b[meet]], axis=1), axis=0).tolist():
            found[one].add(other)
            found[other].add(one)
    return found


def pale(picture: np.ndarray) -> np.ndarray:
    """A colour picture, [0, 1], lightened so that lines stand out on it."""
    return 0.6 + 0.4 * picture


def cell_colours(label: np.ndarray, background: float | np.ndarray = 1.0) -> np.ndarray:
    """Colour picture of a label image: neighbours differ, and the same label looks the same again.

    Parameters
    ----------
    label : (H, W) integer ndarray
        0 = background, one id per cell.
    background : float or (H, W) ndarray, [0, 1]
        Grey of the background.

    Returns
    -------
    (H, W, 3) float ndarray, [0, 1]
    """
    picture = np.repeat(np.broadcast_to(background, label.shape)[..., None], 3, -1).astype(float)
    neighbours = _neighbours(label)
    chosen: dict[int, int] = {}
    for cell, near in neighbours.items():
        taken = [chosen[other] for other in near if other in chosen]
        first = cell * 5 % len(BASE)  # plain colours first, tints where they run out
        order = [*np.roll(np.arange(len(BASE)), -first), *range(len(BASE), len(PALETTE))]
        chosen[cell] = int(min(order, key=taken.count))
    if chosen:
        ids = np.array(sorted(chosen))
        colours = PALETTE[[chosen[int(cell)] for cell in ids]]
        inside = label > 0
        picture[inside] = colours[np.searchsorted(ids, label[inside])]
    return picture
