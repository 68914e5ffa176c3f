"""The shape of one simulated cell, and how much it delays the light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from skimage.draw import polygon2mask

N_POINTS = 512
# An outline drawn by hand runs outside the dark edge: in real frames the darkest ring lies 5 to 8 px
# inside it and the halo's crest 1 to 2 px outside.
OUTLINE_MARGIN = 2.0


@dataclass(frozen=True)
class Cell:
    """One cell at one time; lengths in px, or in units of sqrt(area) where "relative".

    Attributes
    ----------
    key, parent : int
        Own number and the mother's (0 without), >= 1.
    position : (2,) float64 ndarray
        Row and column of the centre [px].
    heading : float
        Direction of migration [rad].
    area : float
        Area when spread [px^2].
    arms : (A, 5) float64 ndarray
        Angle [rad], length and half-width at the tip (relative) of each protrusion; how far the cell
        fills the gap to the next one, and how much its sides are pinched, [0, 1]. Angles ascend.
    body : float
        Least radius of the cell body (relative).
    bend : float
        How far the protrusions curve [rad / relative length].
    ruffle : (N_POINTS,) float64 ndarray
        Displacement of the outline along its normal [px].
    contrast : float
        Optical thickness of the spread cell, in units of the phase that darkens to black.
    fringes : float
        Phase at the centre of the rounded cell [rad].
    spread : float
        0 for a ball, 1 for a spread cell.
    clock : float
        Frames until division; infinite for a cell that stays a ball.
    granules : (G, 4) float64 ndarray
        Row, column (relative), radius [px] and optical thickness of each granule.
    texture : (2,) int64 ndarray
        Where the cell's texture is read from the shared noise.
    """

    key: int
    parent: int
    position: np.ndarray
    heading: float
    area: float
    arms: np.ndarray
    body: float
    bend: float
    ruffle: np.ndarray
    contrast: float
    fringes: float
    spread: float
    clock: float
    granules: np.ndarray
    texture: np.ndarray


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


def ball_radius(cell: Cell) -> float:
    """Radius of the cell when rounded up [px]."""
    return 7.0 + 0.16 * np.sqrt(cell.area)


def outline(cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    """Outline of the cell body and the tips of its protrusions, relative to its centre.

    Returns
    -------
    points : (N_POINTS, 2) float64 ndarray
        Row and column [px].
    tips : (A, 2) float64 ndarray
        Row and column [px].
    """
    control, tips = _control_polygon(cell)
    points = _resample(_round_corners(control))
    row, column = points.T
    area = 0.5 * abs(np.sum(row * np.roll(column, -1) - column * np.roll(row, -1)))
    scale = np.sqrt(cell.area / area)
    angle = cell.arms[0, 0] + 2 * np.pi * np.arange(N_POINTS) / N_POINTS
    ball = ball_radius(cell) * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    star = cell.spread**1.5
    points = star * scale * points + (1 - star) * ball
    along = np.roll(points, -2, axis=0) - np.roll(points, 2, axis=0)
    normal = along[:, ::-1] * (1, -1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
    points = points + (0.15 + 0.85 * cell.spread) * cell.ruffle[:, None] * normal
    return points, star * scale * tips


def _control_polygon(cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    """Corners of a star of protrusions, in units of sqrt(area), and the middles of their ends."""
    angle, length, tip, fill, pinch = cell.arms.T
    gap = (np.roll(angle, -1) - angle) % (2 * np.pi)
    following = np.roll(length, -1)
    chord = 2 * length * following * np.cos(gap / 2) / (length + following)
    middle = np.maximum(fill * chord, cell.body)

    def at(radius, theta, side=0.0):
        turned = theta + cell.bend * radius
        axis = np.stack([np.sin(turned), np.cos(turned)], axis=-1)
        return radius[:, None] * axis + np.reshape(side, (-1, 1)) * axis[:, ::-1] * (1, -1)

    def root(sign, towards, half_gap):
        # halfway from the tip to the middle of the gap, drawn towards the protrusion's axis
        across = 0.5 * towards * np.sin(half_gap) * (1 - pinch) + 0.5 * tip
        along = 0.5 * length + 0.5 * towards * np.cos(half_gap)
        return at(along, angle, sign * across)

    left, right = at(length, angle, -tip), at(length, angle, tip)
    after = root(1, middle, gap / 2)
    before = root(-1, np.roll(middle, 1), np.roll(gap, 1) / 2)
    between = at(middle, angle + gap / 2)
    corners = np.stack([before, left, right, after, between], axis=1)
    return corners.reshape(-1, 2), at(0.93 * length, angle)


def _round_corners(points: np.ndarray) -> np.ndarray:
    """Quadratic B-spline of a closed polygon (Chaikin's corner cutting)."""
    for _ in range(4):
        following = np.roll(points, -1, axis=0)
        cut = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], axis=1)
        points = cut.reshape(-1, 2)
    return points


def _resample(points: np.ndarray) -> np.ndarray:
    """N_POINTS points at equal distances along a closed polygon."""
    closed = np.vstack([points, points[:1]])
    walked = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.linspace(0, walked[-1], N_POINTS, endpoint=False)
    return np.stack([np.interp(at, walked, closed[:, i]) for i in (0, 1)], axis=1)


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
    y, x = (np.rint(a + t).astype(int) % size for a, t in zip((along, across), cell.texture))
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
    grain = 1 + 0.1 * fibre + (0.08 + 0.12 * middle) * fine
    return cell.contrast * np.clip(0.8 + 0.35 * coarse, 0.3, 2) * edge * (1 + swell * middle) * grain


def _nucleus(cell: Cell, centre: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Optical thickness of the nucleus: a little thinner than what surrounds it, with a faint rim."""
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
    """Optical thickness of a rounding cell: so thick that the phase wraps, hence its bright ring."""
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
    spots = np.vstack([
        np.column_stack([places, cell.granules[:, 2], cell.spread * cell.granules[:, 3]]),
        np.column_stack([tips, np.full(len(tips), 2.2), np.full(len(tips), knob)]),
    ])
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
