"""Simulated phase-contrast time-lapse with exact labels: the embedded default data set."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage

from preprocess.sources import optics
from preprocess.sources.cell_life import Culture, advance, settle
from preprocess.sources.cell_thickness import draw
from preprocess.sources.field import compose, largest_piece
from preprocess.tiff import write_tiff

# Chosen for variety: large and small cells in either split, and one field with the chamber's wall.
FRAME_SEEDS = (10, 23, 5, 2, 20)
MOVIE_SEED = 17
N_TRAIN = 3
N_MOVIE_FRAMES = 12
WARM_UP_FRAMES = 4  # until some cells are just rounding up or just divided


@dataclass(frozen=True)
class SimulationConfig:
    """Ranges from which each sequence draws; the defaults were fitted to real T98G frames.

    Attributes
    ----------
    size : int
        Side of a frame [px].
    pixel_size_um : float
        [um].
    interval_s : float
        Time between two frames [s].
    n_cells : (int, int)
        Cells in a field of 1024 x 1024 px.
    area : (float, float)
        Median area of a sequence's spread cells, without outline margin [px^2].
    contrast : (float, float)
        Optical thickness of large and of small cells, in units of the phase that darkens to black.
    halo : (float, float)
        Width of the halo [px].
    focus : (float, float)
        Standard deviation of the blur [px].
    noise : (float, float)
        Standard deviation of the camera noise, relative to the background.
    debris : (float, float)
        Crumbs in a field of 1024 x 1024 px.
    walls : float
        Fraction of fields that the wall of the chamber crosses, [0, 1].
    speed_um_h : (float, float)
        Mean speed of migration [um / h].
    cycle_h : float
        Time between two divisions [h].
    margin : int
        Cells live up to this far outside the field [px].
    """

    size: int = 1024
    pixel_size_um: float = 0.871
    interval_s: float = 600.0
    n_cells: tuple[int, int] = (50, 95)
    area: tuple[float, float] = (900.0, 3700.0)
    contrast: tuple[float, float] = (0.45, 0.95)
    halo: tuple[float, float] = (3.5, 4.5)
    focus: tuple[float, float] = (0.5, 0.75)
    noise: tuple[float, float] = (0.013, 0.017)
    debris: tuple[float, float] = (250, 900)
    walls: float = 0.15
    speed_um_h: tuple[float, float] = (10.0, 20.0)
    cycle_h: float = 20.0
    margin: int = 80


class Sequence(NamedTuple):
    """Consecutive frames of one field.

    Attributes
    ----------
    images : (T, H, W) uint16 ndarray, 4000..65535
    labels : (T, H, W) uint16 ndarray
        0 = background, one id per cell, the same in all frames.
    lineage : (K, 4) int64 ndarray
        Id, first and last frame, mother's id (0 without), as in the Cell Tracking Challenge's
        man_track.txt.
    """

    images: np.ndarray
    labels: np.ndarray
    lineage: np.ndarray


def simulate_sequence(
    seed: int, n_frames: int, config: SimulationConfig = SimulationConfig()
) -> Sequence:
    """Simulate consecutive frames of one field.

    Parameters
    ----------
    seed : int, >= 0
        Draws the culture, its cells and the microscope.
    n_frames : int, >= 1
    config : SimulationConfig

    Returns
    -------
    sequence : Sequence
    """
    life, scene, sensor = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    culture = _draw_culture(config, life)
    cells = settle(culture, life)
    for _ in range(WARM_UP_FRAMES):
        cells = advance(cells, culture, life)
    field = (config.size / 1024) ** 2
    crumbs = optics.clutter(config.size, int(field * scene.uniform(*config.debris)), scene)
    light = optics.illumination(config.size, scene)
    hidden = np.zeros(light.shape, bool)
    if scene.random() < config.walls:
        wall, hidden = optics.chamber_wall(config.size, scene)
        light = light * wall
    bank = optics.noise_bank(512, scene)
    halo, focus, noise = (scene.uniform(*r) for r in (config.halo, config.focus, config.noise))
    images, keys, parents = [], [], {}
    for _ in range(n_frames):
        patches = [draw(cell, bank) for cell in cells]
        thickness, frame_keys = compose(cells, patches, hidden)
        brightness = light * optics.phase_contrast(crumbs + thickness, halo)
        images.append(optics.camera(brightness, focus, noise, sensor))
        keys.append(frame_keys)
        parents |= {cell.key: cell.parent for cell in cells}
        cells = advance(cells, culture, life)
    labels, lineage = _number(np.stack(keys), parents)
    return Sequence(np.stack(images), labels, lineage)


def _draw_culture(config: SimulationConfig, rng: np.random.Generator) -> Culture:
    """Cells of one sequence: dense and small with strong contrast, or large and flat."""
    large = rng.random()
    hours = config.interval_s / 3600
    side = config.size + 2 * config.margin
    small = 1 - large
    area = config.area[0] * (config.area[1] / config.area[0]) ** large
    low, high = config.n_cells
    n_cells = (low + (high - low) * np.clip(small + rng.normal(0, 0.25), 0, 1)) * (side / 1024) ** 2
    waves = np.column_stack(
        [rng.uniform(0.5, 1.2, 3), rng.normal(0, 0.006, (3, 2)), rng.uniform(0, 2 * np.pi, 3)]
    )
    return Culture(
        size=config.size,
        margin=config.margin,
        n_cells=max(int(n_cells), 1),
        area=area,
        area_spread=0.5,
        contrast=config.contrast[0] + (config.contrast[1] - config.contrast[0]) * small,
        spindles=0.35 + 0.4 * small,
        balls=rng.uniform(0.01, 0.06),
        clustering=rng.uniform(0.4, 0.8),
        granularity=rng.uniform(6, 14),
        speed=rng.uniform(*config.speed_um_h) * hours / config.pixel_size_um,
        cycle=config.cycle_h / hours,
        waves=waves,
    )


def _number(keys: np.ndarray, parents: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Ids 1..K in order of appearance; a cell that comes back into the field gets a new one."""
    labels = np.zeros(keys.shape, np.uint16)
    current: dict[int, int] = {}
    rows: list[list[int]] = []
    for t, frame in enumerate(keys):
        seen = [int(key) for key in np.unique(frame) if key]
        table = np.zeros(int(frame.max()) + 1, np.uint16)
        for key in seen:
            if key not in current or rows[current[key] - 1][2] < t - 1:
                mother = current.get(parents[key], 0)
                tracked = key not in current and mother and rows[mother - 1][2] == t - 1
                rows.append([len(rows) + 1, t, t, mother if tracked else 0])
                current[key] = len(rows)
            rows[current[key] - 1][2] = t
            table[key] = current[key]
        labels[t] = table[frame]
    return labels, np.array(rows, dtype=np.int64).reshape(-1, 4)


