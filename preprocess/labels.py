"""What a label image says: which kind it is, and one id per cell whatever its kind."""

import numpy as np
from scipy.sparse import coo_array, csgraph
from skimage.measure import label as connected_components
from skimage.segmentation import watershed

IGNORE = 65_535
KINDS = ("empty", "binary", "cells")


def kind(label: np.ndarray) -> str:
    """Kind of a label image: `empty`, `binary` (one value beside 0: 0/1 or 0/255) or `cells`.

    Parameters
    ----------
    label : (H, W) int32 ndarray
        Values equal to `IGNORE` are left out of account.
    """
    ids = np.setdiff1d(label, (0, IGNORE))
    return KINDS[min(len(ids), 2)]


def is_border_mask(border: np.ndarray) -> bool:
    """Whether a border image is a mask of at most two values; a weight map has more."""
    return len(np.unique(border)) <= 2  # noqa: PLR2004


def to_cells(label: np.ndarray, border: np.ndarray | None = None) -> np.ndarray:
    """One id per cell.

    A binary label falls apart into its connected components (diagonals included), along the border
    mask where there is one; the pixels of the border then join the cell next to them. A label
    with one id per cell stays as it is.

    Parameters
    ----------
    label : (H, W) int32 ndarray
        Binary or one id per cell; `IGNORE` marks pixels that nobody annotated.
    border : (H, W) ndarray, optional
        Border mask, not 0 where cells meet.

    Returns
    -------
    (H, W) int32 ndarray
        0 = background; `IGNORE` stays.
    """
    if kind(label) != "binary":
        return label
    ignored = label == IGNORE
    inside = (label > 0) & ~ignored
    if border is None:
        cells = connected_components(inside, connectivity=2).astype(np.int32)
    else:
        cells = _cut(inside, border > 0)
    return np.where(ignored, np.int32(IGNORE), cells)


def _cut(inside: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Components of `inside` without `border`, grown back over the border inside."""
    cells = _components_apart(inside & ~border, border)
    cells = watershed(np.zeros(inside.shape, np.uint8), cells, connectivity=2, mask=inside)
    # What is left is border altogether: a cell so small that its outline covers it.
    left = connected_components(inside & (cells == 0), connectivity=2)
    return np.where(left > 0, left + cells.max(initial=0), cells).astype(np.int32)


def _components_apart(free: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Components, diagonals included unless a border passes between the two pixels.

    A border one pixel wide and diagonal must cut, a pixel at the corner of a cell stays with it.
    """
    cells = connected_components(free, connectivity=1)
    pairs = []
    for turned in (slice(None), slice(None, None, -1)):  # both diagonals
        ids, wall = cells[:, turned], border[:, turned]
        meets = free[:, turned][:-1, :-1] & free[:, turned][1:, 1:]
        meets &= ~(wall[:-1, 1:] | wall[1:, :-1])
        pairs.append(np.stack([ids[:-1, :-1][meets], ids[1:, 1:][meets]]))
    first, second = np.concatenate(pairs, axis=1)
    n = int(cells.max(initial=0)) + 1
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(n, n))
    _, joined = csgraph.connected_components(graph, directed=False)
    return joined[cells].astype(np.int32)  # 0 has no partner and comes first, so it stays 0


def without_ignored(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells alone, and where anybody annotated.

    Returns
    -------
    label : (H, W) int32 ndarray
        0 where nobody annotated.
    annotated : (H, W) bool ndarray
    """
    annotated = label != IGNORE
    return np.where(annotated, label, np.int32(0)), annotated
