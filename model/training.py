"""Fit a U-Net to annotated frames: schedule, validation, best weights, resume."""

import copy
import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from model import checkpoint
from model.device import Compute, choose
from model.inference import predict_maps
from model.losses import segmentation_loss
from model.memory import add_gradients
from model.metrics import score_frames
from model.representation import Decoding, cell_areas, decode, learn_sizes
from model.unet import Maps, UNet, UNetConfig
from preprocess.augment import AugmentConfig
from preprocess.flow import coarse_flow
from preprocess.frames import Frame
from preprocess.layout import RunLayout
from preprocess.normalize import Normalization
from preprocess.patches import PatchDataset
from preprocess.tiff import atomic_path


class TrainingError(RuntimeError):
    """Training that cannot go on."""


@dataclass(frozen=True)
class TrainingConfig:
    """How a net is trained.

    Parameters
    ----------
    width, depth, block : int
        Size of the U-Net; see `model.unet.UNetConfig`. A net to start from brings its own.
    patch_size : int
        Side of the square training patches at working resolution [px]; a multiple of
        block * 2**depth.
    batch_size : int
        Patches a step.
    epochs, steps_per_epoch : int
        Length of the schedule.
    learning_rate : float
        Peak of the one-cycle schedule.
    patience : int
        Stop after so many epochs without a lower validation loss; without validation frames the
        schedule always runs to its end.
    seed : int
        Seed of weights and patches.
    precision : {"auto", "float32", "bfloat16"}
        See `model.device.choose`.
    scale : float
        Working resolution, as a share of the frames' own; (0, 1].
    averaging : float
        The net that is validated and kept is a moving average of the weights, each step of which
        keeps this share of the average before, [0, 1); 0 keeps the weights as they are.
    start : str
        "scratch", or a model file whose weights are refined.
    normalization, augmentation : Normalization, AugmentConfig
    decoding : Decoding
        Thresholds; its smallest sizes give way to those of the training frames.
    """

    width: int = 16
    depth: int = 4
    block: int = 2
    patch_size: int = 256
    batch_size: int = 16
    epochs: int = 60
    steps_per_epoch: int = 20
    learning_rate: float = 4e-3
    patience: int = 25
    seed: int = 0
    precision: str = "auto"
    scale: float = 1.0
    averaging: float = 0.99
    start: str = "scratch"
    normalization: Normalization = field(default_factory=Normalization)
    augmentation: AugmentConfig = field(default_factory=AugmentConfig)
    decoding: Decoding = field(default_factory=Decoding)

    def __post_init__(self):
        counts = "width depth block patch_size batch_size epochs steps_per_epoch".split()
        low = [name for name in counts if getattr(self, name) < 1]
        problems = [f"{name} is {getattr(self, name)}, expected at least 1" for name in low]
        if not self.learning_rate > 0:
            problems.append(f"learning_rate is {self.learning_rate}, expected more than 0")
        if not 0 < self.scale <= 1:
            problems.append(f"scale is {self.scale}, expected more than 0 and at most 1")
        if not 0 <= self.averaging < 1:
            problems.append(f"averaging is {self.averaging}, expected 0 or more, and less than 1")
        if not low and self.patch_size % self.net.step:
            problems.append(
                f"patch_size {self.patch_size} is not a multiple of {self.net.step} "
                "(block * 2**depth)"
            )
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def net(self) -> UNetConfig:
        """Size of the U-Net."""
        return UNetConfig(width=self.width, depth=self.depth, block=self.block)


def _schedule(config: TrainingConfig) -> Callable[[int], float]:
    """Learning rate of a step as a share of its peak: linear rise, then half a cosine."""
    total = config.epochs * config.steps_per_epoch
    rise = max(1, total // 10)

    def share(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))

    return share


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

    def mix(before: torch.Tensor, new: torch.Tensor, steps: torch.Tensor | int) -> torch.Tensor:
        kept = min(share, (1 + int(steps)) / (10 + int(steps)))
        return kept * before + (1 - kept) * new

    return AveragedModel(net, avg_fn=mix, use_buffers=True)


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
    net = compute.place_net(net).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=1e-2)
    schedule = LambdaLR(optimizer, _schedule(config))
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
    loader = DataLoader(patches, batch_size=config.batch_size)
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
