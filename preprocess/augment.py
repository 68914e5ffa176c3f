"""Joint random transforms of image, label and weight, on torchvision.transforms.v2.

A label is a mask: it is resampled by the nearest neighbour, so that its values never change.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from preprocess.frames import Frame

Sample = dict[str, torch.Tensor]


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of the random transforms; 0 or an empty range switches one off.

    Parameters
    ----------
    flip, rotate : bool
        Mirror; turn by any angle.
    scale : (float, float)
        Size of cells, as a factor; drawn evenly in its logarithm.
    elastic : float
        Share of patches that are warped, [0, 1].
    elastic_shift : float
        How far the warp moves pixels, root mean square [px].
    gamma : float
        Exponents are drawn from [1 / (1 + gamma), 1 + gamma].
    contrast : float
        Factors are drawn from [1 - contrast, 1 + contrast].
    brightness : float
        Offsets are drawn from [-brightness, brightness], in units of the normalized range.
    gradient : float
        Height of an added uneven illumination, in units of the normalized range.
    noise : float
        Highest standard deviation of added noise, in units of the normalized range.
    blur : float
        Share of patches that are blurred, [0, 1], with sigma from 0.3 to 1.2 px.
    """

    flip: bool = True
    rotate: bool = True
    scale: tuple[float, float] = (0.75, 1.35)
    elastic: float = 0.2
    elastic_shift: float = 3.0
    gamma: float = 0.3
    contrast: float = 0.25
    brightness: float = 0.1
    gradient: float = 0.15
    noise: float = 0.05
    blur: float = 0.2


NO_AUGMENTATION = AugmentConfig(False, False, (1.0, 1.0), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
RIGID = replace(NO_AUGMENTATION, flip=True, rotate=True)


def cut_patch(frame: Frame, center: tuple[int, int], size: int) -> Sample:
    """A square around a pixel, mirrored where it leaves the frame.

    Parameters
    ----------
    frame : Frame
    center : (int, int)
        Row and column [px].
    size : int
        Side of the square [px].

    Returns
    -------
    dict
        image (1, size, size) float32, label (1, size, size) int32, weight (1, size, size) float32.
    """
    picked = []
    for middle, length in zip(center, frame.image.shape, strict=True):
        index = np.arange(middle - size // 2, middle - size // 2 + size) % (2 * length)
        picked.append(np.where(index < length, index, 2 * length - 1 - index))
    window = np.ix_(*picked)
    return {
        "image": tv_tensors.Image(frame.image[window][None]),
        "label": tv_tensors.Mask(frame.label[window][None]),
        "weight": tv_tensors.Mask(frame.weight[window][None]),
    }


def _uniform(low: float, high: float) -> float:
    """One draw of torch's random numbers."""
    return low + (high - low) * torch.rand(()).item()


class RandomWarp(v2.Transform):
    """Smooth random warp, the same for image, label and weight.

    Parameters
    ----------
    shift : float
        How far pixels move, root mean square of each direction [px].
    spacing : int
        Distance of the grid points that move independently [px].
    """

    def __init__(self, shift: float, spacing: int = 32):
        super().__init__()
        self.shift, self.spacing = shift, spacing

    def make_params(self, flat_inputs: list[torch.Tensor]) -> dict:
        """Displacement of every pixel in units of the half patch, (1, H, W, 2)."""
        size = flat_inputs[0].shape[-2:]
        points = [side // self.spacing + 2 for side in size]
        coarse = self.shift * torch.randn(1, 2, *points)  # (1, 2, H / s, W / s)
        fine = nn.functional.interpolate(coarse, size, mode="bicubic", align_corners=True)
        return {"displacement": fine.permute(0, 2, 3, 1) * 2 / torch.tensor([size[1], size[0]])}

    def transform(self, inpt: torch.Tensor, params: dict) -> torch.Tensor:
        """Warp one tensor of the sample."""
        return functional.elastic(inpt, params["displacement"], v2.InterpolationMode.BILINEAR)


class Placement(v2.Transform):
    """Turn and zoom, then cut the middle of the patch.

    Parameters
    ----------
    size : int
        Side of the patch that is left [px].
    angle : float
        Anticlockwise [degrees].
    zoom : float
        Factor by which cells grow.
    """

    def __init__(self, size: int, angle: float, zoom: float):
        super().__init__()
        self.size, self.angle, self.zoom = size, angle, zoom

    def transform(self, inpt: torch.Tensor, params: dict) -> torch.Tensor:
        """Place one tensor of the sample."""
        if self.angle or self.zoom != 1:
            inpt = functional.affine(
                inpt, self.angle, [0, 0], self.zoom, [0, 0], v2.InterpolationMode.BILINEAR
            )
        return functional.center_crop(inpt, [self.size])


class RandomIntensity(v2.Transform):
    """Gamma, contrast, brightness, uneven illumination and noise; labels and weights stay."""

    def __init__(self, config: AugmentConfig):
        super().__init__()
        self.config = config

    def transform(self, inpt: torch.Tensor, params: dict) -> torch.Tensor:
        """Change an image; return everything else as it is."""
        if not isinstance(inpt, tv_tensors.Image):
            return inpt
        c, image = self.config, inpt.as_subclass(torch.Tensor)
        if c.gamma:
            exponent = (1 + c.gamma) ** _uniform(-1, 1)
            image = image.sign() * image.abs() ** exponent
        middle = image.mean()
        image = (image - middle) * _uniform(1 - c.contrast, 1 + c.contrast)
        image = image + middle + _uniform(-c.brightness, c.brightness)
        if c.gradient:
            angle, (rows, columns) = _uniform(0, 2 * math.pi), image.shape[-2:]
            ramp = math.sin(angle) * torch.linspace(-1, 1, rows)[:, None] + math.cos(
                angle
            ) * torch.linspace(-1, 1, columns)  # (H, W)
            image = image + _uniform(0, c.gradient) * ramp
        if c.noise:
            image = image + _uniform(0, c.noise) * torch.randn(image.shape)
        return tv_tensors.wrap(image, like=inpt)


def augment(frame: Frame, center: tuple[int, int], size: int, config: AugmentConfig) -> Sample:
    """Cut a patch around a pixel and transform it at random; draws from torch's random numbers.

    Parameters
    ----------
    frame : Frame
    center : (int, int)
        Row and column [px].
    size : int
        Side of the patch [px].
    config : AugmentConfig

    Returns
    -------
    dict
        image (1, size, size) float32, label (1, size, size) int32, weight (1, size, size) float32.
    """
    angle = _uniform(-180, 180) if config.rotate else 0.0
    zoom = math.exp(_uniform(*map(math.log, config.scale)))
    turn = math.radians(angle)
    # The square that, turned and zoomed, still covers the patch, with a rim that a warp may empty.
    needed = size * max(1.0, (abs(math.cos(turn)) + abs(math.sin(turn))) / zoom)
    source = 2 * math.ceil(needed / 2 + 3 * config.elastic_shift)
    transform = v2.Compose(
        [
            v2.RandomApply([RandomWarp(config.elastic_shift)], p=config.elastic),
            Placement(size, angle, zoom),
            v2.RandomHorizontalFlip(0.5 if config.flip else 0.0),
            RandomIntensity(config),
            v2.RandomApply([v2.GaussianBlur(7, (0.3, 1.2))], p=config.blur),
        ]
    )
    return transform(cut_patch(frame, center, source))
