"""Who is trained on: train and validation by frame or sequence, before any augmentation.

Augmented copies of a frame, patches of it and its neighbours in time look nearly like it. Were they
split among train and validation, the score would measure memory: the study that this project grows
from augments 3 images into 1,773 first and holds 15 % of those back.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from preprocess.layout import require
from preprocess.tiff import atomic_path

HOLD_OUT_FROM = 4  # frames; of fewer, none can be spared


class SplitError(ValueError):
    """Frames asked for that do not exist; the message lists those that do."""


def assign_roles(frames: pd.DataFrame, train_frames: str, seed: int) -> pd.DataFrame:
    """Say for every frame what it is used for.

    Parameters
    ----------
    frames : DataFrame
        As `preprocess.check.list_frames` gives it.
    train_frames : str
        `all`, a count as `3`, or names as `set03,set17`; a single name that is a number ends in a
        comma, as `017,`. Only labelled frames of split train can be trained on. The frames of a
        larger count contain those of a smaller one.
    seed : int, >= 0
        Draws the counted frames and the one held out.

    Returns
    -------
    DataFrame
        A copy with the column `role`: train, validation, test or unused. Without labelled
        validation frames, of 4 or more chosen frames one group is held out: the smallest sequence,
        where those without a sequence are one of their own (the pages of a stack together), drawn
        among equally small ones; a single frame if all are one sequence. Of 1 to 3 chosen frames
        none is held out.

    Raises
    ------
    SplitError
        If `train_frames` asks for what does not exist.
    """
    labelled = frames["label"] != ""
    trainable = frames.index[(frames["split"] == "train") & labelled]
    chosen = frames.loc[_chosen(frames.loc[trainable], train_frames, seed)]
    role = pd.Series("unused", frames.index)
    role[frames["split"] == "test"] = "test"
    role[chosen.index] = "train"
    validation = (frames["split"] == "validation") & labelled
    role[validation] = "validation"
    if not validation.any() and len(chosen) >= HOLD_OUT_FROM:
        role[_held_out(chosen, seed)] = "validation"
    return frames.assign(role=role)


def _chosen(trainable: pd.DataFrame, train_frames: str, seed: int) -> pd.Index:
    """Index of the frames asked for, in the order of the table."""
    asked = train_frames.strip()
    if asked == "all":
        return trainable.index
    known = ", ".join(trainable["name"]) or "none"
    if asked.isdecimal():
        count = int(asked)
        if not 1 <= count <= len(trainable):
            raise SplitError(
                f"train_frames: {count} frames asked for; expected 1 to {len(trainable)}, the "
                f"labelled frames of split train: {known}"
            )
        drawn = np.random.default_rng(seed).permutation(len(trainable))[:count]
        return trainable.index[np.sort(drawn)]
    names = [name.strip() for name in asked.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(trainable["name"])]
    if unknown or not names:
        raise SplitError(
            f"train_frames: {', '.join(unknown) or 'nothing'} asked for; expected all, a count, or "
            f"names among the labelled frames of split train: {known}"
        )
    return trainable.index[trainable["name"].isin(names)]


def _held_out(chosen: pd.DataFrame, seed: int) -> pd.Index:
    """Index of the frames to validate on."""
    # Not the stream that chose the frames: which one is held out must not hang on how they were.
    rng = np.random.default_rng([seed, 1])
    group = chosen["sequence"].where(chosen["sequence"] != "", chosen["image"])
    sizes = group.value_counts(sort=False)
    if len(sizes) == 1:
        return chosen.index[[rng.integers(len(chosen))]]
    smallest = sizes.index[sizes == sizes.min()]
    return chosen.index[group == smallest[rng.integers(len(smallest))]]


def write_split(table: pd.DataFrame, path: Path) -> None:
    """Write the table of `assign_roles`."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)


def read_split(path: Path) -> pd.DataFrame:
    """The table that `write_split` wrote.

    Raises
    ------
    StageMissing
        If stage 02 has not run yet.
    """
    texts = ["split", "name", "image", "label", "border", "sequence", "role"]
    return pd.read_csv(
        require(path, "02_preprocess"),
        dtype=dict.fromkeys(texts, str),
        keep_default_na=False,
        na_values={"pixel_size_um": [""], "interval_s": [""]},
    )
