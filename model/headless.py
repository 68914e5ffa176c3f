"""Training without a notebook, on the files that stage 02 laid into a run.

    python -m model.training RUN/config.yaml [--resume]

With `--resume` it goes on after the last epoch in RUN/last.ckpt.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from model.checkpoint import CheckpointError, load_model
from model.learner import TrainingError
from model.memory import GpuMemoryError
from model.recipe import TrainingConfig
from model.training import fit
from preprocess.frames import load_frames
from preprocess.layout import SHIPPED_MODEL, RunLayout, require, resolve
from preprocess.split import read_split

NAMES = (
    "width depth patch_size batch_size epochs steps_per_epoch learning_rate seed precision scale"
).split()
REFUSALS = (TrainingError, GpuMemoryError, ValueError, OSError)


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


def impossible(parameters: Mapping[str, object], trainable: bool) -> list[str]:
    """What no run can go to its end with: settings out of range, and nets that cannot be read.

    Parameters
    ----------
    parameters : mapping
        The complete set of a run.
    trainable : bool
        Whether a net will be trained.
    """
    problems = []
    for name, words in (("weights", ("run", "shipped")), ("start", ("scratch", "shipped"))):
        if parameters[name] not in words:
            try:
                load_model(resolve(parameters[name]))
            except CheckpointError as error:
                problems.append(f"{name}: {error}")
    if trainable:
        try:
            training_config(parameters)
        except ValueError as error:
            problems.append(str(error))
    return problems


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
