"""PNG in: grey pictures of 8 or 16 bits, their pixel size, and every kind of damage."""

import struct
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from preprocess.damage import AGAIN, TiffError, guess_type
from preprocess.header import PRINT_UM, UNIT_TAGS_UM, Header, Selection, chosen_channel

ENDING = ".png"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by the colour type in the header
PALETTE = 3


class PngHeader(NamedTuple):
    """First chunk of a PNG: height and width [px], bits of a sample, colour type."""

    height: int
    width: int
    bits: int
    colour: int


def _read_header(path: Path) -> PngHeader:
    try:
        with path.open("rb") as file:
            start = file.read(33)
    except OSError as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else f"unreadable ({error})"
        raise TiffError(path, found, "a PNG file", "check its name and rights") from error
    if not start:
        raise TiffError(path, "zero bytes", "a PNG file", AGAIN)
    if not start.startswith(SIGNATURE):
        remedy = "save it as PNG; another ending is not enough"
        raise TiffError(path, f"not a PNG but {guess_type(start)}", "a PNG file", remedy)
    if len(start) < 33 or start[12:16] != b"IHDR":  # noqa: PLR2004
        raise TiffError(path, "damaged (no header)", "a whole PNG file", AGAIN)
    width, height, bits, colour = struct.unpack(">IIBB", start[16:26])
    return PngHeader(height, width, bits, colour)


def _sample(path: Path, header: PngHeader, selection: Selection) -> int:
    """Which sample of a pixel to read; -1 where there is one."""
    if selection.series > 0:
        found = f"a series {selection.series}, counted from 0"
        raise TiffError(path, "1 series", found, "leave series at -1")
    count = SAMPLES.get(header.colour, 1)
    axis = "S" if count > 1 else ""
    found = f"{count} colour samples a pixel"
    return chosen_channel(path, found, axis, count, selection.channel)


def png_header(path: Path, selection: Selection = Selection()) -> Header:
    """Header of a PNG, which holds one frame.

    Raises
    ------
    TiffError
        If it is none, or has colours and no channel is chosen.
    """
    header = _read_header(path)
    _sample(path, header, selection)
    return Header({}, False, (header.height, header.width))


def read_png(path: Path, selection: Selection = Selection()) -> tuple[np.ndarray, bool]:
    """Pixels of a PNG as stored.

    Returns
    -------
    pixels : (H, W) ndarray
        uint8, uint16, or bool for one bit; of a palette the indices.
    is_palette : bool

    Raises
    ------
    TiffError
        If it is damaged, larger than Pillow decodes, or has colours and no channel is chosen.
    """
    header = _read_header(path)
    sample = _sample(path, header, selection)
    if header.height * header.width > Image.MAX_IMAGE_PIXELS:
        expected = f"at most {Image.MAX_IMAGE_PIXELS:,} pixels in a PNG"
        found = f"{header.height:,} x {header.width:,} pixels"
        raise TiffError(path, found, expected, "save it as TIFF")
    if sample >= 0 and header.bits > 8:  # noqa: PLR2004
        raise TiffError(path, "colours of 16 bits", "colours of 8 bits", "save it as TIFF")
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            pixels = np.array(picture)
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, zlib.error ...
        found = f"damaged ({' '.join(str(error).split())})"
        raise TiffError(path, found, "a whole PNG file", AGAIN) from error
    return (pixels if sample < 0 else pixels[..., sample]), header.colour == PALETTE


def png_pixel_size(path: Path) -> float:
    """Side of a pixel by the resolution that a PNG states [um]; NaN if unsaid or for printing.

    Raises
    ------
    TiffError
        If it is no PNG.
    """
    _read_header(path)
    with Image.open(path, formats=["PNG"]) as picture:
        dots_per_inch = picture.info.get("dpi", (0, 0))[0]
    size = UNIT_TAGS_UM[2] / dots_per_inch if dots_per_inch else nan
    return size if size <= PRINT_UM else nan
