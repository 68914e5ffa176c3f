"""Open the real test frames: score a model on them, and note it for good.

    python benchmarks/final.py MODEL.pth --name "three frames" --data FOLDER [--scorer score.py]

Appends one row to benchmarks/final.csv: date, commit, what the model is, the frames that it was
trained on, the first digits of its hash, and the mean scores over the test frames. Every opening
stays in that file. The scores are those of an independent scorer where one is given, which takes
the folders of true and of predicted labels and prints JSON; otherwise the project's own.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from model.evaluation import score_masks, write_masks
from model.inference import Segmenter
from preprocess.check import list_frames
from preprocess.layout import BENCHMARKS, PROJECT
from preprocess.tiff import atomic_path

RECORD = BENCHMARKS / "final.csv"
SCORES = ["IoU", "Dice", "AP50", "AP75", "mSA", "F1", "SEG"]


def commit() -> str:
    """The commit that is checked out, with a + where files differ from it."""
    answer = [
        subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, text=True).stdout.strip()
        for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "-uno"])
    ]
    return answer[0] + ("+" if answer[1] else "")


def trained_on(names: list[str]) -> str:
    """Names of up to five frames, or the number of more."""
    return ",".join(names) if len(names) <= 5 else f"{len(names)} frames"


def mean_scores(frames: pd.DataFrame, masks: Path, scorer: Path | None) -> dict[str, float]:
    """Mean scores over frames."""
    if scorer is None:
        return score_masks(frames, masks)[SCORES].mean().to_dict()
    truth = Path(frames.label.iloc[0]).parent
    command = [sys.executable, str(scorer), str(truth), str(masks), "--json"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return {name: json.loads(answer.stdout)["mean"][name] for name in SCORES}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--name", required=True, help="what the model is, in two or three words")
    parser.add_argument("--data", type=Path, required=True, help="data set with a split `test`")
    parser.add_argument("--scorer", type=Path, help="program that scores two folders of labels")
    options = parser.parse_args()
    frames = list_frames(options.data).query("split == 'test' and label != ''")
    segmenter = Segmenter.load(options.model)
    with TemporaryDirectory() as masks:
        write_masks(segmenter, frames, Path(masks))
        scores = mean_scores(frames, Path(masks), options.scorer)
    row = {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(),
        "model": options.name,
        "trained_on": trained_on(segmenter.info["frames"]),
        "sha256": hashlib.sha256(options.model.read_bytes()).hexdigest()[:12],
        "scorer": "independent" if options.scorer else "own",
        "frames": len(frames),
        **{name: round(value, 4) for name, value in scores.items()},
    }
    earlier = pd.read_csv(RECORD) if RECORD.exists() else pd.DataFrame()
    with atomic_path(RECORD) as temporary:
        pd.concat([earlier, pd.DataFrame([row])]).to_csv(temporary, index=False)
    print(pd.Series(row).to_string())


if __name__ == "__main__":
    main()
