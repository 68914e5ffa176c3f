import numpy as np
import pandas as pd

from plots.curves import plot_history, plot_learning_curve, plot_timeline

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "learning_rate": [1e-3, 2e-3, 1e-3],
        "train_loss": [1.0, 0.6, 0.4],
        "validation_loss": [1.1, 0.8, 0.7],
        "validation_IoU": [0.2, 0.6, 0.5],
        "validation_AP50": [0.1, 0.3, 0.4],
    }
)
VALIDATION = ["validation_loss", "validation_IoU", "validation_AP50"]


def legend(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_history_draws_losses_left_and_scores_right():
    before = HISTORY.copy()
    loss, score = plot_history(HISTORY).axes
    assert legend(loss) == ["training", "validation"]
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), [1.1, 0.8, 0.7])
    assert legend(score) == ["IoU, highest 0.600", "AP50, highest 0.400"]
    assert {ax.get_xlabel() for ax in (loss, score)} == {"epoch"}
    assert (loss.get_ylabel(), score.get_ylabel()) == ("loss", "score")
    pd.testing.assert_frame_equal(HISTORY, before)


def test_history_without_validation_frames_says_so():
    loss, score = plot_history(HISTORY.assign(**dict.fromkeys(VALIDATION, np.nan))).axes
    assert legend(loss) == ["training"]
    assert not score.lines
    assert score.texts[0].get_text() == "no validation frames"


def test_history_validated_every_second_epoch_is_joined():
    history = HISTORY.copy()
    history.loc[1, VALIDATION] = np.nan
    _, score = plot_history(history).axes
    np.testing.assert_array_equal(score.lines[0].get_xdata(), [1, 3])


def test_history_of_one_epoch_shows_a_point():
    loss, _ = plot_history(HISTORY.head(1)).axes
    assert loss.lines[0].get_marker() == "o"


def test_another_model_has_its_own_row():
    axes = plot_history(HISTORY, HISTORY.assign(epoch=[10, 20, 30])).axes
    assert [ax.get_title().split(":")[0] for ax in axes] == ["this run"] * 2 + ["shipped model"] * 2
    np.testing.assert_array_equal(axes[2].lines[0].get_xdata(), [10, 20, 30])


def test_learning_curve_sorts_by_frames_and_shades_the_spread():
    table = pd.DataFrame(
        {"frames": [10, 1, 3], "IoU": [0.7, 0.5, 0.6], "mSA": [0.3, 0.1, 0.2]}
    ).assign(IoU_low=[0.6, 0.3, 0.5], IoU_high=[0.8, 0.6, 0.7])
    (ax,) = plot_learning_curve(table).axes
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [1, 3, 10])
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0.5, 0.6, 0.7])
    assert legend(ax) == ["IoU, highest 0.70", "mSA, highest 0.30"]
    assert len(ax.collections) == 1  # no spread was given for mSA
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "3", "10"]
    assert list(table.frames) == [10, 1, 3]


def test_timeline_has_hours_where_the_interval_is_known():
    table = pd.DataFrame({"t": [0, 1, 2], "cells": [5, 6, 8], "covered": [0.1, 0.12, 0.2]})
    cells, covered = plot_timeline(table.assign(hours=[0.0, 0.5, 1.0])).axes
    assert cells.get_xlabel() == covered.get_xlabel() == "time [h]"
    np.testing.assert_array_equal(cells.lines[0].get_xdata(), [0, 0.5, 1])
    assert (cells.get_ylabel(), covered.get_ylabel()) == ("cells", "covered [%]")
    cells, _ = plot_timeline(table.assign(hours=np.nan)).axes
    assert cells.get_xlabel() == "frame"
    np.testing.assert_array_equal(cells.lines[0].get_xdata(), [0, 1, 2])


def test_timeline_without_times_counts_the_frames():
    table = pd.DataFrame({"t": [np.nan] * 2, "cells": [5, 6], "covered": [0.1, 0.12]})
    cells, _ = plot_timeline(table).axes
    np.testing.assert_array_equal(cells.lines[0].get_xdata(), [0, 1])


def test_timeline_of_frames_without_a_cell():
    table = pd.DataFrame({"t": [0, 1], "cells": [0, 0], "covered": [0.0, 0.0]})
    assert plot_timeline(table).axes[0].get_ylim()[1] > 0


def test_timeline_draws_the_annotated_course_too():
    table = pd.DataFrame({"t": [0, 1], "cells": [5, 6], "covered": [0.1, 0.12]})
    cells, _ = plot_timeline(table.assign(true_cells=[5, 9], true_covered=[0.1, 0.2])).axes
    assert legend(cells) == ["annotated", "predicted"]
    assert cells.get_ylim()[1] > 9
