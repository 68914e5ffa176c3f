"""Scores of predicted cells against annotated ones: per pixel and per cell, per frame first.

A score of several frames is the mean of the scores of the frames. Empty against empty scores 1.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching
from skimage.segmentation import relabel_sequential

THRESHOLDS = np.arange(0.50, 1.0, 0.05)
TOLERANCE = 1e-9  # an overlap of exactly the threshold counts as a hit


class Overlap(NamedTuple):
    """Which true cell shares how many pixels with which predicted one.

    Attributes
    ----------
    true_ids, predicted_ids : (K,), (M,) int ndarray
        Label ids, background left out.
    shared : (K, M) int64 ndarray
        Pixels in common [px].
    true_area, predicted_area : (K,), (M,) int64 ndarray
        Cell areas [px].
    """

    true_ids: np.ndarray
    predicted_ids: np.ndarray
    shared: np.ndarray
    true_area: np.ndarray
    predicted_area: np.ndarray

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union of every pair, (K, M) float64, [0, 1]."""
        union = self.true_area[:, None] + self.predicted_area[None, :] - self.shared
        return self.shared / np.maximum(union, 1)


class Matching(NamedTuple):
    """Pairs of true and predicted cells, at most one partner each.

    Attributes
    ----------
    true_ids, predicted_ids : (P,) int ndarray
    iou : (P,) float64 ndarray, [0, 1]
    """

    true_ids: np.ndarray
    predicted_ids: np.ndarray
    iou: np.ndarray


def overlap(truth: np.ndarray, predicted: np.ndarray) -> Overlap:
    """Count the pixels that cells of two label images share.

    Parameters
    ----------
    truth, predicted : (H, W) integer ndarray
        0 = background, one id per cell.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"predicted labels have shape {predicted.shape}, expected {truth.shape}")
    true_ids, t = np.unique(np.append(0, truth.ravel()), return_inverse=True)
    predicted_ids, p = np.unique(np.append(0, predicted.ravel()), return_inverse=True)
    rows, columns = len(true_ids), len(predicted_ids)
    table = np.bincount(t[1:] * columns + p[1:], minlength=rows * columns)
    table = table.reshape(rows, columns)  # (K + 1, M + 1), background first
    return Overlap(
        true_ids[1:], predicted_ids[1:], table[1:, 1:], table.sum(1)[1:], table.sum(0)[1:]
    )


def _partners(iou: np.ndarray, threshold: float) -> np.ndarray:
    """Predicted column matched to each true row, -1 for none; as many pairs as possible."""
    if iou.size == 0:
        return np.full(len(iou), -1)
    hits = csr_matrix(iou >= threshold - TOLERANCE)
    return maximum_bipartite_matching(hits, perm_type="column")


def match_cells(truth: np.ndarray, predicted: np.ndarray, threshold: float = 0.5) -> Matching:
    """Pair the cells of two label images whose IoU reaches a threshold.

    Parameters
    ----------
    truth, predicted : (H, W) integer ndarray
        0 = background, one id per cell.
    threshold : float
        IoU, (0, 1].
    """
    cells = overlap(truth, predicted)
    iou = cells.iou
    partner = _partners(iou, threshold)
    found = np.flatnonzero(partner >= 0)
    return Matching(
        cells.true_ids[found], cells.predicted_ids[partner[found]], iou[found, partner[found]]
    )


def _ratio(numerator: float, denominator: float) -> float:
    """Quotient, 1 where there is nothing to count."""
    return float(numerator / denominator) if denominator else 1.0


def _curve(cells: Overlap) -> pd.DataFrame:
    iou = cells.iou
    n_true, n_predicted = iou.shape
    rows = []
    for threshold in THRESHOLDS:
        tp = int((_partners(iou, threshold) >= 0).sum())
        fp, fn = n_predicted - tp, n_true - tp
        rows.append(
            {
                "threshold": round(float(threshold), 2),
                "TP": tp,
                "FP": fp,
                "FN": fn,
                "AP": _ratio(tp, tp + fp + fn),
                "F1": _ratio(2 * tp, 2 * tp + fp + fn),
                "precision": _ratio(tp, tp + fp),
                "recall": _ratio(tp, tp + fn),
            }
        )
    return pd.DataFrame(rows)


def threshold_curve(truth: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Object scores at IoU thresholds 0.50, 0.55 .. 0.95.

    Parameters
    ----------
    truth, predicted : (H, W) integer ndarray

    Returns
    -------
    DataFrame
        threshold, TP, FP, FN, AP = TP / (TP + FP + FN), F1, precision, recall.
    """
    return _curve(overlap(truth, predicted))


