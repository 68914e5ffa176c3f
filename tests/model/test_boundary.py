import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from model.boundary import (
    Spread,
    boundary_offsets,
    normalized_surface_distance,
    perturb,
    spread_of,
)
from preprocess.layout import PROJECT

SQUARE = np.zeros((20, 20), np.int32)
SQUARE[6:14, 6:14] = 7  # 28 boundary pixels
EMPTY = np.zeros_like(SQUARE)


def square(reach: int) -> np.ndarray:
    """SQUARE, larger by `reach` on each side, with another id."""
    label = np.zeros_like(SQUARE)
    label[6 - reach : 14 + reach, 6 - reach : 14 + reach] = 3
    return label


def discs(n: int) -> np.ndarray:
    """n x n discs of radius 20 px apart from each other, ids 2, 4, 6 .."""
    y, x = np.mgrid[-40:40, -40:40]
    disc = (y**2 + x**2 <= 20**2).astype(np.int32)
    return np.kron(2 * np.arange(1, n * n + 1).reshape(n, n), np.ones_like(disc)) * np.tile(
        disc, (n, n)
    )


def test_nsd_of_equal_outlines_is_one_whatever_the_ids():
    assert normalized_surface_distance(SQUARE, square(0), 0) == 1


def test_nsd_counts_the_boundary_pixels_within_the_tolerance():
    longer = square(0)
    longer[6:14, 14:18] = 3  # 4 columns more on the right: 12 x 8, 36 boundary pixels
    # 20 true boundary pixels are boundary there too, the 6 inner ones of the right side are not;
    # their nearest boundary is 1 (rows 7 and 12), 2 (8 and 11) or 3 px (9 and 10) away
    assert normalized_surface_distance(SQUARE, longer, 0) == pytest.approx((22 + 22) / 64)
    assert normalized_surface_distance(SQUARE, longer, 1) == pytest.approx((24 + 24) / 64)
    assert normalized_surface_distance(SQUARE, longer, 3) == pytest.approx((28 + 28) / 64)
    assert normalized_surface_distance(SQUARE, longer, 4) == 1


def test_nsd_tolerance_is_inclusive_and_symmetric():
    for tolerance, expected in ((1.99, 0), (3, 1)):
        assert normalized_surface_distance(SQUARE, square(2), tolerance) == expected
        assert normalized_surface_distance(square(2), SQUARE, tolerance) == expected
    # at 2 px the 4 corners of the larger square and their neighbours are too far
    assert normalized_surface_distance(SQUARE, square(2), 2) == pytest.approx((28 + 32) / 72)


def test_nsd_sees_a_border_between_touching_cells():
    halves = SQUARE.copy()
    halves[6:14, 10:14] = 8
    # columns 9 and 10 are boundary in `halves` alone: 2 x 6 pixels beside the 28 in both
    assert normalized_surface_distance(SQUARE, halves, 0) == pytest.approx(56 / 68)


def test_nsd_of_frames_without_cells():
    assert normalized_surface_distance(EMPTY, EMPTY, 3) == 1
    assert normalized_surface_distance(EMPTY, SQUARE, 3) == 0
    assert normalized_surface_distance(SQUARE, EMPTY, 3) == 0


def test_nsd_does_not_count_the_edge_of_the_frame():
    cut = np.array([[1, 1, 1, 0, 0, 0]] * 3)
    assert normalized_surface_distance(cut, np.array([[1, 1, 1, 1, 0, 0]] * 3), 0) == 0


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="expected"):
        normalized_surface_distance(SQUARE, SQUARE[:2], 3)
    with pytest.raises(ValueError, match="expected"):
        boundary_offsets(SQUARE, SQUARE[:2])


def test_offsets_of_an_equal_cell_are_zero():
    (row,) = boundary_offsets(SQUARE, square(0)).itertuples()
    assert (row.true_id, row.predicted_id, row.area_px, row.iou) == (7, 3, 64, 1)
    assert (row.mean_px, row.std_px) == (0, 0)
    assert np.isnan(row.length_px)


@pytest.mark.parametrize("reach", [-1, 1])
def test_offset_is_positive_outside_the_true_cell(reach):
    (row,) = boundary_offsets(SQUARE, square(reach)).itertuples()
    assert row.mean_px == pytest.approx(reach, abs=0.1)
    assert row.points == pytest.approx(4 * (8 + 2 * reach), abs=3)


