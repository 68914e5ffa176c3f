"""Joint random transforms of image, label, weight and flow.

All of them are read from the frame once, at the same places: mirror, turn, zoom and warp are one
resampling. A label is a mask: it is read at the nearest pixel, so that its values never change.
A flow is a direction: it turns with the patch.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional
from torchvision.transforms.v2.functional import gaussian_blur

from preprocess.frames import Frame

Sample = dict[str, torch.Tensor]


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of the random transforms; 0 or an empty range switches one off.

    Parameters
    ----------
    flip, rotate : bool
        Mirror; turn by any angle.
    share : float
        Share of patches that all other transforms are meant for, [0, 1]; the rest keeps the
        microscope's own scale and intensities.
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
        Share of patches that are blurred, [0, 1], with sigma from 0.5 to 2 px.
    invert : float
        Share of patches whose dark and light are swapped, [0, 1].
    """

    flip: bool = True
    rotate: bool = True
    share: float = 0.5
    scale: tuple[float, float] = (0.75, 1.35)
    elastic: float = 0.2
    elastic_shift: float = 6.0
    gamma: float = 0.3
    contrast: float = 0.25
    brightness: float = 0.1
    gradient: float = 0.15
    noise: float = 0.05
    blur: float = 0.2
    invert: float = 0.1


NO_AUGMENTATION = AugmentConfig(
    False, False, 1.0, (1.0, 1.0), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
)
RIGID = replace(NO_AUGMENTATION, flip=True, rotate=True)


def _uniform(low: float, high: float, draw: torch.Generator) -> float:
    """One random number."""
    return low + (high - low) * torch.rand((), generator=draw).item()


def random_matrix(config: AugmentConfig, draw: torch.Generator) -> torch.Tensor:
    """Mirror, turn and zoom, as the (2, 2) matrix that leads from patch to frame [row, column]."""
    angle = math.radians(_uniform(-180, 180, draw)) if config.rotate else 0.0
    zoom = math.exp(_uniform(*map(math.log, config.scale), draw))
    mirror = -1.0 if config.flip and _uniform(0, 1, draw) < 0.5 else 1.0
    sine, cosine = math.sin(angle), math.cos(angle)
    return torch.tensor([[cosine, -sine * mirror], [sine, cosine * mirror]]) / zoom


def random_warp(size: int, shift: float, draw: torch.Generator, spacing: int = 64) -> torch.Tensor:
    """Smooth random displacement of every pixel of a patch.

    Parameters
    ----------
    size : int
        Side of the patch [px].
    shift : float
        Root mean square of each component [px].
    draw : Generator
        Of the random numbers.
    spacing : int
        Distance of the grid points that move independently [px].

    Returns
    -------
    (2, size, size) float32 tensor
        Row and column component [px].
    """
    points = size // spacing + 2
    coarse = shift * torch.randn(1, 2, points, points, generator=draw)
    return functional.interpolate(coarse, (size, size), mode="bicubic", align_corners=True)[0]


