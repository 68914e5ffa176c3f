import numpy as np
import pytest

from model.leakage import leakage_experiment
from model.recipe import TrainingConfig
from preprocess.augment import RIGID
from preprocess.borders import border_weight
from preprocess.frames import Frame

CONFIG = TrainingConfig(
    width=8,
    depth=2,
    patch_size=32,
    batch_size=4,
    epochs=1,
    steps_per_epoch=60,
    learning_rate=0.02,
    precision="float32",
    augmentation=RIGID,
)


def frame(cells_are_bright: bool) -> Frame:
    label = np.zeros((64, 64), np.int32)
    label[8:24, 8:24], label[36:60, 30:54] = 1, 2
    image = label > 0 if cells_are_bright else label == 0
    return Frame("a", image.astype(np.float32), label, border_weight(label))


def test_copies_of_the_training_frame_score_higher_than_other_frames():
    """Where the unseen frame is the negative of the one trained on, nothing carries over."""
    table = leakage_experiment([frame(True)], [frame(False)], CONFIG, copies=40)
    assert list(table.split) == ["copies it was trained on", "copies held back", "unseen frames"]
    assert list(table.patches) == [6, 6, 6]  # 15 % of 40
    assert table.IoU[1] > table.IoU[2] + 0.3


@pytest.mark.parametrize("frames", [([], [frame(True)]), ([frame(True)], [])])
def test_without_frames_there_is_nothing_to_compare(frames):
    assert len(leakage_experiment(*frames, CONFIG)) == 0
