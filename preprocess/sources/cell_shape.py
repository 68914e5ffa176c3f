"""The state of one simulated cell, and its outline."""

from dataclasses import dataclass

import numpy as np

N_POINTS = 512


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
        Angle [rad], length and half-width at the tip (relative) of each protrusion, in order of
        angle; how far the cell fills the gap to the next, and how pinched its sides are, [0, 1].
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
