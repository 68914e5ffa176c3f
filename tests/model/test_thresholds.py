import numpy as np
import pandas as pd
import pytest

from model import thresholds
from model.representation import Decoding
from model.thresholds import MappedFrame, score_thresholds
from model.unet import Maps
from preprocess.flow import flow_field


@pytest.fixture
def frame() -> MappedFrame:
    """Two squares, the right one seen with less certainty and with arrows of half the length."""
    label = np.zeros((24, 48), np.int32)
    label[6:18, 6:18], label[6:18, 30:42] = 1, 2
    foreground = np.select([label == 1, label == 2], [0.9, 0.7]).astype(np.float32)
    flow = flow_field(label) * np.where(label == 2, 0.5, 1).astype(np.float32)
    annotated = np.ones(label.shape, bool)
    decoding = Decoding(smallest_cell=4)
    return MappedFrame(label, Maps(foreground, flow), decoding, truth=label, annotated=annotated)


@pytest.mark.parametrize(
    ("foreground", "confidence", "count"), [(0.5, 0.0, 2), (0.8, 0.0, 1), (0.5, 0.9, 1)]
)
def test_each_threshold_takes_the_doubtful_cell(frame, foreground, confidence, count) -> None:
    assert frame.cells(foreground, confidence).label.max() == count


def test_the_table_has_a_row_a_pair_and_the_scores_of_it(frame) -> None:
    table, labels = score_thresholds(frame, [(0.5, 0.0), (0.8, 0.0)])
    assert table.cells.tolist() == [2, 1] and table.AP50.tolist() == [1.0, 0.5]
    assert [label.max() for label in labels] == [2, 1]


def test_what_nobody_annotated_is_not_scored(frame) -> None:
    frame.annotated[:, 24:] = False
    frame.truth[:, 24:] = 0
    table, _ = score_thresholds(frame, [(0.5, 0.0)])
    assert table.cells.tolist() == [2] and table.AP50.tolist() == [1.0]


def test_without_a_truth_there_are_no_scores(frame) -> None:
    blank = MappedFrame(frame.image, frame.maps, frame.decoding)
    table, _ = score_thresholds(blank, [(0.5, 0.0)])
    assert table[["IoU", "AP50"]].isna().all(axis=None) and table.cells.tolist() == [2]


def test_the_net_runs_once_a_frame(frame, monkeypatch) -> None:
    class OnlyOnce:
        info = {"decoding": vars(Decoding(smallest_cell=4))}
        runs = 0

        def zoom(self, pixel_size_um: float, cell_diameter_px: float) -> float:
            return pixel_size_um

        def maps(self, image: np.ndarray, zoom: float) -> Maps:
            assert zoom == 0.5
            self.runs += 1
            return frame.maps

    monkeypatch.setattr(thresholds, "read_recorded", lambda row: frame.image)
    row = pd.Series({"label": "", "pixel_size_um": 0.5})
    net = OnlyOnce()
    mapped = thresholds.map_frame(net, row)
    score_thresholds(mapped, [(0.5, 0.0), (0.8, 0.0), (0.5, 0.9)])
    assert net.runs == 1 and mapped.truth is None