def _folded(places: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
    """Where places (2, P, Q) lie in the frame [px], with a minus where its mirror image is seen.

    Frame and mirror image take turns without end; `shape` (2, 1, 1) is that of the frame [px].
    """
    return places - (places / (2 * shape)).round_().mul_(2 * shape)


def _pixels(places: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Which pixels of a frame (H, W) hold some places (2, P, Q): their numbers, row by row."""
    rows, columns = (
        axis.int().clamp_(0, size - 1) for axis, size in zip(places, shape, strict=True)
    )
    return rows.mul_(shape[1]).add_(columns)


def _read(values: np.ndarray, pixels: torch.Tensor) -> torch.Tensor:
    """What an array (..., H, W) holds in some pixels (P, Q), (..., P, Q)."""
    flat = torch.from_numpy(values).flatten(-2)
    return flat.index_select(-1, pixels.flatten()).unflatten(-1, pixels.shape)


def cut_patch(frame: Frame, flow: np.ndarray, places: torch.Tensor) -> Sample:
    """What a frame holds at some places.

    Parameters
    ----------
    frame : Frame
    flow : (2, h, w) float32 ndarray
        Flow of the frame's cells, of the same extent but possibly fewer pixels.
    places : (2, size, size) float32 tensor
        Row and column [px], from 0 to H and W, the middle of the first pixel at 0.5. Beyond the
        frame its mirror image goes on.

    Returns
    -------
    dict
        image (1, size, size) float32; label (size, size) int32; weight (size, size) float32;
        flow (2, size / f, size / f) float32, along the frame's axes, f = H / h.
    """
    shape = torch.tensor(frame.image.shape)[:, None, None]
    block = round(frame.image.shape[0] / flow.shape[1])
    corners = places[:, ::block, ::block], places[:, block - 1 :: block, block - 1 :: block]
    coarse = (corners[0] + corners[1]) / 2  # (2, size / f, size / f), middles of blocks
    fine, coarse = _folded(places, shape).abs_(), _folded(coarse, shape)
    arrows = _read(flow, _pixels(coarse.abs() / block, flow.shape[1:]))
    pixels = _pixels(fine, frame.image.shape)
    grid = (2 / shape * fine).sub_(1).flip(0).movedim(0, -1)[None]  # x before y, from -1 to 1
    image = torch.from_numpy(frame.image)[None, None]
    return {
        "image": functional.grid_sample(image, grid, padding_mode="border", align_corners=False)[0],
        "label": _read(frame.label, pixels),
        "weight": _read(frame.weight, pixels),
        "flow": torch.where(coarse < 0, -arrows, arrows),  # a mirror turns directions round
    }


def change_intensity(
    image: torch.Tensor, config: AugmentConfig, draw: torch.Generator
) -> torch.Tensor:
    """Gamma, contrast, polarity, brightness, uneven light, noise and blur of an image (1, H, W)."""
    if config.gamma:
        exponent = (1 + config.gamma) ** _uniform(-1, 1, draw)
        image = image.sign() * image.abs() ** exponent
    middle, sign = image.mean(), -1 if _uniform(0, 1, draw) < config.invert else 1
    image = (image - middle) * sign * _uniform(1 - config.contrast, 1 + config.contrast, draw)
    image = image + middle + _uniform(-config.brightness, config.brightness, draw)
    if config.gradient:
        angle, (rows, columns) = _uniform(0, 2 * math.pi, draw), image.shape[-2:]
        ramp = math.sin(angle) * torch.linspace(-1, 1, rows)[:, None] + math.cos(
            angle
        ) * torch.linspace(-1, 1, columns)  # (H, W)
        image = image + _uniform(0, config.gradient, draw) * ramp
    if config.noise:
        deviation = _uniform(0, config.noise, draw)
        image = image + deviation * torch.randn(image.shape, generator=draw)
    if _uniform(0, 1, draw) < config.blur:
        sigma = [_uniform(0.5, 2.0, draw)]
        for kernel in ([9, 1], [1, 9]):  # one axis after the other: 18 products a pixel, not 81
            image = gaussian_blur(image, kernel, sigma)
    return image


def augment(
    frame: Frame,
    flow: np.ndarray,
    center: tuple[int, int],
    size: int,
    config: AugmentConfig,
    draw: torch.Generator,
) -> Sample:
    """Cut a patch around a pixel and transform it at random.

    Parameters
    ----------
    frame : Frame
    flow : (2, h, w) float32 ndarray
        Flow of the frame's cells; see `cut_patch`.
    center : (int, int)
        Row and column [px].
    size : int
        Side of the patch [px].
    config : AugmentConfig
    draw : Generator
        Of the random numbers.

    Returns
    -------
    dict
        image (1, size, size) float32; label (size, size) int32; weight (size, size) float32;
        flow (2, size / f, size / f) float32, along the patch's axes.
    """
    is_changed = _uniform(0, 1, draw) < config.share
    if not is_changed:
        config = replace(NO_AUGMENTATION, flip=config.flip, rotate=config.rotate)
    axis = torch.arange(size) + 0.5 - size / 2  # from the patch's middle
    warp = torch.zeros(2, 1, 1)
    if _uniform(0, 1, draw) < config.elastic:
        warp = random_warp(size, config.elastic_shift, draw)
    matrix = random_matrix(config, draw)
    down, right = matrix.T[..., None, None]  # (2, 1, 1), what a row and a column lead on by
    places = torch.tensor(center)[:, None, None] + down * axis[:, None] + right * axis
    patch = cut_patch(frame, flow, places + torch.einsum("ij,jhw->ihw", matrix, warp))
    if is_changed:
        patch["image"] = change_intensity(patch["image"], config, draw)
    # What the matrix did to the offsets is undone; lengths stay 1, a warp's own turn is neglected.
    turn = matrix.T / matrix[0].norm()
    patch["flow"] = torch.einsum("ij,jhw->ihw", turn, patch["flow"])
    return patch
