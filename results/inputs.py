"""Which frames are meant by the files, folders and patterns of a command line."""

import glob
from collections import defaultdict
from collections.abc import Iterable
from math import nan, prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from natsort import natsorted

from preprocess import large
from preprocess.header import Selection
from preprocess.tiff import ENDINGS, TiffError, read_header, read_image, read_pixel_size

DESCRIPTION = "frames.csv"
ALL_PAGES = -1


class InputError(ValueError):
    """Frames or a folder for results that cannot be meant; the message names all offenders."""


class Source(NamedTuple):
    """One frame to read.

    Parameters
    ----------
    name : str
        Of its results: the file's stem, with `_0000` and so on for the pages of a stack.
    file : str
        As it was given or found.
    page : int
        From 0.
    sequence : str
        Frames that are one movie: as frames.csv says, else the stack, else the folder.
    t : int
        As frames.csv says, else the position within the sequence.
    pixel_size_um : float
        As frames.csv or else the file says [um]; NaN if unknown.
    selection : Selection
        Which channel and series of the file.
    error : TiffError or None
        Why its file cannot be read.
    shape : (int, int)
        H and W [px]; 0 where the file cannot be read.
    """

    name: str
    file: str
    page: int
    sequence: str
    t: int
    pixel_size_um: float
    selection: Selection = Selection()
    error: TiffError | None = None
    shape: tuple[int, int] = (0, 0)

    @property
    def is_large(self) -> bool:
        """Whether it is read and written in pieces."""
        return prod(self.shape) > large.LARGE

    def read(self) -> np.ndarray:
        """The frame as it was recorded, (H, W) ndarray.

        Raises
        ------
        TiffError
            If it is damaged, or no single-channel picture.
        """
        if self.error is not None:
            raise self.error
        return read_image(self.file, self.page, self.selection)


def _is_frame_file(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file()


def _files_of_folder(folder: Path) -> list[Path]:
    """Frames directly in a folder, else in its `images`, else in `images` of its subfolders."""
    for pattern in ("*", "images/*", "*/images/*"):
        found = natsorted((p for p in folder.glob(pattern) if _is_frame_file(p)), key=str)
        if found:
            return found
    return []


def _expand(argument: str) -> tuple[Path, list[Path]]:
    """Folder that frames.csv may lie in, and the files that one argument means; perhaps none."""
    path = Path(argument).expanduser()
    if path.is_dir():
        return path, _files_of_folder(path)
    if path.exists():
        return path.parent, [path]
    matches = (Path(match) for match in glob.glob(str(path), recursive=True))
    return path.parent, natsorted((p for p in matches if _is_frame_file(p)), key=str)


def _folder_name(path: Path) -> str:
    """Name of the folder that frames lie in; `images` stands for its own folder."""
    folder = path.absolute().parent
    return folder.parent.name if folder.name == "images" else folder.name


def _description(folder: Path) -> dict[tuple[str, int], dict[str, object]]:
    """Rows of the folder's frames.csv, if it has one that describes frames."""
    if not (folder / DESCRIPTION).is_file():
        return {}
    from preprocess.listing import DataError, read_description  # pandas: only where needed

    try:
        return read_description(folder)
    except DataError as error:
        raise InputError(str(error)) from error


def _frames_of_file(
    path: Path, folder: Path, description: dict, as_time: bool, selection: Selection
) -> list[Source]:
    """One source a page; a file that cannot be read is one source with its error."""
    file = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
    described = description.get((file, ALL_PAGES)) or description.get((file, 0))
    error, pages, stored_size, shape = None, 1, nan, (0, 0)
    try:
        header = read_header(path, selection)
        pages, stored_size = header.pages, read_pixel_size(path, selection)
        shape = header.shape
        if set(header.axes) & set("IQ") and not (described or as_time):
            found = f"{pages} pages, unsaid whether time, depth or channels"
            remedy = "give --pages-are-time, or list the file in frames.csv"
            error, pages = TiffError(path, found, "frames in time (TYX)", remedy), 1
    except TiffError as refused:
        error = refused
    sources = []
    for page in range(pages):
        told = description.get((file, page)) or description.get((file, ALL_PAGES), {})
        offset = page if told.get("page") == ALL_PAGES else 0
        t = told.get("t", nan)
        size = told.get("pixel_size_um", nan)
        source = Source(
            name=path.stem if pages == 1 else f"{path.stem}_{page:04d}",
            file=str(path),
            page=page,
            sequence=told.get("sequence") or (path.stem if pages > 1 else _folder_name(path)),
            t=-1 if t != t else int(t) + offset,
            pixel_size_um=stored_size if size != size else float(size),
            selection=selection,
            error=error,
            shape=shape,
        )
        sources.append(source)
    return sources


def _numbered(sources: list[Source]) -> list[Source]:
    """Sources with `t`, where nobody said it, counted within the sequence."""
    counts: dict[str, int] = defaultdict(int)
    numbered = []
    for source in sources:
        t = counts[source.sequence] if source.t < 0 else source.t
        counts[source.sequence] += 1
        numbered.append(source._replace(t=t))
    return numbered


def _require_one_file_a_name(sources: list[Source]) -> None:
    files: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        files[source.name.casefold()].append(source.file)
    twice = [f"  {' and '.join(same)}" for same in files.values() if len(same) > 1]
    if twice:
        raise InputError(
            "frames of the same name, whose results would overwrite each other:\n"
            + "\n".join(twice)
            + "\nrename one of them, or give them another --out"
        )


def find_frames(
    arguments: Iterable[str], as_time: bool = False, selection: Selection = Selection()
) -> list[Source]:
    """Frames that files, folders and patterns mean, in the order given, each file once.

    Parameters
    ----------
    arguments : iterable of str
        Files; folders, of which the frames directly inside count, or else those in `images`;
        patterns as `frames/*.tif`, in natural order (t1, t2, t10).
    as_time : bool
        Take pages of which the file does not say what they are for frames in time.
    selection : Selection
        Which channel and series of every file.

    Returns
    -------
    list of Source
        At least one.

    Raises
    ------
    InputError
        Naming every argument without a frame, or all files of equal names; or if a frames.csv
        beside the frames is no such table.
    """
    sources: list[Source] = []
    seen: set[Path] = set()
    empty: list[str] = []
    for argument in arguments:
        folder, files = _expand(argument)
        if not files:
            path = Path(argument).expanduser().absolute()
            what = f"holds no {' or '.join(ENDINGS)} file" if path.is_dir() else "does not exist"
            empty.append(f"  {path} {what}")
            continue
        description = _description(folder)
        for path in files:
            if path.resolve() not in seen:
                seen.add(path.resolve())
                sources += _frames_of_file(path, folder, description, as_time, selection)
    if empty:
        raise InputError(
            "no frames; expected files, folders of files, or patterns in quotes:\n"
            + "\n".join(empty)
        )
    _require_one_file_a_name(sources)
    return _numbered(sources)
