"""One frame read again and again: the net runs once, only the thresholds of the reading change."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import pandas as pd

from model.inference import Segmenter
from model.metrics import score_frame
from model.representation import Cells, Decoding, decode
from model.unet import Maps
from preprocess.frames import read_cells, read_recorded


@dataclass(frozen=True)
class MappedFrame:
    """A frame with what the net says of it.

    Parameters
    ----------
    image : (H, W) ndarray
        Intensities as recorded.
    maps : Maps
        foreground (H, W) float32 ndarray, [0, 1]; flow (2, h, w) float32 ndarray.
    decoding : Decoding
        As stored with the weights.
    pixel_size_um : float
        Side of a pixel [um]; NaN if unknown.
    truth : (H, W) int32 ndarray, optional
        Annotated cells.
    annotated : (H, W) bool ndarray, optional
        Where somebody annotated; goes with `truth`.
    """

    image: np.ndarray
    maps: Maps
    decoding: Decoding
    pixel_size_um: float = nan
    truth: np.ndarray | None = None
    annotated: np.ndarray | None = None

    def cells(self, foreground: float, confidence: float) -> Cells:
        """Cells at other thresholds; see `model.representation.Decoding`."""
        thresholds = {"foreground": foreground, "confidence": confidence}
        return decode(self.maps, replace(self.decoding, **thresholds))


def map_frame(segmenter: Segmenter, row: pd.Series, cell_diameter_px: float = nan) -> MappedFrame:
    """Run the net on a frame.

    Parameters
    ----------
    segmenter : Segmenter
    row : Series or namedtuple
        A row of `preprocess.check.list_frames`.
    cell_diameter_px : float
        See `model.inference.Segmenter.zoom`.
    """
    image = read_recorded(row)
    maps = segmenter.maps(image, segmenter.zoom(row.pixel_size_um, cell_diameter_px))
    decoding = Decoding(**segmenter.info["decoding"])
    truth, annotated = read_cells(row) if row.label else (None, None)
    return MappedFrame(image, maps, decoding, row.pixel_size_um, truth, annotated)


def score_thresholds(
    frame: MappedFrame, pairs: Iterable[tuple[float, float]]
) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Read a frame at several thresholds.

    Parameters
    ----------
    frame : MappedFrame
    pairs : iterable of (float, float)
        Foreground and confidence, as `MappedFrame.cells` takes them.

    Returns
    -------
    table : DataFrame
        foreground; confidence; cells; IoU and AP50, NaN without a truth.
    labels : list of (H, W) int32 ndarray
        One a pair.
    """
    rows, labels = [], []
    for foreground, confidence in pairs:
        label = frame.cells(foreground, confidence).label
        row = {"foreground": foreground, "confidence": confidence, "cells": int(label.max())}
        scores = {"IoU": nan, "AP50": nan}
        if frame.truth is not None:
            scores = score_frame(frame.truth, np.where(frame.annotated, label, 0))
        rows.append({**row, "IoU": scores["IoU"], "AP50": scores["AP50"]})
        labels.append(label)
    return pd.DataFrame(rows), labels
