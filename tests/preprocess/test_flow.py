import numpy as np
import pytest

from model.representation import follow
from preprocess import flow as module
from preprocess.flow import coarse_flow, flow_field


def bent(shape: str) -> np.ndarray:
    """A cell 6 px wide in the form of a letter."""
    label = np.zeros((40, 40), np.int32)
    label[3:37, 3:9] = 1
    label[31:37, 3:37] = 1
    if shape == "U":
        label[3:37, 31:37] = 1
    return label


def random_cells(seed: int) -> np.ndarray:
    """Rectangles that cut and touch each other, with gaps between the ids."""
    rng = np.random.default_rng(seed)
    label = np.zeros((40, 50), np.int32)
    for cell in rng.choice(100_000, 9, replace=False) + 1:
        y, x = rng.integers(0, (34, 44))
        label[y : y + rng.integers(3, 15), x : x + rng.integers(3, 15)] = cell
    return label


def test_arrows_of_a_line_lead_to_its_middle():
    rows, columns = flow_field(np.array([[0, 4, 4, 4, 4, 4, 0]]))
    assert columns.tolist() == [[0, 1, 1, 0, -1, -1, 0]]
    assert not rows.any()
    standing = flow_field(np.array([[0, 4, 4, 4, 4, 4, 0]]).T)
    np.testing.assert_array_equal(standing[0].T, columns)


def test_arrows_of_a_bar_lead_along_it_and_to_its_axis():
    bar = np.zeros((7, 15), np.int32)
    bar[2:5, 1:14] = 3
    rows, columns = flow_field(bar)
    np.testing.assert_allclose(columns[3, 1:14], [1] * 6 + [0] + [-1] * 6, atol=1e-5)
    np.testing.assert_allclose(rows[3], 0, atol=1e-5)
    for row, inwards in ((2, 1), (4, -1)):
        assert (rows[row, 1:14] * inwards > 0).all()
        assert (columns[row, 1:7] > 0).all() and (columns[row, 8:14] < 0).all()


@pytest.mark.parametrize("label", [bent("L"), bent("U"), bent("U").T, bent("L")[:, ::-1]])
def test_arrows_have_length_one_in_cells_and_zero_outside(label):
    flow = flow_field(label)
    assert flow.dtype == np.float32 and flow.shape == (2, 40, 40)
    np.testing.assert_allclose(np.hypot(*flow), label > 0, atol=1e-5)


@pytest.mark.parametrize(
    ("label", "centre"),
    [
        (bent("L"), (31, 8)),  # the pixels nearest to the medians of rows and columns
        (bent("U"), (31, 19)),
        (bent("U").T, (19, 31)),
    ],
)
def test_every_pixel_of_a_bent_cell_is_led_to_its_centre(label, centre):
    ends = follow(label > 0, flow_field(label), 100)  # (2, K)
    assert ends.shape == (2, (label > 0).sum())
    assert np.hypot(*(ends - np.array(centre)[:, None])).max() < 2


@pytest.mark.parametrize("seed", range(4))
def test_cells_do_not_feel_each_other(seed):
    label = random_cells(seed)
    alone = sum(
        flow_field(np.where(label == cell, label, 0)) for cell in np.unique(label[label > 0])
    )
    assert len(np.unique(label)) > 5
    np.testing.assert_allclose(flow_field(label), alone, atol=1e-4)


@pytest.mark.parametrize("label", [bent("U"), random_cells(3)])
def test_wide_cells_are_solved_alike(label, monkeypatch):
    narrow = flow_field(label)
    monkeypatch.setattr(module, "LARGEST_BAND", 0)
    np.testing.assert_allclose(flow_field(label), narrow, atol=1e-4)


@pytest.mark.parametrize("shape", [(5, 101), (101, 5)])
def test_the_band_is_as_narrow_as_the_cell_whichever_way_it_lies(shape, monkeypatch):
    width = 5 + 1
    monkeypatch.setattr(module, "LARGEST_BAND", width * 5 * 101)
    monkeypatch.setattr(module, "splu", None)
    assert flow_field(np.ones(shape, np.int32)).any()
    monkeypatch.setattr(module, "LARGEST_BAND", width * 5 * 101 - 1)
    with pytest.raises(TypeError):
        flow_field(np.ones(shape, np.int32))


def test_a_border_between_touching_cells_is_a_watershed():
    label = np.array([[1, 1, 1, 1, 1, 2, 2, 2, 2, 2]])
    assert flow_field(label)[1].tolist() == [[1, 1, 0, -1, -1] * 2]


def test_the_ids_do_not_matter():
    label = random_cells(0)
    other = np.where(label > 0, 100_001 - label, 0)
    np.testing.assert_allclose(flow_field(label), flow_field(other), atol=1e-4)


def test_a_cell_cut_by_the_frame_and_one_pixel_alone():
    label = np.array([[7, 0, 0], [0, 0, 9], [0, 0, 9], [0, 0, 9]])
    rows, columns = flow_field(label)
    assert rows[:, 2].tolist() == [0, 1, 0, -1]
    assert (rows[0, 0], columns[0, 0]) == (0, 0)


def test_no_cell_gives_no_flow():
    for function in (flow_field, lambda label: coarse_flow(label, 2)):
        flow = function(np.zeros((4, 6), np.int32))
        assert flow.dtype == np.float32 and not flow.any()


@pytest.mark.parametrize(
    ("shape", "block", "coarse"),
    [((8, 12), 2, (4, 6)), ((7, 13), 2, (4, 7)), ((9, 10), 4, (3, 3)), ((1, 5), 3, (1, 2))],
)
def test_a_coarse_flow_has_an_arrow_for_every_block_begun(shape, block, coarse):
    assert coarse_flow(np.ones(shape, np.int32), block).shape == (2, *coarse)


def test_a_coarse_flow_is_that_of_the_coarse_cells():
    label = random_cells(1)
    np.testing.assert_array_equal(coarse_flow(label, 1), flow_field(label))
    cells = random_cells(2)
    np.testing.assert_array_equal(
        coarse_flow(np.kron(cells, np.ones((3, 3), int)), 3), flow_field(cells)
    )
    # the last block of an odd size looks at the last pixel
    line = coarse_flow(np.ones((1, 9), np.int32), 2)
    assert line[1].tolist() == [[1, 1, 0, -1, -1]]
