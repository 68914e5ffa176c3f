"""Frames and the cells found in them: galleries, overlays, errors, the maps of the net."""

from textwrap import fill

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from skimage.segmentation import find_boundaries

from plots.cells import WIDE, cell_colours, draw_outlines, draw_truth_and_prediction, pale
from plots.panels import (
    busiest_window,
    colour_bar,
    draw_classes,
    draw_flow,
    hide_rest,
    panel_grid,
    show_frame,
    show_map,
    small_and_large,
)
from plots.style import (
    FALSE,
    HIT,
    MISSED,
    PICTURES,
    PREDICTED,
    TRUTH,
    WIDTH,
    YELLOW,
    new_figure,
    nothing_to_show,
    scale_bar,
)


def number_of_cells(label: np.ndarray) -> int:
    """Number of ids in a label image, background left out."""
    return len(np.setdiff1d(label, 0))


def plot_frames(
    images: dict[str, np.ndarray],
    pixel_size_um: float,
    labels: dict[str, np.ndarray] | None = None,
    columns: int = 4,
) -> Figure:
    """Gallery of frames, with the outlines of their cells where there are labels.

    Parameters
    ----------
    images : dict of str to (H, W) ndarray
        Frames by name; any range.
    pixel_size_um : float
        Side of a pixel [um]; NaN: unknown.
    labels : dict of str to (H, W) integer ndarray, optional
        Label images of some or all frames; 0 = background.
    columns : int
        At most so many frames a row.
    """
    rows, columns = panel_grid(len(images), columns)
    side = min(WIDTH / columns, 4.5)
    figure, axes = new_figure(rows, columns, (columns * side, rows * (side + 0.3)), **PICTURES)
    for ax, (name, image) in zip(axes.flat, images.items(), strict=False):
        show_frame(ax, image, int(100 * side))
        title = name
        if labels is not None and name in labels:
            draw_outlines(ax, labels[name], TRUTH)
            title += f"  ({number_of_cells(labels[name])} cells)"
        ax.set_title(title, parse_math=False)
        scale_bar(ax, pixel_size_um)
    hide_rest(axes, len(images))
    return figure


