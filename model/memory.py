"""The gradients of a batch, in two halves where the GPU has no memory for the whole."""

import torch

from model.device import Compute
from model.losses import segmentation_loss
from model.unet import UNet
from preprocess.augment import Sample

NAMES = ("image", "label", "weight", "flow")


class GpuMemoryError(RuntimeError):
    """A batch that the GPU has no memory for; the message says what to lower."""


def _gradients(net: UNet, batch: Sample, compute: Compute, parts: int) -> float:
    """Loss of a batch, worked out in so many parts; its gradients are added to those of the net."""
    size, total = len(batch["image"]), 0.0
    for part in zip(*(batch[name].tensor_split(parts) for name in NAMES), strict=True):
        image = compute.place(part[0])  # (N / parts, 1, P, P)
        label, weight, flow = (values.to(image.device) for values in part[1:])
        with compute.autocast():
            maps = net(image)
        loss = segmentation_loss(maps, label, flow, weight) * (len(image) / size)
        loss.backward()
        total += loss.item()
    return total


def add_gradients(net: UNet, batch: Sample, compute: Compute, parts: int = 1) -> tuple[float, int]:
    """Work out the loss of a batch and its gradients.

    Parameters
    ----------
    net : UNet
        In training mode, its gradients zero.
    batch : dict
        Patches as `preprocess.patches.PatchDataset` gives them, stacked.
    compute : Compute
    parts : {1, 2}
        Parts of the batch to begin with.

    Returns
    -------
    loss : float
    parts : int
        2 where the GPU has no memory for the whole batch.

    Raises
    ------
    GpuMemoryError
        If it has none for half a batch either.
    """
    size, *_, side = batch["image"].shape
    for count in range(parts, min(size, 2) + 1):
        try:
            return _gradients(net, batch, compute, count), count
        except torch.OutOfMemoryError:
            print(f"the GPU has no memory for {-(-size // count)} patches at a time", flush=True)
        # Outside of the handler, which holds what the attempt had taken.
        net.zero_grad()
        torch.cuda.empty_cache()
    raise GpuMemoryError(
        f"the GPU has no memory for a batch of {size} patches of {side} px, nor for half of it; "
        "lower batch_size, patch_size or width, or close other programs that use the GPU"
    )
