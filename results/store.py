"""The folder of results: what lies where, which frames are complete, and what made them."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from natsort import natsorted

from preprocess.tiff import atomic_path
from results.inputs import InputError, Source

RUN = "run.json"
PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "tifffile")
FOLDERS = {"labels": ".tif", "rois": ".zip", "outlines": ".png", "records": ".json"}


@dataclass(frozen=True)
class Options:
    """What decides the results of a frame besides the frame itself.

    Parameters
    ----------
    model_sha256 : str
        Of the file of weights.
    pixel_size_um, cell_diameter_px : float or None
        As given, for all frames.
    device, precision : str
        As `model.device.choose` takes them.
    channel, series : int
        Of every file, -1 where each has one.
    """

    model_sha256: str
    pixel_size_um: float | None = None
    cell_diameter_px: float | None = None
    device: str = "auto"
    precision: str = "auto"
    channel: int = -1
    series: int = -1


def require_output(root: Path, arguments: Iterable[str]) -> None:
    """Refuse a folder in which results could destroy something, or mix with the frames.

    Parameters
    ----------
    root : Path
        Where results shall go.
    arguments : iterable of str
        As `results.inputs.find_frames` takes them.

    Raises
    ------
    InputError
        If it is a file, lies in a folder of frames or holds one, or holds files of other origin.
    """
    if root.exists() and not root.is_dir():
        raise InputError(f"--out {root} is a file; give a folder")
    here = root.resolve()
    for folder in (path for path in map(Path, arguments) if path.is_dir()):
        there = folder.resolve()
        if here.is_relative_to(there) or there.is_relative_to(here):
            raise InputError(f"--out {root} and the frames in {folder} overlap; give another --out")
    others = root.exists() and [p for p in root.iterdir() if not p.name.startswith(".")]
    if others and not (root / RUN).is_file():
        raise InputError(f"--out {root} holds files, but no earlier results; give an empty folder")


def identity(source: Source) -> dict[str, object]:
    """What tells a frame's file from another, or from itself after a change."""
    stat = Path(source.file).stat()
    return {
        "file": str(Path(source.file).resolve()),
        "page": source.page,
        "bytes": stat.st_size,
        "modified_ns": stat.st_mtime_ns,
    }


class Store:
    """Results of one folder, one record a complete frame.

    A record is written last, so that a frame with a record is complete whenever a run was killed.

    Parameters
    ----------
    root : Path
    options : Options
    """

    def __init__(self, root: Path, options: Options):
        self.root, self.options = root, options

    def begin(self, sources: list[Source]) -> None:
        """Make the folders, remove what a killed run left half written, and say what runs.

        Raises
        ------
        InputError
            If results of other files or options would be mixed with these; nothing is changed.
        """
        self._require_no_others(sources)
        self._say_finished(False)
        for folder in FOLDERS:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for left in [*self.root.glob(".*.tmp"), *self.root.glob("*/.*.tmp")]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def _say_finished(self, finished: bool) -> None:
        packages = {name: version(name) for name in PACKAGES}
        content = asdict(self.options) | {"packages": packages, "finished": finished}
        self._write_json(self.root / RUN, content)

    def finish(self) -> None:
        """Say that tables and movies are those of the records."""
        self._say_finished(True)

    def is_finished(self) -> bool:
        """Whether the last run came to its end."""
        content = self._read_json(self.root / RUN)
        return content is not None and content["finished"]

    def path(self, folder: str, name: str) -> Path:
        """Where a frame's file of one of `FOLDERS` lies."""
        return self.root / folder / (name + FOLDERS[folder])

    def _write_json(self, path: Path, content: dict) -> None:
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def _read_json(self, path: Path) -> dict | None:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def read(self, name: str) -> dict | None:
        """A frame's record, None where there is none or it is unreadable."""
        return self._read_json(self.path("records", name))

    def records(self) -> dict[str, dict]:
        """Records of all complete frames by name, in natural order."""
        names = natsorted(path.stem for path in (self.root / "records").glob("[!.]*.json"))
        read = {name: self.read(name) for name in names}
        return {name: record for name, record in read.items() if record is not None}

    def _require_no_others(self, sources: list[Source]) -> None:
        """Refuse to mix frames of other options, or of other files of the same names."""
        files = {source.name: Path(source.file) for source in sources}
        others, foreign = [], []
        for name, record in self.records().items():
            if name not in files and record["options"] != asdict(self.options):
                others.append(name)
            stored = Path(record["source"]["file"])
            if name in files and stored != files[name].resolve() and stored.exists():
                foreign.append(f"  {name}: of {stored}, now {files[name].resolve()}")
        if foreign:
            listed = "\n".join(foreign[:10])
            raise InputError(
                f"--out {self.root} holds frames of the same names from other files; give another "
                f"--out\n{listed}"
            )
        if others:
            raise InputError(
                f"--out {self.root} holds {len(others)} frames made with another model or other "
                f"options ({', '.join(others[:3])}{', ...' if len(others) > 3 else ''}), which are "  # noqa: PLR2004
                "not among the frames given; give those as well, or another --out"
            )

    def is_complete(self, source: Source) -> bool:
        """Whether the frame has all its files, made from the same file with the same options."""
        record = self.read(source.name)
        if record is None or source.error is not None:
            return False
        unchanged = record["source"] | {"file": ""} == identity(source) | {"file": ""}
        made_alike = record["options"] == asdict(self.options)
        folders = set(FOLDERS) - set(record["left_out"])
        return unchanged and made_alike and all(self.path(f, source.name).exists() for f in folders)

    def forget(self, name: str) -> None:
        """Remove a frame's files, the record first."""
        for folder in reversed(FOLDERS):
            self.path(folder, name).unlink(missing_ok=True)

    def keep(
        self,
        source: Source,
        frame: dict[str, object],
        cells: list[dict],
        status: dict,
        left_out: Iterable[str] = (),
    ) -> None:
        """Write the record that makes a frame complete.

        Parameters
        ----------
        source : Source
        frame, status : dict
            Its rows of frames.csv and status.csv.
        cells : list of dict
            Its rows of cells.csv.
        left_out : iterable of str
            Those of `FOLDERS` in which it has no file.
        """
        content = {
            "options": asdict(self.options),
            "source": identity(source),
            "left_out": [*left_out],
            "frame": frame,
            "status": status,
            "cells": cells,
        }
        self._write_json(self.path("records", source.name), content)
