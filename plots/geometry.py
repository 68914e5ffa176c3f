"""What is drawn, as numbers: outlines of cells, round lengths; needs no matplotlib."""

import numpy as np
from scipy import ndimage
from skimage.measure import find_contours
from skimage.segmentation import relabel_sequential


def outlines_by_cell(label: np.ndarray) -> dict[int, list[np.ndarray]]:
    """Closed lines around every cell, halfway between its pixels and the others.

    Parameters
    ----------
    label : (H, W) integer ndarray
        0 = background, one id per cell.

    Returns
    -------
    dict of int to list of (P, 2) float ndarray
        By id: x and y [px], the centre of a pixel at whole numbers; at least one line a cell, more
        for a cell in parts or with holes.
    """
    ranks, _, ids = relabel_sequential(np.array(label))  # a copy: it takes no read-only array
    lines = {}
    for rank, window in enumerate(ndimage.find_objects(ranks), start=1):
        corner = np.array([window[1].start, window[0].start]) - 1
        inside = np.pad(ranks[window] == rank, 1).astype(float)
        lines[int(ids[rank])] = [line[:, ::-1] + corner for line in find_contours(inside, 0.5)]
    return lines


def round_length(longest: float) -> float:
    """Largest of 1, 2 or 5 times a power of ten that is not above `longest`."""
    power = 10.0 ** np.floor(np.log10(longest))
    return float(power * max(step for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9)))
