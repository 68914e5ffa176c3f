"""The U-Net of Ronneberger et al. (2015), with same-padding and batch normalization.

Blocks of pixels become channels on the way in, and channels become pixels again on the way out
(Shi et al., CVPR 2016): the net works on a quarter of the places, and sees and outlines every pixel
all the same.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional


class Maps(NamedTuple):
    """What the net says about every pixel.

    Parameters
    ----------
    foreground : (N, 1, H, W) float tensor, or (H, W) float32 ndarray
        Logit of lying in a cell, or its probability, [0, 1].
    flow : (N, 2, H / block, W / block) float tensor, or without N a float32 ndarray
        Row and column component of the way to the cell's centre; see `preprocess.flow`.
    """

    foreground: torch.Tensor
    flow: torch.Tensor


@dataclass(frozen=True)
class UNetConfig:
    """Size of a U-Net.

    Parameters
    ----------
    in_channels : int
        Channels of the image; 1 for a phase-contrast frame.
    width : int
        Channels F of the first level; level k has F * 2**k.
    depth : int
        Number of times that the first level is halved.
    block : int
        Side of the blocks of pixels that become the channels of one place of the first level [px].
    """

    in_channels: int = 1
    width: int = 32
    depth: int = 4
    block: int = 2

    @property
    def step(self) -> int:
        """The sides of an image must be multiples of this [px]."""
        return self.block * 2**self.depth


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


class UpConv(nn.ConvTranspose2d):
    """Twice as many rows and columns, half as many channels: (N, 2F, h, w) -> (N, F, 2h, 2w).

    A transposed convolution with steps as long as its kernel is a product of matrices at each
    place. Worked out as such, its gradients take half of the time.

    Parameters
    ----------
    channels : int
        F, of the output.
    """

    def __init__(self, channels: int):
        super().__init__(2 * channels, channels, 2, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Every place becomes a block of 2 x 2."""
        matrix = self.weight.permute(2, 3, 1, 0).flatten(0, 2)  # (4F, 2F)
        blocks = functional.linear(x.movedim(1, -1), matrix, self.bias.repeat(4))  # (N, h, w, 4F)
        blocks = blocks.unflatten(-1, (2, 2, self.out_channels)).transpose(2, 3)
        return blocks.flatten(3, 4).flatten(1, 2).movedim(-1, 1)  # of (N, h, 2, w, 2, F)


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
        inputs = [config.in_channels * config.block**2, *widths]
        self.encoder = nn.ModuleList(ConvBlock(c, f) for c, f in zip(inputs, widths, strict=False))
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(UpConv(f) for f in reversed(widths[:-1]))
        self.decoder = nn.ModuleList(ConvBlock(2 * f, f) for f in reversed(widths[:-1]))
        self.foreground = nn.Conv2d(config.width, config.block**2, 1)
        self.flow = nn.Conv2d(config.width, 2, 1)

    def forward(self, x: torch.Tensor) -> Maps:
        """Foreground logits and flow of images (N, in_channels, H, W).

        Raises
        ------
        ValueError
            If H or W is not a multiple of block * 2**depth.
        """
        block, step = self.config.block, self.config.step
        for name, size in zip("HW", x.shape[-2:], strict=True):
            if size % step:
                raise ValueError(
                    f"{name} = {size} is not a multiple of {step}; pad to {-(-size // step) * step}"
                )
        x = functional.pixel_unshuffle(x, block)  # (N, C block^2, h, w), h = H / block
        skips = []
        for level, conv in enumerate(self.encoder):
            x = conv(x if level == 0 else self.pool(x))  # (N, F 2^level, h/2^level, w/2^level)
            skips.append(x)
        skips.pop()
        for up, conv in zip(self.up, self.decoder, strict=True):
            x = torch.cat([skips.pop(), up(x)], dim=1)  # (N, 2F 2^level, h/2^level, w/2^level)
            x = conv(x)  # (N, F 2^level, h/2^level, w/2^level)
        return Maps(functional.pixel_shuffle(self.foreground(x), block), self.flow(x))
