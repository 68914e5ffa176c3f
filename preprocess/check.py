"""Is this data set fit to use? Every offender in one table, before anything starts."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from natsort import natsorted

from preprocess.faults import Fault, image_faults, label_faults, symmetric_hash
from preprocess.header import Selection
from preprocess.labels import IGNORE
from preprocess.listing import DataError, list_frames, read_description
from preprocess.pairing import pairing_faults
from preprocess.tiff import TiffError, read_header, read_pages

COLUMNS = ["severity", "file", "found", "expected", "remedy"]
Shapes = dict[int, tuple[int, ...]]  # of every page
Place = tuple[str, Path, int]  # split, image and page


def printable(text: str) -> str:
    """The text with line breaks, bytes that are no UTF-8 and the like written as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class _Findings:
    """Collects faults by file, those of several pages in one row."""

    def __init__(self, data: Path):
        self.data = data
        self.damaged: set[Path] = set()
        self.found: dict[tuple[str, ...], list[str]] = {}

    def add(self, path: Path, fault: Fault, page: int | None = None) -> None:
        severity, found, expected, remedy = fault
        file = path.relative_to(self.data).as_posix()
        key = (severity, file, expected, remedy, found if page is None else "")
        self.found.setdefault(key, []).append(found if not page else f"page {page}: {found}")

    def add_damage(self, path: Path, error: TiffError) -> None:
        self.damaged.add(path)
        self.add(path, Fault("error", error.found, error.expected, error.remedy))

    def table(self) -> pd.DataFrame:
        """Errors first, then by file."""
        rows = []
        for (severity, file, expected, remedy, _), found in self.found.items():
            more = f" (and {len(found) - 1} more pages)" if len(found) > 1 else ""
            row = (severity, file, found[0] + more, expected, remedy)
            rows.append(tuple(map(printable, row)))
        table = pd.DataFrame(natsorted(rows, key=lambda row: row[:2]), columns=COLUMNS)
        return table.astype("str")


def _pages(
    path: Path, labels: bool, findings: _Findings, selection: Selection = Selection()
) -> Iterator[tuple[int, np.ndarray]]:
    """Number and pixels of every page up to the first damaged one, which is reported."""
    try:
        yield from enumerate(read_pages(path, labels, selection))
    except TiffError as error:
        findings.add_damage(path, error)


def _check_header(
    path: Path, described: bool, findings: _Findings, selection: Selection = Selection()
) -> None:
    """Stacks of unnamed pages, and images stored inverted."""
    try:
        header = read_header(path, selection)
    except TiffError:
        return  # reported where its pages are read
    if not described and set(header.axes) & set("IQ"):
        found = f"{header.pages} pages, unsaid whether time, depth or channels"
        remedy = "save it with its axes (ImageJ: Image > Properties), or list it in frames.csv"
        findings.add(path, Fault("error", found, "frames in time (TYX)", remedy))
    if header.white_is_zero:
        remedy = "it is read inverted; save it with a plain grey look-up table to be sure"
        findings.add(path, Fault("warning", "white is zero", "black is zero", remedy))


def _check_images(
    path: Path, findings: _Findings, selection: Selection
) -> tuple[Shapes, dict[int, str]]:
    """Shape of every page, and the hash of those that hold a picture."""
    shapes, hashes = {}, {}
    for page, image in _pages(path, False, findings, selection):
        shapes[page] = image.shape
        faults = [*image_faults(image)]
        for fault in faults:
            findings.add(path, fault, page)
        unfit = any(fault.severity == "error" for fault in faults)
        if not unfit and image.min() < image.max():  # all constant frames are the same
            hashes[page] = symmetric_hash(image)
    return shapes, hashes


def _check_labels(path: Path, findings: _Findings) -> tuple[Shapes, list[bool]]:
    """Shape of every page, and whether it holds no cell."""
    shapes, empty = {}, []
    for page, label in _pages(path, True, findings):
        shapes[page] = label.shape
        empty.append(not ((label > 0) & (label != IGNORE)).any())
        for fault in label_faults(label):
            findings.add(path, fault, page)
    return shapes, empty


def _check_borders(path: Path, findings: _Findings) -> Shapes:
    """Shape of every page."""
    shapes = {}
    _check_header(path, True, findings)
    for page, border in _pages(path, False, findings):
        shapes[page] = border.shape
        if not np.isfinite(border).all():
            fault = Fault("error", "NaN or infinite weights", "finite weights", "draw it again")
            findings.add(path, fault, page)
    return shapes


