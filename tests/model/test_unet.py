from itertools import combinations

import pytest
import torch
from torch.nn import functional

from model.unet import UNet, UNetConfig, UpConv

SMALL = UNetConfig(width=4, depth=2)


@pytest.fixture
def net() -> UNet:
    torch.manual_seed(0)
    return UNet(SMALL).eval()


@pytest.mark.parametrize(("block", "coarse"), [(1, (16, 24)), (2, (8, 12)), (4, (4, 6))])
def test_foreground_of_every_pixel_and_an_arrow_a_block(block, coarse):
    net = UNet(UNetConfig(width=4, depth=1, block=block)).eval()
    maps = net(torch.zeros(3, 1, 16, 24))
    assert maps.foreground.shape == (3, 1, 16, 24)
    assert maps.flow.shape == (3, 2, *coarse)


@pytest.mark.parametrize(("block", "step"), [(1, 4), (2, 8)])
def test_size_that_cannot_be_halved_is_refused_with_the_size_to_pad_to(block, step):
    config = UNetConfig(width=4, depth=2, block=block)
    assert config.step == step
    with pytest.raises(ValueError, match=f"W = 18 is not a multiple of {step}; pad to"):
        UNet(config)(torch.zeros(1, 1, 16, 18))
    with pytest.raises(ValueError, match="H = 17 is not .* pad to (20|24)"):
        UNet(config)(torch.zeros(1, 1, 17, 16))


def test_width_and_depth_set_the_number_of_parameters():
    count = {
        config: sum(p.numel() for p in UNet(config).parameters())
        for config in (SMALL, UNetConfig(width=8, depth=2), UNetConfig(width=4, depth=3))
    }
    assert count[SMALL] < count[UNetConfig(width=4, depth=3)]
    assert count[UNetConfig(width=8, depth=2)] == pytest.approx(4 * count[SMALL], rel=0.1)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_product_at_each_place_is_a_transposed_convolution(layout):
    torch.manual_seed(0)
    up = UpConv(5)
    x = torch.randn(2, 10, 3, 4).to(memory_format=layout).requires_grad_()
    got, expected = up(x), functional.conv_transpose2d(x, up.weight, up.bias, stride=2)
    torch.testing.assert_close(got, expected)
    seen = torch.randn(2, 5, 6, 8)
    sources = (x, up.weight, up.bias)
    gradients = [torch.autograd.grad(out, sources, seen) for out in (got, expected)]
    torch.testing.assert_close(*gradients)


def test_skip_connections_carry_detail(net):
    """Without its first skip connection a U-Net cannot tell neighbouring pixels apart."""
    image = torch.rand(1, 1, 16, 16)
    whole = net(image)
    with torch.no_grad():
        net.decoder[-1][0].weight[:, : SMALL.width] = 0  # cut what comes from the first skip
    for before, after in zip(whole, net(image), strict=True):
        assert not torch.allclose(before, after)


def test_every_pixel_of_a_block_is_seen_and_outlined(net):
    image = torch.zeros(1, 1, 16, 16)
    whole = net(image)
    blocks = whole.foreground.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2)  # (1, 1, 8, 8, 4)
    assert (blocks.amax(-1) - blocks.amin(-1)).min() > 0.01  # pixels of a block differ
    dotted = torch.zeros(4, 1, 16, 16)
    for i, pixel in enumerate(((6, 8), (6, 9), (7, 8), (7, 9))):  # of one block
        dotted[i, 0, *pixel] = 1
    for before, after in zip(whole, net(dotted), strict=True):
        for one, other in combinations([*after, before[0]], 2):
            assert not torch.allclose(one, other)


def test_shifting_the_image_by_a_whole_step_shifts_the_answer(net):
    image = torch.zeros(1, 1, 192, 192)
    image[..., 92:100, 92:100] = 1
    maps, shifted = net(image), net(torch.roll(image, (8, 16), (2, 3)))
    for block, one, other in zip((1, 2), maps, shifted, strict=True):
        # out of reach of the zeros around the image
        inside = (..., slice(64 // block, 136 // block), slice(64 // block, 136 // block))
        moved = torch.roll(one, (8 // block, 16 // block), (2, 3))
        torch.testing.assert_close(moved[inside], other[inside])
        assert not torch.allclose(one[inside], other[inside])
