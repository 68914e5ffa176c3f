"""Binary cross-entropy, weighted pixel by pixel, plus soft Dice."""

import torch
from torch.nn import functional


def weighted_cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Mean binary cross-entropy, each pixel counted by its weight.

    Parameters
    ----------
    logits, targets : (N, C, H, W) float tensor
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
    )  # (N, C, H, W)
    total = weight.sum().clamp_min(1e-6) * logits.shape[1]
    return (entropy * weight).sum() / total


def soft_dice_loss(
    logits: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """One minus the soft Dice coefficient of a batch, averaged over channels.

    Parameters
    ----------
    logits, targets : (N, C, H, W) float tensor
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
    both = (probabilities * targets).sum(dim=(0, 2, 3))  # (C,)
    area = (probabilities + targets).sum(dim=(0, 2, 3))  # (C,)
    return 1 - ((2 * both + 1) / (area + 1)).mean()


def segmentation_loss(
    logits: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Weighted cross-entropy plus soft Dice loss, equally weighted.

    Parameters
    ----------
    logits, targets : (N, C, H, W) float tensor
    weight : (N, 1, H, W) float tensor, >= 0
    """
    return weighted_cross_entropy(logits, targets, weight) + soft_dice_loss(logits, targets, weight)
