import numpy as np
import torch
from skimage.segmentation import relabel_sequential

from model.representation import Decoding, decode, encode, learn_sizes

LABEL = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 3, 3, 3, 7, 7, 7, 0],
        [0, 3, 3, 3, 7, 7, 7, 0],
        [0, 3, 3, 3, 7, 7, 7, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ]
)
TINY = Decoding(smallest_core=1, smallest_cell=1)


def test_contour_is_the_rim_of_each_cell_also_between_touching_ones():
    foreground, contour = encode(torch.from_numpy(LABEL)[None])[0].numpy()
    assert (foreground == (LABEL > 0)).all()
    expected = (LABEL > 0).astype(int)
    expected[2, 2] = expected[2, 5] = 0  # the only pixels without another value around them
    assert (contour == expected).all()


def test_cells_cut_by_the_frame_have_no_contour_along_it():
    contour = encode(torch.full((1, 4, 4), 5))[0, 1]
    assert not contour.any()


def test_touching_cells_survive_encoding_and_decoding():
    big = np.kron(LABEL, np.ones((9, 9), int))
    maps = encode(torch.from_numpy(big)[None])[0].numpy()
    decoded = decode(maps, TINY)
    assert decoded.dtype == np.int32
    # numbered by position, every pixel in its place
    np.testing.assert_array_equal(decoded, relabel_sequential(big)[0])


def test_a_cell_too_thin_for_a_core_stays_whole():
    thread = np.zeros((9, 40), int)
    thread[4, 3:37] = 1
    maps = encode(torch.from_numpy(thread)[None])[0].numpy()
    np.testing.assert_array_equal(decode(maps, TINY), thread)


def test_specks_are_dropped_and_nothing_gives_nothing():
    maps = np.zeros((2, 20, 20), np.float32)
    maps[0, 5:8, 5:8] = 1
    assert decode(maps, TINY).max() == 1
    assert decode(maps, Decoding(smallest_cell=10)).max() == 0
    assert decode(np.zeros((2, 20, 20), np.float32)).max() == 0


def test_smallest_sizes_come_from_annotated_cells():
    label = np.zeros((60, 60), np.int32)
    label[5:15, 5:25], label[30:50, 30:50] = 2, 8  # 200 and 400 px, cores of 8 x 18 and 18 x 18
    learned = learn_sizes(Decoding(foreground=0.4), [label])
    assert learned.smallest_cell == np.percentile([200, 400], 5) / 2
    assert learned.smallest_core == np.percentile([144, 324], 5) / 2
    assert learned.foreground == 0.4
    assert learn_sizes(TINY, [np.zeros((4, 4), np.int32)]) == TINY


def test_sizes_grow_with_the_resolution_of_the_maps():
    maps = np.zeros((2, 20, 20), np.float32)
    maps[0, 5:9, 5:9] = 1
    decoding = Decoding(smallest_core=1, smallest_cell=10)
    assert decode(maps, decoding).max() == 1
    assert decode(maps, decoding, zoom=2).max() == 0  # 16 px are 4 at half the resolution
