import numpy as np
import pytest

from preprocess.borders import border_weight


def brute_force(label: np.ndarray, w0: float, sigma: float) -> np.ndarray:
    """Equation 2, pixel by pixel and cell by cell."""
    cells = [np.argwhere(label == i) for i in np.unique(label[label > 0])]
    weight = np.ones(label.shape)
    for y, x in np.ndindex(label.shape):
        distances = sorted(np.hypot(c[:, 0] - y, c[:, 1] - x).min() for c in cells)
        if len(distances) > 1:
            weight[y, x] += w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return weight


def random_cells(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    label = np.zeros((60, 70), np.int32)
    for cell in rng.choice(500, 6, replace=False) + 1:  # gaps between the ids
        y, x = rng.integers(0, (50, 60))
        label[y : y + rng.integers(3, 15), x : x + rng.integers(3, 15)] = cell
    return label


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("w0", "sigma"), [(10.0, 5.0), (4.0, 2.0)])
def test_agrees_with_a_brute_force_computation(seed, w0, sigma):
    label = random_cells(seed)
    np.testing.assert_allclose(
        border_weight(label, w0, sigma), brute_force(label, w0, sigma), rtol=0, atol=1e-5
    )


def test_the_gap_between_two_cells_weighs_most():
    label = np.zeros((9, 20), np.int32)
    label[:, :8], label[:, 10:] = 1, 2
    weight = border_weight(label)
    # in the gap d1 = 1 and d2 = 2; in a cell d1 = 0
    assert weight[4, 8] == pytest.approx(1 + 10 * np.exp(-9 / 50))
    assert weight[4, 7] == pytest.approx(1 + 10 * np.exp(-9 / 50))
    assert weight[4, 0] < weight[4, 7]


@pytest.mark.parametrize("label", [np.zeros((5, 6), np.int32), np.full((5, 6), 3, np.int32)])
def test_without_two_cells_every_pixel_weighs_one(label):
    weight = border_weight(label)
    assert weight.dtype == np.float32 and (weight == 1).all()
