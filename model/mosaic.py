"""Cells of frames too large for memory, read and written in pieces.

A mosaic is looked at in overlapping blocks. A cell belongs to the block whose core holds its
centre; there it is seen whole, unless it is longer than 380 px at the resolution of the net. It is
judged beside all cells of the mosaic, as in a frame.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from model.inference import MARGIN, Segmenter
from model.representation import Cells, Decoding, decode, surest
from model.tiles import Tile, Window, tiles
from preprocess.header import Selection
from preprocess.large import mapped_image, mapped_label, write_large_label
from preprocess.normalize import Normalization, intensity_limits

CORE = 1376  # side of the cores of blocks [px]: smaller ones take longer, larger ones more memory
SLACK = 8  # a centre may lie so much elsewhere in the next block [px]


class Mosaic(NamedTuple):
    """Cells of a mosaic, their label image in provisional numbers.

    Parameters
    ----------
    label : (H, W) uint32 ndarray
        May be mapped from a file.
    numbers : (N + 1,) int64 ndarray
        Id of each provisional number; 0 of what is no cell.
    cells : DataFrame
        id, 1 .. K; row and column of the centroid [px]; area_px; confidence, [0, 1]; block.
    windows : list of (slice, slice)
        Rows and columns of each block [px].
    """

    label: np.ndarray
    numbers: np.ndarray
    cells: pd.DataFrame
    windows: list[Window]

    def parts(self) -> Iterator[tuple[Window, np.ndarray, pd.DataFrame]]:
        """The mosaic in parts, in which together every cell lies once, and whole.

        Yields
        ------
        window : (slice, slice)
            Rows and columns [px].
        label : (h, w) int64 ndarray
            Of the window: the cells of this part, with their ids; 0 elsewhere.
        cells : DataFrame
            Their rows of `cells`.
        """
        for block, cells in self.cells.groupby("block"):
            window = self.windows[block]
            label = self.numbers[self.label[window]]
            is_own = (label >= cells.id.min()) & (label <= cells.id.max())
            yield window, label * is_own, cells


def _block_tiles(segmenter: Segmenter, shape: tuple[int, int], zoom: float) -> list[Tile]:
    """Blocks of a mosaic."""
    factor = segmenter.info["scale"] * zoom
    return list(tiles(shape, round(CORE / factor), round(MARGIN / factor)))


def _blocks(segmenter: Segmenter, image: np.ndarray, zoom: float) -> Iterator[tuple[Tile, Cells]]:
    """Blocks of a mosaic and all cells in their windows, of whatever confidence."""
    limits = intensity_limits(image, Normalization(**segmenter.info["normalization"]))
    decoding = replace(Decoding(**segmenter.info["decoding"]), confidence=0.0)
    for tile in _block_tiles(segmenter, image.shape, zoom):
        maps = segmenter.maps(np.asarray(image[tile.window]), zoom, limits)
        yield tile, decode(maps, decoding)


def _centres(label: np.ndarray) -> np.ndarray:
    """Row and column of the centroids of cells 1 .. K of a label image, (2, K) [px]."""
    rows, columns = np.nonzero(label)
    ids = label[rows, columns]
    count = np.bincount(ids)
    return np.array([np.bincount(ids, place)[1:] / count[1:] for place in (rows, columns)])


def _own(tile: Tile, found: Cells, there: np.ndarray) -> np.ndarray:
    """Which cells of a block are its own, and not written by an earlier block, (K,) bool.

    Parameters
    ----------
    tile : Tile
    found : Cells
        In the block's window.
    there : (h, w) integer ndarray
        What earlier blocks wrote into the window, 0 = nothing.
    """
    count = len(found.confidence)
    area = np.bincount(found.label.ravel(), minlength=count + 1)[1:]
    taken = np.bincount(found.label[there > 0], minlength=count + 1)[1:]
    is_own = taken <= area / 2
    for centre, side in zip(_centres(found.label), tile.inner, strict=True):
        is_own &= (centre >= side.start - SLACK) & (centre < side.stop + SLACK)
    return is_own


def write_cells(
    segmenter: Segmenter, image: np.ndarray, label: np.ndarray, zoom: float = 1.0
) -> pd.DataFrame:
    """Write every cell of a mosaic into a label image, block by block.

    Parameters
    ----------
    segmenter : Segmenter
    image : (H, W) ndarray
        Any real dtype, intensities as recorded; may be mapped from a file.
    label : (H, W) uint32 ndarray
        Zeros, to be written to; may be mapped from a file.
    zoom : float
        See `model.inference.Segmenter.zoom`.

    Returns
    -------
    DataFrame
        One row for each cell in the order of its number 1 .. K: row and column of the centroid
        [px]; area_px; confidence, [0, 1]; block, counted from 0.
    """
    tables, written = [], 0
    for block, (tile, found) in enumerate(_blocks(segmenter, image, zoom)):
        there = np.asarray(label[tile.window])
        is_own = _own(tile, found, there)
        number = np.append(0, np.where(is_own, written + np.cumsum(is_own), 0)).astype(np.uint32)
        new = np.where(there == 0, number[found.label], 0)
        label[tile.window] = there + new
        own = np.where(new > 0, new - written, 0)
        row, column = _centres(own)
        table = {
            "row": row + tile.window[0].start,
            "column": column + tile.window[1].start,
            "area_px": np.bincount(own.ravel())[1:],
            "confidence": found.confidence[is_own],
            "block": block,
        }
        tables.append(pd.DataFrame(table))
        written += int(is_own.sum())
    return pd.concat(tables, ignore_index=True)


def find_cells(
    segmenter: Segmenter, image: np.ndarray, label: np.ndarray, zoom: float = 1.0
) -> Mosaic:
    """Cells of a mosaic that are sure enough beside all the others; see `write_cells`."""
    cells = write_cells(segmenter, image, label, zoom)
    sure = surest(cells.confidence.to_numpy(), Decoding(**segmenter.info["decoding"]))
    numbers = np.append(0, np.where(sure, np.cumsum(sure), 0))
    cells = cells[sure].reset_index(drop=True)
    cells.insert(0, "id", cells.index + 1)
    windows = [tile.window for tile in _block_tiles(segmenter, image.shape, zoom)]
    return Mosaic(label, numbers, cells, windows)


def segment_mosaic(
    segmenter: Segmenter,
    source: Path,
    target: Path,
    zoom: float = 1.0,
    page: int = 0,
    pixel_size_um: float = nan,
    selection: Selection = Selection(),
) -> pd.DataFrame:
    """Cells of a frame of any size, from file to file, in a memory that does not grow with it.

    Parameters
    ----------
    segmenter : Segmenter
    source : Path
        TIFF or PNG.
    target : Path
        Tiled TIFF of one label per cell, beside which up to 8 bytes a pixel are needed meanwhile;
        it appears complete or not at all.
    zoom : float
        See `model.inference.Segmenter.zoom`.
    page : int
        Which page of the source, from 0.
    pixel_size_um : float
        Side of a pixel, to be written [um]; NaN leaves it out.
    selection : Selection
        Which channel and series of the source.

    Returns
    -------
    DataFrame
        id; row and column of the centroid [px]; area_px; confidence, [0, 1].

    Raises
    ------
    TiffError
        If the page is damaged or is not a single-channel picture.
    """
    folder = target.parent
    with (
        mapped_image(source, page, folder, selection) as image,
        mapped_label(image.shape, folder) as label,
    ):
        mosaic = find_cells(segmenter, image, label, zoom)
        write_large_label(target, label, mosaic.numbers, pixel_size_um)
    return mosaic.cells.drop(columns="block")
