"""How cells are read from what the net predicts.

Two maps: `foreground`, the probability that a pixel lies in a cell, and `flow`, the direction in
which the cell's centre lies (`preprocess.flow`). Every pixel of the foreground is a particle that
the flow carries along; particles that arrive at the same place belong to the same cell.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from skimage.measure import label as connected_components
from skimage.morphology import remove_small_holes
from skimage.segmentation import relabel_sequential
from torch.nn import functional

from model.unet import Maps
from preprocess.flow import flow_field

TOUCHING = np.ones((3, 3))  # diagonal neighbours touch
MERGE_STEPS = 20  # after so many steps, particles that have met go on as one
MERGE_GRAIN = 8  # they have met where they lie in the same fraction of a pixel


@dataclass(frozen=True)
class Decoding:
    """Thresholds of `decode`.

    Parameters
    ----------
    foreground : float
        Probability above which a pixel belongs to a cell, (0, 1).
    steps : int
        How far particles are carried [px of the flow]: beyond the longest way to a centre.
    confidence : float
        Cells are dropped whose confidence is less than this share of the confidence that the
        surest quarter of the frame's cells reach, [0, 1].
    smallest_cell : float
        Cells of a smaller area are dropped [px of the flow]; `learn_sizes` takes it from annotated
        cells.
    """

    foreground: float = 0.5
    steps: int = 100
    confidence: float = 0.45
    smallest_cell: float = 50


class Cells(NamedTuple):
    """Cells as they were read.

    Parameters
    ----------
    label : (H, W) int32 ndarray
        0 = background, cells 1 .. K.
    confidence : (K,) float32 ndarray, [0, 1]
        The cell's mean probability of foreground, times the agreement of the predicted flow with
        the flow of the cell as it was read. It is 1 where the net was sure and consistent, and
        falls where predicted arrows are short, or do not lead to one centre.
    """

    label: np.ndarray
    confidence: np.ndarray


def cell_areas(labels: Iterable[np.ndarray]) -> np.ndarray:
    """Area of every cell of some label images (H, W) integer, (K,) int64 ndarray [px]."""
    areas = np.concatenate([np.bincount(label.ravel())[1:] for label in labels] or [[]])
    return areas[areas > 0]


def learn_sizes(decoding: Decoding, labels: Iterable[np.ndarray], block: int) -> Decoding:
    """Smallest cell to believe in: half of what all but 5 % of annotated cells exceed.

    Parameters
    ----------
    decoding : Decoding
        Its other thresholds stay.
    labels : iterable of (H, W) int32 ndarray
        Annotated frames at working resolution. Without any cell the size stays as it is.
    block : int
        Side of a pixel of the flow [px].
    """
    areas = cell_areas(labels)
    if not len(areas):
        return decoding
    return replace(decoding, smallest_cell=float(np.percentile(areas, 5)) / 2 / block**2)


def follow(inside: np.ndarray, flow: np.ndarray, steps: int) -> np.ndarray:
    """Where particles arrive that start in every pixel of a mask.

    Parameters
    ----------
    inside : (h, w) bool ndarray
        K pixels are True.
    flow : (2, h, w) float32 ndarray
    steps : int
        Each as long as the flow at that place, read by linear interpolation.

    Returns
    -------
    (2, K) int ndarray
        Row and column, in the order of `np.nonzero(inside)`.
    """
    size = torch.tensor(inside.shape[::-1])[:, None, None]  # (2, 1, 1), x before y
    half = (size - 1).clamp(min=1e-3) / 2  # of the way between the first and the last pixel

    def pixels(places: torch.Tensor, grain: int = 1) -> np.ndarray:
        """Nearest x and y of places, in parts of a pixel, (2, K)."""
        return ((places + 1) * half * grain)[0, :, 0].round().long().numpy()

    field = (torch.from_numpy(np.ascontiguousarray(flow[::-1])) / half)[None]  # (1, 2, h, w)
    starts = torch.from_numpy(np.argwhere(inside).T[::-1, None].astype(np.float32))  # (2, 1, K)
    places = (starts / half - 1)[None]  # (1, 2, 1, K), [-1, 1]
    owner = np.arange(places.shape[-1])
    for step in range(1, steps + 1):
        grid = places.permute(0, 2, 3, 1)  # (1, 1, K, 2)
        shift = functional.grid_sample(field, grid, padding_mode="border", align_corners=True)
        places = shift.add_(places).clamp_(-1, 1)
        if step % MERGE_STEPS == 0:
            x, y = pixels(places, MERGE_GRAIN)
            met, same = np.unique(y * (inside.shape[1] * MERGE_GRAIN) + x, return_inverse=True)
            one = np.empty(len(met), np.int64)
            one[same] = np.arange(len(same))
            places, owner = places[..., one], same[owner]
    return pixels(places)[::-1, owner]


def grow(label: np.ndarray, mask: np.ndarray, distance: float) -> np.ndarray:
    """Labels that take in the pixels of a mask near them.

    The same as `skimage.segmentation.expand_labels` times the mask, but for pixels equally near to
    two labels, and faster by far where few pixels are to be filled.

    Parameters
    ----------
    label : (H, W) int32 ndarray
        0 = background.
    mask : (H, W) bool ndarray
    distance : float
        Farthest pixels to take in [px].

    Returns
    -------
    (H, W) int32 ndarray
        0 outside the mask.
    """
    reach = int(distance)
    padded = np.pad(label, reach)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    far = np.hypot(y, x)
    nearest_first = [i for i in np.argsort(far, kind="stable") if 0 < far[i] <= distance]
    grown = padded.ravel().copy()
    rows, columns = np.nonzero(mask & (label == 0))
    empty = (rows + reach) * padded.shape[1] + columns + reach
    for shift in (y * padded.shape[1] + x)[nearest_first]:
        grown[empty] = padded.ravel()[empty + shift]
        empty = empty[grown[empty] == 0]
    inner = tuple(slice(reach, reach + size) for size in label.shape)
    return grown.reshape(padded.shape)[inner] * mask


def _mean_by_cell(values: np.ndarray, label: np.ndarray, count: int) -> np.ndarray:
    """Mean value of cells 1 .. K of a label image, each of at least a pixel, (K,)."""
    inside = label > 0
    ids = label[inside]
    total = np.bincount(ids, values[inside], count + 1)
    return (total / np.maximum(np.bincount(ids, minlength=count + 1), 1))[1:]


def _gather(inside: np.ndarray, flow: np.ndarray, steps: int) -> np.ndarray:
    """One label for all pixels whose particles meet, (h, w).

    Particles start one a pixel. Where they have become denser than that, they have met.
    """
    ends = follow(inside, flow, steps)  # (2, K)
    arrived = np.ravel_multi_index(tuple(ends), inside.shape)
    density = np.bincount(arrived, minlength=inside.size).reshape(inside.shape).astype(float)
    meetings = ndimage.label(ndimage.gaussian_filter(density, 1) > 1, TOUCHING)[0]
    label = np.zeros(inside.shape, np.int32)
    label[inside] = meetings[tuple(ends)]
    return grow(label, inside, 3)  # particles that got lost go with their neighbours


def _largest_pieces(label: np.ndarray, smallest: float) -> np.ndarray:
    """The largest connected piece of each label, where it is large enough."""
    pieces = connected_components(label, connectivity=2)
    area = np.bincount(pieces.ravel())
    owner = np.zeros(len(area), np.int32)
    owner[pieces.ravel()] = label.ravel()
    rising = np.argsort(area, kind="stable")
    largest = np.zeros(label.max() + 1, np.int64)
    largest[owner[rising]] = rising  # of several pieces the last, the largest, stays
    keep = np.zeros(len(area), bool)
    keep[largest[1:]] = True
    keep &= area >= smallest
    keep[0] = False
    return relabel_sequential(np.where(keep, owner, 0))[0][pieces]


def agreement(label: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Mean scalar product of the flow of cells 1 .. K of a label image and a predicted flow.

    Parameters
    ----------
    label : (h, w) int32 ndarray
    flow : (2, h, w) float32 ndarray
        As predicted.

    Returns
    -------
    (K,) float32 ndarray, [0, 1]
    """
    product = (flow_field(label) * flow).sum(0)
    mean = _mean_by_cell(product, label, label.max())
    return np.clip(mean, 0, 1).astype(np.float32)


