"""What is left of a score on frames of another microscope.

    python -m benchmarks.robustness MODEL.pth [MODEL.pth ...] --data FOLDER

Each model segments the frames of the split `train` that it was not trained on, as they are and
changed: other sizes of cells (with and without telling the net), uneven light, gamma, blur, noise,
inverted contrast, 8 bits. Writes benchmarks/robustness.csv. The frames of the split `test` are not
touched.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.exposure import adjust_gamma
from skimage.util import random_noise

from benchmarks.held_out import labelled_frames, unseen
from model.inference import Segmenter
from model.metrics import score_frame
from preprocess.frames import read_cells, read_recorded
from preprocess.layout import BENCHMARKS
from preprocess.normalize import resize_image, resize_label
from preprocess.tiff import atomic_path

TABLE = BENCHMARKS / "robustness.csv"
SCALES = (0.5, 0.7, 1.4, 2.0)
SCORES = ["IoU", "AP50", "mSA", "F1", "SEG"]


def uneven(image: np.ndarray) -> np.ndarray:
    """Light that falls from left to right by the frame's whole contrast."""
    low, high = np.percentile(image, (1, 99))
    return image + (high - low) * np.linspace(0.5, -0.5, image.shape[1])


def noisy(image: np.ndarray) -> np.ndarray:
    """Noise of a tenth of the frame's contrast."""
    low, high = np.percentile(image, (1, 99))
    return random_noise(image, rng=0, clip=False, var=(0.1 * (high - low)) ** 2)


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as recorded": lambda image: image,
    "8 bits": lambda image: np.round(255 * image),
    "uneven light": uneven,
    "gamma 0.5": lambda image: adjust_gamma(image, 0.5),
    "gamma 2": lambda image: adjust_gamma(image, 2),
    "blur of 1 px": lambda image: ndimage.gaussian_filter(image, 1),
    "blur of 2 px": lambda image: ndimage.gaussian_filter(image, 2),
    "noise": noisy,
    "inverted contrast": lambda image: 1 - image,
}


def scores(segmenter: Segmenter, image: np.ndarray, truth: np.ndarray) -> dict[str, dict]:
    """Scores of one frame by what was changed.

    Parameters
    ----------
    segmenter : Segmenter
    image : (H, W) float32 ndarray, [0, 1]
    truth : (H, W) int32 ndarray
    """
    found = {name: segmenter.segment(change(image))[0].label for name, change in CHANGES.items()}
    rows = {name: score_frame(truth, label) for name, label in found.items()}
    for scale in SCALES:
        small = resize_image(image, scale)
        true = resize_label(truth, small.shape)
        for told, zoom in (("", 1.0), (", told", 1 / scale)):
            rows[f"cells {scale} times as large{told}"] = score_frame(
                true, segmenter.segment(small, zoom)[0].label
            )
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL.pth")
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    tables = []
    for segmenter, frames in unseen(options.models, labelled_frames(options.data)):
        for frame in frames.itertuples():
            image = read_recorded(frame).astype(np.float32)
            rows = scores(segmenter, image / image.max(), read_cells(frame)[0])
            tables.append(pd.DataFrame(rows).T[SCORES].astype(float))
    mean = pd.concat(tables).groupby(level=0, sort=False).mean()
    mean["share of AP50"] = mean.AP50 / mean.AP50["as recorded"]
    table = mean.rename_axis("frames").reset_index().assign(count=len(tables)).round(4)
    with atomic_path(TABLE) as temporary:
        table.to_csv(temporary, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
