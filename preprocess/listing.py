"""Which frames a data set holds: one row a frame, whatever their state."""

from collections import Counter
from math import inf, nan
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd
from natsort import natsorted

from preprocess.header import Selection
from preprocess.layout import SPLITS
from preprocess.tiff import ENDINGS, TiffError, page_count, read_pixel_size

COLUMNS = {
    "split": "str",
    "name": "str",
    "image": "str",
    "label": "str",
    "border": "str",
    "page": "int64",
    "sequence": "str",
    "t": "int64",
    "pixel_size_um": "float64",
    "interval_s": "float64",
    "channel": "int64",
    "series": "int64",
}
WHOLE = ("page", "t")
NUMBERS = (*WHOLE, "pixel_size_um", "interval_s")
DESCRIPTION = "frames.csv"
ALL_PAGES = -1


class DataError(ValueError):
    """A data set that cannot be used; the message says where, why and what to do."""


class SplitFolders(NamedTuple):
    """Where the files of one split lie; a folder may be missing."""

    split: str
    images: Path
    labels: Path | None
    borders: Path | None


def split_folders(data: Path) -> list[SplitFolders]:
    """Folders of a data set.

    Without any `SPLIT/images`, the frames in `DATA/images`, or else those directly in DATA, are
    test frames without labels.
    """
    found = [
        SplitFolders(split, *(data / split / kind for kind in ("images", "labels", "borders")))
        for split in SPLITS
        if (data / split / "images").is_dir()
    ]
    if found:
        return found
    images = data / "images"
    return [SplitFolders("test", images if picture_files(images) else data, None, None)]


def _entries(folder: Path | None) -> list[Path]:
    """Everything in a folder in natural order; none if there is no folder."""
    if folder is None or not folder.is_dir():
        return []
    return natsorted(folder.iterdir(), key=lambda path: (path.stem, path.suffix))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".") and not path.is_dir()


def picture_files(folder: Path | None) -> list[Path]:
    """TIFF and PNG files in natural order, without hidden ones and those in subfolders."""
    return [path for path in _entries(folder) if _is_picture(path)]


def other_files(folder: Path | None) -> list[Path]:
    """What else lies in a folder of frames: hidden files, subfolders, other endings."""
    return [path for path in _entries(folder) if not _is_picture(path)]


def _numbers(texts: pd.Series, path: Path) -> pd.Series:
    """A column of frames.csv as numbers, NaN where it is empty."""
    texts = texts.str.strip()
    empty = texts.isin(["", "nan", "NaN"])
    numbers = pd.to_numeric(texts.where(~empty, "nan"), errors="coerce")
    is_whole = texts.name in WHOLE
    fits = (numbers >= 0) & (numbers % 1 == 0) if is_whole else (numbers > 0) & (numbers < inf)
    wrong = ~fits & ~empty
    if wrong.any():
        line, kind = wrong.idxmax() + 2, "a whole number from 0" if is_whole else "a number above 0"
        raise DataError(
            f"data: {path.resolve()}, line {line}: {texts.name} is {texts[wrong.idxmax()]}, "
            f"expected {kind} or nothing"
        )
    return numbers


def read_description(data: Path) -> dict[tuple[str, int], dict[str, object]]:
    """The rows of frames.csv.

    Returns
    -------
    dict
        By file relative to DATA and page, -1 for a row without one, which holds for all pages.
        Empty texts and NaN stand for what the row leaves out.

    Raises
    ------
    DataError
        If there is no column `file`, a number is none, or two rows say the same page.
    """
    path = data / DESCRIPTION
    if not path.is_file():
        return {}
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(f"data: {path.resolve()} is not a table ({error})") from error
    if "file" not in table:
        raise DataError(
            f"data: {path.resolve()} has columns {', '.join(table)}; expected file, and any of "
            "page, split, sequence, t, pixel_size_um, interval_s, separated by commas"
        )
    table = table.reindex(columns=["file", "split", "sequence", *NUMBERS], fill_value="")
    for column in NUMBERS:
        table[column] = _numbers(table[column], path)
    table["page"] = table["page"].fillna(ALL_PAGES).astype(int)
    table["file"] = [str(PurePosixPath(name.replace("\\", "/"))) for name in table["file"]]
    keys = list(zip(table["file"], table["page"], strict=True))
    if len(set(keys)) < len(keys):
        (file, page), _ = Counter(keys).most_common(1)[0]
        where = f"page {page} of {file}" if page >= 0 else file
        raise DataError(f"data: {path.resolve()} describes {where} twice; remove a row")
    return dict(zip(keys, table.to_dict("records"), strict=True))


