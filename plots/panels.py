"""What a panel shows: a grey frame, a map, arrows, classes of pixels; how panels are laid out."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.quiver import Quiver

from plots.style import BLACK, PICTURES, WIDTH, new_figure

SHADES = 24  # of a map: fewer than the eye needs, and small files
GREYS = 20  # of a frame, whose noise hides the steps


def busiest_window(mask: np.ndarray, size: int) -> tuple[slice, slice]:
    """Square window with the largest sum, the whole array along a side not longer than `size`.

    Of several such windows it is the one in their middle, so that what it is about is not at its
    edge.

    Parameters
    ----------
    mask : (H, W) ndarray
        For instance where cells meet, or the rims of all cells.
    size : int
        Side [px].

    Returns
    -------
    (slice, slice)
        Rows and columns.
    """
    total = np.pad(np.asarray(mask, dtype=float), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    h, w = (min(size, n) for n in mask.shape)
    sums = total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w]
    best = np.argwhere(sums >= sums.max() - 1e-9)
    top, left = best[np.square(best - best.mean(0)).sum(1).argmin()]
    return slice(int(top), int(top) + h), slice(int(left), int(left) + w)


def shrink(image: np.ndarray, pixels: int) -> tuple[np.ndarray, int]:
    """Means of square blocks, so that the longer side has about `pixels`.

    Parameters
    ----------
    image : (H, W) ndarray
    pixels : int

    Returns
    -------
    image : (h, w) float32 ndarray
        A last block that reaches over the rim is filled with the rim's values.
    factor : int
        Side of a block [px].
    """
    factor = max(1, round(max(image.shape) / pixels))
    fill = [(0, -n % factor) for n in image.shape]
    padded = np.pad(np.asarray(image, dtype=np.float32), fill, mode="edge")
    h, w = (n // factor for n in padded.shape)
    return padded.reshape(h, factor, w, factor).mean((1, 3)), factor  # (h, f, w, f) -> (h, w)


def show_map(
    ax: Axes, values: np.ndarray, pixels: int = 400, shades: int = SHADES, **options
) -> AxesImage:
    """Show an array averaged to about the pixels of its panel; data coordinates stay its own.

    Parameters
    ----------
    ax : Axes
    values : (H, W) or (H, W, 3) ndarray
        A map, or a colour picture, [0, 1], which is shown as it is.
    pixels : int
        Longer side of the panel [px].
    shades : int
        Number of different colours of a map.
    **options
        As `Axes.imshow` takes them; cmap as a name.
    """
    height, width = values.shape[:2]
    shown, factor = shrink(values, pixels) if values.ndim == 2 else (values, 1)
    bottom, right = (factor * n - 0.5 for n in shown.shape[:2])
    if values.ndim == 2:
        # No colours but the map's own, which makes small files.
        options |= {"cmap": plt.get_cmap(options["cmap"], shades), "interpolation_stage": "data"}
    drawn = ax.imshow(shown, extent=(-0.5, right, bottom, -0.5), **options)
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return drawn


def show_frame(ax: Axes, image: np.ndarray, pixels: int = 400) -> AxesImage:
    """Show a frame in grey, from its 0.5th to its 99.5th percentile; see `show_map`."""
    darkest, brightest = np.percentile(image, (0.5, 99.5))
    return show_map(
        ax,
        image,
        pixels,
        GREYS,
        cmap="gray",
        vmin=darkest,
        vmax=max(brightest, darkest + 1e-6),
    )


def draw_flow(
    ax: Axes,
    flow: np.ndarray,
    inside: np.ndarray,
    window: tuple[slice, slice],
    arrows: int = 26,
) -> Quiver:
    """Draw a flow as arrows, a few of them a cell, over what the panel already shows.

    Parameters
    ----------
    ax : Axes
        Shows `window` of a frame.
    flow : (2, h, w) float ndarray
        Row and column component; covers the whole frame, with fewer pixels where h < H. An arrow
        of length 1 reaches almost to the next one.
    inside : (H, W) bool ndarray
        Where there are arrows.
    window : (slice, slice)
        Rows and columns of the frame.
    arrows : int
        At most so many side by side.
    """
    top, left = (part.start for part in window)
    rows, columns = inside[window].shape
    step = max(max(rows, columns) / arrows, inside.shape[0] / flow.shape[1])
    y, x = (np.arange(step / 2, n, step) - 0.5 for n in (rows, columns))
    x, y = np.meshgrid(x, y)  # centre of each square of pixels, in pixels of the panel
    places = [(y + top + 0.5) / inside.shape[0], (x + left + 0.5) / inside.shape[1]]  # [frames]
    row, column = ((p * n).astype(int) for p, n in zip(places, flow.shape[1:], strict=True))
    seen = inside[tuple((p * n).astype(int) for p, n in zip(places, inside.shape, strict=True))]
    down, right = flow[:, row[seen], column[seen]]
    look = {"color": BLACK, "width": 0.0035, "headwidth": 4.5, "headlength": 4.5, "minlength": 0.5}
    size = {"angles": "xy", "scale_units": "xy", "scale": 1 / (0.9 * step), "pivot": "mid"}
    return ax.quiver(x[seen], y[seen], right, down, **size, **look)


def draw_classes(
    ax: Axes, classes: list[tuple[np.ndarray, str]], strength: float = 0.55
) -> AxesImage:
    """Lay each class of pixels in its colour over a frame that is already shown.

    Parameters
    ----------
    ax : Axes
    classes : list of ((H, W) bool ndarray, colour)
        A pixel belongs to one class at most.
    strength : float
        Opacity, [0, 1].
    """
    colours = np.zeros((*classes[0][0].shape, 4))  # (H, W, 4)
    for mask, colour in classes:
        colours[mask] = (*to_rgb(colour), strength)
    return ax.imshow(colours, interpolation="nearest")


def colour_bar(axes: Axes | np.ndarray, drawn: AxesImage, text: str) -> None:
    """Put a horizontal colour bar with its meaning under panels."""
    figure = drawn.get_figure()
    bar = figure.colorbar(drawn, ax=axes, location="bottom", pad=0.03, fraction=0.06, aspect=25)
    bar.outline.set_visible(False)
    bar.set_label(text)


def small_and_large() -> tuple[Figure, list[Axes], Axes]:
    """A figure of two by two panels, and beside them one that is as high as two."""
    figure, axes = new_figure(2, 4, (WIDTH, 4.9), **PICTURES)
    grid = axes[0, 0].get_gridspec()
    for ax in axes[:, 2:].flat:
        ax.remove()
    return figure, list(axes[:, :2].flat), figure.add_subplot(grid[:, 2:])


def panel_grid(count: int, columns: int) -> tuple[int, int]:
    """Rows and columns for a number of panels, in rows of about equal length."""
    rows = -(-count // columns)
    return rows, -(-count // rows)


def hide_rest(axes: np.ndarray, used: int) -> None:
    """Leave the panels after the first `used` empty."""
    for ax in axes.flat[used:]:
        ax.set_axis_off()
