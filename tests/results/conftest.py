"""A small net that sees cells in noise, and a frame for it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import save_model
from model.unet import UNet, UNetConfig
from preprocess.normalize import Normalization

INFO = {
    "scale": 1.0,
    "pixel_size_um": 0.5,
    "cell_diameter_px": 12.0,
    "normalization": vars(Normalization()),
    "decoding": {"foreground": 0.5, "smallest_cell": 4.0, "confidence": 0.0},
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """File of an untrained net of depth 2."""
    torch.manual_seed(1)  # with these weights it sees cells in noise
    path = tmp_path / "weights" / "tiny.pth"
    path.parent.mkdir()
    save_model(path, UNet(UNetConfig(width=4, depth=2)).eval(), INFO)
    return path


@pytest.fixture
def noise() -> np.ndarray:
    """A frame, (48, 64) uint16."""
    return np.random.default_rng(0).integers(0, 60_000, (48, 64)).astype(np.uint16)
