"""Results of a frame that is read whole: labels, outlines, a picture, and rows of the table."""

from typing import TYPE_CHECKING

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


def write_frame(
    source: Source, segmenter: "Segmenter", store: Store, zoom: float, pixel_size_um: float
) -> tuple[list[dict[str, object]], list[Fault]]:
    """Segment a frame and write its labels, regions of interest and picture.

    Parameters
    ----------
    source : Source
    segmenter : Segmenter
    store : Store
    zoom : float
        See `model.inference.Segmenter.zoom`.
    pixel_size_um : float
        Side of a pixel [um]; NaN if unknown.

    Returns
    -------
    cells : list of dict
        As `results.tables.cell_rows`.
    faults : list of Fault
        What to warn of.

    Raises
    ------
    ValueError
        If the frame is damaged or unfit.
    """
    image, name = source.read(), source.name
    faults = usable_faults(image)
    (label, confidence), _ = segmenter.segment(image, zoom)
    write_tiff(store.path("labels", name), label, pixel_size_um)
    write_rois(store.path("rois", name), cell_rois(label))
    write_outlines(store.path("outlines", name), image, label, pixel_size_um)
    return cell_rows(label, image, confidence, pixel_size_um), faults
