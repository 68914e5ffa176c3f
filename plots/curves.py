"""Scores along an axis: epochs, training frames, time."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator, PercentFormatter

from plots.style import METRICS, PREDICTED, QUIET, TRAIN, TRUTH, VALIDATION, WIDTH, new_figure

LOSSES = {
    "train_loss": ("training", TRAIN, "-"),
    "validation_loss": ("validation", VALIDATION, "--"),
}
SCORES = {"IoU": "-", "AP50": "--", "mSA": ":", "SEG": "-."}
MARKERS = {"IoU": "o", "AP50": "s", "mSA": "^", "SEG": "D"}


def _draw_history(axes: tuple[Axes, Axes], history: pd.DataFrame, name: str) -> None:
    """Losses on the left, validation scores on the right."""
    loss, score = axes
    marker = "o" if len(history) <= 30 else ""
    for column, (text, colour, line) in LOSSES.items():
        if column in history and history[column].notna().any():
            loss.plot(history.epoch, history[column], line, marker=marker, color=colour, label=text)
    for metric in ("IoU", "AP50"):
        column = f"validation_{metric}"
        if column in history and history[column].notna().any():
            known = history[history[column].notna()]
            score.plot(
                known.epoch,
                known[column],
                SCORES[metric],
                marker=MARKERS[metric] if marker else "",
                color=METRICS[metric],
                label=f"{metric}, highest {known[column].max():.3f}",
            )
    if score.lines:
        score.legend(loc="best")
    else:
        where = {"ha": "center", "transform": score.transAxes}
        score.text(0.5, 0.5, "no validation frames", color=QUIET, **where)
        score.set_xlim(loss.get_xlim())
    loss.set(title=f"{name}: loss", xlabel="epoch", ylabel="loss")
    loss.set_ylim(bottom=0)
    loss.legend(loc="best")
    score.set(title=f"{name}: validation scores", xlabel="epoch", ylabel="score", ylim=(0, 1.02))
    for ax in axes:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        ax.grid()


def plot_history(
    history: pd.DataFrame,
    other: pd.DataFrame | None = None,
    names: tuple[str, str] = ("this run", "shipped model"),
) -> Figure:
    """Losses and validation scores by epoch.

    Parameters
    ----------
    history : DataFrame
        epoch, train_loss, validation_loss, validation_IoU, validation_AP50; the validation columns
        may be NaN.
    other : DataFrame, optional
        The history of another model, drawn in a second row.
    names : (str, str)
        What the two are called.
    """
    histories = [table for table in (history, other) if table is not None]
    figure, axes = new_figure(len(histories), 2, (WIDTH, 0.8 + 2.5 * len(histories)))
    for pair, table, name in zip(axes, histories, names, strict=False):
        _draw_history(tuple(pair), table, name)
    return figure


def plot_learning_curve(table: pd.DataFrame) -> Figure:
    """Scores against the number of annotated frames that a model was trained on.

    Parameters
    ----------
    table : DataFrame
        frames, and means of any of IoU, AP50, mSA, SEG; where there are NAME_low and NAME_high,
        the range between them is drawn too.
    """
    table = table.sort_values("frames")
    figure, axes = new_figure(size=(WIDTH, 4.4))
    ax = axes[0, 0]
    for metric in (name for name in SCORES if name in table):
        colour = METRICS[metric]
        ax.plot(
            table.frames,
            table[metric],
            SCORES[metric],
            marker=MARKERS[metric],
            markersize=7,
            color=colour,
            label=f"{metric}, highest {table[metric].max():.2f}",
        )
        if {f"{metric}_low", f"{metric}_high"} <= set(table):
            ax.fill_between(
                table.frames,
                table[f"{metric}_low"],
                table[f"{metric}_high"],
                color=colour,
                alpha=0.15,
                linewidth=0,
            )
    ax.set(xscale="log", xlabel="annotated frames trained on", ylabel="score", ylim=(0, 1.02))
    ax.set_xticks(table.frames, labels=[f"{n:g}" for n in table.frames])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid()
    if any(column.endswith("_low") for column in table):
        ax.set_title("lines: mean; shaded: lowest to highest")
    ax.legend(loc="lower right", ncols=4)
    return figure


def plot_timeline(table: pd.DataFrame) -> Figure:
    """Number of cells and share of the frame that they cover, over time.

    Parameters
    ----------
    table : DataFrame
        hours [h], or t (number of the frame) where the interval is unknown; cells; covered, the
        share of the frame, [0, 1]. Rows without a time are taken in order. Where
        true_cells and true_covered are known, the annotated course is drawn too.
    """
    column, text = ("t", "frame")
    if "hours" in table and table.hours.notna().all():
        column, text = ("hours", "time [h]")
    elif "t" not in table or table.t.isna().any():
        table = table.assign(t=range(len(table)))
    table = table.sort_values(column)
    figure, axes = new_figure(1, 2, (WIDTH, 3.8))
    for ax, value, title in (
        (axes[0, 0], "cells", "cells in the frame"),
        (axes[0, 1], "covered", "confluence: share of the frame covered"),
    ):
        known = f"true_{value}" in table and table[f"true_{value}"].notna().any()
        if known:
            ax.plot(table[column], table[f"true_{value}"], color=TRUTH, lw=3, label="annotated")
        ax.plot(table[column], table[value], "--o", color=PREDICTED, label="predicted")
        ax.set(title=title, xlabel=text)
        top = table[[value, f"true_{value}"] if known else value].max(axis=None)
        ax.set_ylim(0, 1.15 * max(float(top), 1e-3))
        ax.grid()
    axes[0, 0].set_ylabel("cells")
    axes[0, 0].yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes[0, 1].set_ylabel("covered [%]")
    axes[0, 1].yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    if column == "t":
        for ax in axes.flat:
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes[0, 0].legend(loc="lower right")
    return figure
