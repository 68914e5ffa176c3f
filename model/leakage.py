"""How much a score rises when augmented copies of one frame stand on both sides of the split."""

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler, Subset

from model.device import Compute, choose
from model.learner import initialize, train_epoch
from model.metrics import score_frame
from model.recipe import TrainingConfig
from model.representation import Decoding, decode, learn_sizes
from model.unet import Maps, UNet
from preprocess.frames import Frame
from preprocess.patches import PatchDataset


def _scores(
    net: UNet, patches: Dataset, batch_size: int, decoding: Decoding, compute: Compute
) -> pd.Series:
    """Mean IoU and AP50 of a net over patches."""
    net.eval()
    rows = []
    with torch.inference_mode(), compute.autocast():
        for batch in DataLoader(patches, batch_size=batch_size):
            maps = net(compute.place(batch["image"]))
            foreground = maps.foreground[:, 0].float().sigmoid().cpu().numpy()  # (N, P, P)
            flow = maps.flow.float().cpu().numpy()  # (N, 2, P / block, P / block)
            rows += [
                score_frame(label.numpy(), decode(Maps(f, v), decoding).label)
                for label, f, v in zip(batch["label"], foreground, flow, strict=True)
            ]
    return pd.DataFrame(rows)[["IoU", "AP50"]].mean()


def leakage_experiment(
    train: list[Frame], unseen: list[Frame], config: TrainingConfig, copies: int = 200
) -> pd.DataFrame:
    """Score one net on augmented copies held back from its training frames, and on unseen frames.

    A fixed pool of augmented patches is cut from the training frames, and 15 % of the pool are held
    back at random, as if frames had been augmented first and split afterwards.

    Parameters
    ----------
    train, unseen : list of Frame
    config : TrainingConfig
    copies : int
        Patches in the pool.

    Returns
    -------
    DataFrame
        split, patches, IoU, AP50; rows `copies it was trained on`, `copies held back` (what a
        split after augmentation reports) and `unseen frames` (what a split by frame reports). No
        row where there are no frames of either kind.
    """
    if not train or not unseen:
        return pd.DataFrame(columns=["split", "patches", "IoU", "AP50"])
    pool = PatchDataset(
        train, config.patch_size, copies, config.seed, config.augmentation, block=config.block
    )
    order = np.random.default_rng(config.seed).permutation(copies)
    held = max(1, round(0.15 * copies))
    seen_part, held_part = Subset(pool, order[held:].tolist()), Subset(pool, order[:held].tolist())
    compute = choose(config.precision, training=True)
    learner = initialize(config, compute)
    draws = RandomSampler(
        seen_part,
        num_samples=config.steps_per_epoch * config.batch_size,
        generator=torch.Generator().manual_seed(config.seed),
    )
    loader = DataLoader(seen_part, batch_size=config.batch_size, sampler=draws)
    for _ in range(config.epochs):
        train_epoch(learner, loader, compute)
    honest = PatchDataset(
        unseen, config.patch_size, held, config.seed + 1, config.augmentation, block=config.block
    )
    decoding = learn_sizes(config.decoding, (frame.label for frame in train), config.block)
    rows = {
        "copies it was trained on": Subset(pool, order[-held:].tolist()),
        "copies held back": held_part,
        "unseen frames": honest,
    }
    table = [
        {
            "split": name,
            "patches": held,
            **_scores(learner.average.module, patches, config.batch_size, decoding, compute),
        }
        for name, patches in rows.items()
    ]
    return pd.DataFrame(table)
