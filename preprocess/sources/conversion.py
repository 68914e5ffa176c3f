"""Outlines of other programs brought into the layout of a data set, whole or not at all."""

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite, nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from preprocess.damage import TiffError
from preprocess.header import Selection
from preprocess.labels import IGNORE
from preprocess.tiff import page_count, read_image, read_pixel_size, umask, write_tiff

FIRST = Selection(0, 0)  # of whatever a file holds: for its shape


class ConversionError(ValueError):
    """A source that cannot be converted; the message lists every offender."""


class Outlines(NamedTuple):
    """Cells of one frame.

    Parameters
    ----------
    label : (H, W) int32 ndarray
        0 = background, one id per cell.
    overlapped : int
        Pixels in which a cell was painted over an earlier one [px].
    hidden : int
        Cells without a pixel of their own: painted over, or outside the frame.
    """

    label: np.ndarray
    overlapped: int = 0
    hidden: int = 0


@dataclass(frozen=True)
class Source:
    """One frame to be converted.

    Parameters
    ----------
    name : str
        Stem of its files in the data set.
    split : str
        train, validation or test.
    image : Path
        TIFF or PNG.
    draw : callable, optional
        Gives the `Outlines` in a frame of shape (H, W); None for a frame without outlines.
    page : int
        Of a stack, which is taken apart; -1: the file is one frame.
    sequence : str
    t : int
        Position in the sequence; -1 if unsaid.
    """

    name: str
    split: str
    image: Path
    draw: Callable[[tuple[int, int]], Outlines] | None = None
    page: int = -1
    sequence: str = ""
    t: int = -1


@dataclass
class Found:
    """What a source holds.

    Parameters
    ----------
    sources : list of Source
    offenders : list of TiffError
        What cannot be converted.
    extras : dict of str to Path
        Files that are copied as they are, by their place in the data set.
    """

    sources: list[Source] = field(default_factory=list)
    offenders: list[TiffError] = field(default_factory=list)
    extras: dict[str, Path] = field(default_factory=dict)


def paint(masks: Iterable[np.ndarray], shape: tuple[int, int]) -> Outlines:
    """One id per cell, in the order of the masks; where cells overlap, the later one wins.

    Parameters
    ----------
    masks : iterable of (H, W) bool ndarray
    shape : (int, int)
        H, W [px].

    Raises
    ------
    ValueError
        If there are 65,535 cells or more: that value marks pixels nobody annotated.
    """
    label = np.zeros(shape, np.int32)
    number = overlapped = 0
    for number, mask in enumerate(masks, start=1):
        if number == IGNORE:
            raise ValueError(f"more than {IGNORE - 1:,} cells in a frame")
        overlapped += np.count_nonzero(label[mask])
        label[mask] = number
    return Outlines(label, overlapped, number - len(np.setdiff1d(label, 0)))


def _copies(sources: list[Source]) -> Iterator[TiffError]:
    """Frames whose files would have the same name."""
    key = [(source.split, source.name.casefold()) for source in sources]
    counts = Counter(key)
    for source, place in zip(sources, key, strict=True):
        if counts[place] > 1:
            found = f"the frame name {source.name}, {counts[place]} times in {source.split}"
            yield TiffError(source.image, found, "one frame a name", "rename the file")


def _write_image(source: Source, folder: Path, selection: Selection) -> tuple[Path, tuple]:
    """Copy a file that is one frame, else write the chosen page, channel and series."""
    folder.mkdir(parents=True, exist_ok=True)
    if source.page < 0:
        pages = page_count(source.image, FIRST if selection == Selection() else selection)
        if pages != 1:
            raise TiffError(source.image, f"{pages} pages", "one", "save its frames one by one")
    if source.page < 0 and selection == Selection():
        image = read_image(source.image, 0, FIRST)
        path = folder / f"{source.name}{source.image.suffix}"
        shutil.copyfile(source.image, path)
    else:
        image = read_image(source.image, max(source.page, 0), selection)
        path = folder / f"{source.name}.tif"
        write_tiff(path, image, read_pixel_size(source.image, selection))
    return path, image.shape


