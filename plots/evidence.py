"""What benchmarks measured on real cells: choices, other microscopes, doubt, and the ceiling."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from plots.style import METRICS, QUIET, SERIES, WIDTH, new_figure

MARKERS = "osD^v"


def plot_choices(table: pd.DataFrame, base: str, score: str = "mSA") -> Figure:
    """How much a score gains or loses by one change of a training, on the same held-out frames.

    Parameters
    ----------
    table : DataFrame
        variant, set, and the score; one row a training. Every variant is compared with `base` on
        the sets that both have.
    base : str
        The variant that all others deviate from.
    score : str
        Name of the column.
    """
    wide = table.pivot_table(index="variant", columns="set", values=score)
    gains = wide.sub(wide.loc[base]).drop(index=base).dropna(how="all")
    gains = gains.loc[gains.mean(axis=1).sort_values().index]
    figure, axes = new_figure(size=(WIDTH, 1.2 + 0.27 * len(gains)))
    ax = axes[0, 0]
    place = np.arange(len(gains))
    ax.barh(place, gains.mean(axis=1), 0.6, color=METRICS[score], alpha=0.45, label="mean")
    for marker, name in zip(MARKERS, gains, strict=False):
        ax.plot(gains[name], place, marker, color=METRICS[score], label=name)
    ax.axvline(0, color=QUIET, linewidth=1)
    ax.set_yticks(place, gains.index)
    ax.set(xlabel=f"{score} above that of “{base}”, {wide.loc[base].mean():.3f} on average")
    ax.grid(axis="x")
    figure.legend(loc="outside upper center", ncols=1 + gains.shape[1])
    return figure


def plot_robustness(table: pd.DataFrame) -> Figure:
    """Scores on frames that were changed as if another microscope had taken them.

    Parameters
    ----------
    table : DataFrame
        frames, what was done to them; IoU and AP50. The first row holds the frames as recorded.
    """
    table = table.iloc[::-1]
    figure, axes = new_figure(size=(WIDTH, 1.2 + 0.3 * len(table)))
    ax = axes[0, 0]
    place = np.arange(len(table))
    for metric, marker, shift in (("IoU", "o", 0.12), ("AP50", "s", -0.12)):
        whole = table[metric].iloc[-1]
        ax.axvline(whole, color=METRICS[metric], linestyle=":", linewidth=1.2)
        look = {"color": METRICS[metric], "markersize": 6, "label": metric}
        ax.plot(table[metric], place + shift, marker, **look)
    ax.set_yticks(place, table.frames)
    ax.set(xlabel="mean over frames; dotted: as recorded", xlim=(0, 1))
    ax.grid()
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def plot_calibration(table: pd.DataFrame) -> Figure:
    """What a net says against what is true: pixels by probability, cells by confidence.

    Parameters
    ----------
    table : DataFrame
        of, `pixels` or `cells`; said, true, [0, 1]; count.
    """
    figure, axes = new_figure(1, 2, size=(WIDTH, 4.6))
    texts = {
        "pixels": ("probability of lying in a cell", "share that lies in a cell"),
        "cells": ("confidence", "share with a partner (IoU at least 0.5)"),
    }
    for ax, (what, (said, true)) in zip(axes[0], texts.items(), strict=True):
        part = table[table["of"] == what]
        ax.plot((0, 1), (0, 1), ":", color=QUIET, label="perfectly calibrated")
        ax.plot(part.said, part.true, "o-", color=SERIES[0], label=f"{what}, grouped")
        ax.set(xlabel=said, ylabel=true, xlim=(0, 1), ylim=(0, 1.02), aspect="equal")
        ax.set_title(f"{part['count'].sum():,.0f} {what}")
        ax.grid()
        ax.legend(loc="upper left")
    return figure


def plot_ceiling(table: pd.DataFrame) -> Figure:
    """Scores of a net beside those of the true outlines, moved as far as a hand may be off.

    Parameters
    ----------
    table : DataFrame
        group, of frames; outlines, whose they are; frames, their number; IoU, AP50, mSA, NSD.
    """
    metrics = ("IoU", "AP50", "mSA", "NSD")
    colours = {**METRICS, "NSD": SERIES[5]}
    looks = {"net": "o", "full spread": "v", "spread / sqrt 2": "^"}
    groups = list(dict.fromkeys(table.group))
    figure, axes = new_figure(1, len(groups), size=(WIDTH, 4.2), sharey=True)
    for ax, group in zip(axes[0], groups, strict=True):
        rows = table[table.group == group].set_index("outlines")
        for outlines, marker in looks.items():
            values = rows.loc[outlines, list(metrics)]
            face = [colours[m] for m in metrics] if outlines == "net" else "white"
            edge = [colours[m] for m in metrics]
            ax.scatter(range(4), values, 70, face, marker=marker, edgecolors=edge, label=outlines)
        ax.set_xticks(range(4), metrics)
        ax.set(xlim=(-0.4, 3.4), ylim=(0, 1.02), title=f"{group} ({rows.frames.iloc[0]} frames)")
        ax.grid(axis="y")
    axes[0, 0].set_ylabel("score")
    handles, names = axes[0, 0].get_legend_handles_labels()
    texts = {"net": "the net", "full spread": "outlines moved by the full spread"}
    texts["spread / sqrt 2"] = "outlines moved by half of its variance"
    figure.legend(handles, [texts[n] for n in names], loc="outside upper center", ncols=3)
    return figure
