"""The net as ONNX, which runs without torch and without this project."""

from pathlib import Path

import numpy as np
import torch
from torch.export import Dim

from model.unet import Maps, UNet
from preprocess.tiff import atomic_path

OPSET = 18
LONGEST = 4096  # steps along a side, beyond any frame
TOLERANCE = 1e-4  # between torch and onnxruntime, of a probability and of the flow
OUTPUTS = list(Maps._fields)


class ExportError(RuntimeError):
    """A net that cannot be exported, or whose export answers otherwise than the net itself."""


class Probabilities(torch.nn.Module):
    """A net whose foreground is a probability instead of a logit."""

    def __init__(self, net: UNet):
        super().__init__()
        self.net = net

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, C, H, W) to foreground (N, 1, H, W), [0, 1], and flow (N, 2, h, w)."""
        foreground, flow = self.net(image)
        return foreground.sigmoid(), flow


def write_onnx(path: Path, net: UNet) -> None:
    """Write a net as one ONNX file.

    Parameters
    ----------
    path : Path
    net : UNet
        Input `image` (N, C, H, W) float32, normalized; H and W multiples of `net.config.step`.
        Outputs as `Probabilities` gives them.
    """
    step, channels = net.config.step, net.config.in_channels
    sizes = {0: Dim("n", min=1), 2: step * Dim("h", max=LONGEST), 3: step * Dim("w", max=LONGEST)}
    program = torch.onnx.export(
        Probabilities(net).eval(),
        (torch.zeros(2, channels, 2 * step, 3 * step),),  # a size of 1 would be taken for fixed
        dynamo=True,
        opset_version=OPSET,
        input_names=["image"],
        output_names=OUTPUTS,
        dynamic_shapes={"image": sizes},
        verbose=False,
    )
    with atomic_path(path) as temporary:
        temporary.write_bytes(program.model_proto.SerializeToString())


def run_onnx(path: Path, image: np.ndarray) -> list[np.ndarray]:
    """Foreground and flow by onnxruntime of normalized images (N, C, H, W) float32 ndarray."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image})


def require_same(path: Path, net: UNet, images: list[np.ndarray]) -> float:
    """Largest difference between an ONNX file and the net that it was made of.

    Parameters
    ----------
    path : Path
    net : UNet
    images : list of (N, C, H, W) float32 ndarray
        Normalized.

    Raises
    ------
    ExportError
        If it is above `TOLERANCE`.
    """
    largest = 0.0
    for image in images:
        with torch.inference_mode():
            expected = Probabilities(net)(torch.from_numpy(image))
        for found, wanted in zip(run_onnx(path, image), expected, strict=True):
            largest = max(largest, float(np.abs(found - wanted.numpy()).max()))
    if not largest <= TOLERANCE:
        raise ExportError(f"{path}: differs from the net by {largest:.2g}, at most {TOLERANCE:g}")
    return largest
