import numpy as np
import pytest
import torch

from model.checkpoint import save_model
from model.device import choose
from model.inference import Segmenter, predict_probabilities
from model.unet import UNet, UNetConfig
from preprocess.normalize import Normalization

CPU = choose("float32", "cpu")
INFO = {
    "scale": 0.5,
    "normalization": vars(Normalization()),
    "decoding": {"smallest_core": 1.0, "smallest_cell": 4.0},
}


@pytest.fixture
def net() -> UNet:
    torch.manual_seed(0)
    return UNet(UNetConfig(width=4, depth=2)).eval()


@pytest.mark.parametrize("shape", [(16, 24), (17, 30), (1, 1), (3, 50)])
def test_any_size_gives_maps_of_that_size(net, shape):
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    maps = predict_probabilities(net, image, CPU)
    assert maps.shape == (2, *shape) and maps.dtype == np.float32
    assert maps.min() >= 0 and maps.max() <= 1


def test_padding_does_not_change_what_needs_none(net):
    image = np.random.default_rng(0).random((16, 24), dtype=np.float32)
    whole = net(torch.from_numpy(image)[None, None]).sigmoid()[0].detach().numpy()
    np.testing.assert_allclose(predict_probabilities(net, image, CPU), whole, atol=1e-6)


def test_a_frame_becomes_cells_of_its_own_size(net, tmp_path):
    save_model(tmp_path / "model.pth", net, INFO)
    segmenter = Segmenter.load(tmp_path / "model.pth", "float32", "cpu")
    frame = np.random.default_rng(0).integers(0, 60_000, (45, 60)).astype(np.uint16)
    label, maps = segmenter.segment(frame)
    assert (label.shape, label.dtype, maps.shape) == ((45, 60), np.int32, (2, 45, 60))
    eight_bits = (frame // 256).astype(np.uint8)
    again, _ = segmenter.segment(eight_bits.astype(np.float64) * 256)
    np.testing.assert_array_equal(again, segmenter.segment(eight_bits)[0])


def test_a_constant_frame_gives_finite_maps(net):
    maps = Segmenter(net, INFO, CPU).probabilities(np.full((20, 20), 9, np.uint16))
    assert np.isfinite(maps).all()
