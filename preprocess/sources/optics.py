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
    blurred = 0.75 * ndimage.gaussian_filter(thickness, halo, truncate=3)
    blurred += 0.3 * ndimage.gaussian_filter(thickness, 2 * halo, truncate=3)
    return (1 - thickness + blurred) ** 2


def noise_bank(size: int, rng: np.random.Generator) -> np.ndarray:
    """Periodic noise of unit variance, three correlation lengths: (3, size, size) float32."""
    layers = []
    for sigma in (12.0, 3.0, 1.2):
        layer = ndimage.gaussian_filter(rng.standard_normal((size, size)), sigma, mode="wrap")
        layers.append((layer / layer.std()).astype(np.float32))
    return np.stack(layers)


def debris(size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Optical thickness of crumbs on the dish: short crooked chains of dots, (size, size) float32."""
    dots = np.zeros((size, size), np.float32)
    for _ in range(count):
        length = 1 + rng.poisson(rng.choice([1, 6, 12], p=[0.5, 0.35, 0.15]))
        walk = rng.uniform(0, size, 2) + np.cumsum(rng.normal(0, 1.6, (length, 2)), axis=0)
        row, column = walk.astype(int).clip(0, size - 1).T
        np.add.at(dots, (row, column), rng.uniform(0.4, 1.3) * rng.uniform(0.5, 1.0, length))
    return np.minimum(ndimage.gaussian_filter(dots, 0.9), 0.6)


def illumination(size: int, rng: np.random.Generator) -> np.ndarray:
    """Brightness of the empty field: uneven light and dust out of focus, (size, size) float32."""
    low = ndimage.zoom(rng.normal(0, 1, (6, 6)), size / 6, order=3)[:size, :size]
    field = 1 + rng.uniform(0.01, 0.025) * low / low.std()
    rows, columns = np.mgrid[:size, :size]
    for _ in range(rng.poisson(8 * (size / 1024) ** 2)):
        row, column = rng.uniform(0, size, 2)
        radius = rng.uniform(10, 60)
        distance = np.hypot(rows - row, columns - column) / radius
        ring = np.cos(rng.uniform(6, 14) * distance) * np.exp(-((distance / 0.8) ** 4))
        field += rng.uniform(-0.02, 0.02) * ring
    return field.astype(np.float32)


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
