"""What is wrong with a file that should be a TIFF: found, expected, and what to do about it."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path

import tifffile

MAX_PAGE_BYTES = 2**32  # a frame of 46,000 x 46,000 in 16 bits; a larger one is a damaged header
BOMB_BYTES = 2**28  # larger pages must not unfold from next to nothing
BOMB_FACTOR = 2_000  # deflate and LZW reach 1,000 and 1,400 on pixels that are all equal
TIFF_HEADERS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
OTHER_HEADERS = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"BM": "a BMP image",
    b"\0\0\0\x0cjP": "a JPEG 2000 image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x89HDF": "an HDF5 file",
    b"ZISRAWFILE": "a Zeiss CZI file",
    b"\xda\xce\xbe\x0a": "a Nikon ND2 file",
    b"\x93NUMPY": "a NumPy array",
    b"version https://git-lfs": "a Git LFS pointer, not its contents",
    b"<!doctype html": "an HTML page",
    b"<html": "an HTML page",
    b"<?xml": "an XML document",
}
TEXT = {*b"\t\n\r", *range(32, 127)}
AGAIN = "copy or export it again"


class TiffError(ValueError):
    """A file that cannot be read as single-channel frames.

    Parameters
    ----------
    path : Path
    found, expected, remedy : str
        Half sentences; the message joins them to one line.
    """

    def __init__(self, path: Path | str, found: str, expected: str, remedy: str):
        super().__init__(path, found, expected, remedy)
        self.path, self.found, self.expected, self.remedy = path, found, expected, remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.found}; expected {self.expected}; {self.remedy}"


class _Errors(logging.Handler):
    """Collects what tifffile only logs in this thread, as a stack cut at the border of a page."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.thread = threading.get_ident()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.messages.append(record.getMessage())

    def require_none(self, path: Path, pages: int, about: str = "") -> None:
        """Refuse a file of which an error was logged that holds some words."""
        messages = [message for message in self.messages if about in message]
        if messages:
            found = f"damaged or cut off after {pages} pages ({messages[0]})"
            raise TiffError(path, found, "a whole TIFF file", AGAIN)


def guess_type(header: bytes) -> str:
    """What a file is by its first 32 bytes, as `a PNG image`."""
    if header.startswith(TIFF_HEADERS):
        return "a TIFF image"
    start = header.lstrip().lower()
    for magic, kind in OTHER_HEADERS.items():
        if header.startswith(magic) or start.startswith(magic):
            return kind
    return "a text file" if set(header) <= TEXT else "of an unknown type"


def _explained(path: Path, error: Exception) -> TiffError:
    """Any error of tifffile or its codecs in the user's words."""
    try:
        with path.open("rb") as file:
            header = file.read(32)
    except OSError:
        return TiffError(path, f"not readable ({error})", "a TIFF file", "check its rights")
    if not header:
        return TiffError(path, "zero bytes", "a TIFF file", AGAIN)
    if not header.startswith(TIFF_HEADERS):
        remedy = "save it as TIFF; another ending is not enough"
        return TiffError(path, f"not a TIFF but {guess_type(header)}", "a TIFF file", remedy)
    if "imagecodecs" in str(error):
        remedy = "python -m pip install imagecodecs, or export it uncompressed"
        return TiffError(path, f"not decodable ({error})", "a known compression", remedy)
    found = f"damaged ({type(error).__name__}: {' '.join(str(error).split())})"
    return TiffError(path, found, "a whole TIFF file", f"{AGAIN}, uncompressed")


@contextmanager
def opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """An open file, with every failure, and every error that tifffile only logs, as a TiffError."""
    log, errors = logging.getLogger("tifffile"), _Errors()
    log.addHandler(errors)
    try:
        with tifffile.TiffFile(path) as file:
            pages = len(file.pages)
            errors.require_none(path, pages, "circular")  # would be read without an end
            yield file
    except FileNotFoundError as error:
        raise TiffError(path, "no such file", "a TIFF file", "check its name") from error
    except Exception as error:  # tifffile and its codecs raise nearly everything
        raise (error if isinstance(error, TiffError) else _explained(path, error)) from error
    finally:
        log.removeHandler(errors)
    errors.require_none(path, pages)


def require_whole(path: Path, page: tifffile.TiffPage | tifffile.TiffFrame | None) -> None:
    """Refuse a page by its tags, before memory is taken for it.

    Raises
    ------
    TiffError
        If the page is missing, larger than `MAX_PAGE_BYTES`, unfolds from next to nothing, or ends
        after the end of the file.
    """
    if page is None:
        raise TiffError(path, "a page is missing", "all that its metadata promise", AGAIN)
    if page.nbytes > MAX_PAGE_BYTES:
        found = f"a page of {page.shape} values, {page.nbytes:,} bytes"
        remedy = f"{AGAIN}, or cut the picture into pieces"
        raise TiffError(path, found, f"at most {MAX_PAGE_BYTES:,} bytes a page", remedy)
    stored = sum(page.databytecounts)
    if page.nbytes > max(BOMB_BYTES, BOMB_FACTOR * stored):
        found = f"a page of {page.shape} values, {page.nbytes:,} bytes, out of {stored:,}"
        raise TiffError(path, found, "no more than its pixels need", f"{AGAIN}, uncompressed")
    ends = (a + n for a, n in zip(page.dataoffsets, page.databytecounts, strict=False))
    end, size = max(ends, default=0), page.parent.filehandle.size
    if end > size:
        raise TiffError(path, f"cut off at {size:,} bytes", f"{end:,} bytes", AGAIN)
    keyframe = page.keyframe
    is_raw = keyframe.compression == tifffile.COMPRESSION.NONE and keyframe.bitspersample % 8 == 0
    pieces, claimed = len(page.dataoffsets), prod(page.chunked)
    if not is_raw and pieces < claimed:
        raise TiffError(path, f"{pieces:,} strips or tiles", f"{claimed:,}", AGAIN)
    if is_raw and stored < page.nbytes:
        raise TiffError(path, f"{stored:,} bytes of pixels", f"{page.nbytes:,} bytes", AGAIN)
