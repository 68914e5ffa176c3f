"""A reference: Cellpose 3.1 trained from scratch on a few frames, for a given number of minutes.

    python benchmarks/cellpose_reference.py --data FOLDER --frames set03,set17 --minutes 7 --out DIR

Writes one label TIFF for each frame of the split `test`, or of another, in the frame's own size and
under its name, for any scorer to read. Cellpose wants an older numpy than this project, hence an
environment of its own:

    python -m venv ENV
    ENV/bin/python -m pip install torch==2.14.1 torchvision==0.29.1
    ENV/bin/python -m pip install cellpose==3.1.1.1 pandas==3.1.1 scikit-image==0.26.0
    ENV/bin/python -m pip install --no-deps -e .

No weights are downloaded, no size model is trained, and everything runs on the CPU. The optimizer
is that of Cellpose's command line: SGD with a momentum of 0.9, a weight decay of 1e-5, and a
learning rate that rises to 0.2 over ten epochs, stays there, and falls only in runs of more than
100 epochs; on batches of 8 crops of 224 x 224 px, turned, flipped and scaled by 0.5 to 1.5. What
differs: an epoch is one batch, since with Cellpose's one crop an image a few frames fill no batch;
and all frames, trained on or not, are brought to one scale instead of to one diameter of their
cells, which nobody knows of a new frame. Two short trainings tell how many epochs fit into the
minutes; those, and reading the frames and computing their flows, are not counted. Where other work
falsifies that, `--epochs` says it in place of `--minutes`.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from cellpose.dynamics import labels_to_flows
from cellpose.models import CellposeModel
from cellpose.train import train_seg
from cellpose.transforms import normalize_img, resize_image

from preprocess.check import list_frames
from preprocess.frames import read_cells, read_recorded
from preprocess.layout import SPLITS
from preprocess.normalize import resize_label
from preprocess.split import assign_roles
from preprocess.tiff import write_tiff

SCALE = 0.6  # working resolution, as a share of the frames' own
CROPS = 8  # an epoch
GREY = [0, 0]  # Cellpose's channels: grey, and no nuclei
TRIAL = 2  # epochs that are timed, after one that is not


def load_frames(table: pd.DataFrame) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Frames as Cellpose's inference makes them, and their flows.

    Parameters
    ----------
    table : DataFrame
        Labelled frames, as `preprocess.check.list_frames` gives them.

    Returns
    -------
    images : list of (h, w) float32 ndarray
        At working resolution, the first percentile at 0, the 99th at 1.
    flows : list of (4, h, w) float32 ndarray
        Ids, cell or not, flow along y, flow along x.
    """
    images, labels = [], []
    for row in table.itertuples():
        image = normalize_img(read_recorded(row)[..., None])  # (H, W, 1)
        images.append(resize_image(image, rsz=SCALE))
        labels.append(resize_label(read_cells(row)[0], images[-1].shape))
    return images, labels_to_flows(labels, device=torch.device("cpu"))


def trained(
    images: list[np.ndarray], flows: list[np.ndarray], epochs: int
) -> tuple[CellposeModel, float]:
    """A net trained from scratch on what `load_frames` gives, and how long it took [s]."""
    torch.manual_seed(0)
    model = CellposeModel(gpu=False, pretrained_model=False, diam_mean=30.0)
    start = time.perf_counter()
    with TemporaryDirectory() as folder:
        train_seg(
            model.net,
            train_data=images,
            train_labels=flows,
            channels=GREY,
            normalize=False,
            rescale=False,
            batch_size=CROPS,
            nimg_per_epoch=CROPS,
            n_epochs=epochs,
            SGD=True,
            learning_rate=0.2,
            weight_decay=1e-5,
            save_path=folder,
        )
    return model, time.perf_counter() - start


def epochs_within(minutes: float, images: list[np.ndarray], flows: list[np.ndarray]) -> int:
    """Number of epochs that fit into a time on this machine, at least 1."""
    trained(images, flows, 1)  # the first steps are slower
    _, seconds = trained(images, flows, TRIAL)
    return max(1, int(60 * minutes * TRIAL / seconds))


def write_masks(model: CellposeModel, frames: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Segment frames and write one label TIFF each, under the frame's name.

    Parameters
    ----------
    model : CellposeModel
    frames : DataFrame
        As `preprocess.check.list_frames` gives it.
    folder : Path
        Made if it does not exist.

    Returns
    -------
    DataFrame
        name; cells; seconds, from the image in memory to its label [s].
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for frame in frames.itertuples():
        image = read_recorded(frame)
        start = time.perf_counter()
        label, _, _ = model.eval(image, channels=GREY, rescale=SCALE)
        rows.append((frame.name, int(label.max()), time.perf_counter() - start))
        write_tiff(folder / f"{frame.name}.tif", label, frame.pixel_size_um)
    return pd.DataFrame(rows, columns=["name", "cells", "seconds"])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--frames", required=True, help="names in the split `train`, or a count")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="wall time of the training")
    length.add_argument("--epochs", type=int, help="batches of the training")
    parser.add_argument("--out", type=Path, required=True, help="folder for the label TIFFs")
    parser.add_argument("--split", choices=SPLITS, default="test", help="frames to segment")
    options = parser.parse_args()
    table = list_frames(options.data)
    known = table.query("split == 'train' and label != ''")
    drawn = assign_roles(known, options.frames, seed=0)
    images, flows = load_frames(known[drawn.role != "unused"])
    epochs = options.epochs or epochs_within(options.minutes, images, flows)
    model, seconds = trained(images, flows, epochs)
    print(f"{len(images)} frames, {epochs} epochs in {seconds / 60:.1f} minutes", flush=True)
    found = write_masks(model, table[table.split == options.split], options.out)
    print(found.round(1).to_string(index=False))
    print(f"{found.seconds.mean():.1f} seconds a frame")


if __name__ == "__main__":
    main()
