from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import ceiling, held_out
from model.representation import Cells
from preprocess.tiff import write_tiff


def frame(side: int) -> np.ndarray:
    """Nine square cells."""
    cell = np.zeros((80, 80), np.int32)
    cell[10 : 10 + side, 10 : 10 + side] = 1
    return np.kron(np.arange(1, 10).reshape(3, 3), np.ones_like(cell)) * np.tile(cell, (3, 3))


@pytest.fixture(scope="module")
def table():
    truth = frame(50)
    return ceiling.ceiling([(truth, np.roll(truth, 4, axis=1))]).set_index("outlines")


def test_more_noise_scores_lower(table):
    levels = table.loc[["1 px", "2 px", "3 px", "4 px"]]
    assert levels.spread_px.tolist() == pytest.approx([1, 2, 3, 4])
    for score in ("IoU", "mSA", "SEG", "NSD"):
        assert (levels[score].diff().dropna() < 0).all(), score


def test_full_spread_is_that_of_the_net_and_an_equal_share_is_its_root_half(table):
    sizes = ["spread_px", "between_px", "within_px"]
    net, full, equal = (table.loc[k, sizes] for k in ("net", "full spread", "spread / sqrt 2"))
    assert full.tolist() == net.tolist()
    assert equal.tolist() == pytest.approx((net / 2**0.5).tolist())
    assert table.length_px.nunique() == 1
    # every cell is shifted by 4 px alike: 46 of 54 columns are shared
    assert table.IoU["net"] == pytest.approx(46 / 54)
    assert net.between_px == pytest.approx(0)


def test_frames_are_told_apart_by_their_median_cell():
    assert ceiling.has_large_cells(frame(45))
    assert not ceiling.has_large_cells(frame(44))
    assert not ceiling.has_large_cells(np.zeros((4, 4), int))


def test_a_net_segments_the_frames_that_it_has_not_seen(tmp_path, monkeypatch):
    for folder in ("images", "labels"):
        (tmp_path / "train" / folder).mkdir(parents=True)
        for name, side in (("a", 10), ("b", 20), ("c", 30)):
            write_tiff(tmp_path / "train" / folder / f"{name}.tif", frame(side).astype(np.uint16))

    def segment(image, zoom=1.0):
        cells = (image > 0).astype(np.int32)
        return Cells(cells, np.ones(cells.max(), np.float32)), None

    known = {"info": {"frames": ["a", "c"]}, "zoom": lambda *_: 1.0}
    net = SimpleNamespace(**known, segment=segment)
    monkeypatch.setattr(held_out.Segmenter, "load", lambda path, precision: net)
    ((truth, predicted),) = ceiling.segmented(["model.pth"], held_out.labelled_frames(tmp_path))
    assert (truth == 1).sum() == 20**2
    assert ((truth > 0) == (predicted > 0)).all()
