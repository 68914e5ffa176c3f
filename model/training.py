"""Fit a U-Net to annotated frames: validation, best weights, resume."""

import copy
import math
import os
import shutil
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader

from model import checkpoint
from model.device import Compute, choose
from model.inference import predict_maps
from model.learner import initialize, train_epoch
from model.losses import segmentation_loss
from model.metrics import score_frames
from model.recipe import TrainingConfig
from model.representation import Decoding, cell_areas, decode, learn_sizes
from model.unet import Maps, UNet
from preprocess.flow import coarse_flow
from preprocess.frames import Frame
from preprocess.layout import RunLayout
from preprocess.patches import PatchDataset
from preprocess.tiff import atomic_path

WORKERS = 4  # processes that make patches for a GPU
PIXEL_BYTES = 20  # of a patch, at most: image, label and weight of 4, flow of up to 8


def _validate(
    net: UNet,
    frames: list[Frame],
    flows: list[np.ndarray],
    decoding: Decoding,
    compute: Compute,
) -> dict[str, float]:
    """Loss and scores on whole frames and their flows (2, h, w); NaN without frames."""
    if not frames:
        return dict.fromkeys(("validation_loss", "validation_IoU", "validation_AP50"), math.nan)
    net.eval()
    losses, pairs = [], {}
    for frame, flow in zip(frames, flows, strict=True):
        maps = predict_maps(net, frame.image, compute)
        logits = torch.from_numpy(maps.foreground)[None, None].logit(eps=1e-6)  # (1, 1, H, W)
        predicted = Maps(logits, torch.from_numpy(maps.flow)[None])
        given = (torch.from_numpy(a)[None] for a in (frame.label, flow, frame.weight))
        losses.append(segmentation_loss(predicted, *given).item())
        pairs[frame.name] = (frame.label, decode(maps, decoding).label)
    scores = score_frames(pairs).mean()
    return {
        "validation_loss": float(np.mean(losses)),
        "validation_IoU": float(scores.IoU),
        "validation_AP50": float(scores.AP50),
    }


def _progress(row: dict, epochs: int) -> str:
    """One line about an epoch."""
    line = f"epoch {row['epoch']:3d}/{epochs}  train loss {row['train_loss']:.3f}"
    if math.isfinite(row["validation_loss"]):
        line += (
            f"  validation loss {row['validation_loss']:.3f}"
            f"  IoU {row['validation_IoU']:.3f}  AP50 {row['validation_AP50']:.3f}"
        )
    return f"{line}  {row['seconds']:.1f} s"


def batches(patches: PatchDataset, size: int, compute: Compute) -> DataLoader:
    """Batches of `size` patches.

    A GPU would wait for its patches: other processes make them, where these begin as copies of this
    one. On a CPU they would only take time from the net, which keeps all cores busy.
    """
    if compute.device != "cuda" or sys.platform != "linux":
        return DataLoader(patches, batch_size=size)
    # Each process hands over one batch at a time in shared memory; containers often have 64 MB.
    room = shutil.disk_usage("/dev/shm").free // (PIXEL_BYTES * size * patches.patch_size**2)
    workers = min(WORKERS, len(os.sched_getaffinity(0)), room - 2)  # two more are on their way
    if workers < 1:
        return DataLoader(patches, batch_size=size)
    patches.prepare()
    return DataLoader(
        patches,
        batch_size=size,
        num_workers=workers,
        multiprocessing_context="fork",
        prefetch_factor=1,
    )


def describe(
    config: TrainingConfig, decoding: Decoding, history: pd.DataFrame, train: list[Frame]
) -> dict:
    """What is stored beside the weights, in plain Python."""
    areas = cell_areas(frame.label for frame in train)
    area = float(np.median(areas)) if len(areas) else math.nan
    return {
        "scale": config.scale,
        "pixel_size_um": train[0].pixel_size_um * config.scale,
        "cell_diameter_px": math.sqrt(4 * area / math.pi) / config.scale,
        "normalization": asdict(config.normalization),
        "decoding": asdict(decoding),
        "training": asdict(config) | {"start": Path(config.start).name},
        "frames": [frame.name for frame in train],
        "history": history.to_dict(orient="list"),
    }


