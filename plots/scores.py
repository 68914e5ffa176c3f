"""How good the cells are: over thresholds, by cell, by frame, by model."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from plots.style import (
    BLUE,
    FAINT,
    METRICS,
    PREDICTED,
    QUIET,
    SERIES,
    TRUTH,
    VERMILLION,
    WIDTH,
    new_figure,
    nothing_to_show,
)

UNITS = {"um2": "µm²", "um²": "µm²"}
PALE = "#A9CCE3"
MARKERS = "os^Dv<>P"


def plot_threshold_curve(curves: dict[str, pd.DataFrame]) -> Figure:
    """Object scores against the IoU from which on a cell counts as found.

    Parameters
    ----------
    curves : dict of str to DataFrame
        By model or frame: threshold, AP, F1, precision, recall.
    """
    if all(curve.empty for curve in curves.values()):
        return nothing_to_show("no annotated frames")
    figure, axes = new_figure(1, 2, (WIDTH, 4.4), sharey=True)
    left, right = axes[0]
    one = len(curves) == 1
    for n, (name, curve) in enumerate(curves.items()):
        colour, marker = SERIES[n % len(SERIES)], MARKERS[n % len(MARKERS)]
        text = f"{name}: mean {curve.AP.mean():.3f}"
        left.plot(curve.threshold, curve.AP, color=colour, marker=marker, label=text)
        for k, (score, line) in enumerate((("precision", "--"), ("recall", ":"), ("F1", "-"))):
            right.plot(
                curve.threshold,
                curve[score],
                line,
                color=SERIES[k + 1] if one else colour,
                label=score if n == 0 else None,
            )
    left.set(title="AP = TP / (TP + FP + FN)", ylabel="score", ylim=(0, 1.02))
    right.set(title="precision, recall and F1 of the cells")
    for ax in axes[0]:
        ax.set_xlabel("IoU threshold")
        ax.grid()
    left.legend(loc="lower left")
    legend = right.legend(loc="lower left")
    if not one:
        for handle in legend.get_lines():
            handle.set_color(QUIET)
    return figure


def wilson(share: np.ndarray, count: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a share of `count` cells, 95 % for z = 1.96.

    The score interval of E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209-212.
    """
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return middle - half, middle + half


def _draw_shares(ax: Axes, table: pd.DataFrame, score: str, interval: bool = True) -> None:
    """A bar and a dot a group of cells, with the 95 % interval of the share."""
    place = np.arange(len(table))
    share, cells = table[score].to_numpy(float), table["cells"].to_numpy()
    ax.bar(place, share, color=PALE, width=0.7)
    if interval:
        low, high = wilson(share, cells)
        spread = np.clip([share - low, high - share], 0, None)
        ax.errorbar(place, share, spread, fmt="o", color=BLUE, capsize=4)
    else:
        ax.plot(place, share, "o", color=BLUE)
    ax.set_xticks(place, table["group"])
    ax.grid(axis="y")


def plot_score_against(table: pd.DataFrame, label: str, score: str = "recall") -> Figure:
    """How well cells are found, by a property of theirs; the number in a bar counts its cells.

    Parameters
    ----------
    table : DataFrame
        One row a group of cells: group, a text; cells, their number; and the score, [0, 1].
    label : str
        The property, with its unit.
    score : str
        "recall", drawn with its 95 % interval, or another column.
    """
    if table.empty:
        return nothing_to_show("no annotated cells")
    figure, axes = new_figure(size=(WIDTH, 4.0))
    ax = axes[0, 0]
    _draw_shares(ax, table, score, interval=score == "recall")
    title = "in the bars: number of cells"
    if score == "recall":
        title = f"recall at IoU 0.5, with its 95 % interval; {title}"
    for x, count in enumerate(table["cells"]):
        ax.text(x, 0.02, f"{count:,}", ha="center", va="bottom", color=QUIET)
    ax.set(title=title, xlabel=label, ylabel=score, ylim=(0, 1.05))
    return figure


def plot_confidence(table: pd.DataFrame) -> Figure:
    """Share of wrong cells by the net's confidence in them, with the share of all cells dashed.

    Parameters
    ----------
    table : DataFrame
        One row a group of cells, the least confident first: group, a text; cells, their number;
        wrong, the share of them that are wrong, [0, 1].
    """
    if table.empty:
        return nothing_to_show("no annotated frames, so that nobody knows which cells are wrong")
    figure, axes = new_figure(size=(WIDTH, 4.0))
    ax = axes[0, 0]
    _draw_shares(ax, table, "wrong")
    overall = float(np.average(table.wrong, weights=table.cells))
    ax.axhline(overall, color=VERMILLION, linestyle="--", label=f"all cells: {overall:.1%} wrong")
    ax.set(
        title=f"{len(table)} groups of about {table.cells.mean():.0f} cells; 95 % intervals",
        xlabel="confidence of the cells",
        ylabel="share of them that is wrong",
        ylim=(0, None),
    )
    ax.legend()
    return figure


