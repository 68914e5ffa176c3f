import numpy as np
import pytest
from matplotlib.colors import to_rgb

from plots import panels
from plots.cells import cell_colours, cell_outlines, draw_outlines
from plots.style import HIT, MISSED, new_figure

LABEL = np.array(
    [
        [3, 3, 0, 0, 0, 0],
        [3, 3, 0, 0, 9, 9],
        [0, 0, 0, 0, 9, 9],
        [7, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 7],
    ]
)


def test_shrink_averages_blocks_and_repeats_the_rim():
    image = np.array([[1, 3, 5], [1, 3, 5]])
    small, factor = panels.shrink(image, 2)  # a factor of 1.5, rounded to 2
    assert factor == 2
    np.testing.assert_array_equal(small, [[2, 5]])


def test_shrink_leaves_a_small_image_alone():
    image = np.arange(6.0).reshape(2, 3)
    small, factor = panels.shrink(image, 400)
    assert factor == 1
    np.testing.assert_array_equal(small, image)


def test_a_shrunk_frame_keeps_the_coordinates_of_its_pixels():
    _, axes = new_figure()
    ax = axes[0, 0]
    image = np.zeros((90, 101))
    image[40:44, 80:84] = 1
    drawn = panels.show_map(ax, image, 25, cmap="gray")
    assert drawn.get_array().shape == (23, 26)
    assert tuple(drawn.get_extent()) == (-0.5, 103.5, 91.5, -0.5)
    assert ax.get_xlim() == (-0.5, 100.5) and ax.get_ylim() == (89.5, -0.5)
    row, column = np.argwhere(drawn.get_array() == 1)[0]
    assert (4 * row, 4 * column) == (40, 80)


def test_a_flat_frame_can_be_shown():
    _, axes = new_figure()
    drawn = panels.show_frame(axes[0, 0], np.full((8, 8), 7, np.uint8))
    assert drawn.norm.vmin < drawn.norm.vmax


def test_busiest_window_finds_the_largest_sum():
    mask = np.zeros((20, 30), bool)
    mask[12:15, 21:24] = True
    rows, columns = panels.busiest_window(mask, 3)
    assert (rows, columns) == (slice(12, 15), slice(21, 24))


def test_busiest_window_puts_what_it_is_about_into_its_middle():
    mask = np.zeros((20, 30), bool)
    mask[10, 15] = True
    rows, columns = panels.busiest_window(mask, 5)
    assert (rows, columns) == (slice(8, 13), slice(13, 18))


def test_busiest_window_is_the_whole_of_a_smaller_image():
    rows, columns = panels.busiest_window(np.ones((4, 30)), 8)
    assert rows == slice(0, 4) and columns.stop - columns.start == 8


def test_outlines_run_around_each_piece_of_each_cell():
    lines = cell_outlines(LABEL)
    assert len(lines) == 4  # 3, 9, and 7 in two pieces
    assert all(np.array_equal(line[0], line[-1]) for line in lines)
    x, y = lines[0].T  # cell 3: pixels 0 and 1 both ways
    assert (x.min(), x.max(), y.min(), y.max()) == (-0.5, 1.5, -0.5, 1.5)


def test_outlines_of_touching_cells_are_two_lines_not_one():
    assert len(cell_outlines(np.array([[1, 1, 2, 2], [1, 1, 2, 2]]))) == 2


def test_outlines_of_nothing_and_of_one_cell_everywhere():
    assert cell_outlines(np.zeros((4, 4), int)) == []
    assert len(cell_outlines(np.ones((4, 4), int))) == 1


def test_outlines_take_large_ids_without_large_tables():
    assert len(cell_outlines(np.array([[0, 2_000_000_000], [0, 0]]))) == 1


