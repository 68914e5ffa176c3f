"""Does the net know when it is wrong? Calibration of pixels, and wrong cells by confidence.

    python -m benchmarks.uncertainty MODEL.pth [MODEL.pth ...] --data FOLDER

Each model segments the frames of the split `train` that it was not trained on. Pixels are sorted
into fifteen bins by their probability of lying in a cell, predicted cells into ten groups of equal
count by their confidence; a cell is wrong if it shares an IoU of less than 0.5 with every true
cell. Writes benchmarks/uncertainty.csv and prints the expected calibration error (Naeini et al.,
AAAI 2015). The frames of the split `test` are not touched.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.held_out import labelled_frames, unseen
from model.evaluation import wrong_by_confidence
from model.inference import Segmenter
from model.metrics import overlap
from preprocess.frames import read_cells, read_recorded
from preprocess.layout import BENCHMARKS
from preprocess.tiff import atomic_path

TABLE = BENCHMARKS / "uncertainty.csv"
BINS = 15  # of probability


def judged(segmenter: Segmenter, frames: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What a net said of pixels and cells, and what was true.

    Returns
    -------
    pixels : DataFrame
        One row a frame and bin of probability: bin, count, said (sum of probabilities), true (count
        of pixels in true cells).
    cells : DataFrame
        confidence, [0, 1]; wrong, bool.
    """
    pixels, cells = [], []
    for frame in frames.itertuples():
        truth, annotated = read_cells(frame)
        (label, confidence), maps = segmenter.segment(read_recorded(frame))
        said, inside = maps.foreground[annotated], truth[annotated] > 0
        position = np.minimum((said * BINS).astype(int), BINS - 1)
        sums = [np.bincount(position, w, BINS) for w in (np.ones_like(said), said, inside)]
        pixels.append(pd.DataFrame(dict(zip(("count", "said", "true"), sums, strict=True))))
        best = overlap(truth, label).iou.max(axis=0, initial=0)
        cells.append(pd.DataFrame({"confidence": confidence, "wrong": best < 0.5}))
    return pd.concat(pixels), pd.concat(cells, ignore_index=True)


def calibration(pixels: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Mean probability and share of cell pixels in each bin, and the expected calibration error."""
    total = pixels.groupby(level=0).sum()
    total = total[total["count"] > 0]
    said, true = total["said"] / total["count"], total["true"] / total["count"]
    error = float(((said - true).abs() * total["count"]).sum() / total["count"].sum())
    return pd.DataFrame({"count": total["count"], "said": said, "true": true}), error


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL.pth")
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    known = labelled_frames(options.data)
    pairs = [judged(*each) for each in unseen(options.models, known)]
    pixels, cells = (pd.concat(tables) for tables in zip(*pairs, strict=True))
    bins, error = calibration(pixels)
    tenths = wrong_by_confidence(cells).rename(columns={"cells": "count", "confidence": "said"})
    groups = tenths.assign(true=1 - tenths.wrong)[["count", "said", "true"]]
    table = pd.concat({"pixels": bins, "cells": groups}, names=["of", "group"]).round(4)
    with atomic_path(TABLE) as temporary:
        table.to_csv(temporary)
    print(table.to_string())
    print(f"expected calibration error of the foreground {error:.4f}")
    first = tenths.wrong[0]
    print(f"wrong cells: {cells.wrong.mean():.3f} of all, {first:.3f} of the least confident tenth")


if __name__ == "__main__":
    main()
