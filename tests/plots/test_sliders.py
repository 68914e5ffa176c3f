from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from plots.sliders import ThresholdSliders, plot_cells


class Blobs:
    """A frame with as many cells as the thresholds leave of four."""

    pixel_size_um = 0.5

    def __init__(self, annotated: bool) -> None:
        self.image = np.arange(40.0 * 40).reshape(40, 40)
        self.truth = self.cells(0.0, 0.0).label if annotated else None

    def cells(self, foreground: float, confidence: float) -> SimpleNamespace:
        label = np.zeros((40, 40), int)
        for cell in range(1, 5 - round(2 * foreground) - round(2 * confidence)):
            label[8 * cell : 8 * cell + 6, 4:20] = cell
        return SimpleNamespace(label=label)


@pytest.fixture
def sliders() -> ThresholdSliders:
    return ThresholdSliders({"a": Blobs(True), "b": Blobs(False)}, 0.5, 0.0)


def test_the_count_is_that_of_the_first_frame_at_the_given_thresholds(sliders) -> None:
    assert sliders.count.value == "<b>3 cells</b>, 4 annotated"
    assert bytes(sliders.picture.value).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "value", "count"), [("foreground", 0.95, 2), ("confidence", 1, 1)]
)
def test_moving_a_slider_changes_count_and_outlines(sliders, name, value, count) -> None:
    before = sliders.picture.value
    getattr(sliders, name).value = value
    assert f"<b>{count} cells</b>" in sliders.count.value and sliders.picture.value != before


def test_choosing_a_frame_without_labels_counts_its_cells_only(sliders) -> None:
    sliders.frame.value = "b"
    assert sliders.count.value == "<b>3 cells</b>"


def test_no_figure_stays_open(sliders) -> None:
    assert plt.get_fignums() == []


def test_without_widgets_one_sentence_is_shown(sliders) -> None:
    shown = sliders._repr_mimebundle_()
    assert shown["text/plain"].startswith("Sliders: run this notebook")
    assert "application/vnd.jupyter.widget-view+json" in shown


def test_the_frame_is_shown_with_both_outlines() -> None:
    blobs = Blobs(True)
    figure = plot_cells(blobs.image, blobs.truth, blobs.cells(1, 0).label, 0.5)
    assert [t.get_text() for t in figure.legends[0].texts] == ["annotated", "predicted"]
    assert len(figure.axes[0].collections) == 2
