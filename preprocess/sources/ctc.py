"""Sequences of the Cell Tracking Challenge: 01/, 01_GT/, 01_ST/, and so on.

The form is described by V. Ulman et al., Nature Methods 14 (2017) 1141-1152, and on the pages of
the challenge.
"""

import re
from pathlib import Path

import numpy as np
from natsort import natsorted

from preprocess.damage import TiffError
from preprocess.sources.conversion import ConversionError, Found, Outlines, Source
from preprocess.tiff import page_count, read_label

GOLD, SILVER = "GT", "ST"  # drawn by people; merged from the results of programs


def _numbered(folder: Path, prefix: str) -> dict[int, Path]:
    """Files PREFIXnnn.tif of a folder, by their number."""
    pattern = re.compile(rf"{prefix}(\d+)\.tiff?", re.IGNORECASE)
    named = ((pattern.fullmatch(path.name), path) for path in natsorted(folder.glob("*")))
    return {int(match[1]): path for match, path in named if match}


def with_tracks(label: np.ndarray, markers: np.ndarray) -> np.ndarray:
    """Cells numbered as their tracking markers.

    Parameters
    ----------
    label : (H, W) int32 ndarray
        0 = background, one id per cell.
    markers : (H, W) int32 ndarray
        0 = background, one id per tracked cell.

    Returns
    -------
    (H, W) int32 ndarray
        Each cell has the id of the marker that covers most of it; the larger overlap takes an id
        that two cells claim. Cells without a marker follow after the highest id.
    """
    cells, markers_on_cells = label[label > 0], markers[label > 0]
    pairs = np.stack([cells, markers_on_cells])[:, markers_on_cells > 0]
    (ids, tracks), overlap = np.unique(pairs, axis=1, return_counts=True)
    new: dict[int, int] = {}
    for i in np.argsort(-overlap, kind="stable"):
        cell, track = int(ids[i]), int(tracks[i])
        if cell not in new and track not in new.values():
            new[cell] = track
    present, place = np.unique(label, return_inverse=True)
    following = max(present.max(initial=0), markers.max(initial=0)) + 1
    for cell in present[present > 0]:
        if cell not in new:
            new[int(cell)] = int(following)
            following += 1
    return np.array([new.get(int(cell), 0) for cell in present], np.int32)[place]


def _read_plane(path: Path) -> np.ndarray:
    pages = page_count(path)
    if pages != 1:
        raise TiffError(path, f"{pages} planes", "one", "volumes are not frames; choose a plane")
    return read_label(path)


def _read(path: Path, markers: Path | None, shape: tuple[int, int]) -> Outlines:
    label = _read_plane(path)
    if label.shape != shape:
        raise TiffError(path, f"shape {label.shape}", f"{shape} as its image", "export it again")
    return Outlines(label if markers is None else with_tracks(label, _read_plane(markers)))


def _labels(source: Path, sequence: str) -> dict[int, Path]:
    """Outlines by frame, drawn ones before those of programs."""
    gold, silver = (
        _numbered(source / f"{sequence}_{kind}" / "SEG", "man_seg") for kind in (GOLD, SILVER)
    )
    return {**silver, **gold}


def find(source: Path, split: str = "") -> Found:
    """Sequences of a data set of the challenge.

    Parameters
    ----------
    source : Path
        Folder with 01/t000.tif, and perhaps 01_GT/SEG/, 01_ST/SEG/ (man_seg000.tif) and
        01_GT/TRA/ (man_track.txt, man_track000.tif).
    split : str
        Where frames with outlines go. By default those of the last sequence are for the test and
        all others for training. Frames without outlines are test frames.

    Returns
    -------
    Found
        Drawn outlines before those of programs, numbered as the tracks where there are markers.

    Raises
    ------
    ConversionError
        If there is no sequence.
    """
    folders = [path for path in source.glob("*") if path.is_dir() and path.name.isdecimal()]
    sequences = natsorted(path.name for path in folders)
    if not sequences:
        raise ConversionError(f"{source}: no folders 01, 02, ...; expected those of the challenge")
    labels = {sequence: _labels(source, sequence) for sequence in sequences}
    labelled = [sequence for sequence in sequences if labels[sequence]]
    last = labelled[-1] if len(labelled) > 1 else ""
    splits = {s: split or ("test" if s == last else "train") for s in labelled}
    found = Found()
    for sequence in sequences:
        _add(found, source, sequence, labels[sequence], splits.get(sequence, "test"))
    tracks = {s: source / f"{s}_{GOLD}" / "TRA" / "man_track.txt" for s in sequences}
    tracks = {sequence: path for sequence, path in tracks.items() if path.is_file()}
    for sequence, path in tracks.items():
        home = splits.get(sequence, "test")
        alone = [splits.get(s, "test") for s in tracks].count(home) == 1
        name = "man_track.txt" if alone else f"man_track_{sequence}.txt"
        found.extras[f"{home}/{name}"] = path
    return found


def _add(found: Found, source: Path, sequence: str, labels: dict[int, Path], split: str) -> None:
    """Add the frames of a sequence, and labels without one as offenders."""
    images = _numbered(source / sequence, "t")
    markers = _numbered(source / f"{sequence}_{GOLD}" / "TRA", "man_track")
    if not images:
        remedy = "name the frames as the challenge does"
        found.offenders.append(TiffError(source / sequence, "no frames", "t000.tif ...", remedy))
    for number in sorted(labels.keys() - images.keys()):
        expected = f"{sequence}/t{number:03d}.tif"
        remedy = "add the image or remove the label"
        found.offenders.append(TiffError(labels[number], "no image", expected, remedy))
    for number, image in sorted(images.items()):
        draw = None
        if number in labels:
            path, marker = labels[number], markers.get(number)

            def draw(shape, path=path, marker=marker):
                return _read(path, marker, shape)

        name = f"{sequence}_{image.stem}"
        home = split if draw else "test"
        found.sources.append(Source(name, home, image, draw, sequence=sequence, t=number))
