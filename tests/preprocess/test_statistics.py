from math import nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from preprocess.statistics import (
    annotated_shapes,
    cell_shapes,
    frame_statistics,
    shape_quartiles,
    split_summary,
    touching_share,
)
from preprocess.tiff import write_tiff

LABEL = np.zeros((20, 30), np.int32)
LABEL[2:8, 2:8], LABEL[2:8, 9:13], LABEL[12:18, 20:28] = 4, 9, 300  # 4 and 9 are one pixel apart


def test_areas_are_in_square_micrometres():
    shapes = cell_shapes(LABEL, 0.5)
    assert shapes.id.tolist() == [4, 9, 300]
    assert shapes.area.tolist() == [36 * 0.25, 24 * 0.25, 48 * 0.25]
    assert cell_shapes(LABEL, nan).area.tolist() == [36, 24, 48]
    assert shapes.solidity.tolist() == [1, 1, 1]


def test_touching_share_counts_cells_within_reach():
    assert touching_share(LABEL) == pytest.approx(2 / 3)
    assert touching_share(LABEL, reach=1) == pytest.approx(0)
    assert np.isnan(touching_share(np.zeros_like(LABEL)))


def test_one_row_a_frame_and_one_a_split(tmp_path: Path):
    write_tiff(tmp_path / "image.tif", np.arange(600, dtype=np.uint16).reshape(20, 30))
    write_tiff(tmp_path / "label.tif", LABEL)
    row = {"name": "a", "image": str(tmp_path / "image.tif"), "border": "", "page": 0}
    row |= {"channel": -1, "series": -1}
    frames = pd.DataFrame(
        [
            row | {"split": "train", "label": str(tmp_path / "label.tif"), "pixel_size_um": nan},
            row | {"split": "test", "label": ""},
        ]
    )
    table = frame_statistics(frames)
    assert table.cells[0] == 3 and np.isnan(table.cells[1])
    assert table.covered[0] == pytest.approx(108 / 600)
    assert table.area_px[0] == 36
    assert (table.p50[1], table.dtype[1]) == (299.5, "uint16")
    shapes = annotated_shapes(frames)
    assert shapes[["split", "frame", "id"]].values.tolist() == [
        ["train", "a", i] for i in (4, 9, 300)
    ]
    assert len(annotated_shapes(frames[frames.label == ""])) == 0
    summary = split_summary(table)
    assert summary.split.tolist() == ["train", "test"]
    assert summary.frames.tolist() == [1, 1]
    assert "cells" not in split_summary(table.drop(columns=["cells", "covered", "touching"]))


def test_quartiles_by_group():
    shapes = pd.DataFrame(
        {"who": ["a"] * 5, "area": range(5), "eccentricity": [0.5] * 5, "solidity": [1.0] * 5}
    )
    table = shape_quartiles(shapes, by="who")
    assert table.area.tolist() == [1, 2, 3]
    assert table.columns.tolist() == ["who", "quantile", "area", "eccentricity", "solidity"]