def test_a_shifted_cell_wobbles_about_zero():
    label = discs(n=1)
    (row,) = boundary_offsets(label, np.roll(label, 3, axis=1)).itertuples()
    # 3 px cos(angle): mean 0, standard deviation 3 / sqrt 2; cos falls to 1/e after 1.19 radii
    assert row.mean_px == pytest.approx(0, abs=0.3)
    assert row.std_px == pytest.approx(3 / 2**0.5, abs=0.15)
    assert row.length_px == pytest.approx(1.19 * 20, rel=0.15)


def test_offsets_at_the_edge_of_the_frame_are_those_of_the_drawn_outline():
    cut = np.zeros((30, 30), int)
    cut[:, :10] = 1
    wider = np.zeros_like(cut)
    wider[:, :12] = 1
    (row,) = boundary_offsets(cut, wider).itertuples()
    assert (row.mean_px, row.std_px) == pytest.approx((2, 0))


def test_cells_without_a_partner_or_an_outline_have_no_offsets():
    full = np.ones((5, 5), int)
    inner = full.copy()
    inner[:, 4] = 0
    for truth, predicted in ((SQUARE, EMPTY), (SQUARE, square(-3)), (full, inner), (inner, full)):
        table = boundary_offsets(truth, predicted)
        assert len(table) == 0 and "mean_px" in table


def test_spread_ignores_a_common_offset_and_a_mistake():
    cells = pd.DataFrame({"mean_px": [1.0, 2, 3, 4, 50], "std_px": [1.0, 2, 2, 2, 30]})
    spread = spread_of(cells.assign(length_px=[np.nan, 9, 9, 12, 12]))
    assert spread == pytest.approx((2 / 1.349, 2, 9))
    assert spread_of(cells.assign(length_px=1.0, mean_px=cells.mean_px - 9)).between == (
        pytest.approx(2 / 1.349)
    )


def test_spread_of_one_cell_is_undefined():
    with pytest.raises(ValueError, match="two or more"):
        spread_of(boundary_offsets(SQUARE, SQUARE))


def test_total_and_scaled_spread():
    spread = Spread(3, 4, 15)
    assert spread.total == 5
    assert spread.scaled(2) == (6, 8, 15)


@pytest.mark.parametrize("spread", [Spread(2, 0, 10), Spread(0, 2, 10), Spread(1.5, 1.5, 20)])
def test_the_noise_of_perturbed_cells_is_measured_again(spread):
    label = discs(n=5)
    moved = [perturb(label, spread, np.random.default_rng(seed)) for seed in range(10)]
    measured = spread_of(pd.concat([boundary_offsets(label, cells) for cells in moved]))
    assert measured.total == pytest.approx(spread.total, rel=0.15)
    assert (measured.between > measured.within) == (spread.between >= spread.within)
    if spread.within:
        assert measured.length == pytest.approx(spread.length, rel=0.25)


def test_without_noise_nothing_moves():
    label = np.array([[1, 1, 2, 2, 0, 0, 0, 9]] * 4, np.uint16)
    same = perturb(label, Spread(0, 0, 2), np.random.default_rng(0))
    np.testing.assert_array_equal(same, label)
    assert same.dtype == label.dtype


def test_equal_generators_give_equal_cells():
    label = discs(n=2)
    before = label.copy()
    first, again, other = (
        perturb(label, Spread(1, 1, 10), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_array_equal(label, before)


def test_cells_do_not_swallow_each_other():
    label = np.zeros((60, 60), int)
    label[10:50, 10:30], label[10:50, 30:50], label[29:31, 50:52] = 1, 2, 3
    alone = [np.where(label == cell, label, 0) for cell in (1, 2, 3)]
    grown = 0
    for seed in range(20):
        together = perturb(label, Spread(6, 0, 2), np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        for cell in alone:
            claimed = perturb(cell, Spread(6, 0, 2), rng)
            kept = (claimed > 0) & (cell > 0)
            assert (together[kept] == cell[kept]).all()
            grown += (together[claimed > 0] != claimed[claimed > 0]).any()
    assert grown > 0  # there were conflicts


def test_a_wobble_finer_than_pixels_is_refused():
    with pytest.raises(ValueError, match="2.0 px or more"):
        perturb(SQUARE, Spread(1, 1, 1), np.random.default_rng(0))


def test_outlines_need_no_torch():
    code = "import sys, model.boundary; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0
