"""Flow fields: for every pixel of a cell, the direction of the way to the cell's centre."""

import numpy as np
from scipy import ndimage, sparse
from scipy.linalg import solveh_banded
from scipy.sparse.csgraph import reverse_cuthill_mckee
from scipy.sparse.linalg import splu

NEIGHBOURS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # (row, column)
LARGEST_BAND = 30_000_000  # entries of a banded matrix, 240 MB


def _centres(rows: np.ndarray, columns: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """For each id the position, in these lists, of its pixel nearest to its median pixel."""
    cells = np.unique(ids)
    own = np.searchsorted(cells, ids)
    middle = [ndimage.median(values, ids, cells)[own] for values in (rows, columns)]
    distance = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2
    least = np.full(len(cells), np.inf)
    np.minimum.at(least, own, distance)
    nearest = np.flatnonzero(distance == least[own])
    return nearest[np.unique(own[nearest], return_index=True)[1]]  # of several always the first


def _steady_heat(one: np.ndarray, other: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Temperature of pixels that give heat to their four sides alike.

    Pixels ordered by distance from an end of their cell are coupled only to near ones, in a band
    as narrow as the cells; where a cell is too wide for that, a general sparse solver does it.

    Parameters
    ----------
    one, other : (L,) integer ndarray
        Pixels of the same cell that share an edge, each pair in both orders.
    source : (K,) float64 ndarray
        Heat that is brought to each pixel.

    Returns
    -------
    (K,) float64 ndarray
        What leaves a cell is lost: its outline is kept at temperature 0.
    """
    count = len(source)
    coupling = sparse.csr_matrix((np.ones(len(one)), (one, other)), (count, count))
    order = reverse_cuthill_mckee(coupling, symmetric_mode=True)
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    below = place[other] - place[one]
    width = below.max(initial=0) + 1
    if width * count > LARGEST_BAND:
        system = (4 * sparse.eye(count) - coupling).tocsc()
        factors = splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        return factors.solve(source)
    band = np.zeros((width, count), order="F")  # the diagonal and what lies below it
    band[0] = 4
    band[below[below > 0], place[one][below > 0]] = -1
    heat = np.empty(count)
    heat[order] = solveh_banded(
        band, source[order], overwrite_ab=True, lower=True, check_finite=False
    )
    return heat


def flow_field(label: np.ndarray) -> np.ndarray:
    """Unit vectors that lead from each pixel of a cell to the cell's centre, within the cell.

    Heat flows from the pixel in a cell's middle, out through its outline: the steady temperature
    solves one sparse linear system for all cells together, and the flow is the direction in which
    it rises. Following it, a pixel stays in its cell, however bent the cell is.

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
    padded = np.pad(label, 1)
    flow = np.zeros((2, *padded.shape), np.float32)
    rows, columns = np.nonzero(padded)
    count = len(rows)
    if not count:
        return flow[:, 1:-1, 1:-1]
    ids = padded[rows, columns]
    position = np.zeros(padded.shape, np.int64)
    position[rows, columns] = np.arange(count)
    beside = np.array([position[rows + dy, columns + dx] for dy, dx in NEIGHBOURS])  # (4, count)
    same = np.array([padded[rows + dy, columns + dx] == ids for dy, dx in NEIGHBOURS])

    here = np.broadcast_to(np.arange(count), same.shape)[same]
    source = np.zeros(count)
    source[_centres(rows, columns, ids)] = 1
    heat = _steady_heat(here, beside[same], source)

    # Far from the centre heat fades exponentially: its logarithm rises in the same direction.
    heat = np.log(np.maximum(heat, np.finfo(float).tiny))
    around = np.where(same, heat[beside], heat)  # (4, count)
    distance = np.maximum(same[0::2].astype(int) + same[1::2], 1)  # (2, count)
    rise = (around[0::2] - around[1::2]) / distance  # (2, count)
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
