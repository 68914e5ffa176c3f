"""Results of a frame too large for memory: labels, outlines, and rows of the table."""

from math import nan
from pathlib import Path

import numpy as np

from model.inference import Segmenter
from model.mosaic import Mosaic, find_cells
from preprocess.faults import Fault
from preprocess.large import mapped_image, mapped_label, write_large_label
from results.frame import usable_faults
from results.inputs import Source
from results.rois import cell_rois, write_rois
from results.store import Store
from results.tables import at_border, cell_rows


def mosaic_rows(
    mosaic: Mosaic, image: np.ndarray, pixel_size_um: float = nan
) -> list[dict[str, object]]:
    """`results.tables.cell_rows` of a mosaic, part by part.

    Parameters
    ----------
    mosaic : Mosaic
    image : (H, W) ndarray
        Intensities as recorded; may be mapped from a file.
    pixel_size_um : float
        Side of a pixel [um]; NaN leaves the columns in micrometres empty.
    """
    cut = set(mosaic.numbers[at_border(mosaic.label)].tolist())
    rows = []
    for window, label, cells in mosaic.parts():
        confidence = cells.confidence.to_numpy()
        for row in cell_rows(label, np.asarray(image[window]), confidence, pixel_size_um):
            row["row"] += window[0].start
            row["column"] += window[1].start
            row["touches_border"] = row["id"] in cut
            rows.append(row)
    return rows


def write_mosaic(
    source: Source, segmenter: Segmenter, store: Store, zoom: float, pixel_size_um: float
) -> tuple[list[dict[str, object]], list[Fault]]:
    """Segment a frame of any size and write its labels and regions of interest.

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
    target = store.path("labels", source.name)
    file, folder = Path(source.file), target.parent
    with (
        mapped_image(file, source.page, folder, source.selection) as image,
        mapped_label(image.shape, folder) as label,
    ):
        faults = usable_faults(image)
        mosaic = find_cells(segmenter, image, label, zoom)
        write_large_label(target, label, mosaic.numbers, pixel_size_um)
        parts = ((part, (r.start, c.start)) for (r, c), part, _ in mosaic.parts())
        rois = (roi for part, corner in parts for roi in cell_rois(part, corner))
        write_rois(store.path("rois", source.name), rois)
        return mosaic_rows(mosaic, image, pixel_size_um), faults
