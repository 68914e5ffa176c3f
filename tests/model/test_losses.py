import math

import pytest
import torch

from model.losses import flow_error, segmentation_loss, soft_dice_loss, weighted_cross_entropy
from model.unet import Maps

TARGETS = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
ONES = torch.ones(1, 1, 2, 2)
SURE = (TARGETS * 2 - 1) * 50  # logits that are certain and right

ARROWS = torch.tensor([[[[1.0, 0], [0, 0]], [[0, 1.0], [0, 0]]]])  # two of four places in cells
ALL = torch.ones(1, 1, 4, 4)


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
    assert weighted_cross_entropy(logits, TARGETS, heavy).item() == pytest.approx(0, abs=1e-6)
    assert soft_dice_loss(logits, TARGETS, heavy).item() == pytest.approx(0, abs=1e-6)


def test_dice_of_right_wrong_and_empty():
    assert soft_dice_loss(SURE, TARGETS, ONES).item() == pytest.approx(0, abs=1e-6)
    # nothing in common, 2 + 2 pixels: 1 - (0 + 1) / (4 + 1)
    assert soft_dice_loss(-SURE, TARGETS, ONES).item() == pytest.approx(0.8)
    assert soft_dice_loss(torch.full_like(SURE, -50), torch.zeros_like(SURE), ONES) == 0


def test_flow_error_of_right_wrong_and_absent_arrows():
    assert flow_error(ARROWS, ARROWS, ALL) == 0
    # the square of a difference of length 2 (1) at two places, each counted 1.1; two cells and one
    assert flow_error(-ARROWS, ARROWS, ALL).item() == pytest.approx(2 * 1.1 * 4 / 3)
    assert flow_error(0 * ARROWS, ARROWS, ALL).item() == pytest.approx(2 * 1.1 * 1 / 3)


def test_an_arrow_in_the_background_counts_a_tenth():
    seen = ARROWS.clone()
    seen[0, :, 1, 1] = torch.tensor([0.6, 0.8])
    assert flow_error(seen, ARROWS, ALL).item() == pytest.approx(0.1 / 3)
    assert flow_error(seen, 0 * ARROWS, ALL).item() == pytest.approx(3 * 0.1 / 1)


def test_arrows_of_blocks_that_nobody_annotated_do_not_count():
    weight = 7 * ALL.clone()  # how much a pixel weighs does not matter, as long as it does
    assert flow_error(-ARROWS, ARROWS, weight).item() == pytest.approx(2 * 1.1 * 4 / 3)
    weight[0, 0, 1, 0] = 0  # one pixel of the block at the top left
    assert flow_error(-ARROWS, ARROWS, weight).item() == pytest.approx(1.1 * 4 / 2)
    assert flow_error(-ARROWS, ARROWS, 0 * weight) == 0


def test_blocks_that_the_edge_cuts_count_as_whole_ones():
    weight = ALL[..., :3, :3].clone()  # two blocks of two pixels, of the second only one is there
    assert flow_error(-ARROWS, ARROWS, weight).item() == pytest.approx(2 * 1.1 * 4 / 3)
    weight[..., 2, 2] = 0
    seen = ARROWS.clone()
    seen[0, :, 1, 1] = 1
    assert flow_error(seen, ARROWS, weight) == 0


def test_the_loss_is_the_sum_of_its_three_parts():
    label = torch.tensor([[[9, 9, 0, 0], [9, 9, 0, 0], [0, 0, 0, 0], [0, 0, 0, 5]]])
    targets = (label > 0).float()[:, None]
    right = Maps((2 * targets - 1) * 50, ARROWS)
    assert segmentation_loss(right, label, ARROWS, ALL[:, 0]).item() == pytest.approx(0, abs=1e-6)
    wrong = Maps(torch.zeros(1, 1, 4, 4), -ARROWS)
    parts = (
        math.log(2)
        + soft_dice_loss(wrong.foreground, targets, ALL).item()
        + flow_error(wrong.flow, ARROWS, ALL).item()
    )
    assert segmentation_loss(wrong, label, ARROWS, ALL[:, 0]).item() == pytest.approx(parts)
    assert segmentation_loss(wrong, label, ARROWS, 0 * ALL[:, 0]) == 0
