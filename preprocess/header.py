"""What a TIFF file says about itself: axes, photometric interpretation, pixel size."""

from dataclasses import dataclass
from math import nan, prod
from pathlib import Path

import tifffile

from preprocess.damage import TiffError

UNITS_UM = {"um": 1.0, "µm": 1.0, "\\u00B5m": 1.0, "micron": 1.0, "mm": 1e3, "cm": 1e4, "nm": 1e-3}
UNIT_TAGS_UM = {2: 25_400.0, 3: 10_000.0}  # inch and centimetre in the ResolutionUnit tag
PRINT_UM = 20.0  # a larger pixel is a print resolution, as the 72 dpi of many programs
AXES_OF_TIME = "TIQ"  # I and Q: pages of which nobody said what they are
REMEDIES = {
    "S": "convert it to grey scale (ImageJ: Image > Type > 16-bit)",
    "C": "export one channel (ImageJ: Image > Color > Split Channels)",
    "Z": "export one plane, or name slices frames (ImageJ: Image > Properties)",
}


@dataclass(frozen=True)
class Header:
    """What a file says about its pages, pixels unread.

    Parameters
    ----------
    axes : dict of str to int
        Length of every axis before Y and X that is longer than 1: T is time, I and Q are unnamed.
    white_is_zero : bool
        Stored inverted.
    """

    axes: dict[str, int]
    white_is_zero: bool

    @property
    def pages(self) -> int:
        """Number of single-channel pages."""
        return prod(self.axes.values())


def is_white_zero(page: tifffile.TiffPage) -> bool:
    """Whether intensities are stored inverted; pages of one bit are masks, taken as stored."""
    is_inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
    return is_inverted and page.bitspersample > 1


def header_of(path: Path, file: tifffile.TiffFile) -> Header:
    """Header of an open file.

    Raises
    ------
    TiffError
        If it has several series, colours, axes other than time before Y, X, or lost pages.
    """
    if len(file.series) != 1:
        raise TiffError(path, f"{len(file.series)} series", "one", "export one series a file")
    series = file.series[0]
    axes = {a: n for a, n in zip(series.axes, series.shape, strict=True) if a not in "YX" and n > 1}
    if "S" in axes:
        raise TiffError(path, f"{axes['S']} colour samples a pixel", "one", REMEDIES["S"])
    if set(axes) - set(AXES_OF_TIME):
        remedy = next((REMEDIES[a] for a in axes if a in REMEDIES), "export one frame a page")
        raise TiffError(path, f"axes {series.axes} of {series.shape}", "YX or TYX", remedy)
    header = Header(axes, is_white_zero(series.keyframe))
    if header.pages != len(file.pages):
        expected = f"{header.pages} as its metadata say"
        raise TiffError(path, f"{len(file.pages)} pages", expected, "export it again as plain TIFF")
    return header


def pixel_size_of(file: tifffile.TiffFile) -> float:
    """Side of a pixel of an open file [um]; NaN if unsaid or a resolution for printing."""
    if file.is_ome:
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
        pixels = (pixels[0] if isinstance(pixels, list) else pixels)["Pixels"]
        unit = UNITS_UM.get(pixels.get("PhysicalSizeXUnit", "µm"), nan)
        return float(pixels.get("PhysicalSizeX", nan)) * unit
    resolution = file.pages[0].tags.get("XResolution")
    if resolution is None or 0 in resolution.value:
        return nan
    numerator, denominator = resolution.value
    if file.is_imagej:
        unit = UNITS_UM.get((file.imagej_metadata or {}).get("unit", ""), nan)
    else:
        kind = file.pages[0].tags.get("ResolutionUnit")
        unit = UNIT_TAGS_UM.get(int(kind.value), nan) if kind else nan
    size = denominator / numerator * unit
    return size if size <= PRINT_UM else nan
