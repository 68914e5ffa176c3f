"""Which choices make the net better: one thing changed at a time, judged on held-out real cells.

    python -m benchmarks.experiments --data FOLDER [--variants base wide ...] [--sets "fold 1" ...]

Every row of benchmarks/experiments.csv is one training, from scratch unless the variant says
otherwise, and the mean scores on the frames of the split `train` that the set holds out; running a
row again replaces it. Sets are five folds, five triples of frames, and the counts of the learning
curve (`benchmarks.held_out`). What is refined starts from the net of `make run`, which has seen
simulated frames only, or from `--simulated MODEL.pth`. `--keep FOLDER` keeps the nets for the
benchmarks that need some, and `--summary` prints mean and spread over the sets without training
anything.
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

from benchmarks.held_out import FOLDS, SETS, TRIPLES, labelled_frames, split_of
from model.evaluation import score_model
from model.inference import Segmenter
from model.recipe import TrainingConfig
from model.representation import Decoding
from model.training import fit
from preprocess.augment import NO_AUGMENTATION, RIGID, AugmentConfig
from preprocess.frames import Frame, load_frames
from preprocess.layout import BENCHMARKS, PROJECT, RunLayout
from preprocess.tiff import atomic_path

TABLE = BENCHMARKS / "experiments.csv"
SIMULATED = PROJECT / "runs/unet_data/model.pth"  # the net of `make run`
KEY = ["variant", "set", "seed"]
SCORES = ["IoU", "AP50", "mSA", "F1", "SEG"]
RECIPE = TrainingConfig()  # that of 04
BASE = replace(
    RECIPE,
    patch_size=512,
    batch_size=4,
    epochs=12,
    augmentation=AugmentConfig(share=1.0, invert=0.0),
    decoding=Decoding(foreground=0.55, confidence=0.6),
)


DIFFERENCE = ("patch_size", "batch_size", "epochs", "augmentation")  # of RECIPE and BASE
STRONGER = replace(
    BASE.augmentation,
    scale=(0.65, 1.5),
    elastic=0.4,
    gamma=0.5,
    contrast=0.4,
    brightness=0.2,
    gradient=0.4,
    noise=0.1,
    blur=0.3,
)


@dataclass(frozen=True)
class Variant:
    """One deviation from BASE.

    Parameters
    ----------
    change : dict
        Fields of `model.recipe.TrainingConfig` that differ.
    border_weights : bool
        Whether gaps between cells count more than other pixels.
    refined : bool
        Whether training starts from a net that has seen simulated frames only.
    """

    change: dict[str, Any] = field(default_factory=dict)
    border_weights: bool = True
    refined: bool = False


RECIPE_OF_04 = {name: getattr(RECIPE, name) for name in DIFFERENCE}
LARGE = {
    "width": 32,
    "epochs": 30,
    "steps_per_epoch": 40,
    "decoding": Decoding(0.6, confidence=0.6),
}
VARIANTS = {
    "base": Variant(),
    "refined": Variant(refined=True),
    "longer": Variant({"epochs": 20}),
    "width 32": Variant({"width": 32}),
    "half resolution": Variant({"scale": 0.5, "block": 1, "patch_size": 256}),
    "full resolution without blocks": Variant({"block": 1, "patch_size": 256}),
    "half the learning rate": Variant({"learning_rate": BASE.learning_rate / 2}),
    "twice the learning rate": Variant({"learning_rate": BASE.learning_rate * 2}),
    "weights of the last step": Variant({"averaging": 0.0}),
    "no augmentation": Variant({"augmentation": NO_AUGMENTATION}),
    "rigid augmentation": Variant({"augmentation": RIGID}),
    "sizes from half to double": Variant(
        {"augmentation": replace(BASE.augmentation, scale=(0.5, 2.0))}
    ),
    "inverted contrast": Variant({"augmentation": replace(BASE.augmentation, invert=0.2)}),
    "no border weights": Variant(border_weights=False),
    "small patches": Variant({"patch_size": 256, "batch_size": 16}),
    "eight patches, half the steps": Variant({"batch_size": 8, "steps_per_epoch": 10}),
    "large": Variant(LARGE),
    "large, longer": Variant(LARGE | {"epochs": 75}),
    "large, eight patches": Variant(LARGE | {"batch_size": 8}),
    "large, no border weights": Variant(LARGE, border_weights=False),
    "large, stronger augmentation": Variant(LARGE | {"augmentation": STRONGER}),
    "large, eight patches, rigid": Variant(LARGE | {"batch_size": 8, "augmentation": RIGID}),
    "large, eight patches, half augmented": Variant(
        LARGE | {"batch_size": 8, "augmentation": AugmentConfig()}
    ),
    "recipe of 04": Variant(RECIPE_OF_04),
    "recipe of 04, refined": Variant(RECIPE_OF_04, refined=True),
}

READ_AGAIN = ("base", "recipe of 04")
READINGS = {  # other thresholds on what the net of one of READ_AGAIN says
    "every cell kept": {"confidence": 0.0},
    "fewer cells dropped": {"confidence": 0.5},
    "more cells dropped": {"confidence": 0.7},
    "foreground from 0.5": {"foreground": 0.5},
    "thresholds of today": {"foreground": 0.5, "confidence": 0.45},
}


def loaded(table: pd.DataFrame, config: TrainingConfig, border_weights: bool) -> list[Frame]:
    """Frames of a table, their pixels weighted or all alike."""
    frames = load_frames(table, config.normalization, config.scale)
    if border_weights:
        return frames
    return [replace(frame, weight=np.minimum(frame.weight, 1)) for frame in frames]


def trained(
    name: str, seed: int, frames: pd.DataFrame, simulated: Path, keep: Path | None
) -> tuple[Segmenter, float]:
    """The net of a variant, kept in a file if one is named, and the minutes that it took."""
    variant = VARIANTS[name]
    first = str(simulated) if variant.refined else "scratch"
    config = replace(BASE, seed=seed, start=first, **variant.change)
    start = time.perf_counter()
    with TemporaryDirectory() as folder:
        layout = RunLayout(Path(folder))
        fit(config, loaded(frames, config, variant.border_weights), [], layout)
        minutes = (time.perf_counter() - start) / 60
        if keep:
            keep.parent.mkdir(parents=True, exist_ok=True)
            copyfile(layout.model, keep)
        return Segmenter.load(layout.model), minutes


def run(
    name: str, which: str, seed: int, known: pd.DataFrame, simulated: Path, keep: Path | None
) -> list[dict[str, Any]]:
    """Train one variant on one set; its row of the record, and those of READINGS."""
    train, held_out = split_of(which, known)
    file = keep / f"{name}, {which}, seed {seed}.pth" if keep else None
    segmenter, minutes = trained(name, seed, train, simulated, file)
    rows = []
    again = READINGS if name in READ_AGAIN else {}
    readings = {name: {}, **{f"{name}: {reading}": change for reading, change in again.items()}}
    for reading, change in readings.items():
        decoding = segmenter.info["decoding"] | change
        reader = replace(segmenter, info=segmenter.info | {"decoding": decoding})
        row = {"variant": reading, "set": which, "seed": seed, "frames": len(train)}
        row |= {"device": segmenter.compute.device}
        scores = score_model(reader, held_out)[SCORES].mean().to_dict()
        rows.append(row | {"minutes": minutes} | scores)
    return rows


def record(rows: list[dict[str, Any]]) -> None:
    """Write rows into the table, in place of older ones of the same key."""
    table = pd.DataFrame(rows).round(4)
    if TABLE.exists():
        table = pd.concat([pd.read_csv(TABLE), table]).drop_duplicates(KEY, keep="last")
    with atomic_path(TABLE) as temporary:
        table.to_csv(temporary, index=False)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over the sets, one row a variant, best mSA first."""
    kind = np.select(
        [table["set"].isin(FOLDS), table["set"].isin(TRIPLES)], ["folds", "triples"], table["set"]
    )
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
    parser.add_argument("--simulated", type=Path, default=SIMULATED, help="net to be refined")
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
                    record(run(name, which, seed, known, options.simulated, options.keep))
    print(summary(pd.read_csv(TABLE)).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
