"""Outlines of cells: how far two of them are apart, and what that noise does to a label.

An outline runs between a cell and everything else, also between touching cells, but not along the
edge of the frame, where a cell is cut rather than outlined.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.measure import find_contours
from skimage.segmentation import find_boundaries

from model.metrics import match_cells

SHORTEST = 2.0  # correlation length [px]; pixels do not resolve a shorter wobble


class Spread(NamedTuple):
    """Size of the random distances between two outlines of the same cells.

    Attributes
    ----------
    between : float
        Standard deviation from cell to cell: the whole cell drawn larger or smaller [px].
    within : float
        Standard deviation along the outline of a cell [px].
    length : float
        Distance at which the correlation of the wobble along an outline has fallen to 1/e [px].
    """

    between: float
    within: float
    length: float

    @property
    def total(self) -> float:
        """Standard deviation over the outlines of all cells [px]."""
        return float(np.hypot(self.between, self.within))

    def scaled(self, factor: float) -> "Spread":
        """Both standard deviations times a factor, over the same length."""
        return Spread(factor * self.between, factor * self.within, self.length)


def normalized_surface_distance(
    truth: np.ndarray, predicted: np.ndarray, tolerance: float
) -> float:
    """Share of two frames' outlines that lies within a tolerance of the other's outlines.

    The outlines of all cells of a frame are taken together, without matching cells: a border drawn
    through a cell, and one that is missing between two cells, count as errors. The boundary pixels
    of both label images are counted, cell pixels with one of 4 neighbours of another value.

    Parameters
    ----------
    truth, predicted : (H, W) integer ndarray
        0 = background, one id per cell.
    tolerance : float
        Greatest distance that counts as agreement, itself included [px].

    Returns
    -------
    float, [0, 1]
        1 if neither has an outline, 0 if one of the two has none.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    S. Nikolov et al., "Deep learning to achieve clinically applicable segmentation of head and neck
    anatomy for radiotherapy", arXiv:1809.04430, 2018 (surface Dice). L. Maier-Hein, A. Reinke et
    al., "Metrics reloaded", Nature Methods 21, 2024 (NSD).
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"predicted labels have shape {predicted.shape}, expected {truth.shape}")
    t, p = (find_boundaries(label, mode="inner") for label in (truth, predicted))
    if not (t.any() and p.any()):
        return float(t.any() == p.any())
    near = [
        ndimage.distance_transform_edt(~other)[own] <= tolerance for own, other in ((t, p), (p, t))
    ]
    return float(np.concatenate(near).mean())


def _signed_distance(cell: np.ndarray) -> np.ndarray:
    """Distance from the outline of a mask, which lies between pixels: > 0 outside, < 0 inside."""
    outside = ndimage.distance_transform_edt(~cell)
    inside = ndimage.distance_transform_edt(cell)
    return outside - inside + np.where(cell, 0.5, -0.5)


def _walk(distance: np.ndarray, contour: np.ndarray) -> np.ndarray:
    """Values of a map at steps of 1 px along a polygon with vertices (N, 2)."""
    values = ndimage.map_coordinates(distance, contour.T, order=1)
    way = np.append(0, np.hypot(*np.diff(contour, axis=0).T).cumsum())
    return np.interp(np.arange(0, way[-1]), way, values)


def _correlation_length(values: np.ndarray) -> float:
    """First lag at which the circular autocorrelation is 1/e or less; NaN if constant."""
    spectrum = np.fft.rfft(values - values.mean())
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, len(values))
    low = np.flatnonzero(covariance <= covariance[0] / np.e)
    return float(low[0]) if np.ptp(values) > 0 else np.nan


def _window(cell: np.ndarray, margin: int) -> tuple[slice, ...]:
    """Bounding box of a mask with a margin, as far as the frame reaches."""
    ((rows, columns),) = ndimage.find_objects(cell.astype(np.uint8))
    return tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in (rows, columns))


