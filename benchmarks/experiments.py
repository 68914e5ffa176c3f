"""Which choices make the net better: one thing changed at a time, judged on held-out real cells.

    python -m benchmarks.experiments --data FOLDER [--variants base wide ...] [--sets "fold 1" ...]

Every row of benchmarks/experiments.csv is one training, from scratch unless the variant says
otherwise, and the mean scores on the frames of the split `train` that the set holds out; running a
row again replaces it. `--keep FOLDER` keeps the nets for the benchmarks that need some, and
`--summary` prints mean and spread over the sets without training anything.
"""

import argparse
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.held_out import SETS, labelled_frames, split_of
from model.evaluation import score_model
from model.inference import Segmenter
from model.representation import Decoding
from model.training import TrainingConfig, fit
from preprocess.augment import NO_AUGMENTATION, RIGID, AugmentConfig
from preprocess.frames import Frame, load_frames
from preprocess.layout import BENCHMARKS, RunLayout
from preprocess.tiff import atomic_path

TABLE = BENCHMARKS / "experiments.csv"
KEY = ["variant", "set", "seed"]
SCORES = ["IoU", "AP50", "mSA", "F1", "SEG"]
BASE = TrainingConfig(width=16, epochs=12, steps_per_epoch=20)


@dataclass(frozen=True)
class Variant:
    """One deviation from BASE.

    Parameters
    ----------
    change : dict
        Fields of `model.training.TrainingConfig` that differ.
    border_weights : bool
        Whether gaps between cells count more than other pixels.
    """

    change: dict[str, Any] = field(default_factory=dict)
    border_weights: bool = True


VARIANTS = {
    "base": Variant(),
    "recipe of 04": Variant({"width": 32, "epochs": 20}),
    "width 32": Variant({"width": 32}),
    "three times the steps": Variant({"epochs": 36}),
    "half resolution": Variant({"scale": 0.5, "block": 1, "patch_size": 256}),
    "full resolution without blocks": Variant({"block": 1, "patch_size": 256}),
    "half the learning rate": Variant({"learning_rate": BASE.learning_rate / 2}),
    "twice the learning rate": Variant({"learning_rate": BASE.learning_rate * 2}),
    "weights of the last step": Variant({"averaging": 0.0}),
    "no augmentation": Variant({"augmentation": NO_AUGMENTATION}),
    "rigid augmentation": Variant({"augmentation": RIGID}),
    "sizes from half to double": Variant({"augmentation": AugmentConfig(scale=(0.5, 2.0))}),
    "inverted contrast": Variant({"augmentation": AugmentConfig(invert=0.2)}),
    "no border weights": Variant(border_weights=False),
    "every cell kept": Variant({"decoding": Decoding(confidence=0.0)}),
    "foreground from 0.5": Variant({"decoding": Decoding(foreground=0.5)}),
    "small patches": Variant({"patch_size": 256, "batch_size": 16}),
    "eight patches, half the steps": Variant({"batch_size": 8, "steps_per_epoch": 10}),
}


def loaded(table: pd.DataFrame, config: TrainingConfig, border_weights: bool) -> list[Frame]:
    """Frames of a table, their pixels weighted or all alike."""
    frames = load_frames(table, config.normalization, config.scale)
    if border_weights:
        return frames
    return [replace(frame, weight=np.minimum(frame.weight, 1)) for frame in frames]


def run(name: str, which: str, seed: int, known: pd.DataFrame, keep: Path | None) -> dict[str, Any]:
    """Train one variant on one set; the row of the record."""
    variant = VARIANTS[name]
    config = replace(BASE, seed=seed, **variant.change)
    train, held_out = split_of(which, known)
    start = time.perf_counter()
    with TemporaryDirectory() as folder:
        layout = RunLayout(Path(folder))
        fit(config, loaded(train, config, variant.border_weights), [], layout)
        minutes = (time.perf_counter() - start) / 60
        scores = score_model(Segmenter.load(layout.model), held_out)[SCORES].mean()
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            copyfile(layout.model, keep / f"{name}, {which}, seed {seed}.pth")
    row = {"variant": name, "set": which, "seed": seed, "frames": len(train), "minutes": minutes}
    return row | scores.to_dict()


def record(row: dict[str, Any]) -> None:
    """Write a row into the table, in place of an older one of the same key."""
    table = pd.DataFrame([row]).round(4)
    if TABLE.exists():
        table = pd.concat([pd.read_csv(TABLE), table]).drop_duplicates(KEY, keep="last")
    with atomic_path(TABLE) as temporary:
        table.to_csv(temporary, index=False)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over the sets, one row a variant, best mSA first."""
    kind = table["set"].str.startswith("fold").map({True: "folds", False: "triples"})
    grouped = table.assign(sets=kind).groupby(["sets", "variant"])
    spread = grouped[SCORES].std().add_suffix(" sd")
    wide = pd.concat([grouped.size().rename("runs"), grouped[SCORES].mean(), spread], axis=1)
    return wide.sort_values(["sets", "mSA"], ascending=[True, False]).reset_index()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="data set of real frames")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["fold 1", "fold 2"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--keep", type=Path, help="folder for the trained nets")
    parser.add_argument("--summary", action="store_true", help="print the record, train nothing")
    options = parser.parse_args()
    if not options.summary:
        if options.data is None:
            parser.error("--data is needed to train")
        known = labelled_frames(options.data)
        for which in options.sets:
            for seed in options.seeds:
                for name in options.variants:
                    record(run(name, which, seed, known, options.keep))
    print(summary(pd.read_csv(TABLE)).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
