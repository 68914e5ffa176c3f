import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from plots import geometry, style

TABLE = pd.DataFrame({"frame": ["t01", "t02"], "area": [12.3456789, 1234567.0], "cells": [3, 4]})


def picture_axes(width: int = 400, height: int = 300) -> plt.Axes:
    _, axes = style.new_figure()
    axes[0, 0].imshow(np.zeros((height, width)))
    return axes[0, 0]


@pytest.mark.parametrize(
    ("longest", "expected"), [(0.7, 0.5), (1, 1), (4.9, 2), (5, 5), (99, 50), (217, 200)]
)
def test_round_length_is_the_next_of_one_two_five_below(longest: float, expected: float):
    assert geometry.round_length(longest) == pytest.approx(expected)


def test_scale_bar_is_as_long_as_it_says():
    ax = picture_axes()
    bar = style.scale_bar(ax, 0.8, length=40)
    assert np.ptp(bar.get_xdata()) == pytest.approx(40 / 0.8)
    assert ax.texts[0].get_text() == "40 µm"


def test_scale_bar_chooses_a_round_length_and_stays_inside():
    ax = picture_axes(width=400)
    limits = ax.get_xlim(), ax.get_ylim()
    bar = style.scale_bar(ax, 0.8708)  # a quarter of the width is 87 um
    assert np.ptp(bar.get_xdata()) == pytest.approx(50 / 0.8708)
    assert ax.texts[0].get_text() == "50 µm"
    assert 0 < min(bar.get_xdata()) and max(bar.get_xdata()) < 400
    assert (ax.get_xlim(), ax.get_ylim()) == limits


def test_scale_bar_counts_pixels_where_the_pixel_size_is_unknown():
    ax = picture_axes(width=400)
    bar = style.scale_bar(ax, float("nan"))
    assert np.ptp(bar.get_xdata()) == pytest.approx(100)
    assert ax.texts[0].get_text() == "100 px"


def test_every_figure_has_the_look():
    plt.rcParams["font.size"] = 3
    style.new_figure()
    assert plt.rcParams["font.size"] == style.STYLE["font.size"]
    sizes = [value for name, value in style.STYLE.items() if name.endswith("size")]
    assert min(size for size in sizes if size != style.STYLE["lines.markersize"]) >= 9


def test_colours_of_a_kind_differ():
    for colours in (style.SERIES, tuple(style.METRICS.values()), (style.TRUTH, style.PREDICTED)):
        assert len(set(colours)) == len(colours)
    assert len({style.HIT, style.MISSED, style.FALSE}) == 3


def test_save_figure_writes_a_picture_and_its_table_and_nothing_else(tmp_path):
    figure, _ = style.new_figure(size=(4, 2))
    assert style.save_figure(figure, tmp_path / "figures", "01_a", TABLE) is None
    folder = tmp_path / "figures"
    assert sorted(path.name for path in folder.iterdir()) == ["01_a.csv", "01_a.png"]
    text = (folder / "01_a.csv").read_text()
    assert text == "frame,area,cells\nt01,12.3457,3\nt02,1.23457e+06,4\n"
    png = (folder / "01_a.png").read_bytes()
    assert png.startswith(b"\x89PNG") and b"Software" not in png
    assert plt.imread(folder / "01_a.png").shape[:2] == (200, 400)
    assert plt.get_fignums() == [figure.number]  # left open for the notebook to show


def test_save_figure_replaces_and_repeats_itself_to_the_byte(tmp_path):
    figure, _ = style.new_figure(size=(4, 2))
    (tmp_path / "a.png").write_bytes(b"old")
    style.save_figure(figure, tmp_path, "a", TABLE)
    first = (tmp_path / "a.png").read_bytes()
    style.save_figure(figure, tmp_path, "a", TABLE)
    assert first == (tmp_path / "a.png").read_bytes() != b"old"


def test_a_failed_write_keeps_the_old_file_and_no_draft(tmp_path, monkeypatch):
    figure, _ = style.new_figure(size=(4, 2))
    (tmp_path / "a.png").write_bytes(b"old")

    def refuse(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(style.os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        style.save_figure(figure, tmp_path, "a", TABLE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


def noisy_figure() -> Figure:
    figure, axes = style.new_figure(size=(4, 4))
    axes[0, 0].imshow(np.random.default_rng(0).random((400, 400)), cmap="gray")
    return figure


def test_a_noisy_picture_is_kept_below_the_limit(tmp_path, monkeypatch):
    style.save_figure(noisy_figure(), tmp_path, "full", TABLE)
    full = (tmp_path / "full.png").stat().st_size
    monkeypatch.setattr(style, "MAX_BYTES", round(0.9 * full))
    style.save_figure(noisy_figure(), tmp_path, "less", TABLE)
    assert (tmp_path / "less.png").stat().st_size <= 0.9 * full
    before, after = (plt.imread(tmp_path / f"{name}.png")[..., :3] for name in ("full", "less"))
    assert before.shape == after.shape
    assert np.abs(before - after).max() <= 0.5 / 15 + 1e-6
