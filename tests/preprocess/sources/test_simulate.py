"""The simulated data set: exact, repeatable, and like the real frames it stands for."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from preprocess.sources import optics, simulate
from preprocess.sources.simulate import SimulationConfig, border_mask, simulate_sequence
from preprocess.tiff import read_image, read_label

SMALL = SimulationConfig(size=256, n_cells=(80, 120), area=(800.0, 1200.0), walls=0.0)
# Cells that divide within minutes: several divisions in a short movie.
LIVELY = replace(SMALL, cycle_h=4.0)


@pytest.fixture(scope="module")
def movie():
    return simulate_sequence(3, 10, LIVELY)


def test_same_seed_same_bits():
    first, second = simulate_sequence(7, 2, SMALL), simulate_sequence(7, 2, SMALL)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_seed_other_field():
    first, second = simulate_sequence(7, 1, SMALL), simulate_sequence(8, 1, SMALL)
    assert np.mean(first.images == second.images) < 0.05
    assert np.any(first.labels != second.labels)


def test_shapes_types_and_range(movie):
    assert movie.images.shape == movie.labels.shape == (10, 256, 256)
    assert movie.images.dtype == movie.labels.dtype == np.uint16
    assert movie.images.min() >= 4000 and movie.images.max() > 50000
    assert movie.lineage.shape[1] == 4


def test_each_cell_is_one_piece(movie):
    for cell in np.unique(movie.labels[0])[1:]:
        assert ndimage.label(movie.labels[0] == cell)[1] == 1


def test_id_follows_its_cell(movie):
    overlap = []
    for before, after in zip(movie.labels[:-1], movie.labels[1:], strict=True):
        for cell in np.intersect1d(before, after)[1:]:
            smaller = min(np.sum(before == cell), np.sum(after == cell))
            overlap.append(np.sum((before == cell) & (after == cell)) / smaller)
    assert np.median(overlap) > 0.6


def test_lineage_lists_the_frames_that_hold_each_id(movie):
    np.testing.assert_array_equal(movie.lineage[:, 0], np.arange(len(movie.lineage)) + 1)
    for cell, first, last, _ in movie.lineage:
        frames = [t for t, label in enumerate(movie.labels) if np.any(label == cell)]
        assert frames == list(range(first, last + 1))


def test_mother_ends_where_her_two_daughters_begin(movie):
    lineage = {row[0]: row for row in movie.lineage}
    daughters = movie.lineage[movie.lineage[:, 3] > 0]
    assert len(daughters) >= 2
    for _, first, _, mother in daughters:
        assert lineage[mother][2] == first - 1
    assert np.unique(daughters[:, 3], return_counts=True)[1].max() == 2


def test_cell_that_comes_back_gets_a_new_id():
    keys = np.zeros((4, 1, 3), int)
    keys[:, 0, 0] = (5, 0, 5, 5)  # leaves and comes back
    keys[:2, 0, 1] = 8  # divides into 9 and 10
    keys[2:, 0, 1:] = (9, 10)
    labels, lineage = simulate._number(keys, {5: 0, 8: 0, 9: 8, 10: 8})
    assert labels[:, 0].tolist() == [[1, 2, 0], [0, 2, 0], [3, 4, 5], [3, 4, 5]]
    expected = [[1, 0, 0, 0], [2, 0, 1, 0], [3, 2, 3, 0], [4, 2, 3, 2], [5, 2, 3, 2]]
    assert lineage.tolist() == expected


def test_border_mask_of_touching_cells():
    label = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [0, 0, 0, 2], [3, 3, 0, 2]], np.uint16)
    expected = [[0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(border_mask(label) // 255, expected)


def test_border_mask_takes_a_severed_stump_along():
    label = np.array([[2, 1, 2, 2], [2, 2, 2, 2], [2, 2, 2, 2]], np.uint16)
    border = border_mask(label)
    assert border.dtype == np.uint8 and set(np.unique(border)) == {0, 255}
    assert ndimage.label((label > 0) & (border == 0))[1] == 2


@pytest.mark.parametrize("connectivity", [1, 2])
def test_border_mask_cuts_a_binary_label_into_the_same_cells(movie, connectivity):
    structure = ndimage.generate_binary_structure(2, connectivity)
    for label in movie.labels:
        pieces, n = ndimage.label((label > 0) & (border_mask(label) == 0), structure)
        pairs = np.unique(np.stack([pieces, label])[:, pieces > 0], axis=1)
        assert n == pairs.shape[1] == len(np.unique(label)) - 1


def test_layout_of_the_default_data_set(tmp_path):
    simulate.write_default(tmp_path, SMALL)
    table = pd.read_csv(tmp_path / "frames.csv")
    columns = ["file", "page", "split", "sequence", "t", "pixel_size_um", "interval_s"]
    assert list(table) == columns
    assert table.groupby("split").size().to_dict() == {"train": 3, "validation": 2, "test": 12}
    assert table.sequence.nunique() == 6
    for row in table.itertuples():
        image = read_image(tmp_path / row.file)
        label = read_label(tmp_path / row.file.replace("images", "labels"))
        assert image.shape == label.shape == (256, 256) and label.max() > 0
    borders = sorted(path.name for path in tmp_path.glob("*/borders/*.tif"))
    assert borders == ["sim01.tif", "sim02.tif", "sim03.tif", "sim04.tif", "sim05.tif"]
    lineage = np.loadtxt(tmp_path / "test" / "man_track.txt", dtype=int)
    assert lineage.shape[1] == 4 and lineage[:, 2].max() == 11


def test_thin_object_is_dark_with_a_bright_halo():
    thickness = np.zeros((65, 65), np.float32)
    thickness[24:41, 24:41] = 0.4
    brightness = optics.phase_contrast(thickness, halo=4.0)
    assert brightness[32, 26] < 0.9
    assert brightness[32, 21] > 1.05
    assert brightness[0, 0] == pytest.approx(1, abs=0.01)


def test_no_cell_is_labelled_behind_the_wall():
    walled = replace(SMALL, walls=1.0)
    frame = simulate_sequence(7, 1, walled)
    top, bottom = frame.labels[0, :5], frame.labels[0, -5:]
    assert np.all(top == 0) or np.all(bottom == 0)
    assert np.any(simulate_sequence(7, 1, SMALL).labels[0, :5])


@pytest.mark.slow
def test_statistics_of_a_default_frame_are_like_real_ones():
    frame = simulate_sequence(simulate.FRAME_SEEDS[0], 1)
    area = np.bincount(frame.labels.ravel())[1:]
    assert 40 <= len(area) <= 110
    assert 1000 < np.median(area) < 4500
    assert 0.05 < np.mean(frame.labels > 0) < 0.30
    assert 30000 < np.median(frame.images) < 34000
    assert frame.images.min() >= 4000


@pytest.mark.slow
def test_default_movie_shows_division_and_cells_that_enter_and_leave():
    movie = simulate_sequence(simulate.MOVIE_SEED, simulate.N_MOVIE_FRAMES)
    _, first, last, mother = movie.lineage.T
    assert np.unique(mother[mother > 0], return_counts=True)[1].max() == 2
    assert np.any((first > 0) & (mother == 0))
    assert np.any(~np.isin(movie.lineage[:, 0], mother) & (last < simulate.N_MOVIE_FRAMES - 1))
