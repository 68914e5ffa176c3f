"""Intensities and sizes to a common range."""

import math
from dataclasses import dataclass

import numpy as np
from skimage.transform import rescale, resize

LARGEST_SAMPLE = 2**22  # pixels of which percentiles are taken at once


@dataclass(frozen=True)
class Normalization:
    """How a frame's intensities are scaled; stored with the weights.

    Parameters
    ----------
    low, high : float
        Percentiles of the frame that become 0 and 1.
    limit : float
        Values are clipped to [-limit, 1 + limit], so that a fleck of dust cannot dominate.
    """

    low: float = 1.0
    high: float = 99.0
    limit: float = 1.0

    def __post_init__(self):
        if not 0 <= self.low < self.high <= 100:
            raise ValueError(
                f"percentiles are {self.low} and {self.high}, expected 0 <= low < high <= 100"
            )


def intensity_limits(image: np.ndarray, normalization: Normalization) -> tuple[float, float]:
    """Intensities that become 0 and 1.

    Parameters
    ----------
    image : (H, W) ndarray
        Any real dtype; may be mapped from a file, of which little is in memory at any time. Of a
        frame of more than 2**22 values that are no 8 or 16 bit integers, evenly spread pixels are
        looked at.
    normalization : Normalization
    """
    percentiles = (normalization.low, normalization.high)
    if image.dtype not in (np.uint8, np.uint16):
        stride = math.ceil(math.sqrt(image.size / LARGEST_SAMPLE)) or 1
        return tuple(map(float, np.percentile(image[::stride, ::stride], percentiles)))
    levels = np.iinfo(image.dtype).max + 1
    rows = max(1, LARGEST_SAMPLE // max(1, image.shape[1]))
    parts = (image[start : start + rows].ravel() for start in range(0, len(image), rows))
    upto = sum(np.bincount(part, minlength=levels) for part in parts).cumsum()  # (levels,)
    places = np.array(percentiles) / 100 * (image.size - 1)  # between two pixels in rising order
    lower, upper = (np.searchsorted(upto, step(places), "right") for step in (np.floor, np.ceil))
    return tuple(map(float, lower + (upper - lower) * (places - np.floor(places))))


def normalize(
    image: np.ndarray,
    normalization: Normalization = Normalization(),
    limits: tuple[float, float] | None = None,
) -> np.ndarray:
    """Scale a frame by its own percentiles, so that the same picture in 8 and 16 bits is the same.

    Parameters
    ----------
    image : (H, W) ndarray
        Any real dtype, intensities as recorded.
    normalization : Normalization
    limits : (float, float), optional
        Intensities that become 0 and 1, where the image is a part of a larger one; see
        `intensity_limits`.

    Returns
    -------
    (H, W) float32 ndarray
        The low percentile at 0, the high one at 1; zeros where the frame is constant.
    """
    low, high = limits or intensity_limits(image, normalization)
    if high <= low:
        return np.zeros(image.shape, np.float32)
    scaled = image.astype(np.float32)
    scaled -= np.float32(low)
    scaled /= np.float32(high - low)
    return np.clip(scaled, -normalization.limit, 1 + normalization.limit, out=scaled)


def resize_image(image: np.ndarray, scale: float) -> np.ndarray:
    """Image at another resolution: averaged, then interpolated linearly.

    Parameters
    ----------
    image : (H, W) float32 ndarray
    scale : float
        New size as a share of the old, > 0.
    """
    if scale == 1:
        return image
    return rescale(image, scale, order=1, anti_aliasing=scale < 1, preserve_range=True).astype(
        np.float32
    )


def resize_label(label: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Label image in another size, every value one of the old (nearest neighbour).

    Parameters
    ----------
    label : (H, W) int32 ndarray
    shape : (int, int)
        New size [px].
    """
    if label.shape == tuple(shape):
        return label
    return resize(label, shape, order=0, anti_aliasing=False, preserve_range=True).astype(np.int32)