def surest(confidence: np.ndarray, decoding: Decoding) -> np.ndarray:
    """Which cells of a frame are sure enough beside its surest quarter, (K,) bool.

    Parameters
    ----------
    confidence : (K,) float ndarray, [0, 1]
    decoding : Decoding
    """
    if not len(confidence):
        return np.zeros(0, bool)
    return confidence >= decoding.confidence * np.percentile(confidence, 75)


def decode(maps: Maps, decoding: Decoding = Decoding()) -> Cells:
    """One label per cell from predicted maps.

    Parameters
    ----------
    maps : Maps
        foreground (H, W) float32 ndarray, [0, 1]; flow (2, h, w) float32 ndarray of the same
        extent. Cells are told apart at the resolution of the flow, and outlined at that of the
        foreground.
    decoding : Decoding
    """
    foreground, flow = maps
    side = foreground.shape[0] / flow.shape[1]  # of a pixel of the flow [px of the foreground]
    smallest = math.ceil(decoding.smallest_cell * side**2)
    mask = remove_small_holes(foreground > decoding.foreground, max_size=smallest)
    share = functional.interpolate(
        torch.from_numpy(mask)[None, None].float(), flow.shape[1:], mode="area"
    )  # (1, 1, h, w)
    cells = _gather(share[0, 0].numpy() > 0.5, flow, decoding.steps)
    cells = _largest_pieces(cells, decoding.smallest_cell)
    agreed = agreement(cells, flow)  # (K,)
    if not len(agreed):
        return Cells(np.zeros(foreground.shape, np.int32), agreed)
    enlarged = functional.interpolate(
        torch.from_numpy(cells)[None, None].float(), foreground.shape, mode="nearest-exact"
    )  # (1, 1, H, W), ids below 2**24 are exact
    fine = grow(enlarged[0, 0].int().numpy(), mask, 2 * side)
    confidence = agreed * _mean_by_cell(foreground, fine, len(agreed))
    sure = surest(confidence, decoding)
    number = np.append(0, np.where(sure, np.cumsum(sure), 0))  # 1 .. K for those that stay
    return Cells(number.astype(np.int32)[fine], confidence[sure].astype(np.float32))
