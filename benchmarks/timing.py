"""Tools of `benchmarks.speed`: rates, counts of operations, memory of a process."""

import multiprocessing
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from model.device import Compute
from model.unet import UNet

SIDE = 3072  # of the matrices whose product is timed


# float32 with the channels first in memory: what torch does where nothing is asked of it.
PLAIN = Compute("cpu", torch.float32, torch.contiguous_format)


def machine() -> str:
    """Name of the processor, what it can do, number of threads, and version of torch."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    named = re.search(r"model name\s*: (.*)", text)
    cpu = named[1] if named else platform.processor() or platform.machine()
    abilities = [torch.backends.cpu.get_cpu_capability()]
    abilities += [name for name in ("avx512_bf16", "amx_bf16") if name in text]
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA")
    abilities += [f"oneDNN up to {limit}"] * bool(limit)
    threads = f"{torch.get_num_threads()} threads"
    return ", ".join([cpu, *abilities, threads, f"torch {torch.__version__}"])


def seconds(function: Callable[[], object]) -> float:
    """Wall time of a call [s]."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def median_seconds(function: Callable[[], object], repeats: int = 5) -> float:
    """Median wall time of some calls, after one that is not counted [s]."""
    function()
    return statistics.median(seconds(function) for _ in range(repeats))


def in_turn(measure: list[Callable[[], float]], rounds: int) -> np.ndarray:
    """Median of what each of some functions measures, called one after the other, again and again.

    What else the machine does falls on all of them alike. A first round is not counted.
    """
    measured = [[each() for each in measure] for _ in range(rounds + 1)]
    return np.median(measured[1:], axis=0)


def _serve(asked: Connection, make: Callable[..., Callable[[], object]], values: tuple) -> None:
    """Time a function for another process whenever it asks."""
    function = make(*values)
    with suppress(EOFError):  # the other one has ended
        while asked.recv():
            asked.send(seconds(function))


class Apart:
    """Times a function in a process of its own, where torch is as it comes.

    Parameters
    ----------
    make : callable
        Makes the function; importable by name.
    values
        What it is called with.
    """

    def __init__(self, make: Callable[..., Callable[[], object]], *values: object):
        context = multiprocessing.get_context("spawn")
        self._ask, asked = context.Pipe()
        context.Process(target=_serve, args=(asked, make, values), daemon=True).start()
        asked.close()  # here, so that a process that fails is noticed

    def __call__(self) -> float:
        """Wall time of a call [s].

        Raises
        ------
        EOFError, BrokenPipeError
            If the process has failed.
        """
        self._ask.send(True)
        return self._ask.recv()


def matrix_rate(dtype: torch.dtype) -> float:
    """Operations per second of a product of two square matrices [GFLOP/s]."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(SIDE, SIDE, generator=generator).to(dtype) for _ in range(2))
    return 2 * SIDE**3 / median_seconds(lambda: a @ b) / 1e9


def operations(net: UNet, shape: tuple[int, int, int, int]) -> float:
    """Operations of a net on images (N, C, H, W), two for each multiply-add of its convolutions."""
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        net(torch.zeros(shape))
    return float(counter.get_total_flops())


def run_watched(command: list[str], folder: Path) -> tuple[str, float]:
    """Run a program; what it prints, and the most anonymous memory that it held.

    Parameters
    ----------
    command : list of str
    folder : Path
        Where it runs.

    Returns
    -------
    output : str
    peak : float
        RssAnon of /proc/PID/status, looked at 50 times a second [MB]; files that are mapped into
        memory do not count.

    Raises
    ------
    CalledProcessError
        If it fails.
    """
    peak = 0.0
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            held = re.search(r"RssAnon:\s+(\d+) kB", status.read_text(encoding="utf-8"))
            peak = max(peak, int(held[1]) * 1024 / 1e6 if held else 0.0)
            time.sleep(0.02)
        output = process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return output, peak
