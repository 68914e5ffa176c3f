"""Frames too large for memory: TIFF pages and labels that lie in files and are read in pieces."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from math import isfinite, nan
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tifffile

from preprocess.damage import AGAIN, TiffError, opened, require_whole
from preprocess.header import Selection, is_white_zero, planes_of
from preprocess.png import ENDING
from preprocess.tiff import atomic_path, read_image

LARGE = 2**23  # pixels of the largest frames that are better read whole
TILE = 512  # side of the tiles of a written TIFF [px]
CLASSIC = 2**32 - 2**25  # bytes that a TIFF can hold without being a BigTIFF


@contextmanager
def mapped_image(
    path: Path, page: int, folder: Path, selection: Selection = Selection()
) -> Iterator[np.ndarray]:
    """One frame as `preprocess.tiff.read_image` gives it, unpacked into a temporary file.

    A PNG, which cannot hold the largest frames, is read into memory.

    Parameters
    ----------
    path : Path
    page : int
        Which page of a stack, from 0.
    folder : Path
        Where the temporary file lies until the block ends; it needs as many bytes as the frame has
        uncompressed.
    selection : Selection
        Which channel and series; see `preprocess.header.Selection`.

    Yields
    ------
    (H, W) ndarray
        To be read; mapped from the file.

    Raises
    ------
    TiffError
        If the page is damaged or is not a single-channel picture.
    """
    path = Path(path)
    if path.suffix.lower() == ENDING:
        yield read_image(path, page, selection)
        return
    with TemporaryDirectory(".tmp", f".{path.name}.", folder) as scratch:
        with opened(path) as file:
            planes = planes_of(path, file, selection)
            if page >= len(planes.numbers):
                raise TiffError(path, f"{len(planes.numbers)} pages", f"page {page}", AGAIN)
            plane = planes.series[int(planes.numbers[page])]
            require_whole(path, plane)
            tags = plane.keyframe
            if tags.photometric == tifffile.PHOTOMETRIC.PALETTE or tags.dtype.kind not in "uif":
                remedy = "convert it to grey scale (ImageJ: Image > Type > 16-bit)"
                raise TiffError(path, "a palette or mask", "intensities", remedy)
            image = plane.asarray(out=f"{scratch}/image")
            if planes.sample >= 0:
                image = np.moveaxis(image, tags.axes.index("S"), 0)[planes.sample]
            if is_white_zero(tags):
                turn = np.negative if image.dtype.kind == "f" else np.invert
                turn(image, out=image)
        yield image
        del image


@contextmanager
def mapped_label(shape: tuple[int, int], folder: Path) -> Iterator[np.memmap]:
    """An empty label image (H, W) uint32 in a temporary file of a folder."""
    with TemporaryDirectory(".tmp", ".label.", folder) as scratch:
        label = np.memmap(f"{scratch}/label", np.uint32, "w+", shape=shape)
        yield label
        del label


def write_large_label(
    path: Path, label: np.ndarray, numbers: np.ndarray, pixel_size_um: float = nan
) -> None:
    """Write a label image tile by tile as a deflate-compressed TIFF, its cells renumbered.

    Parameters
    ----------
    path : Path
        In a folder that exists; an earlier file is replaced in one step.
    label : (H, W) integer ndarray
        May be mapped from a file.
    numbers : (K + 1,) integer ndarray
        What becomes of label k, 0 of 0. Up to 65,535 they are written as uint16, else as uint32.
    pixel_size_um : float
        Side of a pixel [um]; NaN leaves it out.
    """
    numbers = numbers.astype(np.uint16 if numbers.max() <= np.iinfo(np.uint16).max else np.uint32)

    def parts() -> Iterator[np.ndarray]:
        for row, column in product(*(range(0, size, TILE) for size in label.shape)):
            part = numbers[label[row : row + TILE, column : column + TILE]]
            yield np.pad(part, [(0, TILE - size) for size in part.shape])

    options: dict = {}
    if isfinite(pixel_size_um):
        per_cm = 1e4 / pixel_size_um
        options = {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            parts(),
            shape=label.shape,
            dtype=numbers.dtype,
            tile=(TILE, TILE),
            compression="zlib",
            predictor=True,
            bigtiff=label.size * numbers.itemsize > CLASSIC,
            **options,
        )
