"""What a run says of itself: status.json, log.txt, and the lock that keeps a second run out."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from preprocess.layout import PROJECT, RunLayout
from preprocess.tiff import atomic_path

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-image",
    "pandas",
    "tifffile",
    "papermill",
)
LOCK = ".lock"
ROOM = 2**29  # bytes; a run at default.yaml takes 0.4 GB, checkpoint and its successor included
FOLDERS = ("notebooks", "figures", "tables", "predicted_masks", "augmented", "weights")
NOT_COMPARED = ("resume", "run")
FILES = ("split", "model", "checkpoint", "history", "scores", "report", "log")


class RunFolderError(RuntimeError):
    """A run folder that must not be written to."""


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the run folder for this process.

    The operating system gives the lock back when a process ends in whatever way, so that a killed
    run leaves no stale lock behind.

    Raises
    ------
    RunFolderError
        If another process runs into the same folder.
    """
    lock = FileLock(root / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        pid = read_status(root).get("pid", "unknown")
        raise RunFolderError(
            f"{root}: process {pid} is running into this folder; wait for it, or "
            "give another run folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


def require_run_folder(root: Path, data: Path) -> None:
    """Refuse a folder in which a run could destroy something that no run wrote.

    Raises
    ------
    RunFolderError
        If the folder is a file, overlaps the data, or holds files of another origin.
    """
    if root.exists() and not root.is_dir():
        raise RunFolderError(f"run: {root} is a file; give a folder")
    here, there = root.resolve(), data.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise RunFolderError(
            f"run: {root} overlaps the data in {data}, which a run never writes to"
        )
    is_ours = here.is_relative_to(PROJECT / "runs") or (root / "status.json").exists()
    if not is_ours and root.exists() and any(p.name != LOCK for p in root.iterdir()):
        raise RunFolderError(f"run: {root} holds files, but no earlier run; give an empty folder")


def require_room(root: Path) -> None:
    """Create the run folder, and refuse one that cannot be written to, before anything is cleared.

    Raises
    ------
    RunFolderError
        If the folder is read-only, or its disk nearly full.
    """
    remedy = "make room, or give another run folder"
    nearest = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    if free < ROOM:
        raise RunFolderError(
            f"run: {root} has {free / 1e6:,.0f} MB of free disk; expected at least "
            f"{ROOM / 1e6:,.0f} MB; {remedy}"
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        with atomic_path(root / ".probe") as path:
            path.write_bytes(bytes(2**12))
        (root / ".probe").unlink()
    except OSError as error:
        raise RunFolderError(f"run: {root} cannot be written to ({error}); {remedy}") from error


def fingerprint(data: Path) -> str:
    """SHA-256 of the names and contents of all images, labels and borders of a data set."""
    from preprocess.listing import DESCRIPTION, picture_files, split_folders  # pandas takes time

    paths = {data / DESCRIPTION} if (data / DESCRIPTION).is_file() else set()
    for split in split_folders(data):
        paths.update(*map(picture_files, split[1:]))
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(os.fsencode(path.relative_to(data)) + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def require_resumable(layout: RunLayout, parameters: Mapping[str, object], data: str) -> None:
    """Refuse to continue what is no earlier run, or one of something else.

    Parameters
    ----------
    layout : RunLayout
    parameters : mapping
        The complete parameter set to continue with.
    data : str
        As `fingerprint` gives it.

    Raises
    ------
    RunFolderError
        If there is no earlier run, or it began with other parameters or other data.
    """
    earlier = read_status(layout.root)
    if not earlier or not layout.config.is_file():
        raise RunFolderError(f"run: {layout.root} holds no run to continue; start without resume")
    stored = yaml.safe_load(layout.config.read_text(encoding="utf-8"))
    names = [k for k in stored | dict(parameters) if k not in NOT_COMPARED]
    other = [name for name in names if stored.get(name) != parameters.get(name)]
    if other:
        changes = (f"{k}: {stored.get(k)!r}, now {parameters.get(k)!r}" for k in other)
        raise RunFolderError(
            f"run: {layout.root} began with other parameters ({'; '.join(changes)}); leave them "
            "out to continue it, or start anew without resume"
        )
    if earlier.get("data") != data:
        raise RunFolderError(
            f"run: the data in {parameters['data']} changed since {layout.root} began; restore "
            "them, or start anew without resume"
        )


def clear_run(layout: RunLayout) -> None:
    """Remove what an earlier run left under the names that a run writes."""
    for name in FOLDERS:
        shutil.rmtree(getattr(layout, name), ignore_errors=True)
    for name in FILES:
        getattr(layout, name).unlink(missing_ok=True)
    layout.remove_unfinished()


def read_status(root: Path) -> dict:
    """Content of a run's status.json, empty where there is none."""
    path = RunLayout(root).status
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


class Record:
    """The status and the log of one run.

    Parameters
    ----------
    layout : RunLayout
        Where to write.
    parameters : mapping
        The complete parameter set.
    data : str
        As `fingerprint` gives it.
    seconds : mapping, optional
        What the stages took [s] that an earlier run finished.
    """

    def __init__(
        self,
        layout: RunLayout,
        parameters: Mapping[str, object],
        data: str = "",
        seconds: Mapping[str, float] | None = None,
    ) -> None:
        self.layout = layout
        self.status = {
            "state": "running",
            "stage": "",
            "reason": "",
            "started": time.strftime("%Y-%m-%dT%H:%M:%S"),
            "pid": os.getpid(),
            "seconds": dict(seconds or {}),
            "data": data,
            "parameters": dict(parameters),
            "packages": {name: version(name) for name in PACKAGES},
        }

    def update(self, **changes: object) -> None:
        """Change the status, and replace status.json in one step."""
        self.status.update(changes)
        with atomic_path(self.layout.status) as path:
            Path(path).write_text(json.dumps(self.status, indent=2) + "\n", encoding="utf-8")

    def finish_stage(self, stage: str, seconds: float) -> None:
        """Note that a stage ended well, and what it took [s]."""
        self.update(seconds={**self.status["seconds"], stage: round(seconds, 1)})

    def log(self, text: str) -> None:
        """Append to log.txt."""
        with self.layout.log.open("a", encoding="utf-8") as file:
            file.write(text)

    def say(self, line: str) -> None:
        """Print a line, and log it."""
        print(line, flush=True)
        self.log(line + "\n")


class Echo:
    """Text stream for a notebook's output: always to the log, to the console only where asked."""

    def __init__(self, record: Record, console: bool) -> None:
        self.record = record
        self.console = console

    def write(self, text: str) -> int:
        """Pass text on."""
        self.record.log(text)
        if self.console:
            print(text, end="", flush=True)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def begin(layout: RunLayout, parameters: Mapping[str, object], data: str) -> Record:
    """Clear the run folder for a new run, or find what the one to be continued has finished.

    Parameters
    ----------
    layout : RunLayout
    parameters : mapping
        The complete set; `resume` says which of the two.
    data : str
        As `fingerprint` gives it.
    """
    if parameters["resume"]:
        record = Record(layout, parameters, data, read_status(layout.root)["seconds"])
        layout.make().remove_unfinished()
        record.say("continued: what is finished is kept")
        record.update()
        return record
    record = Record(layout, parameters, data)
    record.update()
    clear_run(layout)
    layout.make()
    with atomic_path(layout.config) as path:
        path.write_text(yaml.safe_dump(dict(parameters), sort_keys=False), encoding="utf-8")
    return record