def plot_overlays(
    frames: list[tuple[str, np.ndarray, np.ndarray | None, np.ndarray]],
    pixel_size_um: float,
    crop: int | None = None,
    columns: int = 3,
) -> Figure:
    """Annotated and predicted outlines on frames.

    Parameters
    ----------
    frames : list of (name, image, truth or None, predicted)
        (H, W) arrays; labels with 0 = background.
    pixel_size_um : float
        Side of a pixel [um]; NaN: unknown.
    crop : int, optional
        Show the square of this side [px] that cells fill most; else whole frames.
    columns : int
        At most so many frames a row.
    """
    rows, columns = panel_grid(len(frames), columns)
    side = min(WIDTH / columns, 4.8)
    figure, axes = new_figure(
        rows, columns, (columns * side, rows * (side + 0.3) + 0.35), **PICTURES
    )
    handles = []
    for ax, (name, image, truth, predicted) in zip(axes.flat, frames, strict=False):
        cells = predicted if truth is None else truth
        window = busiest_window(cells > 0, crop or max(image.shape))
        show_frame(ax, image[window], int(100 * side))
        shown = draw_truth_and_prediction(
            ax, None if truth is None else truth[window], predicted[window]
        )
        handles = max(handles, shown, key=len)
        ax.set_title(name, parse_math=False)
        scale_bar(ax, pixel_size_um)
    hide_rest(axes, len(frames))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def plot_worst_cells(crops: list[dict], pixel_size_um: float, columns: int = 5) -> Figure:
    """Grid of single cells that deserve a look, for instance those that were found worst.

    Parameters
    ----------
    crops : list of dict
        image (h, w); truth and predicted, (h, w) label images, truth None where there is no label;
        a title; and, if other cells are in sight, the `id` of the one that is meant, and what it is
        an id `of`, truth (unless given) or predicted (drawn on yellow).
    pixel_size_um : float
        Side of a pixel [um]; NaN: unknown.
    columns : int
        At most so many crops a row.
    """
    if not crops:
        return nothing_to_show("no cells to look at")
    rows, columns = panel_grid(len(crops), columns)
    side, handles = min(WIDTH / columns, 3.0), []
    titles = [fill(crop["title"], round(11 * side)) for crop in crops]
    lines = 1 + max(title.count("\n") for title in titles)
    figure, axes = new_figure(
        rows, columns, (max(columns * side, 4.0), rows * (side + 0.22 * lines) + 0.35), **PICTURES
    )
    for ax, crop, title in zip(axes.flat, crops, titles, strict=False):
        show_frame(ax, crop["image"], int(100 * side))
        if "id" in crop:
            of = crop.get("of", "truth")
            colour, wide = (TRUTH, 1.75 * WIDE) if of == "truth" else (YELLOW, 3 * WIDE)
            draw_outlines(ax, crop[of] * (crop[of] == crop["id"]), colour, wide)
        shown = draw_truth_and_prediction(ax, crop["truth"], crop["predicted"])
        handles = max(handles, shown, key=len)
        ax.set_title(title, fontsize=9.5, parse_math=False)
        scale_bar(ax, pixel_size_um)
    hide_rest(axes, len(crops))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def plot_pixel_errors(
    image: np.ndarray,
    truth: np.ndarray | None,
    predicted: np.ndarray,
    pixel_size_um: float,
    crop: int = 256,
) -> Figure:
    """Pixels found, missed and falsely found: the whole frame, and where it went wrong most.

    Parameters
    ----------
    image : (H, W) ndarray
    truth, predicted : (H, W) integer ndarray
        0 = background; without a truth the figure says so.
    pixel_size_um : float
        Side of a pixel [um]; NaN: unknown.
    crop : int
        Side of the square shown larger [px].
    """
    if truth is None:
        return nothing_to_show("no annotated frame")
    t, p = truth > 0, predicted > 0
    classes = [(t & p, HIT), (t & ~p, MISSED), (~t & p, FALSE)]
    window = busiest_window(t ^ p, crop)
    figure, axes = new_figure(1, 2, (WIDTH, 3.9), **PICTURES)
    whole, part = axes[0]
    show_frame(whole, image, 450)
    draw_classes(whole, classes)
    show_frame(part, image[window], 450)
    draw_classes(part, [(mask[window], colour) for mask, colour in classes])
    rows, columns = window
    corner = (columns.start, rows.start)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    whole.add_patch(Rectangle(corner, *size, fill=False, edgecolor=YELLOW, linewidth=1.8))
    hits, missed, false = (int(mask.sum()) for mask, _ in classes)
    union = hits + missed + false
    whole.set_title(f"whole frame: pixel IoU {hits / union if union else 1:.2f}")
    part.set_title("the square with the most wrong pixels")
    for ax in (whole, part):
        scale_bar(ax, pixel_size_um)
    names = ("found (TP)", "missed (FN)", "falsely found (FP)")
    handles = [
        Patch(color=colour, label=f"{name}: {mask.mean():.1%} of the frame")
        for name, (mask, colour) in zip(names, classes, strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def plot_maps(
    image: np.ndarray,
    foreground: np.ndarray,
    flow: np.ndarray,
    label: np.ndarray,
    pixel_size_um: float,
    crop: int | None = 160,
) -> Figure:
    """From the frame over the net's two maps to one label per cell.

    Parameters
    ----------
    image : (H, W) ndarray
    foreground : (H, W) float ndarray, [0, 1]
        Probability of lying in a cell.
    flow : (2, h, w) float ndarray
        Row and column component of arrows to the centre of each cell; h <= H.
    label : (H, W) integer ndarray
        Decoded cells, 0 = background.
    pixel_size_um : float
        Side of a pixel [um]; NaN: unknown.
    crop : int, optional
        Show the square of this side [px] with most rims of cells; None: the whole frame.
    """
    rims = find_boundaries(label, mode="inner")
    window = busiest_window(rims, crop or max(image.shape))
    figure, (frame, inside, whole, cells), arrows = small_and_large()
    show_frame(frame, image[window], 240)
    drawn = show_map(inside, foreground[window], 240, cmap="viridis", vmin=0, vmax=1)
    colour_bar(inside, drawn, "probability")
    show_frame(whole, image[window], 240)
    draw_outlines(whole, label[window], PREDICTED, WIDE)
    colours = cell_colours(label[window])
    show_map(cells, colours, interpolation="nearest")
    show_map(arrows, pale(colours), interpolation="nearest")
    draw_flow(arrows, flow, foreground > 0.5, window)
    names = ("frame", "net: foreground", "outlines of the cells")
    names += (f"decoded: {number_of_cells(label[window])} cells", "net: flow")
    for ax, name in zip((frame, inside, whole, cells, arrows), names, strict=True):
        ax.set_title(name)
        scale_bar(ax, pixel_size_um)
    return figure
