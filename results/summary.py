"""What is written once all frames of a folder are done: the tables, and the movies."""

import re

from natsort import natsorted

from results.outlines import write_movie
from results.store import Store
from results.tables import CELL_COLUMNS, FRAME_COLUMNS, write_table

MAX_BYTES = 2**32 - 2**25  # of a TIFF with 32-bit offsets, room for its headers left
UNFIT = r'[\\/:*?"<>|]'  # for the name of a file


def write_tables(store: Store) -> None:
    """Replace frames.csv and cells.csv, with all complete frames of the folder."""
    records = store.records().values()
    write_table(store.root / "frames.csv", FRAME_COLUMNS, (r["frame"] for r in records))
    cells = (cell for record in records for cell in record["cells"])
    write_table(store.root / "cells.csv", CELL_COLUMNS, cells)


def write_movies(store: Store) -> list[str]:
    """Replace the movies, one of each sequence of two or more frames.

    Returns
    -------
    list of str
        Sequences without a movie, and why.
    """
    frames = [record["frame"] for record in store.records().values()]
    sequences: dict[str, list[dict]] = {}
    for frame in natsorted(frames, key=lambda frame: (frame["t"], frame["frame"])):
        sequences.setdefault(frame["sequence"], []).append(frame)
    long = {name: rows for name, rows in natsorted(sequences.items()) if len(rows) > 1}
    for old in store.root.glob("overlay*.tif"):
        old.unlink()
    left_out = []
    for name, rows in long.items():
        row = rows[0]
        end = "" if len(long) == 1 else f"_{re.sub(UNFIT, '_', name)}"
        if len({(row["height"], row["width"], str(row["pixel_size_um"])) for row in rows}) > 1:
            left_out.append(f"no movie of {name or 'the frames'}: they differ in size")
            continue
        if 3 * row["height"] * row["width"] * len(rows) > MAX_BYTES:
            left_out.append(f"no movie of {name or 'the frames'}: more than ImageJ's 4 GB")
            continue
        names = [row["frame"] for row in rows]
        pictures = [store.path("outlines", frame) for frame in names]
        if not all(picture.exists() for picture in pictures):
            left_out.append(f"no movie of {name or 'the frames'}: they are too large for pictures")
            continue
        write_movie(store.root / f"overlay{end}.tif", pictures, names, row["pixel_size_um"])
    return left_out
