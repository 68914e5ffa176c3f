import io
from pathlib import Path

import numpy as np
import PIL.Image

from conductor.page import picture


def test_a_figure_is_shown_in_fewer_colours_and_the_same_size(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    PIL.Image.fromarray(noise).save(tmp_path / "01_a.png")
    shown = PIL.Image.open(io.BytesIO(picture(tmp_path, "01_a").data))
    assert shown.size == (60, 40) and len(shown.getcolors()) <= 128


def test_a_missing_figure_says_why(tmp_path: Path) -> None:
    assert "no labels for its stage" in picture(tmp_path, "04_history").data
