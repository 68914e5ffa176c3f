import numpy as np
import pytest
import torch

from model import inference
from model.checkpoint import save_model
from model.device import choose
from model.inference import Segmenter, fold_batch_norm, predict_maps
from model.unet import UNet, UNetConfig
from preprocess.normalize import Normalization

CPU = choose("float32", "cpu")
INFO = {
    "scale": 0.5,
    "normalization": vars(Normalization()),
    "decoding": {"foreground": 0.5, "smallest_cell": 1.0, "confidence": 0.0},
}


def tiny(block: int = 2) -> UNet:
    torch.manual_seed(1)  # with these weights it sees a cell in noise
    return UNet(UNetConfig(width=4, depth=2, block=block)).eval()


@pytest.fixture
def net() -> UNet:
    return tiny()


@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize("shape", [(16, 24), (17, 30), (1, 1), (3, 50)])
def test_any_size_gives_maps_of_that_size(shape, block):
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    foreground, flow = predict_maps(tiny(block), image, CPU)
    assert foreground.shape == shape and foreground.dtype == np.float32
    assert flow.shape == (2, *(-(-size // block) for size in shape)) and flow.dtype == np.float32
    assert foreground.min() >= 0 and foreground.max() <= 1


def test_padding_does_not_change_what_needs_none(net):
    image = np.random.default_rng(0).random((16, 24), dtype=np.float32)
    whole = net(torch.from_numpy(image)[None, None])
    maps = predict_maps(net, image, CPU)
    np.testing.assert_allclose(
        maps.foreground, whole.foreground[0, 0].sigmoid().detach(), atol=1e-6
    )
    np.testing.assert_allclose(maps.flow, whole.flow[0].detach(), atol=1e-6)


def test_what_is_padded_goes_on_as_in_a_mirror(net):
    """A frame of odd size is answered like the frame that its mirror image completes."""
    image = np.random.default_rng(0).random((15, 21), dtype=np.float32)
    completed = np.pad(image, ((0, 1), (0, 3)), mode="symmetric")
    maps, whole = (predict_maps(net, frame, CPU) for frame in (image, completed))
    np.testing.assert_allclose(maps.foreground, whole.foreground[:15, :21], atol=1e-6)
    np.testing.assert_allclose(maps.flow, whole.flow[:, :8, :11], atol=1e-6)


@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize("shape", [(95, 130), (64, 33)])
def test_tiles_say_the_same_as_the_whole(shape, block, monkeypatch):
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    whole = predict_maps(tiny(block), image, CPU)
    monkeypatch.setattr(inference, "WHOLE", 1000)
    monkeypatch.setattr(inference, "CORE", 32)
    monkeypatch.setattr(inference, "MARGIN", 48)  # a net of depth 2 and block 2 sees 44 px far
    tiled = predict_maps(tiny(block), image, CPU)
    np.testing.assert_allclose(tiled.foreground, whole.foreground, atol=1e-6)
    np.testing.assert_allclose(tiled.flow, whole.flow, atol=1e-6)
    monkeypatch.setattr(inference, "MARGIN", 0)
    seams = predict_maps(tiny(block), image, CPU)
    assert np.abs(seams.foreground - whole.foreground).max() > 1e-3


def test_folded_batch_normalization_changes_nothing(net):
    for block in (*net.encoder, *net.decoder):
        for norm in (block[1], block[4]):
            norm.running_mean.uniform_(-0.5, 0.5)
            norm.running_var.uniform_(0.5, 2)
    image = np.random.default_rng(0).random((32, 32), dtype=np.float32)
    folded = fold_batch_norm(net)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in folded.modules())
    maps, same = (predict_maps(which, image, CPU) for which in (net, folded))
    np.testing.assert_allclose(same.foreground, maps.foreground, atol=1e-5)
    np.testing.assert_allclose(same.flow, maps.flow, atol=1e-5)


@pytest.mark.parametrize("shape", [(45, 60), (31, 47)])
def test_a_frame_becomes_cells_of_its_own_size(net, tmp_path, shape):
    save_model(tmp_path / "model.pth", net, INFO)
    segmenter = Segmenter.load(tmp_path / "model.pth", "float32", "cpu")
    frame = np.random.default_rng(0).integers(0, 60_000, shape).astype(np.uint16)
    (label, confidence), maps = segmenter.segment(frame)
    assert (label.shape, label.dtype, maps.foreground.shape) == (shape, np.int32, shape)
    assert label.max() == len(confidence) > 0
    eight_bits = (frame // 256).astype(np.uint8)
    again, _ = segmenter.segment(eight_bits.astype(np.float64) * 256)
    np.testing.assert_array_equal(again.label, segmenter.segment(eight_bits)[0].label)


def test_bfloat16_says_nearly_the_same(net, tmp_path):
    save_model(tmp_path / "model.pth", net, INFO)
    frame = np.random.default_rng(0).integers(0, 60_000, (45, 60)).astype(np.uint16)
    exact, rough = (
        Segmenter.load(tmp_path / "model.pth", precision, "cpu")
        for precision in ("float32", "bfloat16")
    )
    assert {p.dtype for p in rough.net.parameters()} == {torch.bfloat16}
    maps, near = exact.maps(frame), rough.maps(frame)
    assert near.foreground.dtype == near.flow.dtype == np.float32
    np.testing.assert_allclose(near.foreground, maps.foreground, atol=0.02)
    np.testing.assert_allclose(near.flow, maps.flow, atol=0.05)


def test_thresholds_come_with_the_weights(net):
    strict = INFO | {"decoding": INFO["decoding"] | {"foreground": 0.999}}
    frame = np.random.default_rng(0).integers(0, 255, (45, 60)).astype(np.uint8)
    loose, none = (Segmenter(net, info, CPU).segment(frame)[0] for info in (INFO, strict))
    assert loose.label.max() > 0
    assert (none.label.max(), len(none.confidence)) == (0, 0)


def test_a_constant_frame_gives_finite_maps(net):
    maps = Segmenter(net, INFO, CPU).maps(np.full((20, 20), 9, np.uint16))
    assert np.isfinite(maps.foreground).all() and np.isfinite(maps.flow).all()


KNOWS = Segmenter(tiny(), INFO | {"pixel_size_um": 0.5, "cell_diameter_px": 40.0}, CPU)
BLIND = Segmenter(tiny(), INFO | {"pixel_size_um": np.nan, "cell_diameter_px": np.nan}, CPU)


@pytest.mark.parametrize(
    ("told", "factor"),
    [
        ({}, 1),
        ({"pixel_size_um": 0.25}, 0.5),  # finer pixels: cells look larger than the net knows them
        ({"cell_diameter_px": 20}, 2),
        ({"pixel_size_um": 0.25, "cell_diameter_px": 20}, 2),
    ],
)
def test_frames_are_zoomed_to_the_size_that_the_net_knows(told, factor):
    assert KNOWS.zoom(**told) == factor
    assert BLIND.zoom(**told) == 1


def test_a_size_beyond_reason_is_refused():
    with pytest.raises(ValueError, match="scaled by 40: the net knows cells of 40 px"):
        KNOWS.zoom(cell_diameter_px=1)


@pytest.mark.parametrize("zoom", [0.5, 1.0, 2.0])
def test_a_zoomed_frame_is_answered_at_its_own_size(zoom):
    frame = np.random.default_rng(0).random((48, 64))
    cells, maps = KNOWS.segment(frame, zoom)
    assert cells.label.shape == maps.foreground.shape == (48, 64)
    assert maps.flow.shape == (2, 12 * zoom, 16 * zoom)  # scale 0.5, blocks of 2
