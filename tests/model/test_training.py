import copy
import dataclasses
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model import checkpoint, training
from model.device import Compute, choose
from model.inference import predict_maps
from model.learner import TrainingError, averaged, initialize, train_epoch
from model.metrics import score_frame
from model.recipe import TrainingConfig
from model.representation import decode
from model.training import batches, fit
from model.unet import UNet
from preprocess.augment import NO_AUGMENTATION
from preprocess.borders import border_weight
from preprocess.frames import Frame
from preprocess.layout import RunLayout
from preprocess.patches import PatchDataset

TINY = TrainingConfig(
    width=4,
    depth=2,
    patch_size=32,
    batch_size=2,
    epochs=3,
    steps_per_epoch=4,
    precision="float32",
    scale=1.0,
)


def frame_of_discs(seed: int, size: int = 64) -> Frame:
    """Bright discs on a dark ground, some of them touching."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    label = np.zeros((size, size), np.int32)
    for cell, (cy, cx) in enumerate(((16, 16), (16, 36), (44, 40)), start=1):
        label[(y - cy) ** 2 + (x - cx) ** 2 < 10**2] = cell
    image = (label > 0) + 0.1 * rng.standard_normal(label.shape)
    return Frame(f"discs{seed}", image.astype(np.float32), label, border_weight(label))


FRAME = frame_of_discs(0)
CPU = Compute("cpu", torch.float32)


def test_one_frame_can_be_learned_by_heart(tmp_path):
    config = dataclasses.replace(
        TINY,
        width=8,
        epochs=4,
        steps_per_epoch=40,
        learning_rate=0.02,
        augmentation=NO_AUGMENTATION,
    )
    history = fit(config, [FRAME], [], RunLayout(tmp_path))
    assert history.train_loss.iloc[-1] < 0.5 * history.train_loss.iloc[0]
    net, info = checkpoint.load_model(tmp_path / "model.pth")
    maps = predict_maps(net, FRAME.image, choose("float32", "cpu"))
    scores = score_frame(FRAME.label, decode(maps).label)
    assert scores["IoU"] > 0.9 and scores["AP50"] == 1
    # sizes to believe in come from the annotated discs: 100 pi px, of which four make one of flow
    assert info["decoding"]["smallest_cell"] == pytest.approx(50 * np.pi / 4, rel=0.1)
    assert (info["frames"], info["training"]["width"]) == (["discs0"], 8)


def test_without_validation_the_last_epoch_is_kept(tmp_path):
    history = fit(TINY, [FRAME], [], RunLayout(tmp_path))
    assert list(history.epoch) == [1, 2, 3]
    assert history.validation_IoU.isna().all()
    last = checkpoint.load(tmp_path / "last.ckpt")["learner"]["average"]
    kept = checkpoint.load_model(tmp_path / "model.pth")[0].state_dict()
    assert all(torch.equal(kept[name], last[f"module.{name}"]) for name in kept)


def test_the_kept_net_is_an_average_of_the_steps(tmp_path):
    fit(TINY, [FRAME], [], RunLayout(tmp_path))
    last = checkpoint.load(tmp_path / "last.ckpt")["learner"]["net"]
    kept = checkpoint.load_model(tmp_path / "model.pth")[0].state_dict()
    name = "foreground.weight"
    assert 0 < (kept[name] - last[name]).abs().max() < last[name].abs().max()
    plain = RunLayout(tmp_path / "plain").make()
    fit(dataclasses.replace(TINY, averaging=0.0), [FRAME], [], plain)
    assert torch.equal(checkpoint.load_model(plain.model)[0].state_dict()[name], last[name])


def test_the_average_soon_forgets_the_beginning():
    net = UNet(TINY.net)
    average = averaged(net, 0.99)
    values = [1.0, 2.0, 3.0]
    for value in values:
        torch.nn.init.constant_(net.flow.bias, value)
        average.update_parameters(net)
    # 1; kept 2/11 of it; kept 3/12 of that
    expected = 0.25 * (2 / 11 * 1 + 9 / 11 * 2) + 0.75 * 3
    torch.testing.assert_close(average.module.flow.bias, torch.full((2,), expected))


def test_the_best_epoch_is_kept_not_the_last(tmp_path, monkeypatch):
    """The best weights are a copy: a reference would follow the training to its end."""
    losses = iter([0.9, 0.2, 0.4])
    seen = []

    def validate(net, *_):
        seen.append({k: v.clone() for k, v in net.state_dict().items()})
        names = ("validation_loss", "validation_IoU", "validation_AP50")
        return dict.fromkeys(names, next(losses))

    monkeypatch.setattr("model.training._validate", validate)
    fit(TINY, [FRAME], [FRAME], RunLayout(tmp_path))
    kept = checkpoint.load_model(tmp_path / "model.pth")[0].state_dict()
    assert all(torch.equal(kept[name], seen[1][name]) for name in kept)
    assert any(not torch.equal(kept[name], seen[2][name]) for name in kept)


def test_training_stops_when_validation_no_longer_improves(tmp_path, monkeypatch, capsys):
    names = ("validation_loss", "validation_IoU", "validation_AP50")
    monkeypatch.setattr("model.training._validate", lambda *_: dict.fromkeys(names, 0.5))
    config = dataclasses.replace(TINY, epochs=9, steps_per_epoch=1, patience=2)
    history = fit(config, [FRAME], [FRAME], RunLayout(tmp_path))
    assert len(history) == 3
    assert "no lower validation loss in 2 epochs" in capsys.readouterr().out


def test_a_resumed_training_ends_with_the_same_weights(tmp_path, monkeypatch):
    whole, parts = RunLayout(tmp_path / "whole"), RunLayout(tmp_path / "parts")
    for layout in (whole, parts):
        layout.root.mkdir()
    fit(TINY, [FRAME], [], whole)
    epochs = iter([True, False])
    original = checkpoint.save

    def interrupted(path, content):
        original(path, content)
        if not next(epochs):
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(TINY, [FRAME], [], parts)
    monkeypatch.undo()
    resumed = fit(TINY, [FRAME], [], parts, resume=True)
    assert list(resumed.epoch) == [1, 2, 3]
    one, other = (checkpoint.load_model(r.model)[0].state_dict() for r in (whole, parts))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path):
    broken = dataclasses.replace(FRAME, image=np.full_like(FRAME.image, np.nan))
    with pytest.raises(TrainingError, match="the loss became nan at step 0"):
        fit(TINY, [broken], [], RunLayout(tmp_path))
    assert not (tmp_path / "model.pth").exists()


def test_training_needs_a_frame(tmp_path):
    with pytest.raises(ValueError, match="at least one annotated frame"):
        fit(TINY, [], [], RunLayout(tmp_path))


@pytest.fixture
def trained(tmp_path):
    """A model file, as from an earlier training, and its net."""
    torch.manual_seed(7)
    net = UNet(TINY.net)
    for name, value in net.named_buffers():  # what batch normalization has learned goes along
        if "running" in name:
            value += 0.5
    checkpoint.save_model(tmp_path / "earlier.pth", net, {"scale": 1.0})
    return tmp_path / "earlier.pth", net.state_dict()


def test_a_training_starts_from_the_weights_of_a_model_file(trained):
    path, weights = trained
    compute = choose("float32", "cpu")
    fresh = initialize(TINY, compute).net
    assert any(not torch.equal(fresh.state_dict()[name], weights[name]) for name in weights)
    net, _, optimizer, _ = initialize(dataclasses.replace(TINY, start=str(path)), compute)
    assert net.training
    assert all(torch.equal(net.state_dict()[name], weights[name]) for name in weights)
    (group,) = optimizer.param_groups
    assert {id(p) for p in group["params"]} == {id(p) for p in net.parameters()}


def test_a_refined_net_is_what_it_started_from_plus_a_little(trained, tmp_path):
    path, weights = trained
    config = dataclasses.replace(
        TINY, start=str(path), epochs=1, steps_per_epoch=1, learning_rate=1e-5
    )
    fit(config, [FRAME], [], RunLayout(tmp_path))
    net, info = checkpoint.load_model(tmp_path / "model.pth")
    assert info["training"]["start"] == path.name
    for name, value in net.named_parameters():
        torch.testing.assert_close(value, weights[name], rtol=0, atol=1e-4)
        assert not torch.equal(value, weights[name])


def test_a_net_to_start_from_brings_its_size(trained, tmp_path):
    path, _ = trained
    other = {"width": 8, "depth": 1, "block": 1, "epochs": 1}
    fit(dataclasses.replace(TINY, start=str(path), **other), [FRAME], [], RunLayout(tmp_path))
    net, info = checkpoint.load_model(tmp_path / "model.pth")
    assert net.config == TINY.net and info["training"]["width"] == TINY.width


def test_an_absent_start_is_named(tmp_path):
    absent = dataclasses.replace(TINY, start=str(tmp_path / "absent.pth"))
    with pytest.raises(checkpoint.CheckpointError, match="absent.pth"):
        initialize(absent, choose("float32", "cpu"))


@pytest.mark.parametrize("block", [1, 4])
def test_blocks_of_other_sizes_can_be_trained(tmp_path, block):
    config = dataclasses.replace(TINY, epochs=1, block=block)
    history = fit(config, [FRAME], [FRAME], RunLayout(tmp_path))
    assert np.isfinite(history[["train_loss", "validation_loss"]]).all(axis=None)
    assert checkpoint.load_model(tmp_path / "model.pth")[0].config.block == block


def test_validation_scores_whole_frames_whatever_their_size(tmp_path):
    odd = frame_of_discs(1, size=61)
    history = fit(dataclasses.replace(TINY, epochs=1), [FRAME], [odd], RunLayout(tmp_path))
    columns = ["validation_loss", "validation_IoU", "validation_AP50"]
    assert np.isfinite(history[columns]).all(axis=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"scale": 2.0}, "scale is 2.0"),
        ({"block": 0}, "block is 0"),
        ({"patch_size": 36}, "patch_size 36 is not a multiple of 8"),
        ({"patch_size": 32, "block": 3}, "patch_size 32 is not a multiple of 12"),
    ],
)
def test_impossible_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **change)


@pytest.mark.skipif(sys.platform != "linux", reason="processes begin as copies on Linux alone")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_gpu_gets_the_same_patches_from_other_processes():
    """Two epochs, as the CPU gets them: the flows were there before the processes began."""
    on_cpu, on_gpu = (
        batches(
            PatchDataset([FRAME, frame_of_discs(1)], 32, 6, seed=3),
            2,
            Compute(device, torch.float32),
        )
        for device in ("cpu", "cuda")
    )
    assert on_cpu.num_workers == 0 < on_gpu.num_workers
    assert len(on_gpu.dataset._flows) == 2
    for epoch in (1, 2):
        drawn = []
        for loader in (on_cpu, on_gpu):
            loader.dataset.set_epoch(epoch)
            drawn.append([batch["image"] for batch in loader])
        assert len(drawn[0]) == 3 and all(map(torch.equal, *drawn))


@pytest.mark.skipif(sys.platform != "linux", reason="shared memory is a folder on Linux alone")
@pytest.mark.parametrize(("room", "workers"), [(2, 0), (3, 1), (4, 2), (50, 4)])
def test_processes_hand_over_no_more_than_shared_memory_holds(monkeypatch, room, workers):
    free = room * 20 * 2 * 32**2 + 1  # bytes; a batch is two patches of 32 px
    monkeypatch.setattr(training.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    monkeypatch.setattr(training.os, "sched_getaffinity", lambda _: range(8))
    patches = PatchDataset([FRAME], 32, 6, seed=3)
    assert batches(patches, 2, Compute("cuda", torch.float32)).num_workers == workers


def test_a_training_goes_on_where_memory_is_laid_out_otherwise():
    """Saved with the channels first, resumed with the channels last: the next step is the same."""
    batch = next(iter(batches(PatchDataset([FRAME], 32, 2, seed=3), 2, CPU)))
    rows, channels = (
        initialize(TINY, Compute("cpu", torch.float32, memory_format))
        for memory_format in (torch.contiguous_format, torch.channels_last)
    )
    train_epoch(rows, [batch], CPU)
    channels.resume(copy.deepcopy(rows.state()))
    for learner in (rows, channels):
        train_epoch(learner, [batch], CPU)
    for one, other in zip(rows.net.parameters(), channels.net.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
