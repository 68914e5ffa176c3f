"""What a data set holds, in numbers: per frame and per cell."""

from math import nan

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.measure import regionprops_table

from preprocess.frames import read_cells, read_recorded

CELL_PROPERTIES = ("label", "area", "perimeter", "eccentricity", "solidity")


def cell_shapes(label: np.ndarray, pixel_size_um: float) -> pd.DataFrame:
    """Size and shape of every cell of a frame.

    Parameters
    ----------
    label : (H, W) integer ndarray
        0 = background, one id per cell.
    pixel_size_um : float
        Side of a pixel [um]; NaN leaves lengths in pixels.

    Returns
    -------
    DataFrame
        id; area [um2]; perimeter [um]; eccentricity, [0, 1], 0 = circle; solidity, (0, 1], 1 = no
        dents. See `skimage.measure.regionprops`.
    """
    side = 1.0 if np.isnan(pixel_size_um) else pixel_size_um
    table = regionprops_table(label, properties=CELL_PROPERTIES, spacing=(side, side))
    return pd.DataFrame(table).rename(columns={"label": "id"})


def annotated_shapes(frames: pd.DataFrame) -> pd.DataFrame:
    """`cell_shapes` of every annotated cell, with columns `split` and `frame`.

    Parameters
    ----------
    frames : DataFrame
        As `preprocess.check.list_frames` gives it; without any label the table has no row.
    """
    tables = [
        cell_shapes(read_cells(frame)[0], frame.pixel_size_um).assign(
            split=frame.split, frame=frame.name
        )
        for frame in frames[frames.label != ""].itertuples()
    ]
    nothing = cell_shapes(np.zeros((1, 1), np.int32), nan).assign(split="", frame="")
    return pd.concat(tables or [nothing], ignore_index=True)


def shape_quartiles(shapes: pd.DataFrame, by: str) -> pd.DataFrame:
    """Quartiles of area, eccentricity and solidity.

    Parameters
    ----------
    shapes : DataFrame
        Rows of `cell_shapes`, with a column to group by.
    by : str
        That column.

    Returns
    -------
    DataFrame
        The column, quantile, area, eccentricity, solidity.
    """
    values = shapes.groupby(by, sort=False)[["area", "eccentricity", "solidity"]]
    return values.quantile([0.25, 0.5, 0.75]).rename_axis([by, "quantile"]).reset_index()


def touching_share(label: np.ndarray, reach: int = 2) -> float:
    """Share of the cells with another cell within `reach` pixels, [0, 1]; NaN without cells."""
    ids = np.setdiff1d(label, 0)
    if len(ids) == 0:
        return float("nan")
    size = 2 * reach + 1
    highest = ndimage.maximum_filter(label, size)
    lowest = ndimage.minimum_filter(np.where(label > 0, label, label.max() + 1), size)
    meets_another = (label > 0) & ((highest != label) | (lowest != label))
    return len(np.unique(label[meets_another])) / len(ids)


def frame_statistics(frames: pd.DataFrame) -> pd.DataFrame:
    """One row of numbers a frame.

    Parameters
    ----------
    frames : DataFrame
        As `preprocess.check.list_frames` gives it.

    Returns
    -------
    DataFrame
        split, name, height, width, dtype, p1, p50 and p99 (intensity percentiles as recorded), and,
        NaN without a label: cells, covered (share of the frame, [0, 1]), area_px (median cell area
        [px]), touching (share of cells within 2 px of another, [0, 1]).
    """
    rows = []
    for frame in frames.itertuples():
        image = read_recorded(frame)
        p1, p50, p99 = np.percentile(image, (1, 50, 99))
        row = {
            "split": frame.split,
            "name": frame.name,
            "height": image.shape[0],
            "width": image.shape[1],
            "dtype": str(image.dtype),
            "p1": p1,
            "p50": p50,
            "p99": p99,
        }
        if frame.label:
            label, _ = read_cells(frame)
            areas = np.unique(label[label > 0], return_counts=True)[1]
            row |= {
                "cells": len(areas),
                "covered": float((label > 0).mean()),
                "area_px": float(np.median(areas)) if len(areas) else float("nan"),
                "touching": touching_share(label),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def split_summary(statistics: pd.DataFrame) -> pd.DataFrame:
    """One row a split: number, size and type of its frames, and the means of what was counted.

    Parameters
    ----------
    statistics : DataFrame
        As `frame_statistics` gives it.
    """
    groups = statistics.groupby("split", sort=False)
    shown = {"frames": ("name", "size"), "height": ("height", "max"), "width": ("width", "max")}
    shown |= {"dtype": ("dtype", "first")}
    counted = ("p1", "p50", "p99", "cells", "covered", "touching")
    shown |= {name: (name, "mean") for name in counted if name in statistics}
    return groups.agg(**shown).reset_index()
