"""Drawings that teach: the U-Net with its shapes, and two scores worked through on 8 x 8 pixels."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle

from plots.style import (
    BLACK,
    BLUE,
    FALSE,
    GREEN,
    HIT,
    MISSED,
    ORANGE,
    PREDICTED,
    PURPLE,
    QUIET,
    SKY,
    TRUTH,
    VERMILLION,
    WIDTH,
    new_figure,
)

HEIGHT = 4.9  # of the drawn U [inch]
FOLD, CONVOLVE, POOL, RAISE, SKIP, READ_OUT = BLACK, BLUE, VERMILLION, GREEN, QUIET, PURPLE
OPERATIONS = {
    FOLD: "{0} x {0} pixels become {1} channels, and the other way round",
    CONVOLVE: "2 x (3 x 3 convolution, batch norm, ReLU)",
    POOL: "2 x 2 max pooling: half the size",
    RAISE: "2 x 2 up-convolution: twice the size",
    SKIP: "skip connection: a copy joins the raised maps",
    READ_OUT: "1 x 1 convolution",
}
ENCODED, COPIED, RAISED, DECODED = SKY, "#C9E7F8", "#A6DCC9", ORANGE
MAPS = {
    ENCODED: "maps of the encoder, with their channels",
    RAISED: "raised maps, and beside them the copy (pale blue)",
    DECODED: "maps of the decoder",
}


class _Drawing:
    """Boxes for feature maps on the levels of a U, and arrows between them.

    Level -1 is that of the pixels, before they are folded into channels.
    """

    def __init__(self, ax: Axes, depth: int):
        self.ax = ax
        self.depth = depth
        self.gap = HEIGHT / (depth + 2)

    def y(self, level: int) -> float:
        """Height of the middle of a level."""
        return HEIGHT - self.gap * (level + 1.5)

    def tall(self, level: int) -> float:
        """Half the height of a box: deeper maps are smaller."""
        return 0.27 * self.gap * 0.9**level

    def wide(self, level: float) -> float:
        """Half the width of a box: deeper maps have more channels."""
        return 0.07 + 0.11 * level / self.depth

    def box(self, x: float, level: int, wide: float, colour: str) -> None:
        """Feature maps at x."""
        tall = self.tall(level)
        corner = (x - wide, self.y(level) - tall)
        self.ax.add_patch(
            Rectangle(corner, 2 * wide, 2 * tall, facecolor=colour, edgecolor=BLACK, linewidth=0.9)
        )

    def text(self, x: float, level: int, side: str, channels: int | str, wide: float = 0) -> None:
        """Number of channels above, left or right of a box."""
        y, gap = self.y(level), 0.05
        if side == "above":
            self.ax.text(x, y + self.tall(level) + 0.03, channels, ha="center", va="bottom")
        elif side == "left":
            self.ax.text(x - wide - gap, y, channels, ha="right", va="center")
        else:
            self.ax.text(x + wide + gap, y, channels, ha="left", va="center")

    def across(self, start: float, end: float, level: int, colour: str) -> None:
        """Arrow along a level."""
        self.arrow((start, self.y(level)), (end, self.y(level)), colour)

    def arrow(self, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
        """Arrow from one point to another."""
        style = {"arrowstyle": "-|>", "mutation_scale": 11, "linewidth": 1.8}
        self.ax.add_patch(FancyArrowPatch(start, end, color=colour, shrinkA=1, shrinkB=1, **style))

    def rows(self, size: int, block: int) -> None:
        """A band a level, with the size of its maps."""
        for level in range(-1, self.depth + 1):
            y, side = self.y(level), size if level < 0 else size // block // 2**level
            if level % 2:
                self.ax.axhspan(y - self.gap / 2, y + self.gap / 2, color="#F4F4F4", zorder=0)
            unit = " px" if level < 0 else ""
            self.ax.text(0.1, y, f"{side} x {side}{unit}", va="center", color=QUIET)

    def fold(self, x: float, top: str, bottom: int | str, down: bool) -> None:
        """Pixels above and the channels that they become below, or the other way round."""
        ends = (x, self.y(-1) - self.tall(-1)), (x, self.y(0) + self.tall(0))
        self.box(x, -1, 0.035, "white")
        self.box(x, 0, 0.05, "white")
        self.arrow(*(ends if down else ends[::-1]), FOLD)
        self.text(x, -1, "left" if down else "right", top, 0.035)
        self.text(x, 0, "left" if down else "right", bottom, 0.05)

    def encoder(self, x: np.ndarray, width: int, block: int) -> None:
        """From the image down to the bottom; `x` of each level's maps."""
        self.fold(x[0] - 0.7, "image: 1", block**2, down=True)
        self.across(x[0] - 0.65, x[0] - self.wide(0), 0, CONVOLVE)
        for level in range(self.depth + 1):
            wide = self.wide(level)
            self.box(x[level], level, wide, ENCODED)
            if level < self.depth:
                self.text(x[level], level, "above", width * 2**level)
                below = level + 1
                self.box(x[level], below, wide, ENCODED)
                self.text(x[level], below, "left", width * 2**level, wide)
                self.arrow(
                    (x[level], self.y(level) - self.tall(level)),
                    (x[level], self.y(below) + self.tall(below)),
                    POOL,
                )
                self.across(x[level] + wide, x[below] - self.wide(below), below, CONVOLVE)
        self.text(x[-1], self.depth, "right", width * 2**self.depth, self.wide(self.depth))

    def decoder(self, left: np.ndarray, x: np.ndarray, width: int) -> None:
        """From the bottom up, joined by the encoder's maps, which stand at `left`."""
        for level in range(self.depth - 1, -1, -1):
            wide, below = self.wide(level), level + 1
            raised, copied, channels = x[below], x[below] - 2 * wide, width * 2**level
            self.box(raised, level, wide, RAISED)
            self.box(copied, level, wide, COPIED)
            self.text(raised - wide, level, "above", f"{channels} + {channels}")
            self.arrow(
                (raised, self.y(below) + self.tall(below)),
                (raised, self.y(level) - self.tall(level)),
                RAISE,
            )
            self.across(left[level] + wide, copied - wide, level, SKIP)
            self.across(raised + wide, x[level] - wide, level, CONVOLVE)
            self.box(x[level], level, wide, DECODED)
            self.text(x[level], level, "right" if level else "above", channels, wide)


