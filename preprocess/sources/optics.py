"""Phase-contrast optics: from optical thickness to camera counts."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

# Measured in real frames: the background's level and the grey values that the camera can give.
BACKGROUND = 32000.0
LOWEST, HIGHEST = 4000, 65535


def phase_contrast(thickness: np.ndarray, halo: float) -> np.ndarray:
    """Brightness of thin objects in Zernike phase contrast, 1 where there is nothing.

    The ring in the objective delays the direct light, and with it a blurred copy of the diffracted
    light: what is left darkens by thickness less its local mean. That makes the bright halo outside
    an edge and the shade-off inside a large cell (Yin et al., Medical Image Analysis 16 (2012)
    1047-1062, eq. 10, with the Airy pattern replaced by Gaussians).

    Parameters
    ----------
    thickness : (H, W) float32 ndarray
        In units of the phase that darkens to black.
    halo : float
        Standard deviation of the blur [px].

    Returns
    -------
    brightness : (H, W) float32 ndarray, >= 0
    """
    blurred = 0.8 * ndimage.gaussian_filter(thickness, halo, truncate=3)
    blurred += 0.3 * ndimage.gaussian_filter(thickness, 2 * halo, truncate=3)
    return (1 - thickness + blurred) ** 2


def noise_bank(size: int, rng: np.random.Generator) -> np.ndarray:
    """Periodic noise of unit variance, three correlation lengths: (3, size, size) float32."""
    layers = []
    for sigma in (12.0, 3.0, 1.2):
        layer = ndimage.gaussian_filter(rng.standard_normal((size, size)), sigma, mode="wrap")
        layers.append((layer / layer.std()).astype(np.float32))
    return np.stack(layers)


def clutter(size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Optical thickness of what nobody outlines: crumbs on the dish and cells floating above it.

    Crumbs are crooked chains of dots, some of them whole patches; floating cells are mottled discs
    out of focus.

    Parameters
    ----------
    size : int
        Side of the field [px].
    count : int
        Number of crumbs.
    rng : Generator

    Returns
    -------
    thickness : (size, size) float32 ndarray
    """
    dots = np.zeros((size, size), np.float32)
    for _ in range(count):
        length = 1 + rng.poisson(rng.choice([1, 6, 12, 70], p=[0.5, 0.33, 0.14, 0.03]))
        patch = rng.normal(0, 9, (length, 2)) if length > 40 else 0
        walk = np.cumsum(rng.normal(0, 1.6, (length, 2)), axis=0) + patch
        row, column = (rng.uniform(0, size, 2) + walk).astype(int).clip(0, size - 1).T
        weight = rng.uniform(0.4, 1.3) * (0.6 if length > 40 else 1.0)
        np.add.at(dots, (row, column), weight * rng.uniform(0.5, 1.0, length))
    thickness = np.minimum(ndimage.gaussian_filter(dots, 0.9), 0.6)
    mottle = noise_bank(size, rng)[1]
    for _ in range(rng.poisson(7 * (size / 1024) ** 2)):
        distance = _distance(rng.uniform(0, size, 2), rng.uniform(8, 17), size)
        disc = 0.5 - 0.5 * np.tanh(5 * (distance - 1))
        ring = np.exp(-(((distance - 1) / 0.15) ** 2))
        thickness += rng.uniform(0.1, 0.4) * (disc * (0.5 * mottle - 0.3) + 0.3 * ring)
    return thickness


def _distance(centre: np.ndarray, radius: float, size: int) -> np.ndarray:
    """Distance from a point in units of a radius, (size, size) float32."""
    axis = np.arange(size, dtype=np.float32)
    row, column = centre.astype(np.float32)
    return np.hypot((axis - row)[:, None], axis - column) / np.float32(radius)


def illumination(size: int, rng: np.random.Generator) -> np.ndarray:
    """Brightness of the empty field: uneven light and dust out of focus, (size, size) float32."""
    field = np.ones((size, size), np.float32)
    for period, deviation in ((170, rng.uniform(0.008, 0.02)), (45, rng.uniform(0.003, 0.008))):
        coarse = rng.standard_normal((size // period + 3,) * 2)
        field += deviation * ndimage.zoom(coarse, 1.0 * period, order=3)[:size, :size]
    for _ in range(rng.poisson(10 * (size / 1024) ** 2)):
        distance = _distance(rng.uniform(0, size, 2), rng.uniform(10, 90), size)
        ring = np.cos(rng.uniform(6, 14) * distance) * np.exp(-((distance / 0.8) ** 4))
        field += rng.uniform(-0.03, 0.03) * ring
    return field


def camera(
    brightness: np.ndarray, focus: float, noise: float, rng: np.random.Generator
) -> np.ndarray:
    """Camera counts of a brightness image: blur, noise, digitisation.

    Parameters
    ----------
    brightness : (H, W) float32 ndarray, 1 in the background
    focus : float
        Standard deviation of the blur [px].
    noise : float
        Standard deviation of the noise, relative to the background.
    rng : Generator

    Returns
    -------
    counts : (H, W) uint16 ndarray, LOWEST..HIGHEST
    """
    image = ndimage.gaussian_filter(brightness, focus)
    grain = rng.standard_normal(image.shape, dtype=np.float32)
    image = image + noise * ndimage.gaussian_filter(grain, 0.55) / 0.51
    lines = ndimage.gaussian_filter(rng.standard_normal(image.shape, dtype=np.float32), (0.6, 6))
    image += 0.5 * noise * lines / lines.std()
    return np.clip(np.rint(BACKGROUND * image), LOWEST, HIGHEST).astype(np.uint16)
