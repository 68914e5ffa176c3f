"""What happens to frames before training: labels and maps, intensities, tiles, augmentation."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from skimage.segmentation import find_boundaries
from skimage.transform import resize

from plots.cells import cell_colours, draw_outlines, pale
from plots.panels import (
    busiest_window,
    colour_bar,
    draw_flow,
    hide_rest,
    show_frame,
    show_map,
    small_and_large,
)
from plots.style import (
    PICTURES,
    SERIES,
    TRUTH,
    VERMILLION,
    WIDTH,
    YELLOW,
    new_figure,
    scale_bar,
)


def _show_weight(ax: Axes, weight: np.ndarray) -> None:
    """Weight map with its colour bar."""
    drawn = show_map(ax, weight, 240, cmap="magma", vmin=1, vmax=max(float(weight.max()), 2.0))
    colour_bar(ax, drawn, "weight of a pixel's loss")


def plot_label_steps(
    image: np.ndarray,
    label: np.ndarray,
    border: np.ndarray,
    weight: np.ndarray,
    pixel_size_um: float,
    crop: int = 256,
) -> Figure:
    """A frame, its cells, the border between them and the U-Net's weight map.

    Parameters
    ----------
    image : (H, W) ndarray
    label : (H, W) integer ndarray
        0 = background, one id per cell.
    border : (H, W) ndarray
        Not 0 where cells meet.
    weight : (H, W) float ndarray, >= 1
    pixel_size_um : float
        Side of a pixel [um]; NaN: unknown.
    crop : int
        Side of the square shown [px]: the one with most border.
    """
    window = busiest_window(border > 0, crop)
    image, label, border, weight = (a[window] for a in (image, label, border, weight))
    figure, axes = new_figure(1, 4, (WIDTH, 3.5), **PICTURES)
    frame, cells, line, weights = axes[0]
    show_frame(frame, image, 240)
    frame.set_title("frame")
    show_map(cells, cell_colours(label), 240)
    cells.set_title("label: one id per cell")
    grey = np.where(label > 0, 0.75, 1.0)
    picture = np.repeat(grey[..., None], 3, axis=-1)  # (H, W, 3)
    picture[border > 0] = (0, 0, 0)
    show_map(line, picture, 240)
    line.set_title("where cells meet (black)")
    _show_weight(weights, weight)
    weights.set_title("weight map")
    for ax in axes[0]:
        scale_bar(ax, pixel_size_um)
    return figure


def plot_representation(
    image: np.ndarray,
    label: np.ndarray,
    flow: np.ndarray,
    weight: np.ndarray,
    pixel_size_um: float = float("nan"),
    crop: int = 160,
) -> Figure:
    """What the net gets (a frame) and what it learns (foreground, weighted, and flow).

    Parameters
    ----------
    image : (H, W) ndarray
    label : (H, W) integer ndarray
        0 = background, one id per cell.
    flow : (2, h, w) float ndarray
        Row and column component of unit vectors to the centre of each cell; h <= H.
    weight : (H, W) float ndarray, >= 1
    pixel_size_um : float
        Side of a pixel [um]; NaN: unknown.
    crop : int
        Side of the square shown [px]: the one with most rims of cells.
    """
    window = busiest_window(find_boundaries(label, mode="inner"), crop)
    figure, small, large = small_and_large()
    show_frame(small[0], image[window], 240)
    colours = cell_colours(label[window])
    show_map(small[1], colours, interpolation="nearest")
    show_map(small[2], label[window] > 0, 240, cmap="gray", vmin=0, vmax=1)
    _show_weight(small[3], weight[window])
    show_map(large, pale(colours), interpolation="nearest")
    draw_flow(large, flow, label > 0, window)
    names = ("given: frame", "drawn: label", "learned: foreground", "weight of the foreground")
    for ax, name in zip((*small, large), (*names, "learned: flow to the centre"), strict=True):
        ax.set_title(name)
        scale_bar(ax, pixel_size_um)
    return figure


def _histogram(ax: Axes, images: dict[str, np.ndarray], edges: np.ndarray) -> None:
    """Share of the pixels by intensity, a line a frame."""
    widths = np.linspace(1.5 * len(images), 1.5, len(images))  # equal ones lie side by side
    for width, colour, (name, image) in zip(widths, SERIES, images.items(), strict=False):
        counts, _ = np.histogram(image, edges)
        ax.stairs(100 * counts / image.size, edges, color=colour, linewidth=width, label=name)
    ax.set_ylabel("pixels [%]")
    ax.grid(axis="y")


def plot_normalization(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> Figure:
    """Intensities of frames before and after normalization, and how the frames then look.

    Parameters
    ----------
    before, after : dict of str to (H, W) ndarray
        The same frames by name, as recorded and normalized; at most seven, three are best.
    """
    names = list(before)
    figure, axes = new_figure(2, 2 * len(names), (WIDTH, 5.2), height_ratios=(3, 2))
    grid = axes[0, 0].get_gridspec()
    for ax in axes[0]:
        ax.remove()
    left = figure.add_subplot(grid[0, : len(names)])
    right = figure.add_subplot(grid[0, len(names) :])
    darkest = max(min(float(np.percentile(image, 0.1)) for image in before.values()), 1.0)
    brightest = max(float(image.max()) for image in before.values())
    _histogram(left, before, np.geomspace(darkest, max(brightest, 2 * darkest), 120))
    left.set(xscale="log", xlabel="intensity as recorded", title="before: every frame its own")
    low, high = np.percentile(np.concatenate([a.ravel() for a in after.values()]), (0.1, 99.9))
    _histogram(right, after, np.linspace(min(low, 0), max(high, 1), 80))
    right.set(xlabel="normalized intensity", title="after: on one scale")
    right.legend()
    for column, name in enumerate(names):
        for ax, image, top in (
            (axes[1, column], before[name], brightest),
            (axes[1, column + len(names)], after[name], max(float(high), 1.0)),
        ):
            size = min(image.shape) // 2
            window = tuple(slice((n - size) // 2, (n + size) // 2) for n in image.shape)
            show_map(ax, image[window], 150, 64, cmap="gray", vmin=0, vmax=top)
            ax.set_xlabel(name, fontsize=9)
    for ax in (axes[1, 0], axes[1, len(names)]):
        ax.set_ylabel("one grey scale")
    return figure


def plot_tiles(
    image: np.ndarray,
    patch_size: int,
    corners: list[tuple[int, int]],
    pixel_size_um: float,
    shrunk_to: int = 256,
    scale: float = 1.0,
) -> Figure:
    """Where training patches lie, and what shrinking the frame instead would leave of the cells.

    Parameters
    ----------
    image : (H, W) ndarray
    patch_size : int
        Side of a patch, in pixels of `image` [px].
    corners : list of (row, column)
        Upper left corners of the patches [px].
    pixel_size_um : float
        Side of a pixel of `image` [um]; NaN: unknown.
    shrunk_to : int
        Longer side of the frame if it were shrunk instead [px].
    scale : float
        Working resolution, as a share of the resolution of `image`; (0, 1].
    """
    figure, axes = new_figure(1, 3, (WIDTH, 4.0), **PICTURES)
    frame, shrunk, tile = axes[0]
    show_frame(frame, image, 330)
    for r, c in corners:
        frame.add_patch(
            Rectangle((c, r), patch_size, patch_size, fill=False, edgecolor=TRUTH, linewidth=1.5)
        )
    frame.set_title(f"{len(corners)} patches (blue) in the frame")
    scale_bar(frame, pixel_size_um)
    side = patch_size // 3
    middles = [(r + side, c + side) for r, c in corners]
    row, column = max(middles, key=lambda rc: np.std(image[rc[0] :, rc[1] :][:side, :side]))
    frame.add_patch(Rectangle((column, row), side, side, fill=False, edgecolor=YELLOW, linewidth=2))
    low, high = np.percentile(image, (0.5, 99.5))
    share = min(1.0, shrunk_to / max(image.shape))
    for ax, s, title in (
        (shrunk, share, f"yellow square, frame shrunk to {shrunk_to} px"),
        (tile, scale, "the same square in its patch"),
    ):
        shape = [max(1, round(s * n)) for n in image.shape]
        small = resize(image.astype(np.float32), shape, anti_aliasing=s < 1)
        part = small[
            round(row * s) : round((row + side) * s), round(column * s) : round((column + side) * s)
        ]
        show_map(ax, part, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        ax.set(title=title, xlabel=f"{part.shape[1]} x {part.shape[0]} px")
        scale_bar(ax, pixel_size_um / s)
    return figure


def plot_augmentations(
    original: tuple[np.ndarray, np.ndarray],
    examples: list[tuple[np.ndarray, np.ndarray]],
    pixel_size_um: float,
    columns: int = 6,
) -> Figure:
    """A training patch and its augmented copies; the outlines show that labels move along.

    Parameters
    ----------
    original : (image, label)
        (H, W) ndarray each; label 0 = background.
    examples : list of (image, label)
        Augmented copies, 11 fill two rows.
    pixel_size_um : float
        Side of a pixel of the original [um]; NaN: unknown.
    columns : int
        Panels a row.
    """
    panels = [original, *examples]
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    side = WIDTH / max(columns, 3)
    figure, axes = new_figure(rows, columns, (columns * side, rows * (side + 0.3)), **PICTURES)
    for n, (ax, (image, label)) in enumerate(zip(axes.flat, panels, strict=False)):
        show_frame(ax, image, int(100 * side))
        draw_outlines(ax, label)
        ax.set_title(f"example {n}" if n else "original", fontweight="normal" if n else "bold")
    for edge in axes[0, 0].spines.values():
        edge.set(visible=True, color=VERMILLION, linewidth=3)
    scale_bar(axes[0, 0], pixel_size_um)
    hide_rest(axes, len(panels))
    return figure
