"""Frame after frame: the results of one are written while the next is segmented.

A frame that is too large for memory is written as it is segmented.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from math import nan, prod

from model.inference import Segmenter
from preprocess.faults import Fault
from results.frame import segment_frame, write_frame
from results.inputs import Source
from results.store import Store
from results.tables import frame_row


def segment(source: Source, segmenter: Segmenter, store: Store) -> Callable[[], dict[str, object]]:
    """Segment one frame.

    Parameters
    ----------
    source : Source
    segmenter : Segmenter
    store : Store

    Returns
    -------
    function
        Writes the results, the record last, and returns the frame's row of status.csv.

    Raises
    ------
    ValueError
        If the frame is damaged or unfit.
    """
    start, given = time.perf_counter(), store.options
    size = given.pixel_size_um or source.pixel_size_um
    zoom = segmenter.zoom(size, given.cell_diameter_px or nan)
    if source.is_large:
        from results.mosaic import write_mosaic  # pandas: only where needed

        rows, faults = write_mosaic(source, segmenter, store, zoom, size)
        return lambda: write_record(source, store, rows, size, faults, start)

    found = segment_frame(source, segmenter, zoom)

    def write() -> dict[str, object]:
        rows = write_frame(found, source.name, store, size)
        return write_record(source, store, rows, size, found.faults, start)

    return write


def write_record(
    source: Source,
    store: Store,
    rows: list[dict[str, object]],
    pixel_size_um: float,
    faults: list[Fault],
    start: float,
) -> dict[str, object]:
    """Write the record of a frame, which makes it complete.

    Parameters
    ----------
    source : Source
    store : Store
        Holds the frame's other results.
    rows : list of dict
        Its cells, as `results.tables.cell_rows`.
    pixel_size_um : float
        Side of a pixel [um]; NaN if unknown.
    faults : list of Fault
        What to warn of.
    start : float
        When its reading began, by `time.perf_counter` [s].

    Returns
    -------
    dict
        Its row of status.csv.
    """
    place = {"frame": source.name, "sequence": source.sequence, "t": source.t}
    cells = [row | place for row in rows]
    covered = sum(row["area_px"] for row in rows) / prod(source.shape)
    frame = frame_row(source.shape, covered, pixel_size_um, cells)
    status = {
        "file": source.file,
        "frame": source.name,
        "state": "done",
        "cells": len(cells),
        "seconds": round(time.perf_counter() - start, 2),
        "message": "; ".join(f"{fault.found}: {fault.remedy}" for fault in faults),
    }
    row = frame | place | {"file": source.file, "page": source.page}
    store.keep(source, row, cells, status, ["outlines"] if source.is_large else [])
    return status


def overlapped(
    todo: list[Source], segmenter: Segmenter, store: Store
) -> Iterator[tuple[Source, Future]]:
    """Segment and write frames, in order.

    Parameters
    ----------
    todo : list of Source
    segmenter : Segmenter
    store : Store

    Yields
    ------
    source : Source
    row : Future
        Its row of status.csv, or what ails it. It is to be looked at before the next is asked for:
        nothing is written after a failure that ends the run.
    """
    with ThreadPoolExecutor(1) as writer:
        earlier = None
        for source in todo:
            store.forget(source.name)
            row, write = Future(), None
            try:
                write = segment(source, segmenter, store)
            except Exception as error:  # whatever ails one frame
                row.set_exception(error)
            if earlier:
                yield earlier
                earlier = None
            if write is None:
                yield source, row
            else:
                earlier = source, writer.submit(write)
        if earlier:
            yield earlier
