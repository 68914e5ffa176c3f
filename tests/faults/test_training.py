"""Cases 33 to 40: what training must not do, and what it leaves when it is stopped."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.kill import ENVIRONMENT, prepare, weights
from model import checkpoint, headless, memory, training
from model.checkpoint import load, load_model, save_model
from model.device import choose
from model.unet import UNet, UNetConfig
from preprocess.layout import PROJECT, RunLayout
from preprocess.tiff import read_image, write_tiff
from tests.small_frames import picture, put

TURNS = [(mirror, quarter) for mirror in (False, True) for quarter in range(4)]
SHORT = {"epochs": 3, "width": 4}
SCORES = {"validation_IoU": 0.5, "validation_AP50": 0.5}


def train(layout: RunLayout, *options: str) -> int:
    """`python -m model.training RUN/config.yaml OPTIONS` in this process; returns its exit code."""
    return headless.main([str(layout.config), *options])


@pytest.fixture
def run(tmp_path: Path) -> RunLayout:
    """A tiny run as stage 02 leaves it."""
    return prepare(tmp_path, **SHORT)


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, torch.Tensor]:
    """Weights of the same training, undisturbed."""
    layout = prepare(tmp_path / "whole", **SHORT)
    assert train(layout) == 0
    return weights(layout)


def test_case_33_one_training_frame(data: Path, check) -> None:
    """There are one to three annotated frames, and no frames to validate on.

    Accepted: all are trained on for the whole schedule, without early stopping. Of four and more
    one is held out. Without any annotated frame the shipped net gives masks, nothing is
    trained.
    """
    shutil.rmtree(data / "validation")
    for kind in ("images", "labels"):
        (data / f"train/{kind}/t2.tif").unlink()
    check(data).accepted()
    (data / "train/labels/t1.tif").unlink()
    assert "no training labels: 02 to 04 are left out" in check(data).out


@pytest.mark.parametrize("split", ["test", "validation"])
@pytest.mark.parametrize("turn", TURNS)
def test_case_34_same_picture_in_two_splits(data: Path, check, split: str, turn) -> None:
    """The same picture is in two splits, perhaps turned, mirrored or in another number format.

    Refused, with both files: scores on training images prove nothing. Twice in one split: warned.
    """
    mirror, quarter = turn
    copy = np.rot90(picture(0)[:, ::-1] if mirror else picture(0), quarter)
    put(data / f"{split}/images/copy.tif", copy.astype(np.float64))
    put(data / f"{split}/labels/copy.tif", np.ones(copy.shape, np.uint8))
    said = ("the same picture", f"{split}/images/copy.tif", "every picture in one split")
    check(data).refused("train/images/t1.tif", *said, "prove nothing")


def test_case_34_same_picture_twice_in_one_split(data: Path, check) -> None:
    put(data / "train/images/t2.tif", picture(0)[::-1])
    check(data).warned("train/images/t1.tif", "the same picture", "train/images/t2.tif")


def test_case_35_loss_is_not_finite(run: RunLayout, capsys, monkeypatch) -> None:
    """The loss becomes NaN or infinite.

    Training stops at that step, before the weights are changed, and names the frames of the batch.
    The epochs before are kept in last.ckpt.
    """
    loss, steps = memory.segmentation_loss, iter(range(99))

    def broken(*arguments):
        return loss(*arguments) * (float("nan") if next(steps) == 6 else 1)

    monkeypatch.setattr(memory, "segmentation_loss", broken)
    monkeypatch.setattr(training, "_validate", lambda *_: {"validation_loss": 0.5} | SCORES)
    assert train(run) == 1
    error = capsys.readouterr().err
    assert "the loss became nan at step 2 of the epoch, in patches of t" in error
    assert "lower learning_rate" in error
    assert len(load(run.checkpoint)["rows"]) == 1 and not run.model.exists()
    kept = load(run.checkpoint)["learner"]["net"].values()
    assert all(torch.isfinite(values).all() for values in kept)


@pytest.mark.parametrize("holds", [1, 0])
def test_case_36_gpu_out_of_memory(run: RunLayout, capsys, monkeypatch, holds: int) -> None:
    """The memory of the GPU does not hold a batch.

    The gradients of the batch are added up from two halves. Where half a batch is too much as well,
    training stops and says which parameters to lower. (Tested with a stand-in for the GPU.)
    """
    loss, sizes = memory.segmentation_loss, []

    def limited(maps, label, *arguments):
        sizes.append(len(label))
        if len(label) > holds:
            raise torch.OutOfMemoryError
        return loss(maps, label, *arguments)

    monkeypatch.setattr(memory, "segmentation_loss", limited)
    monkeypatch.setattr(training, "_validate", lambda *_: {"validation_loss": 0.5} | SCORES)
    code = train(run)
    said = capsys.readouterr()
    assert "no memory for 2 patches at a time" in said.out
    if holds:
        assert code == 0 and sizes[:5] == [2, 1, 1, 1, 1] and run.model.exists()
    else:
        assert code == 1 and "lower batch_size, patch_size or width" in said.err
        assert sizes == [2, 1] and not run.checkpoint.exists() and not run.model.exists()


def test_case_37_no_cuda(monkeypatch) -> None:
    """CUDA is asked for, and there is none.

    Refused. The default, auto, takes a CUDA device where there is one, and else the processor.
    """
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="finds no CUDA device; set device to 'cpu'"):
        choose("float32", "cuda")
    assert choose("float32").device == "cpu"


DIE_WHILE_WRITING = """
import os, signal, sys, torch
from model import headless
save, count = torch.save, 0
def dying(content, path):
    global count
    count += 1
    save(content, path)
    if count == 2:
        with open(path, "rb+") as file:
            file.truncate(1000)
        os.kill(os.getpid(), signal.SIGKILL)