def fit(
    config: TrainingConfig,
    train: list[Frame],
    validation: list[Frame],
    run: RunLayout,
    resume: bool = False,
) -> pd.DataFrame:
    """Train a U-Net and write model.pth, last.ckpt and history.csv into a run.

    Parameters
    ----------
    config : TrainingConfig
    train, validation : list of Frame
        At working resolution. Without validation frames the net of the last epoch is kept;
        otherwise the one with the lowest validation loss: on one or two frames a single cell moves
        AP50 by a hundredth or two, so that the best score is often an epoch's luck.
    run : RunLayout
        Where to write.
    resume : bool
        Continue from last.ckpt, if there is one. An epoch that was interrupted starts again, with
        the same patches: the weights are those of a training that was never interrupted.

    Returns
    -------
    DataFrame
        One row an epoch: epoch, learning_rate, train_loss, validation_loss, validation_IoU,
        validation_AP50, seconds.

    Raises
    ------
    ValueError
        If there is no training frame.
    TrainingError
        If the loss is no longer finite.
    GpuMemoryError
        If the GPU has no memory for half a batch.
    CheckpointError
        If last.ckpt is damaged, or of another training.
    """
    if not train:
        raise ValueError("there is no training frame; at least one annotated frame is needed")
    compute = choose(config.precision, training=True)
    learner = initialize(config, compute)
    size = learner.net.config
    config = replace(config, width=size.width, depth=size.depth, block=size.block)
    decoding = learn_sizes(config.decoding, (frame.label for frame in train), config.block)
    patches = PatchDataset(
        train,
        config.patch_size,
        config.batch_size * config.steps_per_epoch,
        config.seed,
        config.augmentation,
        block=config.block,
    )
    loader = batches(patches, config.batch_size, compute)
    flows = [coarse_flow(frame.label, config.block) for frame in validation]
    net = learner.average.module
    rows, best = [], {"loss": math.inf, "epoch": 0, "weights": net.state_dict()}
    origin = checkpoint.origin(asdict(config), {"training": train, "validation": validation})
    if resume and run.checkpoint.is_file():
        state = checkpoint.load(run.checkpoint)
        checkpoint.require_same(origin, state.get("origin", {}), run.checkpoint)
        learner.resume(state["learner"])
        rows, best = state["rows"], state["best"]
        print(f"continued after epoch {len(rows)}", flush=True)

    for epoch in range(len(rows) + 1, config.epochs + 1):
        if validation and epoch - best["epoch"] > config.patience:
            print(f"stopped: no lower validation loss in {config.patience} epochs")
            break
        start = time.perf_counter()
        patches.set_epoch(epoch)
        rate = learner.schedule.get_last_lr()[0]
        train_loss = train_epoch(learner, loader, compute)
        scores = _validate(net, validation, flows, decoding, compute)
        seconds = time.perf_counter() - start
        rows.append(
            {"epoch": epoch, "learning_rate": rate, "train_loss": train_loss}
            | scores
            | {"seconds": seconds}
        )
        if not validation or scores["validation_loss"] < best["loss"]:
            weights = copy.deepcopy(net.state_dict())
            best = {"loss": scores["validation_loss"], "epoch": epoch, "weights": weights}
        state = {"origin": origin, "learner": learner.state(), "rows": rows, "best": best}
        checkpoint.save(run.checkpoint, state)
        print(_progress(rows[-1], config.epochs), flush=True)

    history = pd.DataFrame(rows)
    with atomic_path(run.history) as temporary:
        history.to_csv(temporary, index=False)
    net.load_state_dict(best["weights"])
    checkpoint.save_model(run.model, net, describe(config, decoding, history, train))
    return history


if __name__ == "__main__":
    from model.headless import main

    sys.exit(main())
