"""How fast is it, and how much memory does it take?

    python -m benchmarks.speed [--only matrix step ...] [--data FOLDER [--models NET.pth ...]]

matrix   rate of matrix products, which nothing that is computed with them can exceed
step     a training step with its patches, as a share of that rate, beside a plain loop: the same
         net and ready batches, float32, channels first
wide     the same for a net of the width of the shipped one
frame    segmentation of a frame of 1024 x 1024 px, file to file, beside the same net run plainly
         and a plain U-Net of width 64 (31 million parameters): that last ratio is the size of the
         net times the way it is run
movie    what each further frame of a movie takes in predict.py, which writes all results
sizes    seconds and memory of frames from 512 x 512 to 16,384 x 16,384 px, each in a process of its
         own, and how they grow (--sizes)
learn    minutes of training on three real frames until IoU 0.65 on others, and of the whole
         recipe (--data)
formats  what the number format changes in the scores of some nets, such as those of five folds, on
         the frames that they were not trained on (--data and --models)

Writes benchmarks/speed.csv: a row replaces an older one of the same machine. What is compared is
timed in turn, so that what else the machine does falls on both; what is done plainly has a process
of its own, where torch is as it comes. Let nothing else run beside it.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import tifffile
import torch
from torch.utils.data import DataLoader

from benchmarks.experiments import RECIPE, SCORES, loaded
from benchmarks.held_out import TRIPLES, labelled_frames, split_of, unseen
from benchmarks.timing import (
    PLAIN,
    Apart,
    in_turn,
    machine,
    matrix_rate,
    operations,
    run_watched,
    seconds,
)
from model.checkpoint import load_model
from model.device import choose
from model.evaluation import score_model
from model.inference import Segmenter, predict_maps
from model.learner import initialize, train_epoch
from model.losses import segmentation_loss
from model.mosaic import segment_mosaic
from model.recipe import TrainingConfig
from model.training import fit
from model.unet import Maps, UNet, UNetConfig
from preprocess.borders import border_weight
from preprocess.frames import Frame
from preprocess.large import LARGE
from preprocess.layout import BENCHMARKS, PROJECT, SHIPPED_MODEL, RunLayout
from preprocess.normalize import Normalization, normalize
from preprocess.patches import PatchDataset
from preprocess.sources.simulate import simulate_sequence
from preprocess.tiff import atomic_path, read_image, write_tiff

TABLE = BENCHMARKS / "speed.csv"
KEY = ["machine", "section", "what"]
STEPS = 6  # training steps of an epoch that is timed
ROUNDS = 5  # of what is timed in turn
SIZES = (512, 1024, 2048, 4096, 8192, 16384)
MOVIES = (4, 34)  # frames of a short one and of a long one
SCHEDULES = (2, 4, 6, 9, 12, 16)  # epochs
ENOUGH = 0.65  # IoU
Rows = Iterator[tuple[str, float, str]]  # what, value, unit


def matrix() -> Rows:
    """Rates of matrix products."""
    yield "matrix product float32", matrix_rate(torch.float32), "GFLOP/s"
    if choose().dtype != torch.float32:
        yield "matrix product bfloat16", matrix_rate(choose().dtype), "GFLOP/s"


def step_loader(config: TrainingConfig) -> DataLoader:
    """Batches of an epoch of STEPS steps, from a simulated frame."""
    sequence = simulate_sequence(1, 1)
    label = sequence.labels[0].astype(np.int32)
    frame = Frame("simulated", normalize(sequence.images[0]), label, border_weight(label))
    patches = PatchDataset([frame], config.patch_size, config.batch_size * STEPS, 0)
    return DataLoader(patches, batch_size=config.batch_size)


def plain_step(config: TrainingConfig) -> Callable[[], None]:
    """A training step as most code makes it, with a ready batch."""
    batch = next(iter(step_loader(config)))
    net = UNet(config.net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.learning_rate)

    def train() -> None:
        optimizer.zero_grad()
        maps = net(batch["image"])
        segmentation_loss(maps, batch["label"], batch["flow"], batch["weight"]).backward()
        optimizer.step()

    return train


def step(width: int) -> Rows:
    """A training step of a net of some width, as it is made, and as a plain loop makes it."""
    config, compute = replace(TrainingConfig(), width=width), choose(training=True)
    plain = Apart(plain_step, config)
    loader, learner = step_loader(config), initialize(config, compute)
    epoch, limit, slow = in_turn(
        [
            lambda: seconds(lambda: train_epoch(learner, loader, compute)),
            lambda: matrix_rate(compute.dtype),
            plain,
        ],
        ROUNDS,
    )
    ours = epoch / STEPS
    shape = (config.batch_size, 1, config.patch_size, config.patch_size)
    rate = 3 * operations(learner.net, shape) / ours / 1e9
    name = f"width {width}, training step"
    yield name, ours, "s"
    yield f"{name}, operations", rate, "GFLOP/s"
    yield f"{name}, matrix product beside it", limit, "GFLOP/s"
    yield f"{name}, share of the matrix rate", rate / limit, ""
    yield f"width {width}, plain training step", slow, "s"
    yield f"{name}, times faster than plain", slow / ours, ""


def normalized(source: Path, info: dict[str, Any]) -> np.ndarray:
    """A frame as a net sees it, (H, W) float32 ndarray."""
    return normalize(read_image(source), Normalization(**info["normalization"]))


def plain_frame(source: Path, target: Path) -> Callable[[], None]:
    """The shipped net run as most code does, from file to file."""
    segmenter = Segmenter(*load_model(SHIPPED_MODEL), PLAIN)
    return lambda: segment_file(segmenter, source, target)


def plain_maps(source: Path, config: UNetConfig | None = None) -> Callable[[], Maps]:
    """The shipped net run as most code does, or a random one of another size: the maps alone."""
    net, info = load_model(SHIPPED_MODEL)
    net, image = UNet(config).eval() if config else net, normalized(source, info)
    return lambda: predict_maps(net, image, PLAIN)


def frame() -> Rows:
    """One frame from file to file."""
    segmenter = Segmenter.load(SHIPPED_MODEL)
    with TemporaryDirectory() as folder:
        source, target, other = (Path(folder, name) for name in ("frame.tif", "a.tif", "b.tif"))
        write_tiff(source, simulate_sequence(1, 1).images[0])
        image = normalized(source, segmenter.info)
        classic = Apart(plain_maps, source, UNetConfig(width=64, depth=4, block=1))
        ours, maps, same, same_maps = in_turn(
            [
                lambda: seconds(lambda: segment_file(segmenter, source, target)),
                lambda: seconds(lambda: predict_maps(segmenter.net, image, segmenter.compute)),
                Apart(plain_frame, source, other),
                Apart(plain_maps, source),
            ],
            3 * ROUNDS,
        )
        wide = same - same_maps + in_turn([classic], 1)[0]
    yield "frame", ours, "s"
    yield "frame, of it the net", maps, "s"
    yield "frame, the same net plain", same, "s"
    yield "frame, of it the net plain", same_maps, "s"
    yield "frame, times faster than the same net plain", same / ours, ""
    yield "net, times faster than plain", same_maps / maps, ""
    yield "frame, plain U-Net of width 64", wide, "s"
    yield "frame, times faster than a plain U-Net of width 64", wide / ours, ""


def segment_file(segmenter: Segmenter, source: Path, target: Path) -> None:
    """Cells of a frame of any size, from file to file."""
    with tifffile.TiffFile(source) as file:
        rows, columns = file.pages[0].shape
    if rows * columns > LARGE:
        segment_mosaic(segmenter, source, target)
    else:
        write_tiff(target, segmenter.segment(read_image(source))[0].label)


def movie() -> Rows:
    """A further frame of a movie, with all results: what a long one takes more than a short one."""
    image, taken = simulate_sequence(1, 1).images[0], []
    with TemporaryDirectory() as folder:
        for frames in MOVIES:
            source, target = Path(folder, f"{frames}.tif"), Path(folder, str(frames))
            stack = np.repeat(image[None], frames, axis=0)
            tifffile.imwrite(source, stack, imagej=True, metadata={"axes": "TYX"})
            command = [sys.executable, "predict.py", source, "--out", target]
            taken.append(seconds(partial(run_watched, [*map(str, command)], PROJECT)))
    yield "movie, each frame", (taken[1] - taken[0]) / (MOVIES[1] - MOVIES[0]), "s"


def write_repeated(path: Path, image: np.ndarray, size: int) -> None:
    """Write a frame of a size, in which an image is repeated, every other one mirrored."""
    mirrored = np.block([[image, image[:, ::-1]], [image[::-1], image[::-1, ::-1]]])
    large = tifffile.memmap(path, shape=(size, size), dtype=image.dtype)
    for row in range(0, size, len(mirrored)):
        for column in range(0, size, len(mirrored)):
            part = large[row : row + len(mirrored), column : column + len(mirrored)]
            part[:] = mirrored[: part.shape[0], : part.shape[1]]
    large.flush()


def sizes(sides: list[int]) -> Rows:
    """Time and memory over the size of a frame."""
    image = simulate_sequence(1, 1).images[0]
    taken, memory = [], []
    with TemporaryDirectory() as folder:
        for side in sides:
            source, target = Path(folder, "frame.tif"), Path(folder, "cells.tif")
            write_repeated(source, image, side)
            command = [sys.executable, "-m", "benchmarks.speed", "--one", source, target]
            output, peak = run_watched([*map(str, command)], PROJECT)
            taken.append(float(output))
            memory.append(peak)
            yield f"{side} x {side}", taken[-1], "s"
            yield f"{side} x {side}, memory", peak, "MB"
    if len(sides) > 1:
        pixels = np.log(np.square(np.array(sides, float)))
        yield "exponent of the seconds over pixels", np.polyfit(pixels, np.log(taken), 1)[0], ""
    large = [m for side, m in zip(sides, memory, strict=True) if side**2 > LARGE]
    if len(large) > 1:
        yield "memory beyond one block, largest over smallest", max(large) / min(large), ""


def one(source: Path, target: Path) -> None:
    """Segment one frame and print the seconds, start and model left out."""
    segmenter = Segmenter.load(SHIPPED_MODEL)
    print(seconds(lambda: segment_file(segmenter, source, target)))


def learn(data: Path) -> Rows:
    """Shortest schedule on three frames that reaches the IoU on the others, and the whole one."""
    train, held_out = split_of(TRIPLES[0], labelled_frames(data))
    frames = loaded(train, RECIPE, border_weights=True)
    with TemporaryDirectory() as folder:
        layout = RunLayout(Path(folder))

        def minutes(epochs: int) -> float:
            return seconds(lambda: fit(replace(RECIPE, epochs=epochs), frames, [], layout)) / 60

        def scores() -> pd.Series:
            return score_model(Segmenter.load(layout.model), held_out)[SCORES].mean()

        for epochs in SCHEDULES:
            taken, reached = minutes(epochs), scores().IoU
            yield f"three frames, {epochs} epochs", taken, "min"
            yield f"three frames, {epochs} epochs, IoU", reached, ""
            if reached >= ENOUGH:
                yield f"three frames, until IoU {ENOUGH}", taken, "min"
                break
        yield "three frames, whole recipe", minutes(RECIPE.epochs), "min"
        whole = scores()
        yield "three frames, whole recipe, IoU", whole.IoU, ""
        yield "three frames, whole recipe, AP50", whole.AP50, ""


def formats(data: Path, models: list[Path]) -> Rows:
    """AP50 of nets on frames that are new to them, in the fastest number format and in float32."""
    known = labelled_frames(data)
    fast, exact = (
        np.array([score_model(*net).AP50.mean() for net in unseen(models, known, precision)])
        for precision in ("auto", "float32")
    )
    yield "nets on frames that are new to them", len(models), "nets"
    yield "their AP50", fast.mean(), ""
    yield "their AP50 in float32", exact.mean(), ""
    yield "largest difference in AP50 of a net", np.abs(fast - exact).max(), ""


def record(section: str, rows: Rows, table: Path = TABLE) -> None:
    """Print rows and write them, in place of older ones of the same machine."""
    name = machine()
    for what, value, unit in rows:
        print(f"{what:55s} {value:10.4g} {unit}", flush=True)
        row = pd.DataFrame([[name, section, what, float(f"{value:.4g}"), unit]])
        row.columns = [*KEY, "value", "unit"]
        if table.exists():
            row = pd.concat([pd.read_csv(table), row]).drop_duplicates(KEY, keep="last")
        with atomic_path(table) as temporary:
            row.to_csv(temporary, index=False)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sections = {
        "matrix": matrix,
        "step": lambda: step(TrainingConfig().width),
        "wide": lambda: step(load_model(SHIPPED_MODEL)[0].config.width),
        "frame": frame,
        "movie": movie,
    }
    names = [*sections, "sizes", "learn", "formats"]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), metavar="PX")
    parser.add_argument("--data", type=Path, help="data set of real frames")
    parser.add_argument("--models", nargs="+", type=Path, help="nets to score, of real frames")
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return one(*options.one)
    sections["sizes"] = lambda: sizes(options.sizes)
    if options.data:
        sections["learn"] = lambda: learn(options.data)
    if options.data and options.models:
        sections["formats"] = lambda: formats(options.data, options.models)
    for name in options.only:
        if name not in sections:
            print(f"{name} is left out: it needs --data" + " and --models" * (name == "formats"))
        elif len(options.only) > 1:
            command = [sys.executable, "-m", "benchmarks.speed", *sys.argv[1:], "--only", name]
            subprocess.run(command, check=True)
        else:
            record(name, sections[name]())


if __name__ == "__main__":
    main()
