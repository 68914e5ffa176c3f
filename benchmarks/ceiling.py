"""How good can it get? Scores that the noise of hand-drawn outlines leaves to a perfect net.

    python -m benchmarks.ceiling MODEL.pth [MODEL.pth ...] --data FOLDER

Each model segments the frames of the split `train` that it was not trained on. The distances
between its outlines and the drawn ones have a spread, from cell to cell and along a cell. The drawn
outlines are then moved at random and scored against themselves: by the full spread, as if all of it
were the annotator's; by the spread over the square root of 2, as if net and annotator had equal
shares; and by fixed numbers of pixels. Writes benchmarks/ceiling.csv, for all frames and for those
of large and of thin cells. The frames of the split `test` are not touched.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from benchmarks.held_out import labelled_frames, unseen
from model.boundary import Spread, boundary_offsets, normalized_surface_distance, perturb, spread_of
from model.evaluation import truth_and_mask, write_masks
from model.metrics import score_frame
from preprocess.layout import BENCHMARKS
from preprocess.tiff import atomic_path

TABLE = BENCHMARKS / "ceiling.csv"
LEVELS = (1, 2, 3, 4)  # spread [px]
LARGE = 2000  # median cell area from which a frame is one of large cells [px]
TOLERANCE = 3  # of the NSD [px]
Pair = tuple[np.ndarray, np.ndarray]  # true and predicted cells of a frame


def segmented(models: list[Path], known: pd.DataFrame) -> list[Pair]:
    """True and predicted cells of the frames that a model has not seen."""
    pairs = []
    for segmenter, frames in unseen(models, known):
        with TemporaryDirectory() as folder:
            write_masks(segmenter, frames, Path(folder))
            pairs += [truth_and_mask(frame, Path(folder)) for frame in frames.itertuples()]
    return pairs


def has_large_cells(truth: np.ndarray) -> bool:
    """Whether half of the cells of a label image, or more, have an area of `LARGE` or more."""
    _, areas = np.unique(truth[truth > 0], return_counts=True)
    return bool(len(areas)) and np.median(areas) >= LARGE


def mean_scores(pairs: list[Pair]) -> dict[str, float]:
    """Mean scores over frames."""
    names = ["IoU", "AP50", "mSA", "SEG"]
    table = pd.DataFrame([score_frame(*pair) for pair in pairs])[names]
    table["NSD"] = [normalized_surface_distance(*pair, TOLERANCE) for pair in pairs]
    return table.mean().to_dict()


def ceiling(pairs: list[Pair], seed: int = 0) -> pd.DataFrame:
    """Scores of a net, and of outlines moved at random as far as the net's are off or less.

    Parameters
    ----------
    pairs : list of (truth, predicted)
        Both (H, W) integer ndarray, 0 = background, one id per cell.
    seed : int
        Draws the noise, the same for every size of it.

    Returns
    -------
    DataFrame
        outlines, whose they are; spread_px, its parts between_px and within_px, and length_px, see
        `model.boundary.Spread` [px]; IoU, AP50, mSA and SEG, see `model.metrics.score_frame`; NSD
        at 3 px.
    """
    offsets = pd.concat([boundary_offsets(*pair) for pair in pairs])
    spread = spread_of(offsets)
    moved = {"full spread": spread, "spread / sqrt 2": spread.scaled(0.5**0.5)}
    moved |= {f"{level} px": spread.scaled(level / spread.total) for level in LEVELS}
    rows = [_row("net", spread, pairs)]
    for outlines, size in moved.items():
        rng = np.random.default_rng(seed)
        drawn = [(truth, perturb(truth, size, rng)) for truth, _ in pairs]
        rows.append(_row(outlines, size, drawn))
    return pd.DataFrame(rows)


def _row(outlines: str, spread: Spread, pairs: list[Pair]) -> dict[str, str | float]:
    sizes = {f"{name}_px": size for name, size in spread._asdict().items()}
    return {"outlines": outlines, "spread_px": spread.total, **sizes, **mean_scores(pairs)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL.pth")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--table", type=Path, default=TABLE, help="file to write")
    options = parser.parse_args()
    pairs = segmented(options.models, labelled_frames(options.data))
    if not pairs:
        parser.error("each model was trained on all frames")
    groups = {
        "all": pairs,
        "large cells": [pair for pair in pairs if has_large_cells(pair[0])],
        "thin cells": [pair for pair in pairs if not has_large_cells(pair[0])],
    }
    tables = {(name, len(group)): ceiling(group) for name, group in groups.items() if group}
    table = pd.concat(tables, names=["group", "frames"]).reset_index(level=[0, 1]).round(4)
    with atomic_path(options.table) as temporary:
        table.to_csv(temporary, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
