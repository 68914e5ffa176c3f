"""Cells and frames as tables; every column is described in docs/results.md."""

import csv
from collections.abc import Iterable, Mapping
from math import isfinite, nan
from pathlib import Path

import numpy as np
from skimage.measure import regionprops_table

from preprocess.tiff import atomic_path

LENGTHS = {  # of a cell: name in the tables, name in skimage.measure.regionprops
    "perimeter": "perimeter",
    "major_axis": "axis_major_length",
    "minor_axis": "axis_minor_length",
}
PROPERTIES = ("label", "area", "centroid", *LENGTHS.values(), "eccentricity", "solidity")
CELL_COLUMNS = (
    "frame",
    "id",
    "sequence",
    "t",
    "area_um2",
    "area_px",
    "perimeter_um",
    "perimeter_px",
    "row",
    "column",
    "major_axis_um",
    "major_axis_px",
    "minor_axis_um",
    "minor_axis_px",
    "eccentricity",
    "solidity",
    "mean_intensity",
    "touches_border",
    "confidence",
)
FRAME_COLUMNS = (
    "frame",
    "file",
    "page",
    "sequence",
    "t",
    "height",
    "width",
    "pixel_size_um",
    "cells",
    "covered",
    "density_per_mm2",
    "median_area_um2",
    "median_area_px",
    "mean_confidence",
    "least_confidence",
)
STATUS_COLUMNS = ("file", "frame", "state", "cells", "seconds", "message")


def at_border(label: np.ndarray) -> np.ndarray:
    """Ids of the cells with a pixel at the border of the frame, which may go on beyond it."""
    rim = np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]])
    return np.setdiff1d(rim, 0)


def cell_rows(
    label: np.ndarray, image: np.ndarray, confidence: np.ndarray, pixel_size_um: float = nan
) -> list[dict[str, object]]:
    """Size, place, shape, intensity and confidence of every cell of a frame.

    Parameters
    ----------
    label : (H, W) int32 ndarray
        0 = background, cells 1 .. K.
    image : (H, W) ndarray
        Intensities as recorded.
    confidence : (K,) float ndarray, [0, 1]
    pixel_size_um : float
        Side of a pixel [um]; NaN leaves the columns in micrometres empty.

    Returns
    -------
    list of dict
        One a cell, by id, with `CELL_COLUMNS` but frame, sequence and t.
    """
    found = regionprops_table(label, image, properties=(*PROPERTIES, "intensity_mean"))
    columns = {
        "id": found["label"],
        "area_um2": found["area"] * pixel_size_um**2,
        "area_px": found["area"].astype(int),
        "row": found["centroid-0"],
        "column": found["centroid-1"],
        "eccentricity": found["eccentricity"],
        "solidity": found["solidity"],
        "mean_intensity": found["intensity_mean"],
        "touches_border": np.isin(found["label"], at_border(label)),
        "confidence": confidence,
    }
    for name, property_name in LENGTHS.items():
        columns[f"{name}_um"] = found[property_name] * pixel_size_um
        columns[f"{name}_px"] = found[property_name]
    values = (np.asarray(column).tolist() for column in columns.values())
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else nan


def frame_row(
    shape: tuple[int, int], covered: float, pixel_size_um: float, cells: list[dict[str, object]]
) -> dict[str, object]:
    """Numbers of one frame.

    Parameters
    ----------
    shape : (int, int)
        H and W [px].
    covered : float
        Share of the frame that cells cover, [0, 1].
    pixel_size_um : float
        Side of a pixel [um]; NaN if unknown.
    cells : list of dict
        As `cell_rows` gives them.

    Returns
    -------
    dict
        `FRAME_COLUMNS` but those that say which frame it is.
    """
    confidence = [cell["confidence"] for cell in cells]
    return {
        "height": shape[0],
        "width": shape[1],
        "pixel_size_um": pixel_size_um,
        "cells": len(cells),
        "covered": covered,
        "density_per_mm2": len(cells) / (shape[0] * shape[1] * pixel_size_um**2) * 1e6,
        "median_area_um2": _median([cell["area_um2"] for cell in cells]),
        "median_area_px": _median([cell["area_px"] for cell in cells]),
        "mean_confidence": float(np.mean(confidence)) if cells else nan,
        "least_confidence": min(confidence, default=nan),
    }


def _text(value: object) -> object:
    """A value as it stands in a table: empty where unknown, six figures, lower-case truth."""
    if isinstance(value, float):
        return f"{value:.6g}" if isfinite(value) else ""
    return str(value).lower() if isinstance(value, bool) else value


def write_table(path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows as comma-separated values in UTF-8; the file appears complete or not at all.

    Parameters
    ----------
    path : Path
    columns : iterable of str
    rows : iterable of mapping
        Each with all columns; NaN becomes an empty place, True `true`.
    """
    columns = list(columns)
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_text(row[column]) for column in columns] for row in rows)
