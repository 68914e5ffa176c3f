import dataclasses

import numpy as np
import pytest
from skimage.segmentation import expand_labels, relabel_sequential

from model import representation
from model.representation import Decoding, agreement, decode, follow, grow, learn_sizes
from model.unet import Maps
from preprocess.flow import coarse_flow

LABEL = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 3, 3, 3, 7, 7, 7, 0],
        [0, 3, 3, 3, 7, 7, 7, 0],
        [0, 3, 3, 3, 7, 7, 7, 0],
        [0, 0, 0, 0, 0, 9, 9, 9],
        [0, 0, 0, 0, 0, 9, 9, 9],
    ]
)
TOUCHING = np.kron(LABEL, np.ones((10, 10), int))
TINY = Decoding(smallest_cell=1)


def true_maps(label: np.ndarray, block: int = 1) -> Maps:
    """What a perfect net says."""
    return Maps((label > 0).astype(np.float32), coarse_flow(label, block))


def bent(width: int) -> np.ndarray:
    """A cell like a U, and another between its arms, touching both."""
    label = np.zeros((48, 60), np.int32)
    label[4:44, 4:56] = 1
    label[: 44 - width, 4 + width : 56 - width] = 0
    label[8 : 36 - width, 4 + width : 56 - width] = 2
    return label


def disc(size: tuple[int, int], center: tuple[int, int], radius: float) -> np.ndarray:
    y, x = np.ogrid[: size[0], : size[1]]
    return ((y - center[0]) ** 2 + (x - center[1]) ** 2 < radius**2).astype(np.int32)


@pytest.mark.parametrize("block", [1, 2])
def test_touching_cells_survive_encoding_and_decoding(block):
    cells = decode(true_maps(TOUCHING, block), TINY)
    assert cells.label.dtype == np.int32
    # numbered by position, every pixel in its place
    np.testing.assert_array_equal(cells.label, relabel_sequential(TOUCHING)[0])


def test_a_thread_one_pixel_wide_stays_whole():
    thread = np.zeros((9, 60), np.int32)
    thread[4, 3:57] = 1
    np.testing.assert_array_equal(decode(true_maps(thread), TINY).label, thread)


@pytest.mark.parametrize(("width", "block"), [(4, 1), (10, 1), (6, 2), (10, 2)])
def test_a_bent_cell_stays_whole_and_apart_from_what_it_embraces(width, block):
    label = bent(width)
    cells = decode(true_maps(label, block), TINY).label
    assert cells.max() == 2
    which = cells[5, 5]
    assert ((cells == which) == (label == 1)).all()
    assert ((cells == 3 - which) == (label == 2)).all()


def test_particles_go_with_the_flow_and_stop_at_the_edge():
    inside = np.zeros((4, 9), bool)
    inside[1, 2] = inside[3, 7] = True
    flow = np.zeros((2, 4, 9), np.float32)
    flow[1] = 0.5  # half a column a step
    assert follow(inside, flow, 4).T.tolist() == [[1, 4], [3, 8]]
    flow[0] = -1
    assert follow(inside, flow, 2).T.tolist() == [[0, 3], [1, 8]]
    assert follow(np.zeros((4, 9), bool), flow, 4).shape == (2, 0)


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1)])
@pytest.mark.parametrize("along", [-1, 1])
def test_particles_stay_in_the_frame(shape, along):
    flow = np.full((2, *shape), along, np.float32)
    ends = follow(np.ones(shape, bool), flow, 30)
    last = np.array(shape) - 1
    assert (ends == (last if along > 0 else 0 * last)[:, None]).all()


def test_particles_that_have_met_go_on_as_one(monkeypatch):
    """One by one or together, they arrive at the same centres."""
    inside, flow = TOUCHING > 0, coarse_flow(TOUCHING, 1)
    together = follow(inside, flow, 35)
    monkeypatch.setattr(representation, "MERGE_STEPS", 1000)
    alone = follow(inside, flow, 35)
    assert (together != alone).any(axis=0).mean() < 0.05
    assert np.abs(together - alone).max() <= 2


@pytest.mark.parametrize("distance", [1, 2.5, 4])
def test_labels_grow_into_a_mask_as_far_as_told(distance):
    label = disc((40, 60), (20, 15), 8) + 2 * disc((40, 60), (5, 50), 9)  # 15 px apart, one cut
    mask = disc((40, 60), (20, 30), 40) > 0
    mask[20, 24:] = False
    expected = expand_labels(label, distance) * mask
    np.testing.assert_array_equal(grow(label, mask, distance), expected)


def test_a_pixel_between_two_labels_goes_to_the_nearer():
    line = np.array([[1, 0, 0, 0, 0, 2]])
    assert grow(line, np.ones((1, 6), bool), 3).tolist() == [[1, 1, 1, 2, 2, 2]]


@pytest.mark.parametrize(
    ("block", "smallest", "found"), [(1, 36, 1), (1, 37, 0), (2, 9, 1), (2, 10, 0)]
)
def test_specks_are_dropped(block, smallest, found):
    """Sizes are counted in pixels of the flow: 6 x 6 px are 3 x 3 blocks of 2 x 2."""
    speck = np.zeros((20, 20), np.int32)
    speck[6:12, 6:12] = 1
    cells = decode(true_maps(speck, block), Decoding(smallest_cell=smallest))
    assert cells.label.max() == len(cells.confidence) == found


@pytest.mark.parametrize("flow", [np.zeros((2, 20, 20)), np.ones((2, 10, 10))])
def test_nothing_gives_nothing(flow):
    cells = decode(Maps(np.zeros((20, 20), np.float32), flow.astype(np.float32)))
    assert cells.label.shape == (20, 20) and cells.label.dtype == np.int32
    assert cells.label.max() == 0 and cells.confidence.shape == (0,)


