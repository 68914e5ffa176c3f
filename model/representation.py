"""What the net learns of a label image, and how cells are read back from what it predicts.

Two maps: `foreground`, every pixel of a cell, and `contour`, the pixels of a cell at its rim. Where
two cells touch, both rims lie between them, so that foreground without contour falls apart into
one core a cell; each core grows back over the foreground by a watershed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import ndimage
from skimage.measure import label as connected_components
from skimage.segmentation import relabel_sequential, watershed
from torch.nn import functional

CHANNELS = ("foreground", "contour")


@dataclass(frozen=True)
class Decoding:
    """Thresholds of `decode`.

    Parameters
    ----------
    foreground : float
        Probability above which a pixel belongs to a cell, (0, 1).
    core : float
        Value of foreground * (1 - contour) above which a pixel belongs to a cell's core, (0, 1).
    smallest_core, smallest_cell : float
        Cores and cells of a smaller area are dropped [px at working resolution]; `learn_sizes`
        takes them from annotated cells.
    """

    foreground: float = 0.5
    core: float = 0.7
    smallest_core: float = 20
    smallest_cell: float = 50


def encode(label: torch.Tensor) -> torch.Tensor:
    """Maps that the net learns to predict.

    Parameters
    ----------
    label : (N, H, W) integer tensor
        0 = background, one id per cell.

    Returns
    -------
    (N, 2, H, W) float32 tensor, {0, 1}
        Foreground and contour; the contour is one pixel of each cell deep, diagonals included.
    """
    values = label[:, None].float()  # (N, 1, H, W); ids below 2**24 are exact
    padded = functional.pad(values, (1, 1, 1, 1), mode="replicate")  # (N, 1, H + 2, W + 2)
    highest = functional.max_pool2d(padded, 3, stride=1)  # (N, 1, H, W)
    lowest = -functional.max_pool2d(-padded, 3, stride=1)  # (N, 1, H, W)
    foreground = values > 0
    contour = foreground & (highest != lowest)
    return torch.cat([foreground, contour], dim=1).float()


def learn_sizes(decoding: Decoding, labels: Iterable[np.ndarray]) -> Decoding:
    """Smallest core and cell to believe in: half of what all but 5 % of annotated cells exceed.

    Parameters
    ----------
    decoding : Decoding
        Its other thresholds stay.
    labels : iterable of (H, W) int32 ndarray
        Annotated frames at working resolution. Without any cell the sizes stay as they are.
    """
    areas, cores = [], []
    for label in labels:
        _, contour = encode(torch.from_numpy(label)[None])[0].numpy()
        area = np.bincount(label.ravel())
        core = np.bincount(label[contour == 0], minlength=len(area))
        there = np.flatnonzero(area[1:]) + 1
        areas.append(area[there])
        cores.append(core[there])
    if not sum(map(len, areas)):
        return decoding
    smallest = [float(np.percentile(np.concatenate(sizes), 5)) / 2 for sizes in (cores, areas)]
    return replace(decoding, smallest_core=smallest[0], smallest_cell=smallest[1])


def _drop_small(label: np.ndarray, smallest: float) -> np.ndarray:
    """Label image without the objects of fewer than `smallest` pixels."""
    areas = np.bincount(label.ravel())
    keep = areas >= smallest
    keep[0] = False
    return np.where(keep[label], label, 0)


def decode(
    probabilities: np.ndarray, decoding: Decoding = Decoding(), zoom: float = 1.0
) -> np.ndarray:
    """One label per cell from predicted maps.

    Parameters
    ----------
    probabilities : (2, H, W) float32 ndarray, [0, 1]
        Foreground and contour.
    decoding : Decoding
    zoom : float
        Resolution of the maps, as a multiple of the working resolution.

    Returns
    -------
    (H, W) int32 ndarray
        0 = background, cells 1 .. K.
    """
    foreground, contour = probabilities
    core = foreground * (1 - contour)
    mask = foreground > decoding.foreground
    square = np.ones((3, 3), dtype=bool)
    cores = _drop_small(
        ndimage.label((core > decoding.core) & mask, square)[0], decoding.smallest_core * zoom**2
    )
    bodies = ndimage.label(mask, square)[0]
    with_core = np.isin(bodies, np.unique(bodies[cores > 0]))
    thin = np.where(with_core, 0, bodies)  # cells too thin to have a core stay whole
    markers = np.where(cores > 0, cores, np.where(thin > 0, thin + cores.max(), 0))
    cells = watershed(-core, markers, mask=mask)
    cells = connected_components(cells, connectivity=2)
    cells = _drop_small(cells, decoding.smallest_cell * zoom**2)
    return relabel_sequential(cells)[0].astype(np.int32)
