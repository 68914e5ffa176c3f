"""From a frame of any size to what the net says of it, and to one label per cell."""

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model.checkpoint import load_model
from model.device import Compute, choose, keep_freed_memory
from model.representation import Cells, Decoding, decode
from model.tiles import tiles
from model.unet import Maps, UNet
from preprocess.normalize import Normalization, normalize, resize_image

CORE = 1664  # side of the cores of tiles [px]
MARGIN = 192  # how far tiles reach beyond them [px]: as far as a net of depth 4 and block 2 sees
WHOLE = (CORE + 2 * MARGIN + 64) ** 2  # pixels of the largest image that the net is given whole


def fold_batch_norm(net: UNet) -> UNet:
    """A copy for use alone, whose convolutions do what batch normalization did after them."""
    net = copy.deepcopy(net)
    for block in (*net.encoder, *net.decoder):
        for place in (0, 3):
            block[place] = fuse_conv_bn_eval(block[place], block[place + 1])
            block[place + 1] = nn.Identity()
    return net


def predict_maps(net: UNet, image: np.ndarray, compute: Compute) -> Maps:
    """Foreground and flow of one normalized frame, a large one in overlapping tiles.

    Tiles begin where the net's pooling begins in the frame and reach farther than the net sees, so
    that they say the same as the frame as a whole.

    Parameters
    ----------
    net : UNet
        In evaluation mode.
    image : (H, W) float32 ndarray
        Normalized, at the resolution that the net was trained on; padded by reflection to the
        multiple that the net needs.
    compute : Compute

    Returns
    -------
    Maps
        foreground (H, W) float32 ndarray, [0, 1]; flow (2, h, w) float32 ndarray,
        h = ceil(H / block).
    """
    if image.size <= WHOLE:
        return _predict_whole(net, image, compute)
    block, step = net.config.block, net.config.step
    core, margin = CORE // step * step or step, -(-MARGIN // step) * step
    foreground = np.empty(image.shape, np.float32)
    flow = np.empty((2, *(-(-size // block) for size in image.shape)), np.float32)
    for tile in tiles(image.shape, core, margin):
        maps = _predict_whole(net, image[tile.window], compute)
        foreground[tile.core] = maps.foreground[tile.inner]
        coarse, inner = (
            tuple(slice(s.start // block, -(-s.stop // block)) for s in window)
            for window in (tile.core, tile.inner)
        )
        flow[:, *coarse] = maps.flow[:, *inner]
    return Maps(foreground, flow)


def _predict_whole(net: UNet, image: np.ndarray, compute: Compute) -> Maps:
    """`predict_maps` in one piece."""
    rows, columns = image.shape
    padding = [(0, -size % net.config.step) for size in image.shape]
    padded = np.pad(image, padding, mode="symmetric")
    x = torch.from_numpy(padded)[None, None]  # (1, 1, H + pad, W + pad)
    with torch.inference_mode(), compute.autocast():
        foreground, flow = (maps[0].float().cpu() for maps in net(compute.place(x)))
    coarse_rows, coarse_columns = (-(-size // net.config.block) for size in image.shape)
    return Maps(
        foreground[0, :rows, :columns].sigmoid().numpy(),
        flow[:, :coarse_rows, :coarse_columns].numpy(),
    )


@dataclass(frozen=True)
class Segmenter:
    """A trained net with everything needed to turn raw frames into cells.

    Parameters
    ----------
    net : UNet
    info : dict
        What was stored with the weights; `scale`, `normalization`, `decoding`, `pixel_size_um` and
        `cell_diameter_px` are used here.
    compute : Compute
    """

    net: UNet
    info: dict[str, Any]
    compute: Compute

    @classmethod
    def load(cls, path: Path, precision: str = "auto", device: str = "auto") -> "Segmenter":
        """Read a model file; see `model.checkpoint.load_model` and `model.device.choose`."""
        keep_freed_memory()
        net, info = load_model(path)
        compute = choose(precision, device)
        return cls(compute.place_net(fold_batch_norm(net)).to(compute.dtype), info, compute)

    def zoom(self, pixel_size_um: float = math.nan, cell_diameter_px: float = math.nan) -> float:
        """How much larger a frame must be for its cells to have the size that the net knows.

        Parameters
        ----------
        pixel_size_um : float
            Of the frame [um]; NaN if unknown.
        cell_diameter_px : float
            Typical diameter of its cells [px], which counts before the pixel size; NaN if unknown.

        Returns
        -------
        float
            1 where nothing is known of the frame, or of what the net was trained on.

        Raises
        ------
        ValueError
            If the factor lies beyond 1/8 to 8.
        """
        factors = (
            self.info["cell_diameter_px"] / cell_diameter_px,
            pixel_size_um / self.info["pixel_size_um"],
        )
        factor = next((f for f in factors if not math.isnan(f)), 1.0)
        if not 1 / 8 <= factor <= 8:
            raise ValueError(
                f"frames would be scaled by {factor:.3g}: the net knows cells of "
                f"{self.info['cell_diameter_px']:.0f} px in pixels of "
                f"{self.info['pixel_size_um']:.3g} um; check pixel size and cell diameter"
            )
        return factor

    def maps(
        self, image: np.ndarray, zoom: float = 1.0, limits: tuple[float, float] | None = None
    ) -> Maps:
        """Foreground and flow of a raw frame.

        Parameters
        ----------
        image : (H, W) ndarray
            Any real dtype, intensities as recorded.
        zoom : float
            See `zoom`.
        limits : (float, float), optional
            See `preprocess.normalize.normalize`.

        Returns
        -------
        Maps
            foreground (H, W) float32 ndarray, [0, 1]; flow (2, h, w) float32 ndarray.
        """
        normalized = normalize(image, Normalization(**self.info["normalization"]), limits)
        scaled = resize_image(normalized, self.info["scale"] * zoom)
        maps = predict_maps(self.net, scaled, self.compute)
        if scaled.shape == image.shape:
            return maps
        full = functional.interpolate(
            torch.from_numpy(maps.foreground)[None, None], image.shape, mode="bilinear"
        )  # (1, 1, H, W)
        return Maps(full[0, 0].numpy(), maps.flow)

    def segment(self, image: np.ndarray, zoom: float = 1.0) -> tuple[Cells, Maps]:
        """Cells of a raw frame.

        Parameters
        ----------
        image : (H, W) ndarray
        zoom : float
            See `zoom`.

        Returns
        -------
        cells : Cells
            label (H, W) int32 ndarray, confidence (K,) float32 ndarray.
        maps : Maps
            What they were read from.
        """
        maps = self.maps(image, zoom)
        return decode(maps, Decoding(**self.info["decoding"])), maps