def test_a_hole_is_filled_and_a_splinter_dropped():
    label = np.zeros((30, 60), np.int32)
    label[5:25, 5:55] = 1
    maps = true_maps(label)
    maps.foreground[10:13, 20:23] = 0
    maps.foreground[:, 44:50] = 0  # what lies beyond leads to the same centre
    expected = label.copy()
    expected[:, 44:] = 0
    np.testing.assert_array_equal(decode(maps, Decoding(smallest_cell=20)).label, expected)


def test_particles_without_an_arrow_go_with_their_neighbours():
    label = np.zeros((14, 50), np.int32)
    label[4:10, 5:45] = 1
    maps = true_maps(label)
    maps.flow[:, :, 42:] = 0  # the last three columns of the cell
    np.testing.assert_array_equal(decode(maps, TINY).label, label)


@pytest.mark.parametrize("block", [1, 2])
def test_the_foreground_is_outlined_pixel_by_pixel(block):
    label = disc((50, 70), (25, 30), 17.3)
    label[25, 47:49] = label[7, 30] = 1  # finer than a block of four pixels
    label[25, 13:15] = 0
    np.testing.assert_array_equal(decode(true_maps(label, block), TINY).label, label)


def test_sizes_that_are_no_multiple_of_the_block():
    label = disc((51, 71), (25, 20), 15) + 2 * disc((51, 71), (30, 52), 14)
    cells = decode(true_maps(label, 2), TINY).label
    assert cells.max() == 2
    assert (cells != label).mean() < 0.002  # cut by the frame, touching nothing


def test_confidence_is_the_length_of_arrows_that_point_right():
    maps = true_maps(TOUCHING)
    for length in (1.0, 0.7, 0.4):
        cells = decode(Maps(maps.foreground, maps.flow * length), Decoding(smallest_cell=1))
        assert cells.confidence.dtype == np.float32
        # where the way ends there is no direction: one pixel of a cell has no arrow
        np.testing.assert_allclose(cells.confidence, length, atol=0.01)


def test_confidence_falls_with_the_probability_of_foreground():
    maps = true_maps(TOUCHING)
    faint = Maps(maps.foreground * 0.8, maps.flow)
    cells = decode(faint, Decoding(smallest_cell=1))
    np.testing.assert_allclose(cells.confidence, 0.8, atol=0.01)


def test_confidence_is_lost_where_arrows_point_anywhere():
    label = disc((60, 120), (30, 30), 22) + 2 * disc((60, 120), (30, 90), 22)
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, label.shape)
    flow = coarse_flow(label, 1)
    flow[:, label == 2] = np.stack([np.sin(angle), np.cos(angle)])[:, label == 2]
    np.testing.assert_allclose(agreement(label, flow), [1, 0], atol=0.05)
    turned = agreement(label, -coarse_flow(label, 1))
    assert turned.tolist() == [0, 0]  # at least 0
    cells = decode(Maps((label > 0).astype(np.float32), flow), Decoding(confidence=0.0))
    sure = cells.label[30, 30]
    np.testing.assert_array_equal(cells.label == sure, label == 1)
    assert cells.confidence[sure - 1] > 0.95
    # the other falls into pieces, in which some arrows meet by chance
    assert (np.delete(cells.confidence, sure - 1) < 0.7).all()


@pytest.mark.parametrize(("smallest", "filled"), [(9, True), (8, False)])
def test_holes_up_to_the_smallest_cell_are_filled(smallest, filled):
    label = disc((50, 50), (25, 25), 20)
    maps = true_maps(label, 2)
    maps.foreground[22:28, 14:20] = 0  # 36 px, 9 of the flow
    cells = decode(maps, Decoding(smallest_cell=smallest))
    assert cells.label.max() == 1
    assert (cells.label == label).all() == filled


@pytest.mark.parametrize("length", [1.0, 0.5])
def test_cells_of_little_confidence_beside_the_surest_quarter_are_dropped(length):
    """A net that is less sure of a whole frame keeps its cells; debris in most places goes."""
    centers = [(25, 25 + 50 * i) for i in range(5)]
    label = sum((i + 1) * disc((50, 250), c, 20) for i, c in enumerate(centers))
    maps = true_maps(label, 2)
    maps.flow[:] *= length
    maps.flow[:, :, 25:100] *= 0.5  # cells 2 to 4 of 5
    all_found = length * np.array([1, 0.5, 0.5, 0.5, 1])
    everything = decode(maps, dataclasses.replace(TINY, confidence=0.0))
    np.testing.assert_allclose(everything.confidence, all_found, atol=0.02)
    sure = decode(maps, dataclasses.replace(TINY, confidence=0.6))
    np.testing.assert_array_equal(sure.label, np.array([0, 1, 0, 0, 0, 2])[label])
    np.testing.assert_allclose(sure.confidence, [length] * 2, atol=0.02)
    loose = decode(maps, dataclasses.replace(TINY, confidence=0.4))
    np.testing.assert_array_equal(loose.label, label)


def test_the_smallest_size_comes_from_annotated_cells():
    label = np.zeros((60, 60), np.int32)
    label[5:15, 5:25], label[30:50, 30:50] = 2, 8  # 200 and 400 px
    learned = learn_sizes(Decoding(foreground=0.4), [label], 1)
    assert learned.smallest_cell == np.percentile([200, 400], 5) / 2
    assert learned == dataclasses.replace(Decoding(foreground=0.4), smallest_cell=105)
    assert (
        learn_sizes(TINY, [label, label], 2).smallest_cell == np.percentile([200, 400] * 2, 5) / 8
    )
    for nothing in ([], [np.zeros((4, 4), np.int32)]):
        assert learn_sizes(TINY, nothing, 2) == TINY