def test_draw_outlines_leaves_the_limits():
    _, axes = new_figure()
    panels.show_frame(axes[0, 0], LABEL)
    limits = axes[0, 0].get_xlim()
    lines = draw_outlines(axes[0, 0], LABEL)
    assert len(lines.get_segments()) == 4
    assert axes[0, 0].get_xlim() == limits


def colours_by_cell(label: np.ndarray) -> dict[int, np.ndarray]:
    picture = cell_colours(label)
    colours = {}
    for cell in np.setdiff1d(label, 0):
        (colours[int(cell)],) = np.unique(picture[label == cell], axis=0)
    return colours


def test_neighbours_have_different_colours():
    label = np.kron(np.random.default_rng(0).permutation(36).reshape(6, 6) + 1, np.ones((9, 9)))
    label = label.astype(int)
    colours = colours_by_cell(label)
    cells = label[4::9, 4::9]
    for a, b in (
        (cells[1:], cells[:-1]),
        (cells[:, 1:], cells[:, :-1]),
        (cells[1:, 1:], cells[:-1, :-1]),
        (cells[1:, :-1], cells[:-1, 1:]),
    ):
        for one, other in zip(a.flat, b.flat, strict=True):
            assert not np.array_equal(colours[int(one)], colours[int(other)])


def test_a_label_has_the_same_colours_again_and_background_the_given_grey():
    picture = cell_colours(LABEL, 0.9)
    np.testing.assert_array_equal(picture, cell_colours(LABEL.copy(), 0.9))
    assert np.all(picture[LABEL == 0] == 0.9)
    assert picture.min() >= 0 and picture.max() <= 1


@pytest.mark.parametrize("shape", [(3, 4)])
def test_no_cells_have_no_colours(shape: tuple[int, int]):
    np.testing.assert_array_equal(cell_colours(np.zeros(shape, int)), np.ones((*shape, 3)))


def test_arrows_lie_in_the_cells_of_the_window_and_point_along_the_flow():
    _, axes = new_figure()
    flow = np.zeros((2, 10, 10))
    flow[0, 5:], flow[1, :5] = 1, -0.5  # down in the lower half, half as long to the left above
    inside = np.zeros((20, 20), bool)
    inside[8:12, 4:6] = True
    window = slice(6, 16), slice(2, 12)
    arrows = panels.draw_flow(axes[0, 0], flow, inside, window, arrows=5)
    # squares of 2 pixels: rows 8-9 and 10-11 of the frame, columns 4-5, less the corner (6, 2)
    np.testing.assert_allclose(arrows.get_offsets(), [[2.5, 2.5], [2.5, 4.5]])
    np.testing.assert_allclose(arrows.U, [-0.5, 0])
    np.testing.assert_allclose(arrows.V, [0, 1])
    assert arrows.scale == 1 / (0.9 * 2)  # length 1 is nine tenths of the way to the next arrow


def test_there_are_no_more_arrows_than_values_of_the_flow():
    _, axes = new_figure()
    arrows = panels.draw_flow(
        axes[0, 0], np.ones((2, 3, 3)), np.ones((12, 12), bool), (slice(0, 12), slice(0, 12)), 12
    )
    assert len(arrows.get_offsets()) == 9


def test_classes_are_laid_over_the_frame_in_their_colours():
    _, axes = new_figure()
    hit = np.array([[True, False, False]])
    missed = np.array([[False, True, False]])
    shown = panels.draw_classes(axes[0, 0], [(hit, HIT), (missed, MISSED)]).get_array()
    np.testing.assert_allclose(shown[0, :2, :3], [to_rgb(HIT), to_rgb(MISSED)])
    assert shown[0, 0, 3] > 0 and shown[0, 2, 3] == 0


@pytest.mark.parametrize(
    ("count", "columns", "grid"), [(1, 4, (1, 1)), (4, 4, (1, 4)), (5, 4, (2, 3)), (12, 6, (2, 6))]
)
def test_panels_stand_in_rows_of_equal_length(count, columns, grid):
    assert panels.panel_grid(count, columns) == grid