def _pages_and_size(path: Path, selection: Selection) -> tuple[int, float]:
    """Number of pages and pixel size [um]; a damaged file counts as one page of unknown size."""
    try:
        return page_count(path, selection), read_pixel_size(path, selection)
    except TiffError:
        return 1, nan


def _rows(
    folders: SplitFolders, data: Path, description: dict, selection: Selection
) -> list[dict[str, object]]:
    """One row a frame of a split."""
    labels = {path.stem: str(path) for path in reversed(picture_files(folders.labels))}
    borders = {path.stem: str(path) for path in reversed(picture_files(folders.borders))}
    rows: list[dict[str, object]] = []
    for path in picture_files(folders.images):
        pages, pixel_size_um = _pages_and_size(path, selection)
        file = path.relative_to(data).as_posix()
        for page in range(pages):
            told = description.get((file, page)) or description.get((file, ALL_PAGES), {})
            offset = page if told.get("page") == ALL_PAGES else 0
            given = {k: told.get(k, nan) for k in ("t", "pixel_size_um", "interval_s")}
            row = {
                "split": folders.split,
                "name": path.stem if pages == 1 else f"{path.stem}_{page:04d}",
                "image": str(path),
                "label": labels.get(path.stem, ""),
                "border": borders.get(path.stem, ""),
                "page": page,
                "sequence": told.get("sequence", ""),
                "t": len(rows) if pd.isna(given["t"]) else int(given["t"]) + offset,
                "pixel_size_um": given["pixel_size_um"],
                "interval_s": given["interval_s"],
                **selection._asdict(),
            }
            if pd.isna(row["pixel_size_um"]):
                row["pixel_size_um"] = pixel_size_um
            rows.append(row)
    return rows


def _require_folder(data: Path) -> None:
    if not data.exists():
        raise DataError(f"data: {data.resolve()} does not exist; give the folder of a data set")
    if not data.is_dir():
        raise DataError(f"data: {data.resolve()} is a file; give the folder that it lies in")


def _what_is_there(data: Path) -> str:
    """The files of a folder without frames, counted by their endings."""
    folders = [data, data / "images", *(data / split for split in SPLITS)]
    folders += [data / split / "images" for split in SPLITS]
    files = [path for folder in folders for path in _entries(folder) if path.is_file()]
    counts = Counter(path.suffix for path in files if not path.name.startswith("."))
    return ", ".join(f"{n} {ending or 'other'}" for ending, n in counts.most_common()) or "no files"


def list_frames(data: Path, channel: int = -1, series: int = -1) -> pd.DataFrame:
    """The frames of a data set, its damaged ones as well: `preprocess.check` reports those.

    Parameters
    ----------
    data : Path
        Folder with `SPLIT/images`, `SPLIT/labels` and `SPLIT/borders`, or with frames alone, and
        perhaps frames.csv.
    channel, series : int
        Which of several every image file holds, from 0; -1: each has one.

    Returns
    -------
    DataFrame
        One row a frame, by split, then in natural order (t1, t2, t10):
        split (train, validation or test); name (the file's stem, with `_0000` and so on for the
        pages of a stack); image, label, border (paths, "" where there is none); page (from 0);
        sequence ("" if unsaid); t (else the position within the split); pixel_size_um [um] (else
        from the file's metadata, else NaN); interval_s [s] (else NaN); channel and series as
        given, so that a row alone says how its image is read.

    Raises
    ------
    DataError
        If there is no folder or no frame, or frames.csv is unreadable.
    """
    data = Path(data)
    _require_folder(data)
    description = read_description(data)
    selection = Selection(channel, series)
    rows = [
        row
        for folders in split_folders(data)
        for row in _rows(folders, data, description, selection)
    ]
    if not rows:
        raise DataError(
            f"data: {data.resolve()} has no frames; expected .tif or .png files in train/images, "
            f"validation/images or test/images, or directly in it; found {_what_is_there(data)}"
        )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
