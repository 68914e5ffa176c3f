import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from torch import nn

from benchmarks import speed, timing
from model.inference import Segmenter
from model.unet import UNet, UNetConfig
from preprocess.normalize import Normalization
from preprocess.tiff import read_label, write_tiff
from results.inputs import find_frames


def test_operations_are_two_for_each_product_of_a_convolution():
    net = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.BatchNorm2d(5), nn.ReLU()).eval()
    assert timing.operations(net, (2, 3, 8, 10)) == 2 * (2 * 8 * 10) * (3 * 5 * 9)


def test_the_median_leaves_the_first_call_out(monkeypatch):
    clock = iter([0, 3, 10, 11, 20, 27])  # seconds that three calls take: 3, 1, 7
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    calls = []
    assert timing.median_seconds(lambda: calls.append(1), 3) == 3
    assert len(calls) == 4


def test_memory_that_a_program_fills_is_seen(tmp_path):
    program = "import time; a = bytearray(300_000_000); time.sleep(0.2); print('done')"
    output, peak = timing.run_watched([sys.executable, "-c", program], tmp_path)
    assert output.strip() == "done" and 300 <= peak < 400
    with pytest.raises(subprocess.CalledProcessError):
        timing.run_watched([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)


@pytest.mark.parametrize("size", [10, 64, 100])
def test_a_repeated_frame_has_no_seams(tmp_path, size):
    image = np.arange(16 * 16, dtype=np.uint16).reshape(16, 16)
    speed.write_repeated(tmp_path / "a.tif", image, size)
    large = tifffile.imread(tmp_path / "a.tif")
    around = np.pad(image, (0, 100), mode="symmetric")
    np.testing.assert_array_equal(large, around[:size, :size])


def test_a_measurement_replaces_the_older_one_of_its_machine(tmp_path, monkeypatch, capsys):
    table = tmp_path / "speed.csv"
    speed.record("frame", iter([("frame", 1.0, "s"), ("net", 0.5, "s")]), table)
    speed.record("frame", iter([("frame", 0.81234, "s")]), table)
    monkeypatch.setattr(speed, "machine", lambda: "another")
    speed.record("frame", iter([("frame", 9.0, "s")]), table)
    rows = pd.read_csv(table)
    assert rows[["what", "value"]].values.tolist() == [
        ["net", 0.5],
        ["frame", 0.8123],
        ["frame", 9],
    ]
    assert "0.8123 s" in capsys.readouterr().out


def test_a_frame_of_a_movie_takes_what_a_longer_one_takes_more(monkeypatch):
    monkeypatch.setattr(speed, "MOVIES", (2, 5))
    monkeypatch.setattr(speed, "seconds", lambda function: function())
    monkeypatch.setattr(
        speed, "run_watched", lambda command, _: 3 + 2 * len(find_frames([command[2]]))
    )
    assert list(speed.movie()) == [("movie, each frame", 2, "s")]


@pytest.mark.parametrize("large", [1, 2**23])
def test_a_frame_is_segmented_from_file_to_file_whole_or_as_a_mosaic(tmp_path, large, monkeypatch):
    monkeypatch.setattr(speed, "LARGE", large)
    torch.manual_seed(1)
    info = {
        "scale": 1.0,
        "normalization": vars(Normalization()),
        "decoding": {"foreground": 0.5, "smallest_cell": 1.0, "confidence": 0.0},
    }
    net = UNet(UNetConfig(width=4, depth=2)).eval()
    image = np.random.default_rng(0).integers(0, 60_000, (40, 64)).astype(np.uint16)
    write_tiff(tmp_path / "a.tif", image)
    speed.segment_file(Segmenter(net, info, timing.PLAIN), tmp_path / "a.tif", tmp_path / "b.tif")
    label = read_label(tmp_path / "b.tif")
    assert label.shape == (40, 64) and label.max() > 0
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages[0].is_tiled == (large == 1)


def test_what_is_compared_is_measured_in_turn_and_the_first_round_left_out():
    calls = []

    def measure(name: str, values: list[float]) -> Callable[[], float]:
        return lambda: calls.append(name) or values.pop(0)

    medians = timing.in_turn([measure("a", [9, 1, 5, 2]), measure("b", [7, 3, 3, 4])], 3)
    assert medians.tolist() == [2, 3]
    assert calls == ["a", "b"] * 4


def test_a_process_of_its_own_times_a_function_whenever_it_is_asked():
    nap = timing.Apart(partial, time.sleep, 0.05)
    assert all(0.05 <= nap() < 1 for _ in range(2))
    with pytest.raises(EOFError):
        timing.Apart(partial, int, "no number")()


def test_the_share_of_the_matrix_rate_counts_forward_and_backward(monkeypatch):
    """A step in which a net makes 96 operations takes a second, at 96 * 3 of 576 GFLOP/s."""
    monkeypatch.setattr(speed, "in_turn", lambda measure, rounds: (speed.STEPS, 576.0, 4.0))
    monkeypatch.setattr(speed, "Apart", lambda make, config: make(config))
    monkeypatch.setattr(speed, "operations", lambda net, shape: 96e9)
    config = speed.TrainingConfig(depth=1, patch_size=16, batch_size=2)
    monkeypatch.setattr(speed, "TrainingConfig", lambda: config)
    small = SimpleNamespace(images=[np.eye(20)], labels=[np.eye(20, dtype=np.uint16)])
    monkeypatch.setattr(speed, "simulate_sequence", lambda seed, frames: small)
    rows = {what: value for what, value, _ in speed.step(2)}
    assert rows["width 2, training step"] == 1
    assert rows["width 2, training step, operations"] == 288
    assert rows["width 2, training step, share of the matrix rate"] == 0.5
    assert rows["width 2, training step, times faster than plain"] == 4


def test_a_step_of_either_kind_can_be_made(monkeypatch):
    small = SimpleNamespace(images=[np.eye(20)], labels=[np.eye(20, dtype=np.uint16)])
    monkeypatch.setattr(speed, "simulate_sequence", lambda seed, frames: small)
    monkeypatch.setattr(speed, "matrix_rate", lambda dtype: 1e-6)
    monkeypatch.setattr(speed, "Apart", lambda make, config: partial(speed.seconds, make(config)))
    config = speed.TrainingConfig(depth=1, patch_size=16, batch_size=2, precision="float32")
    monkeypatch.setattr(speed, "TrainingConfig", lambda: config)
    rows = {what: value for what, value, _ in speed.step(2)}
    assert all(value > 0 for value in rows.values()) and len(rows) == 6


def test_nets_are_scored_in_both_formats_on_frames_that_are_new_to_them(monkeypatch):
    scored = []

    def score(net: str, frames: str) -> pd.DataFrame:
        scored.append((net, frames))
        return pd.DataFrame({"AP50": [0.6, 0.8] if "auto" in net else [0.5, 0.85]})

    def unseen(models, known, precision):
        return [(f"{model} in {precision}", f"{known} but {model}") for model in models]

    monkeypatch.setattr(speed, "labelled_frames", lambda data: "all")
    monkeypatch.setattr(speed, "unseen", unseen)
    monkeypatch.setattr(speed, "score_model", score)
    rows = {what: value for what, value, _ in speed.formats("data", ["a", "b"])}
    assert rows["their AP50"] == pytest.approx(0.7)
    assert rows["their AP50 in float32"] == pytest.approx(0.675)
    assert rows["largest difference in AP50 of a net"] == pytest.approx(0.025)
    assert scored == [
        (f"{net} in {precision}", f"all but {net}")
        for precision in ("auto", "float32")
        for net in "ab"
    ]