def border_mask(label: np.ndarray) -> np.ndarray:
    """Pixels where touching cells meet: without them a binary label falls apart into its cells.

    Parameters
    ----------
    label : (H, W) integer ndarray
        0 = background, one id per cell, each cell in one piece.

    Returns
    -------
    border : (H, W) uint8 ndarray, 0 or 255
    """
    none = np.iinfo(label.dtype).max
    lowest = ndimage.minimum_filter(np.where(label > 0, label, none), 3, mode="nearest")
    border = (label > 0) & (lowest < label)
    for cell, box in enumerate(ndimage.find_objects(label), start=1):
        if box is None:
            continue
        inner = (label[box] == cell) & ~border[box]
        # Where the cut severs a protrusion, its stump joins the border: one piece a cell is left.
        border[box] |= inner & ~largest_piece(inner)
    return border.astype(np.uint8) * 255


def write_default(root: Path, config: SimulationConfig = SimulationConfig()) -> None:
    """Write the embedded default data set: five frames of five fields, and a movie of another.

    Parameters
    ----------
    root : Path
        Receives train/, validation/ and test/, each with images/, labels/ and borders/ (test/
        without the last, but with man_track.txt), and frames.csv.
    config : SimulationConfig
    """
    rows = []
    for i, seed in enumerate(FRAME_SEEDS):
        split = "train" if i < N_TRAIN else "validation"
        sequence = simulate_sequence(seed, 1, config)
        rows += _write_frames(root, split, f"sim{i + 1:02d}", [f"sim{i + 1:02d}"], sequence, config)
    movie = simulate_sequence(MOVIE_SEED, N_MOVIE_FRAMES, config)
    names = [f"t{t + 1:02d}" for t in range(N_MOVIE_FRAMES)]
    rows += _write_frames(root, "test", "movie", names, movie, config)
    np.savetxt(root / "test" / "man_track.txt", movie.lineage, fmt="%d")
    pd.DataFrame(rows).to_csv(root / "frames.csv", index=False)


def _write_frames(root, split, sequence, names, frames: Sequence, config) -> list[dict]:
    """Write images, labels and, outside the test movie, borders; returns rows of frames.csv."""
    kinds = {"images": frames.images, "labels": frames.labels}
    if split != "test":
        kinds["borders"] = [border_mask(label) for label in frames.labels]
    for kind, arrays in kinds.items():
        (root / split / kind).mkdir(parents=True, exist_ok=True)
        for name, array in zip(names, arrays, strict=True):
            write_tiff(root / split / kind / f"{name}.tif", array, config.pixel_size_um)
    return [
        {
            "file": f"{split}/images/{name}.tif",
            "page": 0,
            "split": split,
            "sequence": sequence,
            "t": t,
            "pixel_size_um": config.pixel_size_um,
            "interval_s": config.interval_s,
        }
        for t, name in enumerate(names)
    ]
