"""Frames cut into overlapping tiles."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

Window = tuple[slice, slice]


class Tile(NamedTuple):
    """A part of a frame, and what lies around it.

    Parameters
    ----------
    core : (slice, slice)
        Rows and columns [px of the frame]; the cores of a frame's tiles cover it once.
    window : (slice, slice)
        The core and its surroundings, as far as the frame goes.
    """

    core: Window
    window: Window

    @property
    def inner(self) -> Window:
        """The core, in pixels of the window."""
        pairs = zip(self.core, self.window, strict=True)
        return tuple(slice(c.start - w.start, c.stop - w.start) for c, w in pairs)


def tiles(shape: tuple[int, int], size: int, margin: int) -> Iterator[Tile]:
    """Tiles of a frame, row by row.

    Parameters
    ----------
    shape : (int, int)
        Of the frame [px].
    size : int
        Side of a core [px]; those at the end are smaller.
    margin : int
        How far windows reach beyond cores [px].
    """
    starts = product(*(range(0, length, size) for length in shape))
    for corner in starts:
        ends = list(zip(corner, shape, strict=True))
        core = tuple(slice(start, min(start + size, end)) for start, end in ends)
        window = tuple(
            slice(max(start - margin, 0), min(start + size + margin, end)) for start, end in ends
        )
        yield Tile(core, window)
