"""Outlines of cells as regions of interest for Fiji's ROI Manager."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from roifile import ImagejRoi

from plots.geometry import outlines_by_cell
from preprocess.tiff import atomic_path


def _enclosed(line: np.ndarray) -> float:
    """Area within a closed line (P, 2), by the shoelace formula."""
    x, y = line.T
    return abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2


def cell_rois(label: np.ndarray, corner: tuple[int, int] = (0, 0)) -> list[ImagejRoi]:
    """The outer outline of the largest part of every cell.

    Parameters
    ----------
    label : (H, W) integer ndarray
        0 = background, one id per cell.
    corner : (int, int)
        Row and column of its first pixel, where it is a part of a larger one [px].

    Returns
    -------
    list of ImagejRoi
        By id, which is the name. Filled, a polygon has the pixels of the cell, holes included: in
        ImageJ the centre of the first pixel lies at 0.5.
    """
    rois = []
    for cell, lines in outlines_by_cell(label).items():
        outer = max(lines, key=_enclosed)
        points = outer[:-1] + 0.5 + corner[::-1]  # ImageJ closes polygons itself
        rois.append(ImagejRoi.frompoints(points.astype(np.float32), name=str(cell)))
    return rois


def write_rois(path: Path, rois: Iterable[ImagejRoi]) -> None:
    """Write outlines of cells as a ZIP for Fiji's ROI Manager (File > Open).

    Parameters
    ----------
    path : Path
        Ends with `.zip`; without any cell the archive is empty.
    rois : iterable of ImagejRoi
        As `cell_rois` gives them; of a large frame one after another.
    """
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for roi in rois:
            archive.writestr(f"{roi.name}.roi", roi.tobytes())
