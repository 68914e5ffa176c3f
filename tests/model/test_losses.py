import math

import pytest
import torch

from model.losses import segmentation_loss, soft_dice_loss, weighted_cross_entropy

TARGETS = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
ONES = torch.ones(1, 1, 2, 2)
SURE = (TARGETS * 2 - 1) * 50  # logits that are certain and right


def test_cross_entropy_of_a_coin_toss_is_log_two():
    assert weighted_cross_entropy(torch.zeros(1, 1, 2, 2), TARGETS, ONES).item() == pytest.approx(
        math.log(2)
    )


def test_weights_decide_which_pixels_count():
    logits = SURE.clone()
    logits[0, 0, 0, 1] = 50  # one background pixel taken for a cell
    heavy = ONES.clone()
    heavy[0, 0, 0, 1] = 5
    assert weighted_cross_entropy(logits, TARGETS, ONES).item() == pytest.approx(50 / 4)
    assert weighted_cross_entropy(logits, TARGETS, heavy).item() == pytest.approx(5 * 50 / 8)
    heavy[0, 0, 0, 1] = 0
    assert segmentation_loss(logits, TARGETS, heavy).item() == pytest.approx(0, abs=1e-6)


def test_dice_of_right_wrong_and_empty():
    assert soft_dice_loss(SURE, TARGETS, ONES).item() == pytest.approx(0, abs=1e-6)
    # nothing in common, 2 + 2 pixels: 1 - (0 + 1) / (4 + 1)
    assert soft_dice_loss(-SURE, TARGETS, ONES).item() == pytest.approx(0.8)
    assert soft_dice_loss(torch.full_like(SURE, -50), torch.zeros_like(SURE), ONES) == 0
