import numpy as np
import roifile
from skimage.draw import disk, polygon

from results.rois import cell_rois, write_rois


def filled(roi: roifile.ImagejRoi, shape: tuple[int, int]) -> np.ndarray:
    """Pixels whose centre, at 0.5 in ImageJ, lies within the outline."""
    mask = np.zeros(shape, bool)
    x, y = roi.coordinates().T - 0.5
    mask[polygon(y, x, shape)] = True
    return mask


def test_outlines_filled_again_are_the_cells(tmp_path):
    label = np.zeros((60, 80), np.int32)
    label[disk((20, 20), 12, shape=label.shape)] = 3
    label[30:50, 5:45] = 70_000  # a neighbour of the next
    label[40:60, 45:80] = 8  # at the border
    label[2, 70] = 9  # a single pixel
    write_rois(tmp_path / "a.zip", cell_rois(label))
    rois = roifile.roiread(tmp_path / "a.zip")
    assert [roi.name for roi in rois] == ["3", "8", "9", "70000"]
    for roi in rois:
        cell, found = label == int(roi.name), filled(roi, label.shape)
        assert (cell & found).sum() / (cell | found).sum() > 0.99, roi.name


def test_of_a_cell_in_parts_the_largest_is_outlined_and_holes_are_filled(tmp_path):
    label = np.zeros((30, 30), np.int32)
    label[2:4, 2:4] = label[10:28, 10:28] = 1
    label[15:20, 15:20] = 0
    write_rois(tmp_path / "a.zip", cell_rois(label))
    (roi,) = roifile.roiread(tmp_path / "a.zip")
    expected = np.zeros((30, 30), bool)
    expected[10:28, 10:28] = True
    np.testing.assert_array_equal(filled(roi, label.shape), expected)


def test_a_frame_without_cells_has_an_empty_archive(tmp_path):
    write_rois(tmp_path / "a.zip", cell_rois(np.zeros((5, 5), np.int32)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
