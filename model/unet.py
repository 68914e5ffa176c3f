"""The U-Net of Ronneberger et al. (2015), with same-padding and batch normalization."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class UNetConfig:
    """Size of a U-Net.

    Parameters
    ----------
    in_channels : int
        Channels of the image; 1 for a phase-contrast frame.
    out_channels : int
        Probability maps to predict; see `model.representation`.
    width : int
        Channels F of the first level; level k has F * 2**k.
    depth : int
        Number of times the image is halved; its sides must be multiples of 2**depth.
    """

    in_channels: int = 1
    out_channels: int = 2
    width: int = 32
    depth: int = 4


class ConvBlock(nn.Sequential):
    """Two 3 x 3 convolutions, each with batch normalization and ReLU: (N, C, H, W) -> (N, F, H, W).

    Batch statistics are taken over all pixels of the batch, some 1,000 samples a channel even at
    the deepest level of a batch of four 256 x 256 patches; in use the layer is a fixed affine map,
    so that a tile and the whole frame give the same values.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    """Encoder, decoder and the skip connections between them.

    Parameters
    ----------
    config : UNetConfig

    References
    ----------
    O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image
    Segmentation", MICCAI 2015.
    """

    def __init__(self, config: UNetConfig = UNetConfig()):
        super().__init__()
        self.config = config
        widths = [config.width * 2**level for level in range(config.depth + 1)]
        self.encoder = nn.ModuleList(
            ConvBlock(c, f) for c, f in zip([config.in_channels, *widths], widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * f, f, 2, stride=2) for f in reversed(widths[:-1])
        )
        self.decoder = nn.ModuleList(ConvBlock(2 * f, f) for f in reversed(widths[:-1]))
        self.head = nn.Conv2d(config.width, config.out_channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (N, out_channels, H, W) of images (N, in_channels, H, W).

        Raises
        ------
        ValueError
            If H or W is not a multiple of 2**depth.
        """
        step = 2**self.config.depth
        for name, size in zip("HW", x.shape[-2:], strict=True):
            if size % step:
                raise ValueError(
                    f"{name} = {size} is not a multiple of {step}; pad to {-(-size // step) * step}"
                )
        skips = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else self.pool(x))  # (N, F 2^level, H/2^level, W/2^level)
            skips.append(x)
        skips.pop()
        for up, block in zip(self.up, self.decoder, strict=True):
            x = torch.cat([skips.pop(), up(x)], dim=1)  # (N, 2F 2^level, H/2^level, W/2^level)
            x = block(x)  # (N, F 2^level, H/2^level, W/2^level)
        return self.head(x)
