"""Sliders over a frame: outlines and the number of cells follow the thresholds."""

import io
from collections.abc import Mapping
from typing import Protocol

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from plots.cells import draw_truth_and_prediction
from plots.images import number_of_cells
from plots.panels import show_frame
from plots.style import PICTURES, new_figure, scale_bar

SIDE = 7.0  # of the picture [inch]
STEP = 0.05  # of a slider


class Cells(Protocol):
    """Cells of a frame: label (H, W) integer ndarray, 0 = background."""

    label: np.ndarray


class Frame(Protocol):
    """A frame whose cells can be read at any thresholds."""

    image: np.ndarray
    truth: np.ndarray | None
    pixel_size_um: float

    def cells(self, foreground: float, confidence: float) -> Cells:
        """Cells at these thresholds."""


def plot_cells(
    image: np.ndarray, truth: np.ndarray | None, predicted: np.ndarray, pixel_size_um: float
) -> Figure:
    """One frame, as large as a page allows, with the outlines of its cells.

    Parameters
    ----------
    image : (H, W) ndarray
    truth, predicted : (H, W) integer ndarray
        0 = background; truth may be None.
    pixel_size_um : float
        Side of a pixel [um]; NaN: unknown.
    """
    size = (SIDE, SIDE * image.shape[0] / image.shape[1] + 0.35)
    figure, axes = new_figure(size=size, **PICTURES)
    ax = axes[0, 0]
    show_frame(ax, image, int(100 * SIDE))
    handles = draw_truth_and_prediction(ax, truth, predicted)
    scale_bar(ax, pixel_size_um)
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


class ThresholdSliders(widgets.VBox):
    """Choose a frame, drag two thresholds, and see outlines and the number of cells change.

    The picture is an image widget and the number a text widget: where no kernel answers, nothing
    but one sentence remains, the same in every run.

    Parameters
    ----------
    frames : mapping of str to Frame
        By name; the first is shown first.
    foreground, confidence : float
        Where the sliders stand at first.
    """

    def __init__(
        self, frames: Mapping[str, Frame], foreground: float = 0.5, confidence: float = 0.5
    ) -> None:
        self.frames = frames
        self.frame = widgets.Dropdown(options=list(frames), description="frame")
        common = {"min": 0.0, "max": 1.0, "step": STEP, "continuous_update": False}
        low = {**common, "min": STEP, "max": 1 - STEP}
        self.foreground = widgets.FloatSlider(foreground, description="foreground", **low)
        self.confidence = widgets.FloatSlider(confidence, description="confidence", **common)
        self.count = widgets.HTML()
        self.picture = widgets.Image(format="png")
        controls = [self.frame, self.foreground, self.confidence]
        super().__init__([*controls, self.count, self.picture])
        for control in controls:
            control.observe(self.update, names="value")
        self.update()

    def update(self, change: object = None) -> None:
        """Read the cells and draw them."""
        frame = self.frames[self.frame.value]
        label = frame.cells(self.foreground.value, self.confidence.value).label
        text = f"<b>{number_of_cells(label)} cells</b>"
        if frame.truth is not None:
            text += f", {number_of_cells(frame.truth)} annotated"
        figure = plot_cells(frame.image, frame.truth, label, frame.pixel_size_um)
        stream = io.BytesIO()
        figure.savefig(stream, format="png")
        plt.close(figure)
        self.count.value, self.picture.value = text, stream.getvalue()

    def __repr__(self) -> str:
        """What is shown where there are no widgets."""
        return "Sliders: run this notebook in JupyterLab (`make lab`) to move them."
