"""Which files of a data set belong together, and which are left over."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from preprocess.faults import Fault
from preprocess.layout import SPLITS
from preprocess.listing import (
    ALL_PAGES,
    DESCRIPTION,
    SplitFolders,
    other_files,
    picture_files,
    read_description,
    split_folders,
)

Found = tuple[Path, Fault]


def pairing_faults(data: Path, train: bool) -> Iterator[Found]:
    """Faults that names alone show.

    Parameters
    ----------
    data : Path
        Folder of the data set.
    train : bool
        Whether every image of the splits train and validation needs a label.

    Yields
    ------
    (Path, Fault)
    """
    folders = split_folders(data)
    for split in folders:
        for folder in split[1:]:
            if folder is not None:
                yield from _twins(folder)
                if folder != data:
                    yield from _ignored(folder, other_files(folder), "TIFF or PNG files")
        yield from _orphans(split, train)
    yield from _strays(data, folders)
    yield from _description_faults(data, folders)


def _twins(folder: Path) -> Iterator[Found]:
    """Files that differ in their ending or in capitals only."""
    same = defaultdict(list)
    for path in picture_files(folder):
        same[path.stem.casefold()].append(path)
    for first, *others in same.values():
        if others:
            found = f"the same name as {', '.join(path.name for path in others)}"
            remedy = "remove or rename all but one"
            yield first, Fault("error", found, "one file a name", remedy)


def _orphans(split: SplitFolders, train: bool) -> Iterator[Found]:
    """Images without a label where one is needed, labels and borders without an image."""
    images, labels, borders = ({p.stem: p for p in picture_files(f)} for f in split[1:])
    if train and split.split != "test":
        for stem in (s for s in images if s not in labels):
            name = f"{split.split}/labels/{images[stem].name}"
            remedy = "draw its label, or move the image to test/images"
            yield images[stem], Fault("error", "no label", name, remedy)
    for kind, files in (("label", labels), ("border", borders)):
        for stem in (s for s in files if s not in images):
            name = f"{split.split}/images/{files[stem].name}"
            remedy = f"add the image, or remove the {kind}: it is not used"
            yield files[stem], Fault("warning", f"a {kind} without image", name, remedy)


def _ignored(folder: Path, files: Iterable[Path], expected: str) -> Iterator[Found]:
    """What lies in a folder and is not read, in one row."""
    names = [path.name for path in files]
    if names:
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")  # noqa: PLR2004
        remedy = "they are ignored; move or convert them if they are frames"
        yield folder, Fault("warning", f"{len(names)} others: {shown}", expected, remedy)


def _strays(data: Path, folders: list[SplitFolders]) -> Iterator[Found]:
    """Pictures, or folders of labels, where no frame is looked for."""
    read = {folder for split in folders for folder in split[1:]}
    for folder in (data, data / "images", data / "labels", *(data / split for split in SPLITS)):
        if folder not in read:
            yield from _ignored(
                folder, picture_files(folder), "frames in SPLIT/images, labels beside"
            )


def _description_faults(data: Path, folders: list[SplitFolders]) -> Iterator[Found]:
    """Rows of frames.csv without a file, or with the name of another split."""
    split_of = {
        path.relative_to(data).as_posix(): split.split
        for split in folders
        for path in picture_files(split.images)
    }
    for (file, page), row in read_description(data).items():
        where = file if page == ALL_PAGES else f"{file}, page {page}"
        if file not in split_of:
            remedy = "correct the column file, which is relative to the data set, or add the file"
            yield data / DESCRIPTION, Fault("warning", where, "an image of that name", remedy)
        elif row["split"] not in ("", split_of[file]):
            found = f"{where} in split {row['split']}"
            remedy = "move the file or correct the row"
            yield data / DESCRIPTION, Fault("error", found, f"split {split_of[file]}", remedy)
