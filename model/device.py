"""The fastest correct way to run on this machine: device, number format, memory format."""

import ctypes
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

PRECISIONS = ("auto", "float32", "bfloat16")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT = 2**30  # bytes
MOST = 2**25  # bytes that older versions of glibc take as M_MMAP_THRESHOLD


@dataclass(frozen=True)
class Compute:
    """Where and how a net runs.

    Parameters
    ----------
    device : str
        "cpu" or "cuda".
    dtype : torch.dtype
        Number format of the matrix products; in training weights stay float32.
    memory_format : torch.memory_format
        How the four axes of a tensor lie in memory.
    """

    device: str
    dtype: torch.dtype
    memory_format: torch.memory_format = torch.channels_last

    def autocast(self) -> AbstractContextManager:
        """Context in which convolutions run in `dtype`."""
        return torch.autocast(self.device, dtype=self.dtype, enabled=self.dtype != torch.float32)

    def place(self, tensor: torch.Tensor) -> torch.Tensor:
        """A (N, C, H, W) tensor on the device, in the memory format."""
        return tensor.to(self.device, memory_format=self.memory_format)

    def place_net(self, net: torch.nn.Module) -> torch.nn.Module:
        """The net itself, moved to the device, in the memory format."""
        return net.to(self.device, memory_format=self.memory_format)


def has_wide_vectors() -> bool:
    """Whether this processor has AVX-512."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


def has_fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    return has_wide_vectors() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def choose(precision: str = "auto", device: str = "auto", training: bool = False) -> Compute:
    """Pick device, number format and memory format.

    Channels last in memory are faster, but for gradients on processors without AVX-512: there a
    training step of `model.unet.UNet` takes 1.5 times as long.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        "auto" takes bfloat16 where the hardware has it. Reference numbers are float32.
    device : {"auto", "cpu", "cuda"}
        "auto" takes a CUDA device where there is one.
    training : bool
        Whether gradients are computed.

    Raises
    ------
    ValueError
        For other values, or if "cuda" is asked for and absent.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}, expected one of {', '.join(PRECISIONS)}")
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device is {device!r}, expected auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is 'cuda', but torch finds no CUDA device; set device to 'cpu'")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision == "auto":
        fast = torch.cuda.is_bf16_supported() if device == "cuda" else has_fast_bfloat16()
        precision = "bfloat16" if fast else "float32"
    in_rows = training and device == "cpu" and not has_wide_vectors()
    memory_format = torch.contiguous_format if in_rows else torch.channels_last
    return Compute(device, getattr(torch, precision), memory_format)


def keep_freed_memory() -> None:
    """Have this process keep memory that is freed for its next use.

    By default glibc gives blocks as large as a layer's values back to the system, which clears
    every page before it hands it out again: that can double the time of a training step. Now
    blocks of up to 1 GiB stay, and so does what lies below a block in use; what is free above it
    goes back from 1 GiB on. Other C libraries are left as they are.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        if not library.mallopt(M_MMAP_THRESHOLD, KEPT):
            library.mallopt(M_MMAP_THRESHOLD, MOST)
        library.mallopt(M_TRIM_THRESHOLD, KEPT)