def check_data(data: Path, train: bool, channel: int = -1, series: int = -1) -> pd.DataFrame:
    """Everything that speaks against using a data set, all at once.

    Parameters
    ----------
    data : Path
        Folder of the data set; every file is read once.
    train : bool
        Whether a net shall be trained on it: then every image of the splits train and validation
        needs a label, and no image may be in two splits.
    channel, series : int
        As `list_frames` takes them.

    Returns
    -------
    DataFrame
        severity (error or warning), file (relative to `data`), found, expected, remedy.

    Raises
    ------
    DataError
        If there is no folder or no frame.
    """
    data = Path(data)
    frames = list_frames(data, channel, series)
    selection = Selection(channel, series)
    findings = _Findings(data)
    for path, fault in pairing_faults(data, train):
        findings.add(path, fault)
    described = {file for file, _ in read_description(data)}
    copies: dict[str, list[Place]] = defaultdict(list)
    empty: list[bool] = []
    for frame in frames.drop_duplicates("image").itertuples():
        image, label, border = Path(frame.image), Path(frame.label), Path(frame.border)
        is_described = image.relative_to(data).as_posix() in described
        _check_header(image, is_described, findings, selection)
        shapes, hashes = _check_images(image, findings, selection)
        for page, digest in hashes.items():
            copies[digest].append((frame.split, image, page))
        if frame.label:
            label_shapes, is_empty = _check_labels(label, findings)
            _compare(label, label_shapes, image, shapes, findings)
            empty += is_empty if frame.split == "train" else []
        if frame.border:
            _compare(border, _check_borders(border, findings), image, shapes, findings)
    _check_copies(copies, train, findings)
    _check_names(frames, findings)
    if train:
        _check_training(frames, empty, findings)
    return findings.table()


def _compare(
    path: Path, shapes: Shapes, image: Path, image_shapes: Shapes, findings: _Findings
) -> None:
    """Pages of a label or border against those of its image, as far as both could be read."""
    whole = findings.damaged.isdisjoint((path, image))
    if whole and len(shapes) != len(image_shapes):
        remedy = f"save as many pages as {image.name} has"
        fault = Fault("error", f"{len(shapes)} pages", f"{len(image_shapes)} pages", remedy)
        findings.add(path, fault)
    for page in sorted(shapes.keys() & image_shapes.keys()):
        found, expected = shapes[page], image_shapes[page]
        if found != expected:
            remedy = "transposed? " if found == expected[::-1] else ""
            remedy += "export it in the size of its image"
            of_image = f"{expected} as {image.name}"
            findings.add(path, Fault("error", f"shape {found}", of_image, remedy), page)


def _check_copies(copies: dict[str, list[Place]], train: bool, findings: _Findings) -> None:
    """The same picture twice, turned and mirrored copies included."""
    for places in copies.values():
        if len(places) == 1:
            continue
        (split, path, page), *others = places
        leaks = any(other != split for other, *_ in others)
        names = [
            other.relative_to(findings.data).as_posix() + (f" page {number}" if number else "")
            for _, other, number in others
        ]
        found = f"the same picture, perhaps turned or mirrored, as {', '.join(names[:3])}"
        found += f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004
        remedy = "remove all but one"
        remedy += ": scores on training images prove nothing" if leaks else ""
        severity = "error" if leaks and train else "warning"
        expected = "every picture in one split" if leaks else "different pictures"
        findings.add(path, Fault(severity, found, expected, remedy), page)


def _check_names(frames: pd.DataFrame, findings: _Findings) -> None:
    """Names that cannot be written into a table, or that two frames share."""
    for path in map(Path, frames["image"].unique()):
        if printable(path.name) != path.name:
            found = "a name with line breaks, or with bytes that are no UTF-8"
            fault = Fault("error", found, "a name that can be printed", "rename the file")
            findings.add(path, fault)
    for _, same in frames.groupby(["split", "name"], sort=False):
        paths = [Path(image) for image in same["image"]]
        if len({path.stem for path in paths}) > 1:
            found = f"the frame name of {', '.join(path.name for path in paths[1:])}"
            fault = Fault("error", found, "one frame a name", "rename one of the files")
            findings.add(paths[0], fault)


def _check_training(frames: pd.DataFrame, empty: list[bool], findings: _Findings) -> None:
    """At least one label to train on, and one that is not empty."""
    folder = findings.data / "train" / "labels"
    labelled = (frames["split"] == "train") & (frames["label"] != "")
    if not labelled.any():
        remedy = "outline the cells of one image, or more"
        findings.add(folder, Fault("error", "no labelled frame", "at least one", remedy))
    elif empty and all(empty):
        remedy = "outline the cells of one image, or more"
        found = "no cell in any training label"
        findings.add(folder, Fault("error", found, "cells in at least one", remedy))


def require_fit(findings: pd.DataFrame) -> None:
    """Refuse a data set with errors; warnings pass.

    Parameters
    ----------
    findings : DataFrame
        As `check_data` gives it.

    Raises
    ------
    DataError
        With a table of all errors.
    """
    errors = findings[findings["severity"] == "error"]
    if len(errors):
        table = errors.drop(columns="severity").to_string(index=False)
        noun = "error" if len(errors) == 1 else "errors"
        raise DataError(f"data: {len(errors)} {noun}; nothing was written\n{table}")
