"""Damage files at random, and see that each is read as a picture or refused in the project's words.

    python -m benchmarks.fuzz [--files 20000]

TIFF files of every kind that is read, and model files, are changed in one place or more. A
worker process with limited memory and time reads them. Counted in benchmarks/fuzz.csv are:

- refused: the reader's own error (TiffError, CheckpointError)
- as before: the change did not matter
- changed: other pixels or tags of a TIFF, which has no checksum; other contents of a model file
  whose checksums were made anew, as only somebody who means harm would
- failed: another exception, a crash, more than five seconds of the processor, or a model file that
  was changed and is read all the same. None is allowed.

File k of a kind is drawn from SeedSequence([seed, kind, k]).
"""

import argparse
import io
import multiprocessing
import resource
import time
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import tifffile
import torch

from model.checkpoint import CheckpointError, load_model, save_model
from model.unet import UNet, UNetConfig
from preprocess.layout import BENCHMARKS
from preprocess.tiff import TiffError, atomic_path, read_header, read_pages, read_pixel_size

TABLE = BENCHMARKS / "fuzz.csv"
SECONDS = 5.0  # of the processor, so that a busy machine does not decide
HANGS = 120.0  # on the clock
MEMORY = 2**30  # bytes beyond what the worker takes at its start
OUTCOMES = ["refused", "as before", "changed", "failed"]
INTERESTING = (0, 1, 2, 3, 4, 5, 8, 16, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
PIXELS = np.arange(12 * 20).reshape(12, 20)
MODEL, FORGED = "model file", "model file, checksums anew"


def tiff_files() -> dict[str, bytes]:
    """A small TIFF file of every kind that the project reads, and of some that it refuses."""
    stack = np.stack([PIXELS, PIXELS + 1, PIXELS + 2]).astype(np.uint16)
    grey = {"photometric": "minisblack"}
    kinds = {
        "8 bits": (PIXELS.astype(np.uint8), {}),
        "16 bits, big-endian": (PIXELS.astype(">u2"), {"byteorder": ">"}),
        "float32": (PIXELS.astype(np.float32), {}),
        "1 bit": (PIXELS % 3 == 0, {}),
        "deflate, predictor": (PIXELS.astype(np.uint16), {"compression": "zlib", "predictor": 2}),
        "LZW": (PIXELS.astype(np.uint16), {"compression": "lzw"}),
        "zstd": (PIXELS.astype(np.uint16), {"compression": "zstd"}),
        "packbits": (PIXELS.astype(np.uint8), {"compression": "packbits"}),
        "tiles": (PIXELS.astype(np.uint16), {"tile": (16, 16), "compression": "zlib"}),
        "many strips": (PIXELS.astype(np.uint8), {"rowsperstrip": 1}),
        "BigTIFF": (PIXELS.astype(np.uint16), {"bigtiff": True}),
        "ImageJ stack": (stack, {"imagej": True, "metadata": {"axes": "TYX", "unit": "um"}}),
        "OME stack": (stack, {"ome": True, "metadata": {"axes": "TYX", "PhysicalSizeX": 0.5}}),
        "stack, deflate": (stack, {"metadata": {"axes": "TYX"}, "compression": "zlib", **grey}),
        "white is zero": (PIXELS.astype(np.uint8), {"photometric": "miniswhite"}),
        "colours": (np.stack([PIXELS] * 3, -1).astype(np.uint8), {"photometric": "rgb"}),
    }
    files = {}
    for kind, (array, options) in kinds.items():
        content = io.BytesIO()
        tifffile.imwrite(content, array, **options)
        files[kind] = content.getvalue()
    return files


def model_file(folder: Path) -> bytes:
    """The smallest model file."""
    torch.manual_seed(0)
    info = {"scale": 1.0, "frames": ["a"], "history": {"epoch": [1, 2]}}
    save_model(folder / "model.pth", UNet(UNetConfig(width=1, depth=1)), info)
    return (folder / "model.pth").read_bytes()


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with one random change or more: bits, bytes, numbers, pieces, its end."""
    data = bytearray(content)
    for _ in range(1 + int(rng.exponential(1.5))):
        if not data:
            break
        at, size = int(rng.integers(len(data))), int(2 ** rng.integers(0, 4))
        match rng.integers(7):
            case 0 | 1:
                data[at] ^= 1 << int(rng.integers(8))
            case 2:
                data[at] = int(rng.integers(256))
            case 3:
                number = INTERESTING[rng.integers(len(INTERESTING))]
                order = ("little", "big")[rng.integers(2)]
                data[at : at + size] = number.to_bytes(max(size, 4), order)[:size]
            case 4:
                del data[at : at + size]
            case 5:
                data[at:at] = data[max(0, at - size) : at]
            case 6 if rng.random() < 0.2:
                del data[at:]
    return bytes(data)


def forged(content: bytes, rng: np.random.Generator) -> bytes:
    """A model file whose pickle or weights were changed, and whose checksums fit."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        chosen = "data.pkl" if rng.random() < 0.9 else "byteorder"
        for part in old.infolist():
            data = old.read(part)
            new.writestr(part.filename, mutated(data, rng) if chosen in part.filename else data)
    return target.getvalue()


def read_tiff(path: Path) -> list[np.ndarray]:
    """Everything that the project reads from a file."""
    read_pixel_size(path)
    pages = list(read_pages(path))
    header = read_header(path)
    if len(pages) != header.pages or any(page.ndim != 2 for page in pages):  # noqa: PLR2004
        raise AssertionError("no picture, and no error")
    return pages


def read_model(path: Path) -> list[np.ndarray]:
    """Weights of a model, by the order of their names, and what else it holds."""
    net, info = load_model(path)
    return [value.numpy() for value in net.state_dict().values()] + [np.array(str(info))]


def outcome(kind: str, path: Path, expected: list[np.ndarray] | None) -> str:
    """What comes of a damaged file: one of `OUTCOMES`, a failure with its reason."""
    is_model = kind in (MODEL, FORGED)
    try:
        found = read_model(path) if is_model else read_tiff(path)
    except (TiffError, CheckpointError):
        return "refused"
    except BaseException as error:
        return f"failed: {type(error).__name__}: {error}"
    if expected is not None and len(found) == len(expected):
        pairs = zip(found, expected, strict=True)
        if all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs):
            return "as before"
    return "failed: another model is read" if kind == MODEL else "changed"


