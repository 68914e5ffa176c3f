"""Frame after frame: the results of one are written while the next is segmented."""

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


def segment(source: Source, segmenter: Segmenter, store: Store) -> Callable[[], dict]:
    """Segment one frame; what is returned writes its results and gives its row of status.csv.

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
        return lambda: complete(source, store, rows, faults, start)

    found = segment_frame(source, segmenter, zoom)
    return lambda: complete(
        source, store, write_frame(found, source.name, store, size), found.faults, start
    )


def complete(
    source: Source, store: Store, rows: list[dict], faults: list[Fault], start: float
) -> dict[str, object]:
    """Write the record of a frame whose results are written.

    Returns
    -------
    dict
        Its row of status.csv.
    """
    place = {"frame": source.name, "sequence": source.sequence, "t": source.t}
    size = store.options.pixel_size_um or source.pixel_size_um
    cells = [row | place for row in rows]
    covered = sum(row["area_px"] for row in rows) / prod(source.shape)
    frame = frame_row(source.shape, covered, size, cells)
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
    """Frames and their rows to come: one is written while the next is segmented.

    A frame is not written before the row of the one ahead of it was looked at.
    """
    with ThreadPoolExecutor(1) as writer:
        earlier = None
        for source in todo:
            store.forget(source.name)
            write = _segmented(source, segmenter, store)
            if earlier:
                yield earlier
            earlier = source, writer.submit(write)
        if earlier:
            yield earlier


def _segmented(source: Source, segmenter: Segmenter, store: Store) -> Callable[[], dict]:
    """`segment`, but what is raised is raised when the results shall be written."""
    try:
        return segment(source, segmenter, store)
    except Exception as error:  # whatever ails one frame
        fault = error

    def fail() -> dict:
        raise fault

    return fail
