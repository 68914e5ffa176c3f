import platform

import pytest
import torch

from model import device
from model.device import choose, keep_freed_memory


def test_float32_is_what_is_asked_for():
    compute = choose("float32", "cpu")
    assert (compute.device, compute.dtype) == ("cpu", torch.float32)
    with compute.autocast():
        assert torch.nn.Conv2d(1, 1, 1)(torch.zeros(1, 1, 2, 2)).dtype == torch.float32


def test_bfloat16_reaches_the_convolutions():
    compute = choose("bfloat16", "cpu")
    with compute.autocast():
        assert torch.nn.Conv2d(1, 1, 1)(torch.zeros(1, 1, 2, 2)).dtype == torch.bfloat16


@pytest.mark.parametrize(("fast", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_follows_the_hardware(fast, dtype, monkeypatch):
    monkeypatch.setattr(device, "has_fast_bfloat16", lambda: fast)
    assert choose("auto", "cpu").dtype == dtype


def test_a_missing_gpu_is_said_not_replaced(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no CUDA device; set device to 'cpu'"):
        choose("auto", "cuda")
    assert choose("float32", "auto").device == "cpu"


def test_other_words_are_refused():
    with pytest.raises(ValueError, match="precision is 'fp16'"):
        choose("fp16")
    with pytest.raises(ValueError, match="device is 'gpu'"):
        choose("auto", "gpu")


@pytest.mark.parametrize(
    ("training", "wide", "where"),
    [
        (False, False, torch.channels_last),
        (False, True, torch.channels_last),
        (True, True, torch.channels_last),
        (True, False, torch.contiguous_format),
    ],
)
def test_channels_lie_where_the_processor_is_fast(training, wide, where, monkeypatch):
    monkeypatch.setattr(device, "has_wide_vectors", lambda: wide)
    compute = choose("float32", "cpu", training)
    assert compute.place(torch.zeros(2, 3, 4, 5)).is_contiguous(memory_format=where)
    net = compute.place_net(torch.nn.Conv2d(3, 4, 3))
    assert net.weight.is_contiguous(memory_format=where)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is a setting of glibc")
def test_memory_that_is_freed_is_not_cleared_again():
    resource = pytest.importorskip("resource")

    def clear_pages() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(3):
            torch.ones(2**24)  # 64 MiB, 16,384 pages
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    keep_freed_memory()
    pages = [clear_pages() for _ in range(10)]
    assert pages[-1] < 1000, pages