def _write(source: Source, root: Path, selection: Selection) -> dict[str, object]:
    """Write one frame and its label; returns its row."""
    split = root / source.split
    path, shape = _write_image(source, split / "images", selection)
    row: dict[str, object] = {
        "file": path.relative_to(root).as_posix(),
        "split": source.split,
        "sequence": source.sequence,
        "t": source.t if source.t >= 0 else "",
        "labelled": source.draw is not None,
    }
    if source.draw is None:
        return row
    outlines = source.draw(shape)
    (split / "labels").mkdir(exist_ok=True)
    write_tiff(split / "labels" / f"{source.name}.tif", outlines.label)
    cells = len(np.setdiff1d(outlines.label, (0, IGNORE)))
    return row | {
        "cells": cells,
        "overlapped": outlines.overlapped,
        "hidden": outlines.hidden,
    }


@contextmanager
def _whole_folder(target: Path) -> Iterator[Path]:
    """Temporary folder beside `target` that takes its place when the block ends without error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    name = tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        yield Path(name)
        os.chmod(name, 0o777 & ~umask())  # mkdtemp makes folders that only their owner may enter
        if target.exists():
            target.rmdir()
        os.replace(name, target)
    finally:
        shutil.rmtree(name, ignore_errors=True)


def require_empty(target: Path) -> None:
    """Refuse a target that is a file, or a folder that holds anything.

    Raises
    ------
    ConversionError
    """
    if target.exists() and not target.is_dir():
        raise ConversionError(f"{target}: a file; expected a new folder")
    there = sorted(path.name for path in target.iterdir()) if target.is_dir() else []
    if there:
        shown = ", ".join(there[:3]) + (", ..." if len(there) > 3 else "")  # noqa: PLR2004
        raise ConversionError(
            f"{target}: holds {shown}; expected a new or empty folder; nothing was written"
        )


def write_dataset(
    found: Found,
    target: Path,
    pixel_size_um: float = nan,
    interval_s: float = nan,
    selection: Selection = Selection(),
) -> pd.DataFrame:
    """Write what a source holds as a data set.

    Parameters
    ----------
    found : Found
    target : Path
        Missing or empty; appears whole or not at all.
    pixel_size_um, interval_s : float
        For frames.csv [um], [s]; NaN if unknown.
    selection : Selection
        Channel and series to keep; by default image files are copied as they are.

    Returns
    -------
    DataFrame
        One row a frame: file, split, sequence, t, labelled, cells, overlapped [px], hidden.

    Raises
    ------
    ConversionError
        With every frame that cannot be converted; nothing is written then.
    """
    require_empty(target)
    offenders: list[ValueError] = [*found.offenders, *_copies(found.sources)]
    rows = []
    with _whole_folder(target) as root:
        for source in tqdm(found.sources, unit="frame", file=sys.stderr):
            try:
                rows.append(_write(source, root, selection))
            except TiffError as error:
                offenders.append(error)
            except ValueError as error:
                offenders.append(ValueError(f"{source.image}: {error}"))
        if offenders:
            listed = "\n".join(f"  {line}" for line in dict.fromkeys(map(str, offenders)))
            raise ConversionError(f"nothing was written; {len(offenders)} offenders\n{listed}")
        counts = {"labelled": False, "cells": 0, "overlapped": 0, "hidden": 0}
        table = pd.DataFrame(rows, columns=["file", "split", "sequence", "t", *counts])
        table = table.fillna(counts).astype({name: type(n) for name, n in counts.items()})
        described = table[["file", "split", "sequence", "t"]]
        for column, value in (("pixel_size_um", pixel_size_um), ("interval_s", interval_s)):
            described = described.assign(**{column: value if isfinite(value) else ""})
        described.to_csv(root / "frames.csv", index=False)
        for place, path in found.extras.items():
            shutil.copyfile(path, root / place)
    return table
