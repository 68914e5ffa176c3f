"""How a net is trained: everything that is chosen beforehand."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from model.representation import Decoding
from model.unet import UNetConfig
from preprocess.augment import AugmentConfig
from preprocess.normalize import Normalization


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


def learning_rate_share(config: TrainingConfig) -> Callable[[int], float]:
    """Learning rate of a step as a share of its peak: linear rise, then half a cosine."""
    total = config.epochs * config.steps_per_epoch
    rise = max(1, total // 10)

    def share(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))

    return share