torch.save = dying
headless.main([sys.argv[1]])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_case_38_killed_while_writing(run: RunLayout, whole: dict) -> None:
    """The process is killed (SIGKILL) while it writes a checkpoint.

    The checkpoint before is whole, and training goes on from there to the same weights. What was
    half-written is removed at the next start.
    """
    command = [sys.executable, "-c", DIE_WHILE_WRITING, str(run.config)]
    done = subprocess.run(command, cwd=PROJECT, env=ENVIRONMENT, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert len(load(run.checkpoint)["rows"]) == 1
    assert len(list(run.root.glob(".last.ckpt.*.tmp"))) == 1
    assert train(run, "--resume") == 0
    assert not list(run.root.rglob(".*.tmp"))
    assert all(torch.equal(weights(run)[name], whole[name]) for name in whole)


@pytest.mark.parametrize("step", [0, 5, 9])
def test_case_39_interrupted_and_resumed(run: RunLayout, whole: dict, monkeypatch, step) -> None:
    """Training is interrupted at any step, and resumed.

    On the same processor the net has the same bits as if nothing had happened. benchmarks/kill.csv
    records kills at random moments, with their seeds.
    """
    loss, steps = memory.segmentation_loss, iter(range(99))

    def interrupted(*arguments):
        if next(steps) == step:
            raise KeyboardInterrupt
        return loss(*arguments)

    monkeypatch.setattr(memory, "segmentation_loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(run)
    monkeypatch.undo()
    assert train(run, "--resume") == 0
    assert all(torch.equal(weights(run)[name], whole[name]) for name in whole)


def test_case_39_another_training_is_not_continued(run: RunLayout, capsys) -> None:
    assert train(run) == 0
    before = run.checkpoint.read_bytes()
    text = run.config.read_text()
    run.config.write_text(text.replace("learning_rate: 0.004", "learning_rate: 0.002"))
    assert train(run, "--resume") == 1
    error = capsys.readouterr().err
    assert "of another training (learning_rate: 0.004, now 0.002); expected" in error
    run.config.write_text(text)
    weight = run.weights / "t1.tif"
    write_tiff(weight, read_image(weight) + 1)
    assert train(run, "--resume") == 1
    assert "training frame t1: " in capsys.readouterr().err
    assert run.checkpoint.read_bytes() == before


class Malicious:
    """Would write a file if it were unpickled."""

    def __reduce__(self):
        return eval, ("open('ran', 'w')",)


def damaged(kind: str, path: Path) -> None:
    """A model file that must be refused."""
    save_model(path, UNet(UNetConfig(width=2, depth=1)), {"scale": 1.0})
    whole = path.read_bytes()
    content = load(path)
    values = content["state_dict"]["foreground.weight"].numpy().tobytes()
    if kind == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "one bit flipped in a weight":
        where = whole.index(values)
        path.write_bytes(whole[:where] + bytes([whole[where] ^ 1]) + whole[where + 1 :])
    elif kind == "another architecture":
        checkpoint.save(path, content | {"architecture": content["architecture"] | {"width": 4}})
    elif kind == "an architecture that takes all memory":
        huge = {"in_channels": 1, "width": 4096, "depth": 12, "block": 2}
        checkpoint.save(path, content | {"architecture": huge})
    elif kind == "a pickle":
        path.write_bytes(pickle.dumps(Malicious()))
    else:
        torch.save({"state_dict": Malicious()}, path)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("truncated", "not a readable file of weights"),
        ("one bit flipped in a weight", "not a readable file of weights"),
        ("another architecture", "size mismatch for encoder"),
        ("an architecture that takes all memory", "size mismatch for encoder"),
        ("a pickle", "not a readable file of weights"),
        ("a pickle inside", "not a readable file of weights"),
    ],
)
def test_case_40_damaged_or_hostile_weights(data: Path, check, tmp_path, kind, said) -> None:
    """A file of weights is damaged, of another architecture, or made to run code.

    Refused before anything starts: every part is compared with its checksum, mismatched weights are
    listed, and no code in the file ever runs.
    """
    path = tmp_path / "model.pth"
    damaged(kind, path)
    for name in ("weights", "start"):
        answer = check(data, "-p", f"{name}={path}")
        assert answer.code == 1 and f"{name}: {path}: " in answer.err and said in answer.err
    assert not Path("ran").exists()
    answer = check(data, "-p", f"weights={path.with_name('absent.pth')}")
    assert answer.code == 1 and "absent.pth: no such file" in answer.err


def test_case_40_a_whole_file_is_accepted(data: Path, check, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    save_model(path, UNet(UNetConfig(width=2, depth=1)), {"scale": 1.0})
    assert load_model(path)[1] == {"scale": 1.0}
    assert check(data, "-p", f"weights={path}").code == 0
