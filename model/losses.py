"""Cost of a prediction: cross-entropy and soft Dice of foreground, squared error of the flow."""

import torch
from torch.nn import functional

from model.unet import Maps


def weighted_cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Mean binary cross-entropy, each pixel counted by its weight.

    Parameters
    ----------
    logits, targets : (N, 1, H, W) float tensor
        Targets in [0, 1].
    weight : (N, 1, H, W) float tensor, >= 0
        0 leaves a pixel out; the border weight map of Ronneberger et al. (2015), eq. 2, makes the
        gaps between cells count.

    Returns
    -------
    () float32 tensor
    """
    entropy = functional.binary_cross_entropy_with_logits(
        logits.float(), targets, reduction="none"
    )  # (N, 1, H, W)
    return (entropy * weight).sum() / weight.sum().clamp_min(1e-6)


def soft_dice_loss(
    logits: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """One minus the soft Dice coefficient of a batch.

    Parameters
    ----------
    logits, targets : (N, 1, H, W) float tensor
    weight : (N, 1, H, W) float tensor, >= 0
        Pixels of weight 0 are left out, all others count alike.

    Returns
    -------
    () float32 tensor, [0, 1]

    References
    ----------
    F. Milletari et al., "V-Net", 3DV 2016, section 3 (without the squares).
    """
    counted = (weight > 0).float()  # (N, 1, H, W)
    probabilities = logits.float().sigmoid() * counted
    targets = targets * counted
    both, area = (probabilities * targets).sum(), (probabilities + targets).sum()
    return 1 - (2 * both + 1) / (area + 1)


def flow_error(predicted: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean squared length of the difference of two flows, over the cells.

    The background, whose flow is 0, counts a tenth: it matters only where a cell is seen in vain.

    Parameters
    ----------
    predicted, target : (N, 2, h, w) float tensor
        Targets of length 1 in cells, 0 elsewhere.
    weight : (N, 1, H, W) float tensor, >= 0
        Blocks of pixels that hold one of weight 0 are left out, all others count alike.

    Returns
    -------
    () float32 tensor
    """
    squared = (predicted.float() - target).square().sum(dim=1, keepdim=True)  # (N, 1, h, w)
    inside = target.square().sum(dim=1, keepdim=True) > 0
    annotated = -functional.adaptive_max_pool2d(-weight, target.shape[-2:]) > 0
    return ((inside + 0.1) * squared * annotated).sum() / ((inside * annotated).sum() + 1)


def segmentation_loss(
    maps: Maps, label: torch.Tensor, flow: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Weighted cross-entropy, soft Dice loss and flow error, equally weighted.

    Parameters
    ----------
    maps : Maps
        Of the net.
    label : (N, H, W) integer tensor
        0 = background, one id per cell.
    flow : (N, 2, h, w) float tensor
    weight : (N, H, W) float tensor, >= 0
    """
    targets, weight = (label > 0).float()[:, None], weight[:, None]  # (N, 1, H, W)
    return (
        weighted_cross_entropy(maps.foreground, targets, weight)
        + soft_dice_loss(maps.foreground, targets, weight)
        + flow_error(maps.flow, flow, weight)
    )
