"""Which real frames a net is trained on and judged on, the same for every benchmark.

Choices are made on the split `train` alone: five folds, each judged on the frames that it leaves
out, five triples of frames, each judged on all others, and for the learning curve one to 23 frames,
all judged on the same eight others.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from model.inference import Segmenter
from preprocess.check import list_frames

FOLDS = {f"fold {k + 1}": k for k in range(5)}
TRIPLES = ("03,17,38", "33,15,06", "43,25,35", "10,29,39", "05,45,13")
COUNTS = {
    "1 frame": 1,
    "2 frames": 2,
    "3 frames": 3,
    "5 frames": 5,
    "10 frames": 10,
    "23 frames": 23,
}
SETS = (*FOLDS, *TRIPLES, *COUNTS)
HELD_OUT = 8  # frames that judge the nets of the learning curve


def labelled_frames(data: Path) -> pd.DataFrame:
    """Annotated frames of the split `train`, in the order of their names."""
    known = list_frames(data).query("split == 'train' and label != ''")
    return known.sort_values("name", ignore_index=True)


def split_of(name: str, known: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Frames to train on and frames to be judged on.

    Parameters
    ----------
    name : str
        One of SETS: fold k leaves out every fifth frame from the k-th on; a triple is three numbers
        of T98G sets; the frames of a smaller count are among those of a larger.
    known : DataFrame
        As `labelled_frames` gives it.
    """
    if name in COUNTS:
        drawn = np.random.default_rng(0).permutation(len(known))
        chosen = drawn[HELD_OUT:][: COUNTS[name]]
        return known.iloc[np.sort(chosen)], known.iloc[np.sort(drawn[:HELD_OUT])]
    if name in FOLDS:
        out = known.index % len(FOLDS) == FOLDS[name]
    else:
        out = ~known.name.isin([f"set{number}" for number in name.split(",")])
    return known[~out], known[out]


def unseen(
    models: list[Path], known: pd.DataFrame, precision: str = "auto"
) -> Iterator[tuple[Segmenter, pd.DataFrame]]:
    """Each net, with the frames that it was not trained on; see `model.device.choose`."""
    for model in models:
        segmenter = Segmenter.load(model, precision)
        yield segmenter, known[~known.name.isin(segmenter.info["frames"])]
