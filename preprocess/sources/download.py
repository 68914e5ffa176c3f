"""Real frames with hand-drawn outlines, fetched file by file and checked by their checksums.

python -m preprocess.sources.download t98g --to T98G
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pandas as pd
import pooch
import requests
from tqdm import tqdm

from preprocess.header import Selection
from preprocess.tiff import atomic_path, read_image, read_label, write_tiff

BASE = "https://raw.githubusercontent.com"
TIMEOUT_S = 30
PATIENCE = 3  # servers that do not answer in a row, after which no other file is asked for
ORIGINALS = "originals"
FIRST = Selection(0, 0)  # whatever else a file may hold
KINDS = {"raw.tif": "image", "instances_ids.png": "label"}


class DownloadError(RuntimeError):
    """Files that could not be fetched; the message lists them all."""


class RemoteFile(NamedTuple):
    """One file of a data set as it lies on the server.

    Parameters
    ----------
    name : str
        Of its frame, as `set01`.
    split : str
        train or test.
    kind : str
        image or label.
    path : str
        Below the base address.
    sha256 : str
    size : int
        [bytes].
    """

    name: str
    split: str
    kind: str
    path: str
    sha256: str
    size: int

    @property
    def original(self) -> Path:
        """Where it lies below the data set as it was fetched, to be known on the next start."""
        return Path(ORIGINALS, f"{self.name}{Path(self.path).suffix}")

    @property
    def place(self) -> Path:
        """Where the image or label that is made of it lies below the data set."""
        return Path(self.split, f"{self.kind}s", f"{self.name}.tif")


def read_table(name: str) -> dict:
    """What stands in `NAME.json` beside this module: origin, licence, split and checksums."""
    path = Path(__file__).with_name(f"{name}.json")
    return json.loads(path.read_text(encoding="utf-8"))


def remote_files(table: dict) -> Iterator[RemoteFile]:
    """The files of a table of `read_table`.

    Which frames are the test frames is fixed in the table: the shipped net has seen all others.
    """
    for path, known in table["files"].items():
        _, folder, file = path.split("/")
        number = int(folder.removeprefix("set"))
        yield RemoteFile(
            name=f"set{number:02d}",
            split="test" if number in table["test"] else "train",
            kind=KINDS[file],
            path="/".join((table["repository"], table["commit"], table["folder"], path)),
            sha256=known["sha256"],
            size=known["bytes"],
        )


def _is_there(path: Path, sha256: str) -> bool:
    return path.is_file() and pooch.file_hash(str(path)) == sha256


def _fetch(file: RemoteFile, target: Path, base: str) -> None:
    """Fetch one file, which appears whole and right or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    download = pooch.HTTPDownloader(timeout=TIMEOUT_S, chunk_size=2**16)
    with atomic_path(target) as temporary:
        download(f"{base}/{quote(file.path)}", str(temporary), None)
        size = temporary.stat().st_size
        if pooch.file_hash(str(temporary)) != file.sha256:
            found = f"{size:,} bytes of another content" if size == file.size else f"{size:,} bytes"
            raise ValueError(f"{found}; expected {file.size:,} with sha256 {file.sha256}")


def _fetch_all(files: list[RemoteFile], to: Path, base: str) -> None:
    """Fetch what is not there yet; every file is tried unless the server is silent."""
    failed: list[str] = []
    silent = 0
    total = sum(file.size for file in files)
    with tqdm(total=total, unit="B", unit_scale=True, file=sys.stderr) as progress:
        for number, file in enumerate(files):
            target = to / file.original
            progress.set_description(file.name)
            try:
                if not _is_there(target, file.sha256):
                    _fetch(file, target, base)
                silent = 0
            except (requests.RequestException, ValueError, OSError) as error:
                failed.append(f"{base}/{quote(file.path)}: {error}")
                unreachable = (requests.ConnectionError, requests.Timeout)
                silent = silent + 1 if isinstance(error, unreachable) else 0
            progress.update(file.size)
            if silent == PATIENCE:
                failed += [f"{base}/{quote(f.path)}: not tried" for f in files[number + 1 :]]
                break
    if failed:
        listed = "\n".join(f"  {line}" for line in failed)
        raise DownloadError(
            f"{to}: {len(failed)} of {len(files)} files could not be fetched; run the same command "
            f"again, what is there is kept\n{listed}"
        )


def _require_own(files: list[RemoteFile], to: Path) -> None:
    """Refuse a folder with frames or labels of another origin."""
    if to.exists() and not to.is_dir():
        raise DownloadError(f"{to}: a file; expected a folder, new or of an earlier download")
    own = {file.place for file in files}
    there = [path for split in ("train", "validation", "test") for path in (to / split).rglob("*")]
    foreign = [
        path
        for path in there
        if path.is_file() and path.relative_to(to) not in own and not path.name.startswith(".")
    ]
    if foreign:
        listed = "\n".join(f"  {path}" for path in sorted(foreign))
        raise DownloadError(
            f"{to}: {len(foreign)} files of another origin; give another folder\n{listed}"
        )


def download(table: dict, to: Path, base: str = BASE) -> pd.DataFrame:
    """Fetch a data set; what is there with the right checksum is not fetched again.

    Images and labels that are there are left as they are.

    Parameters
    ----------
    table : dict
        Of `read_table`.
    to : Path
        Receives train/ and test/, each with images/ and labels/, frames.csv, and originals/ with
        the files as they were fetched.
    base : str
        Address in front of repository, commit and path.

    Returns
    -------
    DataFrame
        frames.csv: file, split and pixel_size_um [um].

    Raises
    ------
    DownloadError
        With every file that failed, after all others were fetched, or if `to` holds other frames.
    TiffError
        If a file is no image or no label.
    """
    files = list(remote_files(table))
    _require_own(files, to)
    folders = {to / path.parent for file in files for path in (file.original, file.place)}
    for folder in folders:
        for left_by_a_kill in folder.glob(".*.tmp"):
            left_by_a_kill.unlink()
    _fetch_all(files, to, base)
    for file in files:
        original, place = to / file.original, to / file.place
        if place.exists():
            continue  # perhaps corrected by hand
        is_image = file.kind == "image"
        array = read_image(original, 0, FIRST) if is_image else read_label(original)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_tiff(place, array, table["pixel_size_um"])
    images = [file for file in files if file.kind == "image"]
    frames = pd.DataFrame(
        {
            "file": [file.place.as_posix() for file in images],
            "split": [file.split for file in images],
            "pixel_size_um": table["pixel_size_um"],
        }
    )
    with atomic_path(to / "frames.csv") as temporary:
        frames.to_csv(temporary, index=False)
    return frames


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Fetch real frames with hand-drawn outlines.")
    parser.add_argument("name", choices=["t98g"])
    parser.add_argument("--to", type=Path, help="folder of the data set (default: T98G)")
    parser.add_argument(
        "--base", default=BASE, help="address of another server with the same paths"
    )
    options = parser.parse_args(arguments)
    table = read_table(options.name)
    to = options.to or Path(table["name"])
    megabytes = sum(known["bytes"] for known in table["files"].values()) / 1e6
    print(f"{table['name']}: {len(table['files'])} files, {megabytes:.0f} MB, from {options.base}")
    print(f"licence: {table['licence']}\ncite: {table['citation']}", flush=True)
    try:
        frames = download(table, to, options.base.rstrip("/"))
    except (DownloadError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    counts = frames["split"].value_counts()
    print(f"{to}: {counts['train']} frames in train/, {counts['test']} in test/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
