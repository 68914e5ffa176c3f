from math import nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from preprocess.borders import border_weight
from preprocess.frames import load_frames, read_cells, write_weights
from preprocess.labels import IGNORE
from preprocess.layout import StageMissing
from preprocess.normalize import Normalization
from preprocess.tiff import write_tiff

CELLS = np.kron(np.array([[0, 1, 2], [0, 0, 2]]), np.ones((8, 8), int)).astype(np.uint16)
IMAGE = np.random.default_rng(0).integers(0, 60_000, CELLS.shape).astype(np.uint16)


def table(folder: Path, label: np.ndarray, border: np.ndarray | None = None) -> pd.DataFrame:
    write_tiff(folder / "image.tif", IMAGE)
    write_tiff(folder / "label.tif", label)
    if border is not None:
        write_tiff(folder / "border.tif", border)
    row = {
        "name": "a",
        "image": str(folder / "image.tif"),
        "label": str(folder / "label.tif"),
        "border": "" if border is None else str(folder / "border.tif"),
        "page": 0,
        "pixel_size_um": nan,
        "channel": -1,
        "series": -1,
    }
    return pd.DataFrame([row])


def test_a_frame_at_working_resolution(tmp_path):
    (frame,) = load_frames(table(tmp_path, CELLS), Normalization(), 0.5)
    assert frame.image.shape == frame.label.shape == frame.weight.shape == (8, 12)
    assert (frame.image.dtype, frame.label.dtype) == (np.float32, np.int32)
    np.testing.assert_array_equal(frame.label, CELLS[::2, ::2])
    np.testing.assert_allclose(frame.weight, border_weight(frame.label))


def test_a_border_mask_cuts_a_binary_label(tmp_path):
    border = np.zeros(CELLS.shape, bool)
    border[:8, 15:17] = True  # where cells 1 and 2 meet
    rows = table(tmp_path, CELLS > 0, border)
    label, annotated = read_cells(rows.iloc[0])
    assert len(np.unique(label)) == 3 and annotated.all()
    np.testing.assert_array_equal(label > 0, CELLS > 0)


def test_a_many_valued_border_is_the_weight_map(tmp_path):
    weight = np.linspace(1, 5, CELLS.size, dtype=np.float32).reshape(CELLS.shape)
    (frame,) = load_frames(table(tmp_path, CELLS, weight), Normalization(), 1.0)
    np.testing.assert_allclose(frame.weight, weight)


def test_pixels_that_nobody_annotated_weigh_nothing(tmp_path):
    partly = CELLS.copy()
    partly[:, 16:] = IGNORE
    (frame,) = load_frames(table(tmp_path, partly), Normalization(), 1.0)
    assert not frame.weight[:, 16:].any() and (frame.weight[:, :16] >= 1).all()
    assert set(np.unique(frame.label)) == {0, 1}


def test_weights_are_handed_over_by_files(tmp_path):
    rows = table(tmp_path, CELLS)
    frames = load_frames(rows, Normalization(), 0.5)
    with pytest.raises(StageMissing, match="02_preprocess"):
        load_frames(rows, Normalization(), 0.5, tmp_path)
    write_weights(frames, tmp_path)
    (again,) = load_frames(rows, Normalization(), 0.5, tmp_path)
    np.testing.assert_array_equal(again.weight, frames[0].weight)
    with pytest.raises(ValueError, match="same scale"):
        load_frames(rows, Normalization(), 1.0, tmp_path)
