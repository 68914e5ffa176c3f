"""Annotated frames as the net sees them: normalized, at working resolution, with pixel weights."""

from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd

from preprocess.borders import border_weight
from preprocess.header import Selection
from preprocess.labels import is_border_mask, to_cells, without_ignored
from preprocess.layout import require
from preprocess.normalize import Normalization, normalize, resize_image, resize_label
from preprocess.tiff import read_image, read_label, write_tiff


@dataclass(frozen=True)
class Frame:
    """One annotated frame at working resolution.

    Parameters
    ----------
    name : str
    image : (H, W) float32 ndarray
        Normalized.
    label : (H, W) int32 ndarray
        0 = background, one id per cell.
    weight : (H, W) float32 ndarray
        1 or more; 0 where nobody annotated.
    pixel_size_um : float
        Side of a pixel at working resolution [um]; NaN if unknown.
    """

    name: str
    image: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    pixel_size_um: float = nan


def read_recorded(row: pd.Series) -> np.ndarray:
    """One frame as it was recorded.

    Parameters
    ----------
    row : Series or namedtuple
        A row of `preprocess.check.list_frames`.

    Returns
    -------
    (H, W) ndarray
        As `preprocess.tiff.read_image` gives it.

    Raises
    ------
    TiffError
        As `preprocess.tiff.read_image`.
    """
    return read_image(row.image, row.page, Selection(row.channel, row.series))


def _border(row: pd.Series) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The border image of a frame as (mask, None), (None, weight map) or (None, None)."""
    if not row.border:
        return None, None
    border = read_image(row.border, row.page)
    return (border, None) if is_border_mask(border) else (None, border.astype(np.float32))


def read_cells(row: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Cells of an annotated frame, whatever the kind of its label.

    Parameters
    ----------
    row : Series or namedtuple
        A row of `preprocess.check.list_frames` with a label.

    Returns
    -------
    label : (H, W) int32 ndarray
        0 = background, one id per cell.
    annotated : (H, W) bool ndarray
    """
    mask, _ = _border(row)
    return without_ignored(to_cells(read_label(row.label, row.page), mask))


def _stored_weight(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Weights that `write_weights` wrote, if they belong to this working resolution."""
    weight = read_image(require(path, "02_preprocess"))
    if weight.shape != shape:
        raise ValueError(
            f"{path}: shape {weight.shape}, expected {shape}; run "
            "notebooks/02_preprocess.ipynb again with the same scale"
        )
    return weight


def _computed_weight(
    row: pd.Series, label: np.ndarray, annotated: np.ndarray, scale: float
) -> np.ndarray:
    """Weights from the weight map of the data set where it has one, else from the cells."""
    _, given = _border(row)
    weight = border_weight(label) if given is None else resize_image(given, scale).clip(min=1)
    return weight * resize_label(annotated.astype(np.int32), label.shape).astype(np.float32)


def load_frame(
    row: pd.Series, normalization: Normalization, scale: float, weights: Path | None = None
) -> Frame:
    """Read an annotated frame and bring it to working resolution.

    Parameters
    ----------
    row : Series or namedtuple
        A row of `preprocess.check.list_frames` with a label.
    normalization : Normalization
    scale : float
        Working resolution as a share of the frame's own.
    weights : Path, optional
        Folder in which `write_weights` laid the pixel weights; without it they are computed.

    Raises
    ------
    StageMissing
        If the frame has no weights there.
    ValueError
        If the weights there belong to another working resolution.
    """
    image = resize_image(normalize(read_recorded(row), normalization), scale)
    cells, annotated = read_cells(row)
    label = resize_label(cells, image.shape)
    if weights is None:
        weight = _computed_weight(row, label, annotated, scale)
    else:
        weight = _stored_weight(weights / f"{row.name}.tif", label.shape)
    return Frame(row.name, image, label, weight, row.pixel_size_um / scale)


def load_frames(
    table: pd.DataFrame, normalization: Normalization, scale: float, weights: Path | None = None
) -> list[Frame]:
    """`load_frame` of every row of `preprocess.check.list_frames`."""
    return [load_frame(row, normalization, scale, weights) for row in table.itertuples()]


def write_weights(frames: list[Frame], folder: Path) -> None:
    """Write each frame's pixel weights as NAME.tif."""
    for frame in frames:
        write_tiff(folder / f"{frame.name}.tif", frame.weight, frame.pixel_size_um)
