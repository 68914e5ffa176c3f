"""How much light one simulated cell delays, pixel by pixel, and how deep each pixel lies in it."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from skimage.draw import polygon2mask

from preprocess.sources.cell_shape import Cell, ball_radius, outline

# An outline drawn by hand runs outside the dark edge [px]: in real frames the halo's crest lies 1
# to 2 px outside the outline, and this margin puts it there.
OUTLINE_MARGIN = 2.0


class Patch(NamedTuple):
    """A cell drawn on its bounding box.

    Attributes
    ----------
    corner : (2,) int64 ndarray
        Row and column of the box's first pixel [px]; may be negative.
    depth : (h, w) float32 ndarray
        Distance inside the annotated outline [px], <= 0 outside it.
    thickness : (h, w) float32 ndarray
        Optical thickness, in units of the phase that darkens to black.
    """

    corner: np.ndarray
    depth: np.ndarray
    thickness: np.ndarray


def draw(cell: Cell, noise: np.ndarray) -> Patch:
    """Draw one cell.

    Parameters
    ----------
    cell : Cell
    noise : (3, S, S) float32 ndarray
        Periodic noise of unit variance: coarse, medium, fine.

    Returns
    -------
    patch : Patch
    """
    points, tips = outline(cell)
    points = points + cell.position
    margin = int(np.ceil(OUTLINE_MARGIN)) + 1
    corner = np.floor(points.min(0)).astype(int) - margin
    shape = np.ceil(points.max(0)).astype(int) + margin + 1 - corner
    mask = polygon2mask(shape, points - corner)
    inside = ndimage.distance_transform_edt(mask)
    depth = inside - ndimage.distance_transform_edt(~mask) + OUTLINE_MARGIN
    centre = cell.position - corner
    local = _texture(cell, centre, shape, noise)
    flat = _spread_thickness(cell, inside, local) + _nucleus(cell, centre, shape) * (inside > 2)
    thickness = cell.spread * flat
    thickness += _spots(cell, tips, centre, shape) * mask
    thickness += _ball_thickness(cell, inside, local)
    return Patch(corner, depth.astype(np.float32), thickness.astype(np.float32))


def _texture(cell: Cell, centre: np.ndarray, shape: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The cell's piece of the shared noise, turned with the cell; fibres run along its axis."""
    row = np.arange(shape[0])[:, None] - centre[0]
    column = np.arange(shape[1]) - centre[1]
    sine, cosine = np.sin(cell.arms[0, 0]), np.cos(cell.arms[0, 0])
    along, across = sine * row + cosine * column, cosine * row - sine * column
    size = noise.shape[1]
    y = np.rint(along + cell.texture[0]).astype(int) % size
    x = np.rint(across + cell.texture[1]).astype(int) % size
    fibre = np.rint(along / 5 + cell.texture[0]).astype(int) % size
    return np.stack([noise[0, y, x], noise[1, fibre, x], noise[2, y, x]])


def _spread_thickness(cell: Cell, inside: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Optical thickness of a spread cell without its granules.

    The edge is steep in one place, where it throws a halo, and a flat lamella in another.
    """
    coarse, fibre, fine = noise
    edge = 1 - np.exp(-inside / (1.2 * np.exp(-0.8 * coarse)))
    middle = np.minimum(inside / (0.25 * np.sqrt(cell.area)), 1)
    # Thick cells are thickest in the middle, flat ones are flat: real interiors differ likewise.
    swell = 0.5 * cell.contrast - 0.45
    grain = 1 + 0.1 * fibre + (0.08 + 0.07 * middle) * fine
    local = np.clip(0.8 + 0.35 * coarse, 0.3, 2)
    return cell.contrast * local * edge * (1 + swell * middle) * grain


def _nucleus(cell: Cell, centre: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Optical thickness that the nucleus adds: a faint rim, and a little less inside it."""
    row = np.arange(shape[0])[:, None] - centre[0]
    column = np.arange(shape[1]) - centre[1]
    sine, cosine = np.sin(cell.arms[0, 0]), np.cos(cell.arms[0, 0])
    radius = 4.0 + 0.11 * np.sqrt(cell.area)
    along, across = (sine * row + cosine * column) / (1.25 * radius), cosine * row - sine * column
    distance = np.hypot(along, across / (0.9 * radius))
    disc = 0.5 - 0.5 * np.tanh(4 * (distance - 1))
    rim = np.exp(-(((distance - 1) * radius / 1.2) ** 2))
    return cell.contrast * (0.16 * rim - 0.12 * disc)


def _ball_thickness(cell: Cell, inside: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Optical thickness of a rounding cell, whose phase wraps: hence its bright ring."""
    height = np.clip(inside / ball_radius(cell), 0, 1)
    dome = np.sqrt(height * (2 - height))
    wave = np.sin(cell.fringes * dome * (1 + 0.05 * noise[1]))
    return (1 - cell.spread) ** 3 * np.where(wave > 0, 0.6, 0.95) * wave


def _spots(cell: Cell, tips: np.ndarray, centre: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Optical thickness of granules, and of the knobs at the tips of the protrusions."""
    turn = cell.arms[0, 0]
    rotate = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    places = cell.granules[:, :2] @ rotate * np.sqrt(cell.area) * (0.4 + 0.6 * cell.spread)
    knob = 0.7 * cell.contrast * cell.spread
    spots = np.vstack(
        [
            np.column_stack([places, cell.granules[:, 2], cell.spread * cell.granules[:, 3]]),
            np.column_stack([tips, np.full(len(tips), 2.2), np.full(len(tips), knob)]),
        ]
    )
    total = np.zeros(shape)
    for row, column, radius, weight in spots:
        y, x = row + centre[0], column + centre[1]
        reach = 3 * radius
        rows = np.arange(max(int(y - reach), 0), min(int(y + reach) + 2, shape[0]))
        columns = np.arange(max(int(x - reach), 0), min(int(x + reach) + 2, shape[1]))
        if rows.size and columns.size:
            bell = np.exp(-((rows[:, None] - y) ** 2 + (columns - x) ** 2) / (2 * radius**2))
            total[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += weight * bell
    return total
