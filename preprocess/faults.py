"""What the pixels of one image or label tell about its fitness, and which images are the same."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from skimage.measure import label as connected_components

from preprocess.labels import IGNORE, kind

SATURATED_SHARE = 0.01
SPECK_SHARE = 0.1  # of the largest piece of an id; hand-drawn outlines leave specks below 1 %


class Fault(NamedTuple):
    """One reason for doubt, in half sentences; `severity` is error or warning."""

    severity: str
    found: str
    expected: str
    remedy: str


def image_faults(image: np.ndarray) -> Iterator[Fault]:
    """Faults of an image.

    Parameters
    ----------
    image : (H, W) ndarray
        Intensities as recorded.
    """
    if image.dtype.kind not in "buif":
        yield Fault("error", f"{image.dtype} pixels", "intensities", "export real numbers")
        return
    wrong = ~np.isfinite(image)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        found = f"{wrong.sum()} NaN or infinite pixels, the first in row {row}, column {column}"
        yield Fault("error", found, "finite intensities", "replace them or export it again")
        return
    highest = image.max()
    if highest == image.min():
        remedy = "leave it out if nothing was recorded; no cell will be found in it"
        yield Fault("warning", f"every pixel is {highest}", "a picture", remedy)
        return
    count = np.count_nonzero(image == highest)
    if count > max(1, SATURATED_SHARE * image.size):
        remedy = "record with less light or gain; what lies above is lost"
        found = f"{count / image.size:.1%} of the pixels at the highest value, {highest}"
        yield Fault("warning", found, f"at most {SATURATED_SHARE:.0%}", remedy)


def label_faults(label: np.ndarray) -> Iterator[Fault]:
    """Faults of a label image.

    Parameters
    ----------
    label : (H, W) int32 ndarray
        Binary or one id per cell; `IGNORE` marks pixels that nobody annotated.
    """
    cells = np.where(label == IGNORE, np.int32(0), label)
    if not cells.any():
        remedy = "leave it if there is no cell in the image, else outline the cells"
        yield Fault("warning", "all background", "cells", remedy)
    elif (label > 0).all():
        remedy = f"leave pixels without a cell 0; {IGNORE} marks those that nobody annotated"
        yield Fault("warning", "no background", "cells and background", remedy)
    if kind(label) == "cells":
        scattered = _ids_in_pieces(cells)
        if len(scattered):
            found = f"{len(scattered)} ids in several pieces (first: {scattered[0]})"
            remedy = "give every cell an id of its own, or leave it if the pieces are one cell"
            yield Fault("warning", found, "one piece an id", remedy)


def _ids_in_pieces(cells: np.ndarray) -> np.ndarray:
    """Ids on several components, diagonals included, without counting specks of a few pixels."""
    pieces, count = connected_components(cells, background=0, connectivity=2, return_num=True)
    id_of = np.zeros(count + 1, cells.dtype)
    id_of[pieces] = cells  # a piece has one id: the order of writing does not matter
    ids, which = np.unique(id_of[1:], return_inverse=True)
    area = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    largest = np.zeros(len(ids), area.dtype)
    np.maximum.at(largest, which, area)
    counted = area > SPECK_SHARE * largest[which]
    return ids[np.bincount(which[counted], minlength=len(ids)) > 1]


def symmetric_hash(image: np.ndarray) -> str:
    """Hash of an image's values, equal for its flipped and rotated copies and other dtypes.

    Parameters
    ----------
    image : (H, W) ndarray
        Finite.

    Returns
    -------
    str
        SHA-256 of the copy of the eight whose first row is smallest, so that one hash suffices
        unless first rows are equal.
    """
    with np.errstate(over="ignore"):
        values = image.astype(np.float32)
    if not np.array_equal(values, image):
        values = image.astype(np.float64)
    values = values + 0  # -0 becomes 0
    copies = [np.rot90(v, turns) for v in (values, values.T) for turns in range(4)]
    keys = [(copy.shape, copy[0].tobytes()) for copy in copies]
    least = min(keys)
    smallest = [copy for copy, key in zip(copies, keys, strict=True) if key == least]
    hashes = (hashlib.sha256(np.ascontiguousarray(copy)).hexdigest() for copy in smallest)
    return f"{least[0]} {min(hashes)}"
