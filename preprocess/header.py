"""What a TIFF file says about itself: axes, photometric interpretation, pixel size."""

from dataclasses import dataclass
from math import nan, prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile

from preprocess.damage import TiffError

UNITS_UM = {
    "um": 1.0,
    "\u00b5m": 1.0,  # micro sign
    "\u03bcm": 1.0,  # Greek mu
    "\\u00B5m": 1.0,  # as ImageJ escapes it
    "micron": 1.0,
    "microns": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "nm": 1e-3,
}
UNIT_TAGS_UM = {2: 25_400.0, 3: 10_000.0}  # inch and centimetre in the ResolutionUnit tag
PRINT_UM = 20.0  # a larger pixel is a print resolution, as the 72 dpi of many programs
AXES_OF_TIME = "TIQ"  # I and Q: pages of which nobody said what they are
AXES_OF_CHANNELS = "CS"  # channels as pages, samples of a pixel as in RGB
REMEDIES = {
    "S": "convert it to grey scale (ImageJ: Image > Type > 16-bit)",
    "C": "export one channel (ImageJ: Image > Color > Split Channels)",
    "Z": "export one plane, or name slices frames (ImageJ: Image > Properties)",
}


class Selection(NamedTuple):
    """Which part of a file is meant, where it holds more than one.

    Parameters
    ----------
    channel : int
        From 0; the colours of an RGB picture count as channels. -1: the file has one.
    series : int
        From 0, as an OME-TIFF of several positions has them. -1: the file has one.
    """

    channel: int = -1
    series: int = -1


@dataclass(frozen=True)
class Header:
    """What a file says about its frames, pixels unread.

    Parameters
    ----------
    axes : dict of str to int
        Length of every axis of frames that is longer than 1: T is time, I and Q are unnamed.
    white_is_zero : bool
        Stored inverted.
    shape : (int, int)
        H and W of a frame [px].
    """

    axes: dict[str, int]
    white_is_zero: bool
    shape: tuple[int, int]

    @property
    def pages(self) -> int:
        """Number of single-channel frames."""
        return prod(self.axes.values())


class Planes(NamedTuple):
    """Where the frames of an open file lie.

    Parameters
    ----------
    header : Header
    series : TiffPageSeries
    numbers : (N,) int ndarray
        Of each frame's page in the series.
    sample : int
        Which sample of a pixel; -1 if a pixel has one.
    """

    header: Header
    series: tifffile.TiffPageSeries
    numbers: np.ndarray
    sample: int


def is_white_zero(page: tifffile.TiffPage) -> bool:
    """Whether intensities are stored inverted; pages of one bit are masks, taken as stored."""
    is_inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
    return is_inverted and page.bitspersample > 1


def chosen_channel(path: Path, found: str, axis: str, count: int, channel: int) -> int:
    """The channel to read of `count`; -1 where there is one.

    Parameters
    ----------
    path : Path
    found : str
        What the file holds, for the message.
    axis : {"C", "S", ""}
        Channels as pages, samples of a pixel, or neither.
    count, channel : int

    Raises
    ------
    TiffError
        If there are several and none is chosen, or fewer than that.
    """
    if channel >= count:
        remedy = f"set channel to one from 0 to {count - 1}" if axis else "leave channel at -1"
        raise TiffError(path, found, f"a channel {channel}, counted from 0", remedy)
    if axis and channel < 0:
        remedy = f"set channel (0 to {count - 1}) if it is an image, or {REMEDIES[axis]}"
        raise TiffError(path, found, "one" if axis == "S" else "YX or TYX", remedy)
    return channel if axis else -1


def series_of(path: Path, file: tifffile.TiffFile, number: int) -> tifffile.TiffPageSeries:
    """The series chosen of an open file.

    Raises
    ------
    TiffError
        If there are several and none is chosen, fewer than that, or its pages lie elsewhere.
    """
    count = len(file.series)
    if number >= count:
        remedy = "leave series at -1" if count == 1 else f"set series to one from 0 to {count - 1}"
        raise TiffError(path, f"{count} series", f"a series {number}, counted from 0", remedy)
    if number < 0 and count != 1:
        remedy = f"set series (0 to {count - 1}), or export one series a file"
        raise TiffError(path, f"{count} series", "one", remedy)
    series = file.series[max(number, 0)]
    if series.is_multifile:
        found = "pages that lie in several files"
        raise TiffError(path, found, "all in one", "export it again as one file")
    return series


def planes_of(path: Path, file: tifffile.TiffFile, selection: Selection = Selection()) -> Planes:
    """Where the frames of an open file lie, by the axes that its metadata name.

    Raises
    ------
    TiffError
        If it has several series or channels and none is chosen, axes other than time and channels
        before Y, X, or lost pages.
    """
    series = series_of(path, file, selection.series)
    outer = [(a, n) for a, n in zip(series.axes, series.shape, strict=True) if a not in "YX"]
    axes = {a: n for a, n in outer if n > 1}
    found = f"axes {series.axes} of {series.shape}"
    channels = [axis for axis in AXES_OF_CHANNELS if axis in axes]
    strange = set(axes) - {*AXES_OF_TIME, *AXES_OF_CHANNELS}
    if strange or len(channels) > 1 or len(dict(outer)) < len(outer):
        remedy = REMEDIES["Z"] if "Z" in strange else "save it as frames in time, one channel each"
        raise TiffError(path, found, "YX or TYX", remedy)
    axis = channels[0] if channels else ""
    count = axes.pop(axis, 1)
    if axis == "S":
        found = f"{count} colour samples a pixel"
    channel = chosen_channel(path, found, axis, count, selection.channel)
    tags = series.keyframe
    header = Header(axes, is_white_zero(tags), (tags.imagelength, tags.imagewidth))
    shape = [(a, n) for a, n in outer if a != "S"]
    numbers = np.arange(prod(n for _, n in shape)).reshape([n for _, n in shape])
    stored = len(file.pages) if len(file.series) == 1 else len(series)
    if numbers.size != stored:
        expected = f"{numbers.size} as its metadata say"
        raise TiffError(path, f"{stored} pages", expected, "export it again as plain TIFF")
    if axis == "C":
        numbers = numbers.take(channel, axis=[a for a, _ in shape].index("C"))
    return Planes(header, series, numbers.ravel(), channel if axis == "S" else -1)


def pixel_size_of(path: Path, file: tifffile.TiffFile, number: int = -1) -> float:
    """Side of a pixel of a series of an open file [um]; NaN if unsaid or meant for printing.

    Raises
    ------
    TiffError
        As `series_of`.
    """
    page = series_of(path, file, number).keyframe
    if file.is_ome:
        images = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
        image = images[max(number, 0)] if isinstance(images, list) else images
        unit = UNITS_UM.get(image["Pixels"].get("PhysicalSizeXUnit", "um"), nan)
        return float(image["Pixels"].get("PhysicalSizeX", nan)) * unit
    resolution = page.tags.get("XResolution")
    if resolution is None or 0 in resolution.value:
        return nan
    numerator, denominator = resolution.value
    if file.is_imagej:
        unit = UNITS_UM.get((file.imagej_metadata or {}).get("unit", ""), nan)
    else:
        kind = page.tags.get("ResolutionUnit")
        unit = UNIT_TAGS_UM.get(int(kind.value), nan) if kind else nan
    size = denominator / numerator * unit
    return size if size <= PRINT_UM else nan
