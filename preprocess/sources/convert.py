"""Data sets in other forms, converted on the command line.

python -m preprocess.sources.convert ctc PhC-C2DL-PSC --to PSC --pixel-size-um 1.6
python -m preprocess.sources.convert coco livecell_coco_train.json --images images --to LIVECell
python -m preprocess.sources.convert roi my_outlines --to my_frames
"""

import argparse
import sys
from math import inf, nan
from pathlib import Path

import pandas as pd

from preprocess.header import Selection
from preprocess.layout import SPLITS
from preprocess.sources import coco, ctc, roi
from preprocess.sources.conversion import ConversionError, Found, require_empty, write_dataset


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < inf:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0")
    return value


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--to", type=Path, required=True, help="a new folder: the data set")
    common.add_argument("--split", choices=SPLITS, default="", help="where outlined frames go")
    common.add_argument("--pixel-size-um", type=_positive, default=nan, help="side of a pixel [um]")
    common.add_argument("--interval-s", type=_positive, default=nan, help="time between frames [s]")
    common.add_argument("--channel", type=int, default=-1, help="of several, from 0")
    common.add_argument("--series", type=int, default=-1, help="of several, from 0")
    parser = argparse.ArgumentParser(description="Convert frames with outlines into a data set.")
    forms = parser.add_subparsers(dest="form", required=True)
    form = forms.add_parser("ctc", parents=[common], help="Cell Tracking Challenge: 01, 01_GT ...")
    form.add_argument("source", type=Path, help="folder with 01/, 01_GT/, 01_ST/ ...")
    form = forms.add_parser("coco", parents=[common], help="COCO instances, as LIVECell")
    form.add_argument("source", type=Path, nargs="+", help="JSON files, or a folder with some")
    form.add_argument("--images", type=Path, help="folder below which the images lie")
    form = forms.add_parser("roi", parents=[common], help="ImageJ's ROI Manager: NAME.zip, .roi")
    form.add_argument("source", type=Path, help="folder with images and outlines")
    return parser


def _find(options: argparse.Namespace) -> Found:
    sources = options.source if options.form == "coco" else [options.source]
    folders = sources if options.form == "coco" else [path for path in sources if path.is_dir()]
    missing = [str(path) for path in sources if not path.exists() or path not in folders]
    if options.form == "coco" and options.images and not options.images.is_dir():
        missing.append(str(options.images))
    if missing:
        raise ConversionError(f"{', '.join(missing)}: no such folder")
    if options.form == "ctc":
        return ctc.find(options.source, options.split)
    if options.form == "coco":
        return coco.find(options.source, options.images, options.split)
    return roi.find(options.source, options.split, Selection(options.channel, options.series))


def _summary(table: pd.DataFrame) -> pd.DataFrame:
    """Frames, cells, and what overlapped, by split."""
    by_split = table.groupby("split")
    sums = by_split[["labelled", "cells", "overlapped", "hidden"]].sum()
    sums.insert(0, "frames", by_split.size())
    names = {"overlapped": "pixels painted over", "hidden": "cells without a pixel"}
    return sums.rename(columns=names).reset_index()


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    selection = Selection(options.channel, options.series)
    sizes = options.pixel_size_um, options.interval_s
    try:
        require_empty(options.to)
        table = write_dataset(_find(options), options.to, *sizes, selection)
    except (ConversionError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(_summary(table).to_string(index=False))
    print(f"{options.to}: written; next: make check DATA={options.to}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
