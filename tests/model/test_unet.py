import pytest
import torch

from model.unet import UNet, UNetConfig

SMALL = UNetConfig(in_channels=1, out_channels=2, width=4, depth=2)


def test_output_has_one_map_a_channel_and_the_size_of_the_image():
    assert UNet(SMALL).eval()(torch.zeros(3, 1, 16, 24)).shape == (3, 2, 16, 24)


def test_size_that_cannot_be_halved_is_refused_with_the_size_to_pad_to():
    with pytest.raises(ValueError, match="W = 18 is not a multiple of 4; pad to 20"):
        UNet(SMALL)(torch.zeros(1, 1, 16, 18))


def test_width_and_depth_set_the_number_of_parameters():
    count = {
        config: sum(p.numel() for p in UNet(config).parameters())
        for config in (SMALL, UNetConfig(width=8, depth=2), UNetConfig(width=4, depth=3))
    }
    assert count[SMALL] < count[UNetConfig(width=4, depth=3)]
    assert count[UNetConfig(width=8, depth=2)] == pytest.approx(4 * count[SMALL], rel=0.1)


def test_skip_connections_carry_detail():
    """Without its first skip connection a U-Net cannot tell neighbouring pixels apart."""
    torch.manual_seed(0)
    net = UNet(SMALL).eval()
    image = torch.rand(1, 1, 16, 16)
    whole = net(image)
    with torch.no_grad():
        net.decoder[-1][0].weight[:, : SMALL.width] = 0  # cut what comes from the first skip
    assert not torch.allclose(net(image), whole)


def test_shifting_the_image_by_a_whole_step_shifts_the_answer():
    torch.manual_seed(0)
    net = UNet(SMALL).eval()
    image = torch.zeros(1, 1, 128, 128)
    image[..., 60:68, 60:68] = 1
    answer, shifted = net(image), net(torch.roll(image, (4, 8), (2, 3)))
    inside = (..., slice(40, 88), slice(40, 88))  # out of reach of the zeros around the image
    torch.testing.assert_close(torch.roll(answer, (4, 8), (2, 3))[inside], shifted[inside])
