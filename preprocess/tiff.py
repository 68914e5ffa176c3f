"""TIFF in and out: pages, pixel size, and files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite, nan
from pathlib import Path

import numpy as np
import tifffile

from preprocess.damage import TiffError, opened, require_whole
from preprocess.header import REMEDIES, Header, header_of, is_white_zero, pixel_size_of

ENDINGS = (".tif", ".tiff")


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
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp makes files that only their owner may read
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_header(path: str | Path) -> Header:
    """Axes and photometric interpretation.

    Raises
    ------
    TiffError
        If the file is damaged, has several series, colours, or axes other than time before Y, X.
    """
    path = Path(path)
    with opened(path) as file:
        return header_of(path, file)


def page_count(path: str | Path) -> int:
    """Number of single-channel pages in a file, which are taken for frames in time.

    Raises
    ------
    TiffError
        If the file is damaged, has several series, colours, or axes other than time before Y, X.
    """
    return read_header(path).pages


def _read_page(path: Path, file: tifffile.TiffFile, index: int) -> np.ndarray:
    require_whole(path, file, index)
    array = file.pages[index].asarray()
    if array.ndim != 2:  # noqa: PLR2004
        raise TiffError(path, f"a page of shape {array.shape}", "(H, W)", REMEDIES["S"])
    return array


def _image(path: Path, file: tifffile.TiffFile, index: int) -> np.ndarray:
    array = _read_page(path, file, index)
    keyframe = file.pages[index].keyframe
    if keyframe.photometric == tifffile.PHOTOMETRIC.PALETTE:
        remedy = "convert it to grey scale (ImageJ: Image > Lookup Tables > Grays)"
        raise TiffError(path, "colours from a palette", "intensities", remedy)
    if array.dtype == bool:
        return array.astype(np.uint8)  # percentiles subtract, which bool cannot
    if is_white_zero(keyframe):
        return ~array if array.dtype.kind in "ui" else -array
    return array


def _label(path: Path, file: tifffile.TiffFile, index: int) -> np.ndarray:
    label = _read_page(path, file, index)
    with np.errstate(invalid="ignore"):  # NaN is refused below
        whole = label.astype(np.int32)
    if not np.array_equal(whole, label) or whole.min(initial=0) < 0:
        found = f"values that are no ids (from {label.min()} to {label.max()})"
        remedy = "was the label resized with interpolation? export it again without"
        raise TiffError(path, found, "whole numbers from 0", remedy)
    return whole


def read_image(path: str | Path, page: int = 0) -> np.ndarray:
    """One frame as it was recorded.

    Parameters
    ----------
    path : str or Path
    page : int
        Which page of a stack, from 0.

    Returns
    -------
    (H, W) ndarray
        uint8, uint16, float32 or what else the file holds, intensities as recorded; inverted where
        the file says that white is zero.

    Raises
    ------
    TiffError
        If the page is damaged or is not a single-channel picture.
    """
    path = Path(path)
    with opened(path) as file:
        return _image(path, file, page)


def read_label(path: str | Path, page: int = 0) -> np.ndarray:
    """One label image as it was drawn, ids never renumbered, colours of its display ignored.

    Returns
    -------
    (H, W) int32 ndarray

    Raises
    ------
    TiffError
        If the page is damaged, or holds values that are not whole and at least 0.
    """
    path = Path(path)
    with opened(path) as file:
        return _label(path, file, page)


def read_pages(path: str | Path, labels: bool = False) -> Iterator[np.ndarray]:
    """All pages of a file one after another, each as `read_image` or `read_label` gives it.

    Raises
    ------
    TiffError
        As `page_count`, `read_image` and `read_label`.
    """
    path = Path(path)
    read = _label if labels else _image
    with opened(path) as file:
        for index in range(header_of(path, file).pages):
            yield read(path, file, index)


def read_pixel_size(path: str | Path) -> float:
    """Side of a pixel from the metadata (OME, ImageJ, or the resolution tags) [um]; NaN if unsaid.

    Raises
    ------
    TiffError
        If the file is damaged.
    """
    with opened(Path(path)) as file:
        return pixel_size_of(file)


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
