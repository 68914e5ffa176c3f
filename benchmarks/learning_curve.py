"""How the score grows with the number of annotated frames, on real cells.

    python benchmarks/learning_curve.py --data FOLDER [--frames 1 2 3 5 10 23]

Writes benchmarks/learning_curve.csv: for each number of training frames the mean scores of a small
net on eight other frames of the split `train`, which none of the nets saw. All nets are trained
alike: the same size, the same number of steps, and the frames of a smaller number among those of a
larger. The frames of the split `test` are not touched.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from model.evaluation import score_model
from model.inference import Segmenter
from model.training import TrainingConfig, fit
from preprocess.check import list_frames
from preprocess.frames import load_frames
from preprocess.layout import BENCHMARKS, RunLayout
from preprocess.split import assign_roles
from preprocess.tiff import atomic_path

TABLE = BENCHMARKS / "learning_curve.csv"
HELD_OUT = 8
CONFIG = TrainingConfig(width=16, epochs=15, steps_per_epoch=20)


def trained(table: pd.DataFrame, config: TrainingConfig, folder: Path) -> Segmenter:
    """A net trained on every frame of a table, for the whole schedule."""
    frames = load_frames(table, config.normalization, config.scale)
    layout = RunLayout(folder)
    fit(config, frames, [], layout)
    return Segmenter.load(layout.model)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--frames", type=int, nargs="+", default=[1, 2, 3, 5, 10, 23])
    options = parser.parse_args()
    known = list_frames(options.data).query("split == 'train' and label != ''")
    drawn = assign_roles(known, str(HELD_OUT), seed=0)
    unseen = known[drawn.role != "unused"]
    others = known[drawn.role == "unused"]
    rows = []
    for count in options.frames:
        roles = assign_roles(others, str(count), seed=0)
        with TemporaryDirectory() as folder:
            segmenter = trained(others[roles.role != "unused"], CONFIG, Path(folder))
        scores = score_model(segmenter, unseen)[["IoU", "AP50", "mSA", "F1", "SEG"]].mean()
        rows.append({"frames": count, **scores.round(4).to_dict()})
        with atomic_path(TABLE) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)
        print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
