import csv
from math import isnan, pi
from pathlib import Path

import numpy as np
import pytest

from results import tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "results.md"
LABEL = np.zeros((20, 30), np.int32)
LABEL[0:4, 2:5], LABEL[8:18, 10:20] = 1, 2
IMAGE = np.where(LABEL == 2, 7, 3).astype(np.uint8)
SURE = np.array([0.25, 0.75], np.float32)


def test_what_is_measured_of_two_rectangles():
    first, second = tables.cell_rows(LABEL, IMAGE, SURE, 0.5)
    assert (first["id"], first["area_px"], first["area_um2"]) == (1, 12, 3.0)
    assert (first["row"], first["column"]) == (1.5, 3.0)
    assert (first["touches_border"], second["touches_border"]) == (True, False)
    assert (first["mean_intensity"], second["mean_intensity"]) == (3, 7)
    assert (first["confidence"], second["confidence"]) == (0.25, 0.75)
    assert second["solidity"] == 1 and second["eccentricity"] == pytest.approx(0, abs=1e-6)
    assert second["perimeter_px"] == 36 and second["perimeter_um"] == 18
    assert second["major_axis_px"] == pytest.approx(4 * np.sqrt(100 / 12), rel=0.01)


def test_a_disc_has_the_area_and_axes_of_a_disc():
    rows, columns = np.indices((60, 60)) - 30
    label = (rows**2 + columns**2 <= 20**2).astype(np.int32)
    (cell,) = tables.cell_rows(label, label, SURE[:1], 2.0)
    assert cell["area_um2"] == pytest.approx(pi * 40**2, rel=0.01)
    assert cell["minor_axis_um"] == pytest.approx(80, rel=0.01)


def test_unknown_pixel_size_and_no_cells_leave_places_empty(tmp_path):
    first, _ = tables.cell_rows(LABEL, IMAGE, SURE)
    assert isnan(first["area_um2"]) and first["area_px"] == 12
    nothing = np.zeros((5, 8), np.int32)
    assert tables.cell_rows(nothing, nothing, SURE[:0]) == []
    row = tables.frame_row((5, 8), 0.0, np.nan, [])
    tables.write_table(tmp_path / "a.csv", row, [row])
    with (tmp_path / "a.csv").open(newline="") as file:
        (read,) = csv.DictReader(file)
    assert read["cells"] == "0" and read["density_per_mm2"] == read["mean_confidence"] == ""


def test_density_is_per_square_millimetre():
    cells = tables.cell_rows(LABEL, IMAGE, SURE, 1.0)
    row = tables.frame_row((1000, 500), 0.2, 1.0, cells)
    assert row["density_per_mm2"] == 4 and row["median_area_um2"] == 56
    assert (row["mean_confidence"], row["least_confidence"]) == (0.5, 0.25)


@pytest.mark.parametrize("name", ["cells", "frames", "status"])
def test_every_column_is_described(name):
    section = PAGE.read_text(encoding="utf-8").split(f"## {name}.csv")[1].split("\n## ")[0]
    described = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    columns = {"cells": "CELL_COLUMNS", "frames": "FRAME_COLUMNS", "status": "STATUS_COLUMNS"}
    assert described == list(getattr(tables, columns[name]))