def plot_unet(width: int = 32, depth: int = 4, size: int = 512, block: int = 2) -> Figure:
    """The U-Net with the number of channels and the size of its maps at every level.

    Parameters
    ----------
    width : int
        Channels of the first level; level k has width * 2**k.
    depth : int
        Number of times the first level is halved.
    size : int
        Side of the image [px].
    block : int
        Side of the blocks of pixels that become channels [px].
    """
    figure, axes = new_figure(size=(WIDTH, 6.4))
    ax = axes[0, 0]
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT + 0.12))
    ax.set_axis_off()
    drawing = _Drawing(ax, depth)
    bottom = 5.2
    left = np.append(np.linspace(2.75, 4.1, depth), bottom)
    right = np.linspace(8.1, bottom, depth + 1)  # level 0 first
    drawing.rows(size, block)
    drawing.encoder(left, width, block)
    drawing.decoder(left, right, width)
    end = right[0] + 0.62
    drawing.across(right[0] + drawing.wide(0), end - 0.05, 0, READ_OUT)
    drawing.fold(end, "foreground: 1", f"{block**2} + flow: 2", down=False)
    names = {colour: text.format(block, block**2) for colour, text in OPERATIONS.items()}
    handles = [Line2D([], [], color=c, linewidth=2.5, label=t) for c, t in names.items()]
    handles += [Patch(facecolor=c, edgecolor=BLACK, label=t) for c, t in MAPS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _grid(ax: Axes, mask: np.ndarray, colour: str, name: str) -> None:
    """Pixels of one colour on white, with the grid between them."""
    rows, columns = mask.shape
    for row, column in np.argwhere(mask):
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour, linewidth=0))
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal", title=name)
    ax.set_xticks(np.arange(columns + 1) - 0.5, labels=[])
    ax.set_yticks(np.arange(rows + 1) - 0.5, labels=[])
    ax.tick_params(length=0)
    ax.grid(color=QUIET, linewidth=0.6)
    ax.spines[:].set_visible(True)


def plot_toy(truth: np.ndarray, predicted: np.ndarray) -> Figure:
    """IoU and Dice counted out on a few pixels.

    Parameters
    ----------
    truth, predicted : (H, W) ndarray
        Not 0 = cell; some 8 x 8 pixels.
    """
    t, p = np.asarray(truth) > 0, np.asarray(predicted) > 0
    figure, axes = new_figure(1, 3, (WIDTH, 4.5))
    both = axes[0, 2]
    for ax, values, colour, name in (
        (axes[0, 0], np.asarray(truth), TRUTH, "annotated"),
        (axes[0, 1], np.asarray(predicted), PREDICTED, "predicted"),
    ):
        _grid(ax, values > 0, colour, f"{name}: {np.count_nonzero(values)} pixels")
        for (row, column), value in np.ndenumerate(values.astype(int)):
            ax.text(column, row, value, ha="center", va="center", color=BLACK if value else QUIET)
    _grid(both, np.zeros_like(t), "white", "compared")
    counts = {}
    for short, mask, colour in (("TP", t & p, HIT), ("FN", t & ~p, MISSED), ("FP", ~t & p, FALSE)):
        counts[short] = int(mask.sum())
        for row, column in np.argwhere(mask):
            both.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour, linewidth=0))
            both.text(column, row, short, ha="center", va="center", color="white", fontsize=9.5)
    tp, fn, fp = counts.values()
    handles = [
        Patch(color=HIT, label=f"TP, in both: {tp}"),
        Patch(color=MISSED, label=f"FN, annotated alone: {fn}"),
        Patch(color=FALSE, label=f"FP, predicted alone: {fp}"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    iou = tp / (tp + fp + fn) if tp + fp + fn else 1.0
    dice = 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0
    figure.supxlabel(
        f"IoU = TP / (TP + FP + FN) = {tp} / ({tp} + {fp} + {fn}) = {iou:.2f}\n"
        f"Dice = 2 TP / (2 TP + FP + FN) = {2 * tp} / ({2 * tp} + {fp} + {fn}) = {dice:.2f}",
        fontsize=11,
    )
    return figure
