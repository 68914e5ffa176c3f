"""Flow fields: for every pixel of a cell, the direction of the way to the cell's centre."""

from itertools import pairwise

import numpy as np
from scipy import ndimage, sparse
from scipy.linalg import solveh_banded
from scipy.sparse.linalg import splu

NEIGHBOURS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # (row, column)
LARGEST_BAND = 30_000_000  # entries of a banded matrix, 240 MB


def _pixels_in_order(label: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels of a label image's cells: cell after cell, each line by line along its longer side.

    Parameters
    ----------
    label : (H, W) int32 ndarray

    Returns
    -------
    rows, columns, own : (K,) int64 ndarray
        `own` numbers the cells 0, 1, ... without gaps.
    """
    rows, columns = np.nonzero(label)
    cells, own = np.unique(label[rows, columns], return_inverse=True)
    numbers = np.arange(len(cells))
    spread = (ndimage.variance(places, own, numbers) for places in (rows, columns))
    tall = np.greater_equal(*spread)[own]
    places = own, np.where(tall, rows, columns), np.where(tall, columns, rows)
    side = max(label.shape)
    order = np.argsort(np.ravel_multi_index(places, (len(cells), side, side)))
    return rows[order], columns[order], own[order]


def _centres(rows: np.ndarray, columns: np.ndarray, own: np.ndarray) -> np.ndarray:
    """For each cell the position, in these lists, of its pixel nearest to its median pixel."""
    numbers = np.arange(own[-1] + 1)
    middle = [ndimage.median(places, own, numbers)[own] for places in (rows, columns)]
    distance = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2
    least = np.full(len(numbers), np.inf)
    np.minimum.at(least, own, distance)
    nearest = np.flatnonzero(distance == least[own])
    return nearest[np.unique(own[nearest], return_index=True)[1]]  # of several always the first


def _steady_heat(one: np.ndarray, other: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Temperature of a cell's pixels, which give heat to their four sides alike.

    Line by line, pixels are coupled only to near ones, in a band as narrow as the cell; where it is
    too wide for that, a general sparse solver does it.

    Parameters
    ----------
    one, other : (L,) integer ndarray
        Pixels that share an edge, `one` before `other`.
    source : (K,) float64 ndarray
        Heat that is brought to each pixel.

    Returns
    -------
    (K,) float64 ndarray
        What leaves the cell is lost: its outline is kept at temperature 0.
    """
    count = len(source)
    apart = other - one
    width = apart.max(initial=0) + 1
    if width * count > LARGEST_BAND:
        coupling = sparse.csc_matrix((np.ones(len(one)), (one, other)), (count, count))
        system = 4 * sparse.eye(count, format="csc") - coupling - coupling.T
        factors = splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        return factors.solve(source)
    band = np.zeros((width, count), order="F")  # the diagonal and what lies below it
    band[0] = 4
    band[apart, one] = -1
    return solveh_banded(band, source, overwrite_ab=True, lower=True, check_finite=False)


def _heat_of_cells(
    beside: np.ndarray, same: np.ndarray, own: np.ndarray, centres: np.ndarray
) -> np.ndarray:
    """Temperature of every pixel, where each cell is heated at its centre, (K,) float64 ndarray.

    Parameters
    ----------
    beside : (4, K) int64 ndarray
        The pixels at its four sides.
    same : (4, K) bool ndarray
        Which of them belong to the same cell.
    own : (K,) int64 ndarray
        Each pixel's cell, rising.
    centres : (cells,) int64 ndarray
    """
    source = np.zeros(len(own))
    source[centres] = 1
    one, side = np.nonzero((same & (beside > np.arange(len(own)))).T)  # each pair once
    other = beside[side, one]
    heat = np.empty(len(own))
    pixels = np.searchsorted(own, np.arange(len(centres) + 1))
    pairs = np.searchsorted(one, pixels)
    for (start, stop), (first, last) in zip(pairwise(pixels), pairwise(pairs), strict=True):
        heat[start:stop] = _steady_heat(
            one[first:last] - start, other[first:last] - start, source[start:stop]
        )
    return heat


def flow_field(label: np.ndarray) -> np.ndarray:
    """Unit vectors that lead from each pixel of a cell to the cell's centre, within the cell.

    Heat flows from the pixel in a cell's middle, out through its outline: the steady temperature
    solves a sparse linear system for each cell, and the flow is the direction in which it rises.
    Following it, a pixel stays in its cell, however bent the cell is.

    Parameters
    ----------
    label : (H, W) int32 ndarray
        0 = background, one id per cell.

    Returns
    -------
    (2, H, W) float32 ndarray
        Row and column component; length 1 in cells, 0 in the background. It is 0 too at a centre
        from which heat flows alike to all sides, and in pieces of a cell that share no edge with
        the piece of the centre.

    References
    ----------
    C. Stringer et al., "Cellpose: a generalist algorithm for cellular segmentation", Nature
    Methods 18, 2021 (there by simulated diffusion).
    """
    if not label.any():
        return np.zeros((2, *label.shape), np.float32)
    padded = np.pad(label, 1)
    rows, columns, own = _pixels_in_order(padded)
    position = np.full(padded.shape, -1)
    position[rows, columns] = np.arange(len(own))
    beside = np.array([position[rows + dy, columns + dx] for dy, dx in NEIGHBOURS])  # (4, K)
    same = (beside >= 0) & (own[beside] == own)
    heat = _heat_of_cells(beside, same, own, _centres(rows, columns, own))

    # Far from the centre heat fades exponentially: its logarithm rises in the same direction.
    heat = np.log(np.maximum(heat, np.finfo(float).tiny))
    around = np.where(same, heat[beside], heat)  # (4, K)
    distance = np.maximum(same[0::2].astype(int) + same[1::2], 1)  # (2, K)
    rise = (around[0::2] - around[1::2]) / distance  # (2, K)
    flow = np.zeros((2, *padded.shape), np.float32)
    flow[:, rows, columns] = rise / np.maximum(np.hypot(*rise), 1e-9)
    return flow[:, 1:-1, 1:-1]


def coarse_flow(label: np.ndarray, block: int) -> np.ndarray:
    """Flow field of a label image of which one pixel a block is looked at.

    Parameters
    ----------
    label : (H, W) int32 ndarray
    block : int
        Side of the square blocks [px].

    Returns
    -------
    (2, ceil(H / block), ceil(W / block)) float32 ndarray
    """
    padding = [(0, -size % block) for size in label.shape]
    return flow_field(np.pad(label, padding, mode="edge")[block // 2 :: block, block // 2 :: block])
