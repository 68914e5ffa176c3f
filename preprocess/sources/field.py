"""All cells of one field together: what the light passes through, and which cell is where."""

import numpy as np
from scipy import ndimage

from preprocess.sources.cell_shape import Cell
from preprocess.sources.cell_thickness import OUTLINE_MARGIN, Patch

SMALLEST_CELL = 60  # [px]; nobody outlines less of a cell at the edge of a frame


def _overlap(corner: np.ndarray, shape: tuple[int, int], size: int) -> tuple[tuple, tuple]:
    """Slices of a frame and of a patch where the two overlap."""
    low = np.maximum(corner, 0)
    high = np.minimum(corner + shape, size)
    high = np.maximum(high, low)
    frame = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    patch = tuple(slice(a, b) for a, b in zip(low - corner, high - corner, strict=True))
    return frame, patch


def compose(
    cells: list[Cell], patches: list[Patch], hidden: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lay all cells into one field.

    Parameters
    ----------
    cells : list of Cell
    patches : list of Patch
        The cells, drawn.
    hidden : (S, S) bool ndarray
        Where no cell can be seen.

    Returns
    -------
    thickness : (S, S) float32 ndarray
        Optical thickness; thin along the seam of two cells that press on each other.
    keys : (S, S) int32 ndarray
        Key of the cell that a pixel lies deepest in, one connected piece a cell, 0 = background.
    """
    size = len(hidden)
    thickness, deepest, second = np.zeros((3, size, size), np.float32)
    keys = np.zeros((size, size), np.int32)
    for cell, patch in zip(cells, patches, strict=True):
        frame, part = _overlap(patch.corner, patch.depth.shape, size)
        depth, wins = patch.depth[part], patch.depth[part] > deepest[frame]
        second[frame] = np.where(wins, deepest[frame], np.maximum(second[frame], depth))
        deepest[frame] = np.maximum(deepest[frame], depth)
        part_thickness, held = patch.thickness[part], thickness[frame]
        thickness[frame] = np.where(np.abs(part_thickness) > held, part_thickness, held)
        keys[frame][wins] = cell.key
    seam = np.exp(-(((deepest - second) / 2) ** 2)) * (second > OUTLINE_MARGIN)
    thickness *= 1 - 0.7 * seam
    thickness[hidden] = 0
    keys[hidden] = 0
    for key, box in enumerate(ndimage.find_objects(keys), start=1):
        if box is None:
            continue
        mask = keys[box] == key
        piece = largest_piece(mask)
        keys[box][mask & ~piece] = 0
        if piece.sum() < SMALLEST_CELL:
            keys[box][piece] = 0
    return thickness, keys


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """Largest connected component (four neighbours) of a mask, as a mask."""
    pieces, _ = ndimage.label(mask)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return pieces == sizes.argmax() if sizes.any() else mask
