"""Results of a frame that is read whole: labels, outlines, a picture, and rows of the table."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from preprocess.faults import Fault, image_faults
from preprocess.tiff import write_tiff
from results.inputs import Source
from results.outlines import write_outlines
from results.rois import cell_rois, write_rois
from results.store import Store
from results.tables import cell_rows

if TYPE_CHECKING:  # torch takes seconds
    from model.inference import Segmenter


class FrameError(ValueError):
    """A frame that can be read, but not be used."""


def usable_faults(image: np.ndarray) -> list[Fault]:
    """What to warn of in a frame (H, W) that can be used.

    Raises
    ------
    FrameError
        If it cannot.
    """
    faults = [*image_faults(image)]
    for fault in faults:
        if fault.severity == "error":
            raise FrameError(f"{fault.found}; expected {fault.expected}; {fault.remedy}")
    return faults


class FoundCells(NamedTuple):
    """A frame and its cells.

    Parameters
    ----------
    image : (H, W) ndarray
        As recorded.
    label : (H, W) int32 ndarray
    confidence : (K,) float32 ndarray
        Of each cell, [0, 1].
    faults : list of Fault
        What to warn of.
    """

    image: np.ndarray
    label: np.ndarray
    confidence: np.ndarray
    faults: list[Fault]


def segment_frame(source: Source, segmenter: "Segmenter", zoom: float) -> FoundCells:
    """Read a frame and find its cells.

    Parameters
    ----------
    source : Source
    segmenter : Segmenter
    zoom : float
        See `model.inference.Segmenter.zoom`.

    Returns
    -------
    FoundCells

    Raises
    ------
    TiffError
        If its file is damaged.
    FrameError
        If it cannot be used.
    """
    image = source.read()
    faults = usable_faults(image)
    (label, confidence), _ = segmenter.segment(image, zoom)
    return FoundCells(image, label, confidence, faults)


def write_frame(
    found: FoundCells, name: str, store: Store, pixel_size_um: float
) -> list[dict[str, object]]:
    """Write labels, regions of interest and picture of a frame.

    Parameters
    ----------
    found : FoundCells
    name : str
        Of the frame.
    store : Store
    pixel_size_um : float
        Side of a pixel [um]; NaN if unknown.

    Returns
    -------
    list of dict
        As `results.tables.cell_rows`.
    """
    image, label, confidence, _ = found
    write_tiff(store.path("labels", name), label, pixel_size_um)
    write_rois(store.path("rois", name), cell_rois(label))
    write_outlines(store.path("outlines", name), image, label, pixel_size_um)
    return cell_rows(label, image, confidence, pixel_size_um)
