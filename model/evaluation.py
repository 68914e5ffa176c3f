"""A trained net on many frames: masks written, masks scored, models compared."""

from collections.abc import Callable
from math import nan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import pandas as pd
from skimage.measure import regionprops_table

from model.checkpoint import CheckpointError
from model.inference import Segmenter
from model.metrics import cell_table, overlap, score_frame, threshold_curve
from preprocess.frames import read_cells, read_recorded
from preprocess.layout import SHIPPED_MODEL, RunLayout, require, resolve
from preprocess.statistics import cell_shapes
from preprocess.tiff import read_label, write_tiff

MANY = 3  # this number of close neighbours and more are one group


def available_models(weights: str, run: RunLayout) -> dict[str, Path]:
    """Files of weights to score, the chosen one first.

    Parameters
    ----------
    weights : str
        `run` (the net that this run trained), `shipped` (unet_model.pth), or a path.
    run : RunLayout

    Returns
    -------
    dict of str to Path
        The chosen weights, then `run` and `shipped` where they exist.

    Raises
    ------
    StageMissing
        If this run has trained no net yet.
    CheckpointError
        If the file is absent.
    """
    known = {"run": run.model, "shipped": SHIPPED_MODEL}
    chosen = known.get(weights, resolve(weights))
    if weights == "run":
        require(chosen, "04_train")
    if not chosen.is_file():
        raise CheckpointError(f"weights: no file {chosen}; give run, shipped, or a path")
    others = {name: path for name, path in known.items() if path.is_file() and name != weights}
    return {weights if weights in known else chosen.stem: chosen} | others


