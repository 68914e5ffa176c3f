"""How far a run is: on the console, in status.csv, and in log.txt."""

import time
import traceback
from collections import Counter

from preprocess.tiff import TiffError
from results.inputs import Source
from results.store import Store
from results.tables import STATUS_COLUMNS, write_table

WRITE_AFTER_S = 5  # at most between two writings of status.csv


class Progress:
    """State of every frame of a run.

    Parameters
    ----------
    store : Store
    sources : list of Source
        All of this call; frames of earlier calls are listed behind them.
    """

    def __init__(self, store: Store, sources: list[Source]):
        self.store = store
        nothing = {"state": "waiting", "cells": "", "seconds": "", "message": ""}
        self.rows = {s.name: {"file": s.file, "frame": s.name} | nothing for s in sources}
        for name, record in store.records().items():
            self.rows.setdefault(name, record["status"])
        self.todo = 0
        self.started = time.monotonic()
        self.written = 0.0

    def keep(self, source: Source) -> None:
        """Note a frame that an earlier run completed."""
        self.rows[source.name] = self.store.read(source.name)["status"] | {"file": source.file}

    def begin(self, todo: int) -> None:
        """Start the clock of the frames that are left to do."""
        self.todo, self.started = todo, time.monotonic()

    def done(self, row: dict[str, object], number: int) -> None:
        """Note and print a frame that is complete; `number` counts from 1."""
        self.rows[row["frame"]] = row
        cells = f"{row['cells']} cell{'' if row['cells'] == 1 else 's'}"
        self._say(row["frame"], f"{cells}  {row['seconds']:.1f} s", number)

    def fail(self, source: Source, error: Exception, number: int) -> None:
        """Note and print a frame that failed, and log the traceback."""
        if isinstance(error, TiffError):
            message = f"{error.found}; expected {error.expected}; {error.remedy}"
        elif isinstance(error, ValueError):
            message = str(error)
        else:
            message = f"{type(error).__name__}: {error}; see log.txt"
        self.rows[source.name] |= {"state": "failed", "message": " ".join(message.split())}
        with (self.store.root / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {source.file}, {source.name}\n")
            log.write("".join(traceback.format_exception(error)) + "\n")
        self._say(source.name, "FAILED", number)

    def _say(self, name: str, what: str, number: int) -> None:
        seconds = time.monotonic() - self.started
        left = seconds / number * (self.todo - number)
        hint = f"  (about {left:.0f} s left)" if left > WRITE_AFTER_S else ""
        print(f"[{number:{len(str(self.todo))}}/{self.todo}] {name}  {what}{hint}", flush=True)
        if time.monotonic() - self.written > WRITE_AFTER_S:
            self.write()

    def write(self) -> None:
        """Replace status.csv."""
        write_table(self.store.root / "status.csv", STATUS_COLUMNS, self.rows.values())
        self.written = time.monotonic()

    def failed(self) -> list[str]:
        """One line a failed frame: file and reason."""
        rows = [row for row in self.rows.values() if row["state"] == "failed"]
        pages = Counter(row["file"] for row in self.rows.values())
        return [
            f"{row['file']}{', ' + row['frame'] if pages[row['file']] > 1 else ''}: "
            f"{row['message']}"
            for row in rows
        ]
