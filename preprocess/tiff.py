"""TIFF in and out, PNG in: pages, pixel size, and files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite, nan
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
import tifffile

from preprocess.damage import AGAIN, TiffError, opened, require_whole
from preprocess.header import Header, Planes, Selection, is_white_zero, pixel_size_of, planes_of
from preprocess.png import ENDING, png_header, png_pixel_size, read_png

ENDINGS = (".tif", ".tiff", ENDING)
_UMASK = Lock()  # the process has one


def umask() -> int:
    """Rights that new files do not get. To read them is to set them, for an instant."""
    with _UMASK:
        mask = os.umask(0)
        os.umask(mask)
    return mask


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Temporary path beside `path` that takes its place when the block ends without an error.

    A reader sees the old file or the new one, never half of one; the data are on the disk before
    the name changes.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~umask())  # mkstemp makes files that only their owner may read
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


class _Pixels(NamedTuple):
    """One page as stored: (H, W) values, and what they mean."""

    values: np.ndarray
    is_palette: bool
    is_inverted: bool


def _is_png(path: Path) -> bool:
    return path.suffix.lower() == ENDING


def _read_page(path: Path, planes: Planes, index: int) -> _Pixels:
    if index >= len(planes.numbers):
        raise TiffError(path, f"{len(planes.numbers)} pages", f"page {index}", AGAIN)
    page = planes.series[int(planes.numbers[index])]
    require_whole(path, page)
    values = page.asarray()
    if planes.sample >= 0:
        values = values.take(planes.sample, axis=page.keyframe.axes.index("S"))
    if values.ndim != 2:  # noqa: PLR2004
        raise TiffError(path, f"a page of shape {values.shape}", "(H, W)", AGAIN)
    is_palette = page.keyframe.photometric == tifffile.PHOTOMETRIC.PALETTE
    return _Pixels(values, is_palette, is_white_zero(page.keyframe))


@contextmanager
def _frames(
    path: Path, selection: Selection = Selection()
) -> Iterator[tuple[Header, Callable[[int], _Pixels]]]:
    """Header of a file, and what reads one of its pages."""
    if _is_png(path):
        yield png_header(path, selection), lambda _: _Pixels(*read_png(path, selection), False)
        return
    with opened(path) as file:
        planes = planes_of(path, file, selection)
        yield planes.header, lambda index: _read_page(path, planes, index)


def read_header(path: str | Path, selection: Selection = Selection()) -> Header:
    """Axes and photometric interpretation.

    Raises
    ------
    TiffError
        If the file is damaged, has several series or channels of which none is chosen, or axes
        other than time and channels before Y, X.
    """
    with _frames(Path(path), selection) as (header, _):
        return header


def page_count(path: str | Path, selection: Selection = Selection()) -> int:
    """Number of single-channel pages in a file, which are taken for frames in time.

    Raises
    ------
    TiffError
        As `read_header`.
    """
    return read_header(path, selection).pages


def _image(path: Path, pixels: _Pixels) -> np.ndarray:
    if pixels.is_palette:
        remedy = "convert it to grey scale (ImageJ: Image > Lookup Tables > Grays)"
        raise TiffError(path, "colours from a palette", "intensities", remedy)
    values = pixels.values
    if values.dtype == bool:
        return values.astype(np.uint8)  # percentiles subtract, which bool cannot
    if pixels.is_inverted:
        return ~values if values.dtype.kind in "ui" else -values
    return values


def _label(path: Path, pixels: _Pixels) -> np.ndarray:
    label = pixels.values
    with np.errstate(invalid="ignore"):  # NaN is refused below
        whole = label.astype(np.int32)
    if not np.array_equal(whole, label) or whole.min(initial=0) < 0:
        found = f"values that are no ids (from {label.min()} to {label.max()})"
        remedy = "was the label resized with interpolation? export it again without"
        raise TiffError(path, found, "whole numbers from 0", remedy)
    return whole


def read_image(path: str | Path, page: int = 0, selection: Selection = Selection()) -> np.ndarray:
    """One frame as it was recorded.

    Parameters
    ----------
    path : str or Path
        TIFF or PNG.
    page : int
        Which page of a stack, from 0; of several channels, among those of the chosen one.
    selection : Selection

    Returns
    -------
    (H, W) ndarray
        uint8, uint16, float32 or what else the file holds, intensities as recorded; inverted where
        the file says that white is zero.

    Raises
    ------
    TiffError
        As `read_header`, or if the page is damaged or has the colours of a palette.
    """
    path = Path(path)
    with _frames(path, selection) as (_, read):
        return _image(path, read(page))


def read_label(path: str | Path, page: int = 0) -> np.ndarray:
    """One label image as it was drawn, ids never renumbered, colours of its display ignored.

    Returns
    -------
    (H, W) int32 ndarray

    Raises
    ------
    TiffError
        As `read_header`, or if the page is damaged or holds values that are not whole and at
        least 0.
    """
    path = Path(path)
    with _frames(path) as (_, read):
        return _label(path, read(page))


def read_pages(
    path: str | Path, labels: bool = False, selection: Selection = Selection()
) -> Iterator[np.ndarray]:
    """All pages of a file one after another, each as `read_image` or `read_label` gives it.

    Raises
    ------
    TiffError
        As `page_count`, `read_image` and `read_label`.
    """
    path = Path(path)
    decode = _label if labels else _image
    with _frames(path, selection) as (header, read):
        for index in range(header.pages):
            yield decode(path, read(index))


def read_pixel_size(path: str | Path, selection: Selection = Selection()) -> float:
    """Side of a pixel from the metadata (OME, ImageJ, or the resolution tags) [um]; NaN if unsaid.

    Raises
    ------
    TiffError
        If the file is damaged, or has several series of which none is chosen.
    """
    path = Path(path)
    if _is_png(path):
        return png_pixel_size(path)
    with opened(path) as file:
        return pixel_size_of(path, file, selection.series)


def write_tiff(path: Path, array: np.ndarray, pixel_size_um: float = nan) -> None:
    """Write a frame or a label as a deflate-compressed TIFF that ImageJ opens.

    Parameters
    ----------
    path : Path
        In a folder that exists; an earlier file is replaced in one step.
    array : (H, W) ndarray
        bool is written as 0 and 255; labels up to 65,535 as uint16, larger ones as uint32.
    pixel_size_um : float
        Side of a pixel [um]; NaN leaves it out.

    Raises
    ------
    ValueError
        If the ids do not fit into uint32.
    """
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    if array.dtype.kind in "iu" and array.dtype.itemsize > 2:  # noqa: PLR2004
        low, high = array.min(initial=0), array.max(initial=0)
        if low < 0 or high > np.iinfo(np.uint32).max:
            raise ValueError(f"{path}: ids from {low} to {high}; expected 0 to 4,294,967,295")
        array = array.astype(np.uint16 if high <= np.iinfo(np.uint16).max else np.uint32)
    imagej = array.dtype in (np.uint8, np.uint16, np.float32)
    options: dict = {}
    if isfinite(pixel_size_um):
        per_um = 1 / pixel_size_um
        options = {"resolution": (per_um, per_um), "metadata": {"unit": "um"}}
        if not imagej:
            options = {"resolution": (per_um * 1e4, per_um * 1e4), "resolutionunit": "CENTIMETER"}
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            array,
            compression="zlib",
            predictor=array.dtype.kind in "iu",
            imagej=imagej,
            **options,
        )
