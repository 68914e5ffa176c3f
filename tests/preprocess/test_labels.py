"""Kinds of label images and their cells, on literal arrays."""

import numpy as np
import pytest

from preprocess.labels import IGNORE, is_border_mask, kind, to_cells, without_ignored

TWO_APART = np.array([
    [1, 1, 0, 0],
    [1, 0, 0, 1],
    [0, 0, 1, 1],
], np.int32)  # fmt: skip
BLOCK = np.ones((3, 5), np.int32)
COLUMN = np.zeros((3, 5), np.uint8)
COLUMN[:, 2] = 255


@pytest.mark.parametrize("value", [1, 255])
def test_a_binary_label_falls_apart_into_its_components(value: int) -> None:
    label = TWO_APART * value
    assert kind(label) == "binary"
    expected = [[1, 1, 0, 0], [1, 0, 0, 2], [0, 0, 2, 2]]
    cells = to_cells(label)
    assert cells.dtype == np.int32
    np.testing.assert_array_equal(cells, expected)
    assert label.max() == value  # the argument is left alone


def test_pixels_that_meet_at_a_corner_are_one_cell() -> None:
    label = np.array([[1, 0], [0, 1]], np.int32)
    np.testing.assert_array_equal(to_cells(label), label)


def test_ids_with_gaps_are_kept() -> None:
    label = np.array([[7, 7, 0], [0, 300, 300], [70_000, 0, 7]], np.int32)
    assert kind(label) == "cells"
    np.testing.assert_array_equal(to_cells(label), label)
    np.testing.assert_array_equal(to_cells(label, label > 0), label)


def test_an_empty_label_stays_empty() -> None:
    empty = np.zeros((2, 3), np.int32)
    assert kind(empty) == "empty"
    np.testing.assert_array_equal(to_cells(empty), empty)
    np.testing.assert_array_equal(to_cells(empty, np.ones((2, 3))), empty)


def test_a_border_mask_cuts_touching_cells_and_every_pixel_stays_in_one() -> None:
    cells = to_cells(BLOCK, COLUMN)
    np.testing.assert_array_equal(cells[:, :2], 1)
    np.testing.assert_array_equal(cells[:, 3:], 2)
    assert set(np.unique(cells[:, 2])) <= {1, 2}


@pytest.mark.parametrize("turned", [False, True])
def test_a_diagonal_border_one_pixel_wide_cuts(turned: bool) -> None:
    border = np.eye(4, dtype=bool)[:, ::-1] if turned else np.eye(4, dtype=bool)
    cells = to_cells(np.ones((4, 4), np.int32), border)
    assert len(np.unique(cells)) == 2 and cells.min() == 1
    corner = (0, 0) if turned else (0, 3)
    opposite = (3, 3) if turned else (3, 0)
    assert cells[corner] != cells[opposite]


def test_a_pixel_at_the_corner_of_a_cell_stays_with_it_beside_a_border() -> None:
    label = np.array([
        [1, 0, 0, 0, 0],
        [0, 1, 1, 1, 1],
        [0, 1, 1, 1, 1],
    ], np.int32)  # fmt: skip
    border = np.zeros((3, 5), bool)
    border[1:, 3] = True
    cells = to_cells(label, border)
    assert cells[0, 0] == cells[1, 1] == cells[2, 2] == 1
    assert cells[1, 4] == cells[2, 4] == 2
    assert cells.max() == 2


def test_a_border_that_ends_at_the_notch_between_two_cells_cuts() -> None:
    label = np.array([[1, 1], [0, 1]], np.int32)
    cells = to_cells(label, np.array([[0, 1], [0, 0]]))
    assert cells[0, 0] != cells[1, 1] and cells[1, 0] == 0 and cells[0, 1] > 0


def test_a_cell_that_its_border_covers_is_kept() -> None:
    label = np.array([[1, 1, 0, 1]], np.int32)
    border = np.array([[0, 0, 0, 1]])
    np.testing.assert_array_equal(to_cells(label, border), [[1, 1, 0, 2]])


def test_unannotated_pixels_stay_and_are_no_cell() -> None:
    label = np.array([[255, IGNORE, 255], [255, IGNORE, 0]], np.int32)
    assert kind(label) == "binary"
    expected = [[1, IGNORE, 2], [1, IGNORE, 0]]
    np.testing.assert_array_equal(to_cells(label), expected)
    np.testing.assert_array_equal(to_cells(label, np.zeros((2, 3))), expected)


def test_unannotated_pixels_alone_are_an_empty_label() -> None:
    assert kind(np.array([[0, IGNORE]], np.int32)) == "empty"


def test_without_ignored() -> None:
    label, annotated = without_ignored(np.array([[3, IGNORE, 0]], np.int32))
    assert label.dtype == np.int32
    np.testing.assert_array_equal(label, [[3, 0, 0]])
    np.testing.assert_array_equal(annotated, [[True, False, True]])


@pytest.mark.parametrize(
    ("border", "expected"),
    [([[0, 0]], True), ([[0, 255]], True), ([[1.0, 2.5, 11.0]], False)],
)
def test_a_border_mask_has_two_values_a_weight_map_more(border: list, expected: bool) -> None:
    assert is_border_mask(np.array(border)) is expected
