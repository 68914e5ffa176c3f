"""A net in training, its moving average, and one epoch of steps."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from model import checkpoint
from model.device import Compute, keep_freed_memory
from model.memory import add_gradients
from model.recipe import TrainingConfig, learning_rate_share
from model.unet import UNet


class TrainingError(RuntimeError):
    """Training that cannot go on."""


def averaged(net: UNet, share: float) -> AveragedModel:
    """Moving average of a net's weights and batch statistics, to be updated after each step.

    At high learning rates the weights of single steps scatter around better ones (Izmailov et al.,
    UAI 2018; as an exponential average Tarvainen & Valpola, NeurIPS 2017).

    Parameters
    ----------
    net : UNet
    share : float
        What each step keeps of the average before, [0, 1); less in the first steps, so that the
        random weights of the beginning are soon forgotten.
    """

    def mix(before: list[torch.Tensor], new: list[torch.Tensor], steps: torch.Tensor) -> None:
        get_ema_multi_avg_fn(min(share, (1 + int(steps)) / (10 + int(steps))))(before, new, steps)

    return AveragedModel(net, multi_avg_fn=mix, use_buffers=True)


class Learner(NamedTuple):
    """A net in training: everything that changes with a step.

    Parameters
    ----------
    net : UNet
    average : AveragedModel
        Of the net's weights, see `averaged`; `average.module` is the net to use.
    optimizer : Optimizer
    schedule : LambdaLR
        Of the learning rate.
    """

    net: UNet
    average: AveragedModel
    optimizer: Optimizer
    schedule: LambdaLR

    def state(self) -> dict[str, dict]:
        """Everything, by name, as tensors and plain Python."""
        return {name: part.state_dict() for name, part in self._asdict().items()}

    def resume(self, state: dict[str, dict]) -> None:
        """Go on from where `state` was taken."""
        for name, part in self._asdict().items():
            part.load_state_dict(state[name])
        # Another machine may lay out memory differently, and the moments must lie as the weights.
        for weights, moments in self.optimizer.state.items():
            for name, values in moments.items():
                if values.shape == weights.shape:
                    moments[name] = torch.empty_like(weights).copy_(values)


def initialize(config: TrainingConfig, compute: Compute) -> Learner:
    """A net that has not made a step: random weights, or those of the file to start from.

    Raises
    ------
    CheckpointError
        If the file cannot be read.
    """
    if config.start == "scratch":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            net = UNet(config.net)
    else:
        net, _ = checkpoint.load_model(Path(config.start))
    keep_freed_memory()
    net = compute.place_net(net).train()
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=config.learning_rate, weight_decay=1e-2, fused=True
    )
    schedule = LambdaLR(optimizer, learning_rate_share(config))
    return Learner(net, averaged(net, config.averaging), optimizer, schedule)


def train_epoch(learner: Learner, loader: DataLoader, compute: Compute) -> float:
    """One pass over the batches of `preprocess.patches.PatchDataset`; returns the mean loss.

    Raises
    ------
    TrainingError
        If the loss is no longer finite.
    GpuMemoryError
        If the GPU has no memory for half a batch.
    """
    net, average, optimizer, schedule = learner
    net.train()
    losses, parts = [], 1
    for batch in loader:
        optimizer.zero_grad()
        loss, parts = add_gradients(net, batch, compute, parts)
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss} at step {len(losses)} of the epoch, in patches of "
                f"{', '.join(sorted(set(batch['frame'])))}; the epochs before are kept in "
                "last.ckpt; look at these frames and their labels, lower learning_rate, or set "
                "precision to float32"
            )
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        average.update_parameters(net)
        schedule.step()
        losses.append(loss)
    return float(np.mean(losses))
