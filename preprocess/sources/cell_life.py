"""How simulated cells settle, migrate, change shape and divide."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from preprocess.sources.cell_shape import N_POINTS, Cell, ball_radius

ROUNDING_FRAMES = 3.0
SPREADING_FRAMES = 5.0


@dataclass(frozen=True)
class Culture:
    """What the cells of one sequence have in common.

    Attributes
    ----------
    size : int
        Side of the field of view [px].
    margin : int
        Cells live up to this far outside the field [px].
    n_cells : int
        Cells in the field and its margin together.
    area : float
        Median area of a spread cell [px^2].
    area_spread : float
        Standard deviation of the logarithm of the area.
    contrast : float
        Median optical thickness, in units of the phase that darkens to black.
    spindles : float
        Fraction of cells with two protrusions.
    balls : float
        Fraction of cells that are round without dividing.
    clustering : float
        Fraction of cells that settle beside another.
    granularity : float
        Mean number of granules in a cell.
    speed : float
        Mean displacement [px / frame].
    cycle : float
        Frames between two divisions.
    waves : (3, 4) float64 ndarray
        Amplitude [rad], wave vector [rad / px] and phase [rad] of the plane waves that turn the
        common direction of the cells from place to place.
    """

    size: int
    margin: int
    n_cells: int
    area: float
    area_spread: float
    contrast: float
    spindles: float
    balls: float
    clustering: float
    granularity: float
    speed: float
    cycle: float
    waves: np.ndarray


def direction(position: np.ndarray, culture: Culture) -> float:
    """Direction along which cells lie at a position: neighbours lie side by side [rad]."""
    amplitude, row, column, phase = culture.waves.T
    return float((amplitude * np.sin(row * position[0] + column * position[1] + phase)).sum())


def settle(culture: Culture, rng: np.random.Generator) -> list[Cell]:
    """Place the first generation, in loose groups, with little overlap."""
    cells: list[Cell] = []
    low, high = -culture.margin, culture.size + culture.margin
    while len(cells) < culture.n_cells:
        cell = _new_cell(len(cells) + 1, culture, rng)
        for _ in range(60):
            position = rng.uniform(low, high, 2)
            if cells and rng.random() < culture.clustering:
                beside = cells[rng.integers(len(cells))]
                reach = 0.6 * (np.sqrt(cell.area) + np.sqrt(beside.area))
                angle = rng.uniform(0, 2 * np.pi)
                position = beside.position + reach * np.array([np.sin(angle), np.cos(angle)])
            placed = _orient(replace(cell, position=position), culture, rng)
            if low < position.min() and position.max() < high and not _crowded(placed, cells):
                break
        cells.append(placed)
    return cells


def advance(cells: list[Cell], culture: Culture, rng: np.random.Generator) -> list[Cell]:
    """The same cells one frame later; a cell whose clock has run out becomes two."""
    push = _repulsion(cells)
    later: list[Cell] = []
    key = max(cell.key for cell in cells)
    for cell, shift in zip(cells, push, strict=True):
        if cell.clock <= 1:
            later += _divide(cell, key, culture, rng)
            key += 2
        else:
            later.append(_step(cell, shift, culture, rng))
    return later


def _new_cell(key: int, culture: Culture, rng: np.random.Generator) -> Cell:
    area = culture.area * np.exp(culture.area_spread * np.clip(rng.normal(), -2, 2))
    ball = rng.random() < culture.balls
    return Cell(
        key=key,
        parent=0,
        position=np.zeros(2),
        heading=rng.uniform(0, 2 * np.pi),
        area=area,
        arms=_new_arms(culture, rng),
        body=rng.uniform(0.2, 0.34),
        bend=rng.normal(0, 0.18),
        ruffle=np.exp(rng.normal(-0.7, 0.5)) * _waves(rng) + _new_spikes(rng),
        contrast=culture.contrast * np.exp(0.25 * rng.normal()),
        fringes=rng.uniform(2.0, 2.7) * np.pi,
        spread=rng.uniform(0, 0.05) if ball else 1.0,
        clock=np.inf if ball else culture.cycle * rng.random(),
        granules=_new_granules(culture, rng),
        texture=rng.integers(0, 4096, 2),
    )


def _new_arms(culture: Culture, rng: np.random.Generator) -> np.ndarray:
    """Two opposite protrusions of a spindle, or three to six of a star."""
    spindle = rng.random() < culture.spindles
    n = 2 if spindle else 3 + min(rng.poisson(0.9), 3)
    angles = 2 * np.pi * (np.arange(n) + np.clip(0.12 * rng.normal(size=n), -0.3, 0.3)) / n
    lengths = rng.uniform(1.0, 2.0, n) if spindle else rng.uniform(0.6, 1.5, n)
    tips, fill, pinch = rng.uniform([0.03, 0.5, 0.15], [0.11, 1.0, 0.8], (n, 3)).T
    return np.column_stack([angles, lengths, tips, fill, pinch])


def _waves(rng: np.random.Generator) -> np.ndarray:
    """Irregular waves of unit variance along the outline."""
    waves = np.arange(N_POINTS // 2 + 1)
    power = np.exp(-((waves / 35.0) ** 2)) * (waves > 2) / (1 + waves / 10.0)
    ruffle = np.fft.irfft(power * np.exp(2j * np.pi * rng.random(waves.size)), N_POINTS)
    return ruffle / ruffle.std()


def _new_spikes(rng: np.random.Generator) -> np.ndarray:
    """Short filopodia, in a third of the cells: displacement of the outline [px]."""
    spikes = np.zeros(N_POINTS)
    for _ in range(rng.poisson(8) if rng.random() < 0.35 else 0):
        spikes[rng.integers(N_POINTS)] += rng.uniform(20, 60)
    return ndimage.gaussian_filter1d(spikes, 3.5, mode="wrap")


def _new_granules(culture: Culture, rng: np.random.Generator) -> np.ndarray:
    """Dark granules around the nucleus, and in some cells bright vacuoles."""
    n = rng.poisson(culture.granularity)
    dark = np.column_stack(
        [rng.normal(0, [0.15, 0.08], (n, 2)), rng.uniform(0.6, 1.5, n), rng.uniform(0.3, 1.1, n)]
    )
    n = rng.poisson(3) if rng.random() < 0.3 else 0
    bright = np.column_stack(
        [rng.normal(0, 0.15, (n, 2)), rng.uniform(0.9, 1.8, n), rng.uniform(-1.0, -0.3, n)]
    )
    return np.vstack([dark, bright])


def _orient(cell: Cell, culture: Culture, rng: np.random.Generator) -> Cell:
    turn = direction(cell.position, culture) + 0.35 * rng.normal() + np.pi * rng.integers(2)
    arms = cell.arms.copy()
    arms[:, 0] += turn
    return replace(cell, arms=arms, heading=turn)


def _room(cell: Cell) -> tuple[np.ndarray, float]:
    """Circles that stand for a cell when only its room matters: centres and radius [px]."""
    size = np.sqrt(cell.area)
    if cell.spread < 0.5:
        return cell.position[None], ball_radius(cell)
    axis = np.array([np.sin(cell.arms[0, 0]), np.cos(cell.arms[0, 0])])
    reach, radius = (0.5, 0.35) if len(cell.arms) == 2 else (0.2, 0.5)
    steps = np.array([-1.0, 0.0, 1.0])[:, None]
    return cell.position + steps * axis * reach * size, radius * size


def _crowded(cell: Cell, cells: list[Cell]) -> bool:
    centres, radius = _room(cell)
    for other in cells:
        if np.abs(other.position - cell.position).max() > 300:
            continue
        others, other_radius = _room(other)
        distance = np.linalg.norm(centres[:, None] - others[None], axis=2)
        if distance.min() < 1.2 * (radius + other_radius):
            return True
    return False


def _repulsion(cells: list[Cell]) -> list[np.ndarray]:
    """Displacement of each cell away from those it overlaps [px / frame]."""
    positions = np.array([cell.position for cell in cells])
    reach = 0.45 * np.sqrt([cell.area for cell in cells])
    between = positions[:, None] - positions[None]
    distance = np.linalg.norm(between, axis=2) + 1e-6
    overlap = np.clip(reach[:, None] + reach[None] - distance, 0, None)
    np.fill_diagonal(overlap, 0)
    return list(0.15 * (between / distance[..., None] * overlap[..., None]).sum(1))


def _step(cell: Cell, shift: np.ndarray, culture: Culture, rng: np.random.Generator) -> Cell:
    clock = cell.clock - 1
    spread = cell.spread
    if clock < ROUNDING_FRAMES:
        spread = max(0.0, spread - 1 / (ROUNDING_FRAMES - 1))
    elif np.isfinite(clock):
        spread = min(1.0, spread + 1 / SPREADING_FRAMES)
    heading = cell.heading + 0.4 * rng.normal()
    speed = culture.speed * spread * rng.gamma(2.0, 0.5)
    arms = cell.arms.copy()
    arms[:, 0] += 0.05 * rng.normal(size=len(arms))
    arms[:, 1] = np.clip(arms[:, 1] * np.exp(0.08 * rng.normal(size=len(arms))), 0.5, 1.8)
    granules = cell.granules.copy()
    granules[:, :2] += 0.015 * rng.normal(size=(len(granules), 2))
    ruffle = 0.96 * cell.ruffle + 0.15 * _waves(rng)
    move = speed * np.array([np.sin(heading), np.cos(heading)])
    return replace(
        cell,
        position=cell.position + shift + move,
        heading=heading,
        arms=arms,
        ruffle=ruffle,
        granules=granules,
        clock=clock,
        spread=spread,
    )


def _divide(cell: Cell, key: int, culture: Culture, rng: np.random.Generator) -> list[Cell]:
    """Two daughters of half the area, still round, on either side of the mother's centre."""
    angle = rng.uniform(0, np.pi)
    offset = 0.9 * ball_radius(cell) * np.array([np.sin(angle), np.cos(angle)])
    daughters = []
    for i, side in enumerate((-1, 1)):
        born = _new_cell(key + 1 + i, culture, rng)
        born = replace(
            born,
            parent=cell.key,
            area=max(0.6 * cell.area, 500.0),
            contrast=cell.contrast,
            position=cell.position + side * offset,
            spread=0.1,
            clock=culture.cycle,
        )
        daughters.append(_orient(born, culture, rng))
    return daughters