def plot_sizes(areas: dict[str, np.ndarray], unit: str = "um2") -> Figure:
    """Sizes of cells, for instance annotated against predicted.

    Parameters
    ----------
    areas : dict of str to (N,) ndarray
        Areas by what they belong to.
    unit : str
        Of the areas, "um2" or "px".
    """
    unit = UNITS.get(unit, unit)
    figure, axes = new_figure(size=(WIDTH, 4.0))
    ax = axes[0, 0]
    known = [a for a in map(np.asarray, areas.values()) if len(a)]
    ends = np.concatenate(known) if known else np.array([1.0, 10.0])
    edges = np.geomspace(0.95 * ends.min(), 1.05 * ends.max(), 31)
    for n, (name, values) in enumerate(areas.items()):
        colour = {"annotated": TRUTH, "predicted": PREDICTED}.get(name, SERIES[n % len(SERIES)])
        middle = f", median {np.median(values):,.0f} {unit}" if len(values) else ""
        ax.stairs(
            np.histogram(values, edges)[0],
            edges,
            fill=n == 0,
            color=colour,
            alpha=0.55 if n == 0 else 1,
            linewidth=2.2,
            label=f"{name}: {len(values):,} cells{middle}",
        )
        if len(values):
            ax.axvline(np.median(values), color=colour, linestyle="--", linewidth=1.5)
    ax.set(xscale="log", xlabel=f"area of a cell [{unit}]", ylabel="cells")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend()
    return figure


def _metrics(table: pd.DataFrame) -> list[str]:
    """Scores that a table has, in a fixed order."""
    return [name for name in METRICS if name in table]


def plot_frame_scores(table: pd.DataFrame) -> Figure:
    """Scores frame by frame; a vertical line marks each mean.

    Parameters
    ----------
    table : DataFrame
        name, and any of IoU, AP50, mSA, SEG, F1, Dice.
    """
    if table.empty:
        return nothing_to_show("no annotated frames")
    count = len(table)
    figure, axes = new_figure(size=(WIDTH, min(1.6 + 0.28 * count, 6.0)))
    ax = axes[0, 0]
    for marker, metric in zip(MARKERS, _metrics(table), strict=False):
        colour, mean = METRICS[metric], table[metric].mean()
        ax.axvline(mean, color=colour, linestyle="--", linewidth=1.2)
        ax.plot(
            table[metric],
            range(count),
            marker,
            color=colour,
            markersize=7,
            label=f"{metric}, mean {mean:.3f}",
        )
    every = -(-count // 22)
    ax.set_yticks(range(0, count, every), table["name"].iloc[::every].astype(str), parse_math=False)
    ax.set(xlabel="score", ylabel="frame", xlim=(0, 1.02), ylim=(count - 0.5, -0.5))
    ax.grid()
    figure.legend(loc="outside upper center", ncols=len(ax.lines))
    return figure


def plot_leakage(table: pd.DataFrame) -> Figure:
    """One net scored on copies of its training frames and on frames it never saw.

    Parameters
    ----------
    table : DataFrame
        split, patches, IoU, AP50; the last row holds the unseen frames.
    """
    figure, axes = new_figure(size=(WIDTH, 4.2))
    ax = axes[0, 0]
    place = np.arange(len(table))
    for shift, metric, hatch in ((-0.19, "IoU", ""), (0.19, "AP50", "//")):
        look = {"color": METRICS[metric], "hatch": hatch, "edgecolor": "white"}
        bars = ax.bar(place + shift, table[metric], 0.36, label=metric, **look)
        ax.bar_label(bars, fmt="%.2f", padding=2)
    ax.set_xticks(place, [f"{row.split}\n({row.patches} patches)" for row in table.itertuples()])
    ax.set(ylabel="score", ylim=(0, 1.08))
    ax.grid(axis="y")
    if len(table) > 1:
        gain = table[["IoU", "AP50"]].iloc[-2] - table[["IoU", "AP50"]].iloc[-1]
        ax.set_title(
            f"{table.split.iloc[-2]} against {table.split.iloc[-1]}: "
            f"IoU {gain.IoU:+.2f}, AP50 {gain.AP50:+.2f}"
        )
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def plot_models(table: pd.DataFrame) -> Figure:
    """Models side by side.

    Parameters
    ----------
    table : DataFrame
        model, and any of IoU, AP50, mSA, SEG, F1, Dice.
    """
    if table.empty:
        return nothing_to_show("no annotated frames")
    metrics = _metrics(table)
    figure, axes = new_figure(size=(WIDTH, 4.2))
    ax = axes[0, 0]
    width = 0.8 / len(table)
    for n, row in enumerate(table.to_dict("records")):
        place = np.arange(len(metrics)) + (n - (len(table) - 1) / 2) * width
        values = [row[metric] for metric in metrics]
        colour = SERIES[n % len(SERIES)]
        bars = ax.bar(place, values, 0.92 * width, color=colour, label=row["model"])
        ax.bar_label(bars, fmt="%.2f", padding=2, fontsize=9)
    ax.set_xticks(range(len(metrics)), metrics)
    ax.set(ylabel="score", ylim=(0, 1.08))
    ax.grid(axis="y", color=FAINT)
    figure.legend(loc="outside upper center", ncols=min(len(table), 4))
    return figure
