"""Which real frames a net is trained on and judged on, the same for every benchmark.

Choices are made on the split `train` alone: five folds, each judged on the frames that it leaves
out, and five triples of frames, each judged on all others.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from model.inference import Segmenter
from preprocess.check import list_frames

FOLDS = {f"fold {k + 1}": k for k in range(5)}
TRIPLES = ("03,17,38", "33,15,06", "43,25,35", "10,29,39", "05,45,13")
SETS = (*FOLDS, *TRIPLES)


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
        of T98G sets.
    known : DataFrame
        As `labelled_frames` gives it.
    """
    if name in FOLDS:
        out = known.index % len(FOLDS) == FOLDS[name]
    else:
        out = ~known.name.isin([f"set{number}" for number in name.split(",")])
    return known[~out], known[out]


def unseen(models: list[Path], known: pd.DataFrame) -> Iterator[tuple[Segmenter, pd.DataFrame]]:
    """Each net, with the frames that it was not trained on."""
    for model in models:
        segmenter = Segmenter.load(model)
        yield segmenter, known[~known.name.isin(segmenter.info["frames"])]
