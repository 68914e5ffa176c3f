"""Phase-contrast optics: from optical thickness to camera counts."""

import numpy as np
from scipy import ndimage

# Measured in real frames: the background's level and the grey values that the camera can give.
BACKGROUND = 32000.0
LOWEST, HIGHEST = 4000, 65535
STRAY = 0.5


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
    delay = thickness - blurred
    # Stray light: real frames hold hardly a pixel below a third of the background.
    delay = np.where(delay > 0, STRAY * np.tanh(delay / STRAY), delay)
    return (1 - delay) ** 2


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


def chamber_wall(size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Edge of the growth chamber along the top or bottom of the field.

    Parameters
    ----------
    size : int
        Side of the field [px].
    rng : Generator

    Returns
    -------
    brightness : (size, size) float32 ndarray
        1 inside the chamber; a black line with glittering seams on both sides, glare behind it.
    hidden : (size, size) bool ndarray
        Where no cell can be seen.
    """
    wobble = ndimage.gaussian_filter1d(rng.standard_normal(size), 25, mode="nearest")
    edge = rng.uniform(0.02, 0.07) * size + 3 * wobble / wobble.std()
    inward = np.arange(size, dtype=np.float32)[:, None] - edge.astype(np.float32)
    glitter = noise_bank(size, rng)[1:].sum(0)
    seam = np.exp(-((inward / 18) ** 2)) + 0.5 * (inward < 0)
    line = np.exp(-((inward / rng.uniform(6, 11)) ** 2))
    glare = rng.uniform(0.2, 0.6) / (1 + np.exp(np.clip(inward + 8, -50, 50)))
    brightness = (1 + glare + 0.3 * seam * glitter) * (1 - 0.9 * line)
    hidden = inward < 15
    if rng.random() < 0.5:
        brightness, hidden = brightness[::-1], hidden[::-1]
    return np.maximum(brightness, 0).astype(np.float32), hidden


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
    # Read-out lines and what the camera's own processing smears, half as strong as the grain.
    for width in ((0.6, 5.0), (2.0, 2.0)):
        smear = ndimage.gaussian_filter(rng.standard_normal(image.shape, dtype=np.float32), width)
        image += 0.4 * noise * smear / smear.std()
    return np.clip(np.rint(BACKGROUND * image), LOWEST, HIGHEST).astype(np.uint16)
