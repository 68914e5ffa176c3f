"""The fastest correct way to run on this machine: device, number format, memory format."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Compute:
    """Where and how a net runs.

    Parameters
    ----------
    device : str
        "cpu" or "cuda".
    dtype : torch.dtype
        Number format of the matrix products; weights stay float32.
    """

    device: str
    dtype: torch.dtype

    def autocast(self) -> AbstractContextManager:
        """Context in which convolutions run in `dtype`."""
        return torch.autocast(self.device, dtype=self.dtype, enabled=self.dtype != torch.float32)

    def place(self, tensor: torch.Tensor) -> torch.Tensor:
        """A (N, C, H, W) tensor on the device, channels last in memory."""
        return tensor.to(self.device, memory_format=torch.channels_last)

    def place_net(self, net: torch.nn.Module) -> torch.nn.Module:
        """The net itself, moved to the device, channels last in memory."""
        return net.to(self.device, memory_format=torch.channels_last)


def has_fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512" and bool(
        torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def choose(precision: str = "auto", device: str = "auto") -> Compute:
    """Pick device and number format.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        "auto" takes bfloat16 where the hardware has it. Reference numbers are float32.
    device : {"auto", "cpu", "cuda"}
        "auto" takes a CUDA device where there is one.

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
    return Compute(device, getattr(torch, precision))
