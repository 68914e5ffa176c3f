"""Open the real test frames: score a model on them, and note it for good.

    python benchmarks/final.py MODEL.pth --name "three frames" --data FOLDER [--scorer score.py]
    python benchmarks/final.py LABELS --name "another program" --trained-on "set03,set17" --data ...

LABELS is a folder of label TIFFs, under the frames' names, that another program has made.

Appends one row to benchmarks/final.csv: date, commit, what the model is, the frames that it was
trained on, the first digits of its hash, and the mean scores over the test frames. Every opening
stays in that file. The scores are those of an independent scorer where one is given, which takes
the folders of true and of predicted labels and prints JSON; otherwise the project's own.
"""

import argparse
import hashlib
import json
import shutil
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


def digest(files: list[Path]) -> str:
    """First digits of the sha256 of some files, one after the other."""
    content = b"".join(file.read_bytes() for file in files)
    return hashlib.sha256(content).hexdigest()[:12]


def trained_on(names: list[str]) -> str:
    """Names of up to five frames, or the number of more."""
    return ",".join(names) if len(names) <= 5 else f"{len(names)} frames"


def mean_scores(frames: pd.DataFrame, masks: Path, scorer: Path | None) -> dict[str, float]:
    """Mean scores over frames."""
    if scorer is None:
        return score_masks(frames, masks)[SCORES].mean().to_dict()
    with TemporaryDirectory() as truth:
        for frame in frames.itertuples():
            shutil.copy(frame.label, Path(truth) / f"{frame.name}.tif")
        command = [sys.executable, str(scorer), truth, str(masks), "--json"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return {name: json.loads(answer.stdout)["mean"][name] for name in SCORES}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="weights, or a folder of label TIFFs")
    parser.add_argument("--name", required=True, help="what the model is, in two or three words")
    parser.add_argument("--trained-on", help="frames that another program has learned from")
    parser.add_argument("--data", type=Path, required=True, help="data set with a split `test`")
    parser.add_argument("--frames", nargs="+", help="names of test frames; all by default")
    parser.add_argument("--scorer", type=Path, help="program that scores two folders of labels")
    options = parser.parse_args()
    if options.model.is_dir() != bool(options.trained_on):
        parser.error("--trained-on is for a folder of label TIFFs, and needed there")
    frames = list_frames(options.data).query("split == 'test' and label != ''")
    if options.frames:
        frames = frames[frames.name.isin(options.frames)]
    if options.model.is_dir():
        files = [options.model / f"{name}.tif" for name in frames.name]
        known = options.trained_on
    else:
        files, segmenter = [options.model], Segmenter.load(options.model)
        known = trained_on(segmenter.info["frames"])
    with TemporaryDirectory() as masks:
        if options.model.is_dir():
            for file in files:
                shutil.copy(file, masks)
        else:
            write_masks(segmenter, frames, Path(masks))
        scores = mean_scores(frames, Path(masks), options.scorer)
    row = {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit(),
        "model": options.name,
        "trained_on": known,
        "sha256": digest(files),
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