def boundary_offsets(truth: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """How far the outlines of the predicted cells lie outside those of their true cells.

    Each point of a predicted outline, one a pixel of its length, has the signed distance from the
    nearest point of the true outline. Cells whose IoU is below 0.5 are left out.

    Parameters
    ----------
    truth, predicted : (H, W) integer ndarray
        0 = background, one id per cell.

    Returns
    -------
    DataFrame
        true_id; predicted_id; area_px, of the true cell [px]; iou, [0.5, 1]; points, of the
        outline; mean_px, > 0 for a cell predicted too large [px]; std_px [px]; length_px, lag at
        which the autocorrelation along the longest piece of the outline has fallen to 1/e [px],
        NaN for a constant distance.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    rows = []
    for true_id, predicted_id, iou in zip(*match_cells(truth, predicted), strict=True):
        cell, other = truth == true_id, predicted == predicted_id
        window = _window(cell | other, 1)
        distance = _signed_distance(cell[window])
        contours = find_contours(other[window].astype(float), 0.5)
        if not contours or cell[window].all():
            continue  # the cell fills the frame
        offsets = [_walk(distance, contour) for contour in contours]
        values = np.concatenate(offsets)
        rows.append(
            {
                "true_id": true_id,
                "predicted_id": predicted_id,
                "area_px": int(cell.sum()),
                "iou": iou,
                "points": len(values),
                "mean_px": values.mean(),
                "std_px": values.std(),
                "length_px": _correlation_length(max(offsets, key=len)),
            }
        )
    columns = "true_id predicted_id area_px iou points mean_px std_px length_px".split()
    return pd.DataFrame(rows, columns=columns)


def spread_of(offsets: pd.DataFrame) -> Spread:
    """The random part of the distances between outlines; what all cells have in common is left out.

    Medians and quartiles, so that the few cells that are cut or joined wrongly, whose outlines are
    mistakes rather than noise, do not count. `between` is the interquartile range over 1.349, which
    for a normal distribution is the standard deviation.

    Parameters
    ----------
    offsets : DataFrame
        Rows of `boundary_offsets`.

    Raises
    ------
    ValueError
        If there are fewer than two cells.
    """
    if len(offsets) < 2:
        raise ValueError(f"{len(offsets)} matched cells; expected two or more to tell a spread")
    low, high = offsets.mean_px.quantile([0.25, 0.75])
    return Spread(
        between=float((high - low) / 1.349),
        within=float(offsets.std_px.median()),
        length=float(offsets.length_px.fillna(SHORTEST).clip(lower=SHORTEST).median()),
    )


def _smooth_field(shape: tuple[int, ...], length: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian random field of variance 1 and autocorrelation exp(-(d / length)^2)."""
    sigma = length / 2
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return noise * (2 * sigma * np.sqrt(np.pi))


def perturb(label: np.ndarray, spread: Spread, rng: np.random.Generator) -> np.ndarray:
    """Cells with outlines as another annotator might have drawn them.

    The signed distance map of each cell is shifted by a random constant and by a smooth random
    field. A pixel that several cells claim goes to the one in which it lies deepest, or to which it
    is nearest, in `label`: no cell takes what another one still claims of its own. A cell that is
    thinner than its random shift vanishes; shifts below half a pixel move nothing.

    Parameters
    ----------
    label : (H, W) integer ndarray
        0 = background, one id per cell.
    spread : Spread
        With a length of 2 px or more.
    rng : numpy Generator
        Equal states give equal cells.

    Returns
    -------
    (H, W) integer ndarray
        Ids and dtype of `label`.

    Raises
    ------
    ValueError
        If the length is below 2 px.
    """
    if spread.length < SHORTEST:
        raise ValueError(f"correlation length {spread.length} px; expected {SHORTEST} px or more")
    # Beyond 4 standard deviations no outline moves; within 2 lengths of its edges a field repeats.
    margin = int(np.ceil(max(4 * spread.total, 2 * spread.length))) + 1
    result = np.zeros_like(label)
    nearest = np.full(label.shape, np.inf)
    for cell in np.setdiff1d(label, 0):
        window = _window(label == cell, margin)
        distance = _signed_distance(label[window] == cell)
        shift = spread.between * rng.standard_normal()
        shift = shift + spread.within * _smooth_field(distance.shape, spread.length, rng)
        taken = (distance < shift) & (distance < nearest[window])
        nearest[window][taken] = distance[taken]
        result[window][taken] = cell
    return result