def originals(folder: Path) -> dict[str, bytes]:
    """The file of every kind that is damaged."""
    model = model_file(folder)
    return {**tiff_files(), MODEL: model, FORGED: model}


def damage(kind: str, content: bytes, seed: int, number: int, kinds: list[str]) -> bytes:
    """Damaged file `number` of a kind."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, kinds.index(kind), number]))
    return forged(content, rng) if kind == FORGED else mutated(content, rng)


def _work(connection, folder: str, files: dict[str, bytes], seed: int) -> None:
    """Read the damaged files that are asked for, one after the other."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    path, expected = Path(folder) / "damaged", {}
    for kind, content in files.items():
        path.write_bytes(content)
        read = read_model if kind in (MODEL, FORGED) else read_tiff
        try:
            expected[kind] = read(path)
        except TiffError:  # colours
            expected[kind] = None
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    connection.send("ready")
    while True:
        kind, number = connection.recv()
        path.write_bytes(damage(kind, files[kind], seed, number, list(files)))
        begin = time.process_time()
        found = outcome(kind, path, expected[kind])
        seconds = time.process_time() - begin
        if seconds > SECONDS:
            found = f"failed: {seconds:.1f} s"
        connection.send((found, seconds))


class Worker:
    """A process that reads damaged files, and is started anew when it crashes or hangs.

    Parameters
    ----------
    folder : Path
    files : dict of str to bytes
        As `originals` gives them.
    seed : int
    """

    def __init__(self, folder: Path, files: dict[str, bytes], seed: int):
        self.arguments = (str(folder), files, seed)
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_work, args=(other, *self.arguments), daemon=True)
        self.process.start()
        other.close()
        self.connection.recv()

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()

    def read(self, kind: str, number: int) -> tuple[str, float]:
        """Outcome of damaged file `number` of a kind, and the processor's time for it [s]."""
        try:
            self.connection.send((kind, number))
            if self.connection.poll(HANGS):
                return self.connection.recv()
            found = "failed: hangs"
        except (EOFError, OSError):
            self.process.join()
            found = f"failed: crashed with code {self.process.exitcode}"
        self.stop()
        self._start()
        return found, 0.0


def rows(folder: Path, count: int, seed: int) -> Iterator[dict[str, object]]:
    """What came of `count` damaged files of every kind, one row a kind."""
    files = originals(folder)
    worker = Worker(folder, files, seed)
    for kind in files:
        counts, slowest = dict.fromkeys(OUTCOMES, 0), 0.0
        for number in range(count):
            found, seconds = worker.read(kind, number)
            slowest = max(slowest, seconds)
            counts[found.split(":")[0]] += 1
            if found.startswith("failed"):
                print(f"{kind}, file {number}: {found}", flush=True)
        reader = "model" if kind in (MODEL, FORGED) else "TIFF"
        first = {"reader": reader, "kind": kind, "seed": seed, "files": count}
        yield first | counts | {"slowest_s": round(slowest, 2)}
    worker.stop()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000, help="at least so many altogether")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    count = -(-options.files // (len(tiff_files()) + 2))
    table = []
    with TemporaryDirectory() as folder:
        for row in rows(Path(folder), count, options.seed):
            print(row, flush=True)
            table.append(row)
            with atomic_path(TABLE) as temporary:
                pd.DataFrame(table).to_csv(temporary, index=False)


if __name__ == "__main__":
    main()