def write_masks(
    segmenter: Segmenter, frames: pd.DataFrame, folder: Path, cell_diameter_px: float = nan
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Segment frames and write one label TIFF each, under the frame's name.

    Parameters
    ----------
    segmenter : Segmenter
    frames : DataFrame
        As `preprocess.check.list_frames` gives it.
    folder : Path
    cell_diameter_px : float
        Typical diameter of a cell [px]; without it the frames' pixel size decides how they are
        scaled, see `model.inference.Segmenter.zoom`.

    Returns
    -------
    frames : DataFrame
        name; t; cells; covered, the share of the frame that cells cover, [0, 1].
    cells : DataFrame
        frame; id; row and column of the centroid [px]; area_px; confidence, [0, 1].
    """
    rows, cells = [], []
    for frame in frames.itertuples():
        zoom = segmenter.zoom(frame.pixel_size_um, cell_diameter_px)
        (label, confidence), _ = segmenter.segment(read_recorded(frame), zoom)
        write_tiff(folder / f"{frame.name}.tif", label, frame.pixel_size_um)
        rows.append((frame.name, frame.t, int(label.max()), float((label > 0).mean())))
        table = regionprops_table(label, properties=("label", "centroid", "area"))
        cells.append(pd.DataFrame(table).assign(frame=frame.name, confidence=confidence))
    names = {"label": "id", "centroid-0": "row", "centroid-1": "column", "area": "area_px"}
    columns = ["frame", *names.values(), "confidence"]
    found = pd.concat(cells).rename(columns=names) if cells else pd.DataFrame(columns=columns)
    return (
        pd.DataFrame(rows, columns=["name", "t", "cells", "covered"]),
        found[columns].reset_index(drop=True),
    )


def truth_and_mask(frame: pd.Series, folder: Path) -> tuple[np.ndarray | None, np.ndarray]:
    """Annotated and predicted cells of a frame, both 0 where nobody annotated.

    Parameters
    ----------
    frame : Series or namedtuple
        A row of `preprocess.check.list_frames`.
    folder : Path
        Where `write_masks` wrote.

    Returns
    -------
    truth : (H, W) int32 ndarray or None
        None for a frame without a label.
    predicted : (H, W) int32 ndarray
    """
    predicted = read_label(require(folder / f"{frame.name}.tif", "05_test"))
    if not frame.label:
        return None, predicted
    truth, annotated = read_cells(frame)
    return truth, np.where(annotated, predicted, 0)


def _per_frame(
    function: Callable[[np.ndarray, np.ndarray], pd.DataFrame], frames: pd.DataFrame, folder: Path
) -> pd.DataFrame:
    """`function(truth, predicted)` of every labelled frame below each other, `frame` in front.

    Without a labelled frame the table has its columns, and no row.
    """
    labelled = frames[frames.label != ""]
    tables = {f.name: function(*truth_and_mask(f, folder)) for f in labelled.itertuples()}
    nothing = np.zeros((1, 1), np.int32)
    table = pd.concat(tables or {"": function(nothing, nothing)}, names=["frame"])
    return table.reset_index(level=0).iloc[: None if tables else 0].reset_index(drop=True)


def score_masks(frames: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """`model.metrics.score_frame` of every labelled frame."""
    return _per_frame(lambda t, p: pd.DataFrame([score_frame(t, p)]), frames, folder)


def score_model(
    segmenter: Segmenter, frames: pd.DataFrame, cell_diameter_px: float = nan
) -> pd.DataFrame:
    """The scores of `score_masks` for a net whose masks are not kept."""
    labelled = frames[frames.label != ""]
    with TemporaryDirectory() as folder:
        write_masks(segmenter, labelled, Path(folder), cell_diameter_px)
        return score_masks(labelled, Path(folder))


def mean_curve(frames: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """`model.metrics.threshold_curve`, averaged over the labelled frames."""
    curves = _per_frame(threshold_curve, frames, folder)
    return curves.groupby("threshold", as_index=False).mean(numeric_only=True)


def found_cells(frames: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """`model.metrics.cell_table` of all labelled frames, with a column `sequence`.

    Ids are constant within a sequence; a frame of no sequence is one of its own.
    """
    sequence = frames.sequence.where(frames.sequence != "", frames.name)
    cells = _per_frame(cell_table, frames, folder)
    return cells.assign(sequence=cells.frame.map(dict(zip(frames.name, sequence, strict=True))))


def _best_overlaps(truth: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Greatest IoU of each predicted cell with a true one: id, iou."""
    cells = overlap(truth, predicted)
    return pd.DataFrame({"id": cells.predicted_ids, "iou": cells.iou.max(axis=0, initial=0.0)})


def judged_cells(cells: pd.DataFrame, frames: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Predicted cells beside the true ones.

    Parameters
    ----------
    cells : DataFrame
        As `write_masks` gives it.
    frames : DataFrame
        As `preprocess.check.list_frames` gives it.
    folder : Path
        Where `write_masks` wrote.

    Returns
    -------
    DataFrame
        `cells`, with iou, the greatest with a true cell of its frame, [0, 1], and wrong, whether it
        is below 0.5; both missing where nobody annotated.
    """
    best = _per_frame(_best_overlaps, frames, folder).astype({"frame": str, "id": int})
    judged = cells.astype({"frame": str, "id": int}).merge(best, "left", ["frame", "id"])
    wrong = (judged.iou < 0.5).astype("boolean").where(judged.iou.notna())
    return judged.assign(wrong=wrong)


def wrong_by_confidence(judged: pd.DataFrame, groups: int = 10) -> pd.DataFrame:
    """Share of wrong cells in groups of about equal count, the least confident first.

    Parameters
    ----------
    judged : DataFrame
        As `judged_cells` gives it; cells that nobody can judge are left out.
    groups : int

    Returns
    -------
    DataFrame
        group, a text; cells; confidence, the mean, [0, 1]; wrong, the share, [0, 1].
    """
    known = judged[judged.wrong.notna()].sort_values("confidence", kind="stable")
    rank = np.arange(len(known)) * groups // max(len(known), 1)
    rows = [
        {
            "group": f"{group.confidence.min():.2f} to {group.confidence.max():.2f}",
            "cells": len(group),
            "confidence": float(group.confidence.mean()),
            "wrong": float(group.wrong.mean()),
        }
        for _, group in known.groupby(rank)
    ]
    return pd.DataFrame(rows, columns=["group", "cells", "confidence", "wrong"])


def recall_by(cells: pd.DataFrame, column: str, groups: int) -> pd.DataFrame:
    """Share of true cells that were found, in groups of a property.

    Parameters
    ----------
    cells : DataFrame
        As `found_cells` gives it.
    column : str
        Property to group by.
    groups : int
        Number of groups of equal count; 0 makes one group of each value, 3 and more together.

    Returns
    -------
    DataFrame
        group, a text; cells; recall at IoU 0.5, [0, 1]; iou, the mean, [0, 1].
    """
    values = cells[column]
    if groups and values.nunique() == 1:  # there is nothing to divide
        text = values.map("{:.0f}".format)
    elif groups and len(cells):
        key = pd.qcut(values, groups, duplicates="drop")
        text = key.map(lambda i: f"{i.left:.0f} to {i.right:.0f}")
    else:
        text = values.clip(upper=MANY).map(lambda v: f"{v}" if v < MANY else f"{MANY} or more")
        text = pd.Categorical(text, sorted(text.unique()))
    grouped = cells.assign(group=text).groupby("group", observed=True)
    table = grouped.agg(cells=("id", "size"), recall=("matched", "mean"), iou=("iou", "mean"))
    return table.reset_index().astype({"group": str})


def worst_cells(
    cells: pd.DataFrame,
    frames: pd.DataFrame,
    folder: Path,
    of: Literal["truth", "predicted"] = "truth",
    size: int = 128,
) -> list[dict]:
    """Surroundings of some true or predicted cells.

    Parameters
    ----------
    cells : DataFrame
        Rows of `found_cells`, or of `write_masks` for predicted cells, in the order to show.
    frames : DataFrame
        As `preprocess.check.list_frames` gives it.
    folder : Path
        Where `write_masks` wrote.
    of : {"truth", "predicted"}
        Which of the two the ids are of.
    size : int
        Side of the pictures [px].

    Returns
    -------
    list of dict
        image, truth (None without a label), predicted, (size, size) or smaller at the edge of a
        small frame; title; id; of.
    """
    crops = []
    for cell in cells.itertuples():
        frame = next(frames[frames.name == cell.frame].itertuples())
        labels = {
            "truth": read_cells(frame)[0] if frame.label else None,
            "predicted": read_label(require(folder / f"{frame.name}.tif", "05_test")),
        }
        middle = np.argwhere(labels[of] == cell.id).mean(0).astype(int)
        corner = np.clip(middle - size // 2, 0, np.maximum(np.array(labels[of].shape) - size, 0))
        window = tuple(slice(c, c + size) for c in corner)
        score = f"IoU {cell.iou:.2f}" if of == "truth" else f"confidence {cell.confidence:.2f}"
        crops.append(
            {
                "image": read_recorded(frame)[window],
                **{who: None if label is None else label[window] for who, label in labels.items()},
                "title": f"{cell.frame}, cell {cell.id}: {score}",
                "id": cell.id,
                "of": of,
            }
        )
    return crops


def mask_shapes(frames: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """`preprocess.statistics.cell_shapes` of all annotated and all predicted cells.

    Returns
    -------
    DataFrame
        cells, `annotated` or `predicted`; frame; then the shapes.
    """
    tables = []
    for frame in frames.itertuples():
        truth, predicted = truth_and_mask(frame, folder)
        for who, label in (("annotated", truth), ("predicted", predicted)):
            if label is not None:
                shapes = cell_shapes(label, frame.pixel_size_um)
                tables.append(shapes.assign(cells=who, frame=frame.name))
    return pd.concat(tables, ignore_index=True)
