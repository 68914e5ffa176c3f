"""Kill a training at random moments, continue it, and compare its net with an undisturbed one.

    python -m benchmarks.kill

Each row of benchmarks/kill.csv is one training in a process of its own that is killed (SIGKILL)
either at any moment, or while it writes its checkpoint; the seed draws the moment. It is then
continued with `--resume`. Every weight must have the same bits as after an undisturbed training.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
import yaml

from model.checkpoint import load, load_model
from model.headless import training_config
from preprocess.frames import load_frames, write_weights
from preprocess.layout import BENCHMARKS, PROJECT, RunLayout
from preprocess.listing import list_frames
from preprocess.split import assign_roles, write_split
from preprocess.tiff import atomic_path, write_tiff

TABLE = BENCHMARKS / "kill.csv"
PARAMETERS = {
    "seed": 0,
    "precision": "float32",
    "scale": 1.0,
    "width": 8,
    "depth": 2,
    "patch_size": 32,
    "batch_size": 2,
    "epochs": 16,
    "steps_per_epoch": 4,
    "learning_rate": 0.004,
    "start": "scratch",
}
ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(PROJECT),
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
}


def write_frames(data: Path) -> None:
    """Two frames to train on, one to validate on, one to test on: bright discs on dark ground."""
    y, x = np.mgrid[:64, :64]
    names = ("train/{}/t1", "train/{}/t2", "validation/{}/v1", "test/{}/s1")
    for seed, name in enumerate(names):
        rng = np.random.default_rng(seed)
        label = np.zeros((64, 64), np.uint16)
        for cell, (cy, cx) in enumerate(((16, 16), (16, 36), (44, 40)), start=1):
            label[(y - cy) ** 2 + (x - cx) ** 2 < 10**2] = cell
        image = 1000 + 500 * (label > 0) + 50 * rng.standard_normal(label.shape)
        for kind, array in (("images", image.astype(np.uint16)), ("labels", label)):
            path = data / f"{name.format(kind)}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_tiff(path, array)


def prepare(folder: Path, **changes: object) -> RunLayout:
    """A tiny data set in `folder`, and its run as stage 02 leaves it.

    Parameters
    ----------
    folder : Path
    **changes
        Replace single parameters of the training.
    """
    write_frames(folder / "data")
    layout = RunLayout(folder / "run")
    layout.make()
    parameters = PARAMETERS | changes
    layout.config.write_text(yaml.safe_dump(parameters), encoding="utf-8")
    split = assign_roles(list_frames(folder / "data"), "all", 0)
    write_split(split, layout.split)
    settings = training_config(parameters)
    annotated = split[split.role.isin(["train", "validation"])]
    write_weights(load_frames(annotated, settings.normalization, settings.scale), layout.weights)
    return layout


def start(layout: RunLayout, *options: str) -> subprocess.Popen:
    """`python -m model.training RUN/config.yaml OPTIONS` in a process of its own."""
    command = [sys.executable, "-m", "model.training", str(layout.config), *options]
    return subprocess.Popen(
        command, cwd=PROJECT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(process: subprocess.Popen) -> None:
    """Wait for a training, and raise if it failed."""
    _, error = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a training ended with code {process.returncode}: {error.decode()}")


def weights(layout: RunLayout) -> dict[str, torch.Tensor]:
    """Weights of the net that a run kept."""
    return load_model(layout.model)[0].state_dict()


def kill(process: subprocess.Popen, layout: RunLayout, moment: str, epoch: int, wait: float) -> int:
    """Kill a training that is running.

    Parameters
    ----------
    process : Popen
    layout : RunLayout
    moment : {"any", "checkpoint"}
        At any moment, or while the next checkpoint is written.
    epoch : int
        The epoch after which to kill.
    wait : float
        Time to wait then [s].

    Returns
    -------
    int
        Exit code, -9 for a process that was killed.
    """
    for _ in range(epoch):
        process.stdout.readline()
    time.sleep(wait)
    while moment == "checkpoint" and process.poll() is None:
        if any(layout.root.glob(".last.ckpt.*.tmp")):
            break
    process.kill()
    process.communicate()
    return process.returncode


def trial(seed: int, prepared: RunLayout, folder: Path, length: float, expected: dict) -> dict:
    """Kill and continue one training.

    Parameters
    ----------
    seed : int
        Draws the moment; odd ones kill while the checkpoint is written.
    prepared : RunLayout
        As `prepare` gives it.
    folder : Path
        For the copy that is trained.
    length : float
        What an epoch takes [s].
    expected : dict
        Weights of an undisturbed training.
    """
    layout = RunLayout(Path(shutil.copytree(prepared.root, folder)))
    rng = np.random.default_rng(seed)
    row = {
        "seed": seed,
        "moment": "checkpoint" if seed % 2 else "any",
        "after_epoch": int(rng.integers(1, PARAMETERS["epochs"] - 2)),
        "wait_s": round(float(rng.uniform(0, length)), 4),
    }
    process = start(layout)
    row["exit_code"] = kill(process, layout, row["moment"], row["after_epoch"], row["wait_s"])
    row["epochs_kept"] = len(load(layout.checkpoint)["rows"])
    row["half_written_files"] = sum(1 for _ in layout.root.rglob(".*.tmp"))
    finish(start(layout, "--resume"))
    row["left_after_resume"] = sum(1 for _ in layout.root.rglob(".*.tmp"))
    found = weights(layout)
    row["weights_identical"] = all(torch.equal(found[name], expected[name]) for name in expected)
    return row


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        prepared = prepare(Path(folder) / "prepared")
        whole = RunLayout(Path(shutil.copytree(prepared.root, Path(folder) / "whole")))
        process = start(whole)
        times = [time.perf_counter() for _ in process.stdout]  # one line an epoch
        finish(process)
        length, expected = (times[-1] - times[0]) / len(times), weights(whole)
        rows = []
        for seed in range(options.kills):
            rows.append(trial(seed, prepared, Path(folder) / str(seed), length, expected))
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    with atomic_path(TABLE) as temporary:
        table.to_csv(temporary, index=False)
    print(f"{int(table.weights_identical.sum())} of {len(table)} nets identical")


if __name__ == "__main__":
    main()
