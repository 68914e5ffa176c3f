"""Training without a notebook, on the files that stage 02 laid into a run.

python -m model.training RUN/config.yaml [--resume]
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from model.checkpoint import CheckpointError
from model.training import TrainingConfig, TrainingError, fit
from preprocess.frames import load_frames
from preprocess.layout import SHIPPED_MODEL, RunLayout, StageMissing, require, resolve
from preprocess.split import read_split
from preprocess.tiff import TiffError

NAMES = (
    "width depth patch_size batch_size epochs steps_per_epoch learning_rate seed precision scale"
).split()
REFUSALS = (StageMissing, TiffError, CheckpointError, TrainingError, ValueError, OSError)


def training_config(parameters: Mapping[str, object]) -> TrainingConfig:
    """The settings of a training, from the parameters of a run.

    Raises
    ------
    ValueError
        Naming every value that is out of range.
    """
    start = str(parameters["start"])
    begin = {"scratch": start, "shipped": SHIPPED_MODEL}.get(start, resolve(start))
    return TrainingConfig(**{name: parameters[name] for name in NAMES}, start=str(begin))


def train_run(config: Path, resume: bool) -> None:
    """Train on the split and the weights of a run; see `model.training.fit`.

    Parameters
    ----------
    config : Path
        config.yaml of a run whose stage 02 is finished.
    resume : bool
        Continue from last.ckpt, if there is one.

    Raises
    ------
    StageMissing
        If stage 02 has not run yet.
    TrainingError
        As `fit`, and if another process is running into the folder.
    """
    layout = RunLayout(require(config, "02_preprocess").parent)
    settings = training_config(yaml.safe_load(config.read_text(encoding="utf-8")))
    how = settings.normalization, settings.scale, layout.weights
    split = read_split(layout.split)
    try:
        with FileLock(layout.root / ".lock", timeout=0):  # the one that the pipeline holds
            layout.remove_unfinished()
            train, validation = (
                load_frames(split[split.role == role], *how) for role in ("train", "validation")
            )
            fit(settings, train, validation, layout, resume)
    except Timeout as error:
        raise TrainingError(
            f"{layout.root}: another process is running into this folder; wait for it"
        ) from error


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m model.training", description=__doc__.splitlines()[0]
    )
    parser.add_argument("config", type=Path, metavar="RUN/config.yaml")
    parser.add_argument("--resume", action="store_true", help="continue from last.ckpt")
    options = parser.parse_args(arguments)
    try:
        train_run(options.config, options.resume)
    except REFUSALS as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0
