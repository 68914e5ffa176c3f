"""From a frame of any size to probabilities and to one label per cell."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from model.checkpoint import load_model
from model.device import Compute, choose
from model.representation import Decoding, decode
from model.unet import UNet
from preprocess.normalize import Normalization, normalize, resize_image


def predict_probabilities(net: UNet, image: np.ndarray, compute: Compute) -> np.ndarray:
    """Probability maps of one normalized frame.

    Parameters
    ----------
    net : UNet
        In evaluation mode.
    image : (H, W) float32 ndarray
        Normalized, at the resolution that the net was trained on; padded by reflection to the
        multiple of 2**depth that the net needs.
    compute : Compute

    Returns
    -------
    (C, H, W) float32 ndarray, [0, 1]
    """
    step = 2**net.config.depth
    rows, columns = image.shape
    padding = [(0, -size % step) for size in image.shape]
    padded = np.pad(image, padding, mode="symmetric")
    x = torch.from_numpy(padded)[None, None]  # (1, 1, H + pad, W + pad)
    with torch.inference_mode(), compute.autocast():
        logits = net(compute.place(x))  # (1, C, H + pad, W + pad)
    return logits[0, :, :rows, :columns].float().sigmoid().cpu().numpy()


@dataclass(frozen=True)
class Segmenter:
    """A trained net with everything needed to turn raw frames into cells.

    Parameters
    ----------
    net : UNet
    info : dict
        What was stored with the weights; `scale`, `normalization` and `decoding` are used here.
    compute : Compute
    """

    net: UNet
    info: dict[str, Any]
    compute: Compute

    @classmethod
    def load(cls, path: Path, precision: str = "auto", device: str = "auto") -> "Segmenter":
        """Read a model file; see `model.checkpoint.load_model` and `model.device.choose`."""
        net, info = load_model(path)
        compute = choose(precision, device)
        return cls(compute.place_net(net), info, compute)

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Foreground and contour of a raw frame.

        Parameters
        ----------
        image : (H, W) ndarray
            Any real dtype, intensities as recorded.

        Returns
        -------
        (2, H, W) float32 ndarray, [0, 1]
        """
        normalized = normalize(image, Normalization(**self.info["normalization"]))
        maps = predict_probabilities(
            self.net, resize_image(normalized, self.info["scale"]), self.compute
        )
        full = functional.interpolate(
            torch.from_numpy(maps)[None], image.shape, mode="bilinear"
        )  # (1, 2, H, W)
        return full[0].numpy()

    def segment(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cells of a raw frame.

        Parameters
        ----------
        image : (H, W) ndarray

        Returns
        -------
        label : (H, W) int32 ndarray
            0 = background, cells 1 .. K.
        probabilities : (2, H, W) float32 ndarray, [0, 1]
        """
        maps = self.probabilities(image)
        decoding = Decoding(**self.info["decoding"])
        return decode(maps, decoding, zoom=1 / self.info["scale"]), maps
