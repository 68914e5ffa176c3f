"""Frames in, cells out: label images, outlines for Fiji, tables, pictures and a movie.

    python predict.py my_frames --out my_cells
    python predict.py "movie/t*.tif" --out my_cells --pixel-size 0.65
    python predict.py stack.tif --out my_cells --cell-diameter 40

The same command again goes on where a stopped one was. docs/results.md describes all results.
"""

import argparse
import gc
import hashlib
import os
import signal
import sys
import time
from math import inf, isnan
from pathlib import Path
from typing import TYPE_CHECKING

from conductor.record import RunFolderError, locked
from preprocess import large
from preprocess.header import Selection
from preprocess.layout import SHIPPED_MODEL
from results.inputs import InputError, Source, find_frames
from results.store import Options, Store, require_output

if TYPE_CHECKING:  # torch takes seconds: not for a refusal, --help, or what is complete already
    from model.inference import Segmenter
    from results.progress import Progress

DESCRIPTION, EXAMPLES, RESUME = __doc__.strip().split("\n\n")
STOPPED = 130  # exit code after an interrupt


def positive(text: str) -> float:
    """A length above 0 from the command line."""
    value = float(text)
    if not 0 < value < inf:
        raise argparse.ArgumentTypeError(f"{text} is no length above 0")
    return value


def command_line() -> argparse.ArgumentParser:
    """What the command line takes."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=f"examples:\n{EXAMPLES}\n\n{RESUME}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("frames", nargs="+", help="files, folders, or patterns in quotes; pages are time")
    add("--out", required=True, metavar="DIR", help="folder for the results")
    add("--model", default=SHIPPED_MODEL, metavar="FILE", help="weights; default: unet_model.pth")
    add("--pixel-size", type=positive, metavar="UM", help="of all frames; else as the files say")
    add("--cell-diameter", type=positive, metavar="PX", help="typical; counts before pixel size")
    add("--pages-are-time", action="store_true", help="also where a file does not say so")
    add("--channel", type=int, default=-1, metavar="N", help="of several, from 0")
    add("--series", type=int, default=-1, metavar="N", help="of several, from 0")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--precision", choices=("auto", "float32", "bfloat16"), default="auto", help="of the net")
    return parser


def options_of(given: argparse.Namespace) -> Options:
    """What decides the results besides the frames.

    Raises
    ------
    InputError
        If there is no such model.
    """
    model = Path(given.model).expanduser()
    if not model.is_file():
        raise InputError(f"--model {model.absolute()} is no file; give the weights of a net")
    with model.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Options(
        digest,
        given.pixel_size,
        given.cell_diameter,
        given.device,
        given.precision,
        given.channel,
        given.series,
    )


def load_segmenter(model: Path, options: Options) -> "Segmenter":
    """The net, ready to run.

    Raises
    ------
    InputError
        If the file holds no net, or the device is not to be had.
    """
    gc.disable()  # a tenth of the time that torch's many modules take
    from model.inference import Segmenter

    gc.enable()
    try:
        return Segmenter.load(model, options.precision, options.device)
    except ValueError as error:
        raise InputError(str(error)) from error


def predict_missing(
    todo: list[Source], segmenter: "Segmenter", store: Store, progress: "Progress"
) -> None:
    """Segment frames one after another; one that fails does not stop the others.

    Raises
    ------
    OSError
        If results cannot be written; complete frames stay.
    """
    from results.work import overlapped

    progress.begin(len(todo))
    for number, (source, row) in enumerate(overlapped(todo, segmenter, store), start=1):
        try:
            progress.done(row.result(), number)
        except OSError:
            raise
        except Exception as error:  # the log has the traceback
            progress.fail(source, error, number)


def predict(sources: list[Source], store: Store, model: Path) -> list[str]:
    """Segment the frames that are not complete yet, and renew tables and movies.

    Returns
    -------
    list of str
        File and reason of every failed frame.

    Raises
    ------
    InputError
        If the model or the device is not to be had; then nothing was written.
    OSError
        If results cannot be written; complete frames stay.
    """
    from results.progress import Progress
    from results.summary import write_movies, write_tables

    todo = [source for source in sources if not store.is_complete(source)]
    if len(todo) < len(sources):
        print(f"{len(sources) - len(todo)} of {len(sources)} frames are complete already")
    segmenter = load_segmenter(model, store.options) if todo else None
    is_finished = store.is_finished() and not todo
    store.begin(sources)
    progress = Progress(store, sources)
    for source in sources:
        if source not in todo:
            progress.keep(source)
    try:
        if todo:
            _say_what_is_unknown(todo, store.options, segmenter)
            _say_what_is_left_out(todo)
            predict_missing(todo, segmenter, store, progress)
        if not is_finished:
            print("writing tables and movies", flush=True)
            for line in write_movies(store):
                print(line)
    finally:
        for source in filter(store.is_complete, todo):
            progress.keep(source)
        write_tables(store)
        progress.write()
    store.finish()
    return progress.failed()


def _say_what_is_unknown(todo: list[Source], options: Options, segmenter: "Segmenter") -> None:
    """Without pixel size and cell diameter the cells must have the size that the net knows."""
    known = options.pixel_size_um or options.cell_diameter_px
    unsaid = [source.file for source in todo if isnan(source.pixel_size_um)]
    if unsaid and not known and not isnan(segmenter.info["cell_diameter_px"]):
        print(
            f"pixel size unknown ({len(unsaid)} of {len(todo)} frames): cells are expected to be "
            f"about {segmenter.info['cell_diameter_px']:.0f} px wide, as the net knows them; else "
            "give --pixel-size or --cell-diameter",
            flush=True,
        )


def _say_what_is_left_out(todo: list[Source]) -> None:
    """Pictures would need the memory that large frames are to spare."""
    count = sum(source.is_large for source in todo)
    if count:
        print(
            f"{count} of {len(todo)} frames have more than {large.LARGE:,} px: they are segmented "
            "in blocks, and get no outline picture and no movie",
            flush=True,
        )


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code: 0, or 1 where anything failed."""
    given = command_line().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    root, start = Path(given.out).expanduser(), time.monotonic()
    try:
        options = options_of(given)
        selection = Selection(given.channel, given.series)
        sources = find_frames(given.frames, given.pages_are_time, selection)
        require_output(root, given.frames)
        root.mkdir(parents=True, exist_ok=True)
        with locked(root):
            failed = predict(sources, Store(root, options), Path(given.model).expanduser())
    except (InputError, RunFolderError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{root}: {error}; complete frames are kept. {RESUME}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nstopped; complete frames are kept. {RESUME}", file=sys.stderr)
        return STOPPED
    done = len(sources) - len(failed)
    print(f"{done} of {len(sources)} frames in {time.monotonic() - start:.0f} s: {root}")
    if failed:
        print(f"{len(failed)} of {len(sources)} frames failed:", file=sys.stderr)
        print("\n".join(f"  {line}" for line in failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    # Threads of the net that have nothing to do leave their core to the writing of results.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.exit(main())