def _seg(cells: Overlap) -> float:
    """Cell Tracking Challenge SEG: mean Jaccard index with the cell that covers more than half."""
    if len(cells.true_ids) == 0:
        return 1.0
    if len(cells.predicted_ids) == 0:
        return 0.0
    best = cells.shared.argmax(1)
    rows = np.arange(len(best))
    covered = cells.shared[rows, best] > 0.5 * cells.true_area
    return float(np.where(covered, cells.iou[rows, best], 0.0).mean())


def score_frame(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """All scores of one frame.

    Parameters
    ----------
    truth, predicted : (H, W) integer ndarray
        0 = background, one id per cell.

    Returns
    -------
    dict
        Pixels: IoU, Dice, accuracy, precision, recall. Cells: AP50, AP75 = TP / (TP + FP + FN) at
        IoU 0.50 and 0.75; mSA, their mean over 0.50, 0.55 .. 0.95; F1, object_precision and
        object_recall at 0.50; SEG of the Cell Tracking Challenge; n_true and n_predicted cells.
    """
    cells = overlap(truth, predicted)
    curve = _curve(cells)
    t, p = truth > 0, predicted > 0
    both, either = int((t & p).sum()), int((t | p).sum())
    return {
        "IoU": _ratio(both, either),
        "Dice": _ratio(2 * both, int(t.sum() + p.sum())),
        "accuracy": float((t == p).mean()),
        "precision": _ratio(both, int(p.sum())),
        "recall": _ratio(both, int(t.sum())),
        "AP50": curve.AP[0],
        "AP75": curve.AP[5],
        "mSA": float(curve.AP.mean()),
        "F1": curve.F1[0],
        "object_precision": curve.precision[0],
        "object_recall": curve.recall[0],
        "SEG": _seg(cells),
        "n_true": len(cells.true_ids),
        "n_predicted": len(cells.predicted_ids),
    }


def score_frames(pairs: dict[str, tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """Scores of several frames, one row a frame.

    Parameters
    ----------
    pairs : dict
        Frame name -> (truth, predicted), both (H, W) integer ndarray.
    """
    rows = {name: score_frame(truth, predicted) for name, (truth, predicted) in pairs.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("frame")


def cell_table(truth: np.ndarray, predicted: np.ndarray, reach: int = 2) -> pd.DataFrame:
    """How well each true cell was found, with its size and crowding.

    Parameters
    ----------
    truth, predicted : (H, W) integer ndarray
    reach : int
        Cells closer than this count as neighbours [px].

    Returns
    -------
    DataFrame
        id; area_px [px]; iou with the best predicted cell, [0, 1]; matched at IoU 0.5; neighbours,
        the number of other cells within `reach`.
    """
    cells = overlap(truth, predicted)
    iou = cells.iou
    numbered = relabel_sequential(truth)[0]  # windows are listed up to the highest id
    neighbours = []
    for cell, (rows, columns) in enumerate(ndimage.find_objects(numbered), start=1):
        window = numbered[
            max(rows.start - reach, 0) : rows.stop + reach,
            max(columns.start - reach, 0) : columns.stop + reach,
        ]
        near = ndimage.binary_dilation(window == cell, iterations=reach)
        neighbours.append(len(np.setdiff1d(window[near], [0, cell])))
    return pd.DataFrame(
        {
            "id": cells.true_ids,
            "area_px": cells.true_area,
            "iou": iou.max(axis=1, initial=0.0),
            "matched": _partners(iou, 0.5) >= 0,
            "neighbours": np.array(neighbours, dtype=int),
        }
    )
