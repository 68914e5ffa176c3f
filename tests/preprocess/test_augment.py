import dataclasses

import numpy as np
import pytest
import torch
from scipy import ndimage

from preprocess.augment import NO_AUGMENTATION, AugmentConfig, augment, cut_patch
from preprocess.flow import coarse_flow, flow_field
from preprocess.frames import Frame
from preprocess.patches import PatchDataset, write_examples
from preprocess.tiff import read_label

RNG = np.random.default_rng(0)
LABEL = np.kron(RNG.permutation(16).reshape(4, 4) * 4000, np.ones((32, 32), int)).astype(np.int32)
WEIGHT = 1 + (LABEL % 7).astype(np.float32)
# the image shows the label, so that whatever moves one must move the other
FRAME = Frame("a", (LABEL / 64_000).astype(np.float32), LABEL, WEIGHT)
FLOW = coarse_flow(LABEL, 2)
GEOMETRY = dataclasses.replace(
    NO_AUGMENTATION, flip=True, rotate=True, scale=(0.7, 1.4), elastic=1.0, elastic_shift=2.0
)


def drawn(
    config: AugmentConfig,
    seed: int,
    size: int = 64,
    frame: Frame = FRAME,
    flow: np.ndarray = FLOW,
    center: tuple[int, int] = (64, 64),
) -> dict[str, torch.Tensor]:
    return augment(frame, flow, center, size, config, torch.Generator().manual_seed(seed))


def square(size: int, row: int = 0, column: int = 0) -> torch.Tensor:
    """Places of the pixels around a corner of pixels."""
    axis = torch.arange(size) + 0.5 - size / 2
    return torch.stack(torch.meshgrid(row + axis, column + axis, indexing="ij"))


def frame_of_ellipses() -> Frame:
    """Slanted cells, many of them touching, in a frame of unequal sides."""
    label = np.zeros((180, 240), np.int32)
    y, x = np.mgrid[:180, :240]
    for cell, (row, column) in enumerate(np.ndindex(6, 7), start=1):
        dy, dx = y - 36 * row - 3, x - 36 * column - 7
        along = dy * np.sin(cell % 5) + dx * np.cos(cell % 5)
        across = dy * np.cos(cell % 5) - dx * np.sin(cell % 5)
        label[((along / 20) ** 2 + (across / 14) ** 2 < 1) & (label == 0)] = cell
    return Frame("e", np.float32(label > 0), label, np.ones(label.shape, np.float32))


ELLIPSES = frame_of_ellipses()


@pytest.mark.parametrize("seed", range(12))
def test_label_values_never_change(seed):
    sample = drawn(AugmentConfig(elastic=1.0, blur=1.0), seed)
    assert set(np.unique(sample["label"])) <= set(np.unique(LABEL))
    assert set(np.unique(sample["weight"])) <= set(np.unique(WEIGHT))
    assert sample["label"].dtype == torch.int32
    assert sample["image"].shape == (1, 64, 64)
    assert sample["label"].shape == sample["weight"].shape == (64, 64)
    assert all(torch.isfinite(values).all() for values in sample.values())


@pytest.mark.parametrize("seed", range(12))
def test_image_label_and_weight_move_together(seed):
    """Pixels whose neighbourhood holds one label must show that label's grey and weight."""
    sample = drawn(GEOMETRY, seed)
    label = sample["label"].numpy()
    same = ndimage.maximum_filter(label, 11) == ndimage.minimum_filter(label, 11)
    same[:5], same[-5:], same[:, :5], same[:, -5:] = False, False, False, False
    assert same.mean() > 0.05
    shown = sample["image"][0].numpy() * 64_000
    assert np.abs(shown - label)[same].max() < 2000  # half the distance of two grey levels
    np.testing.assert_array_equal(sample["weight"].numpy()[same], (1 + label % 7)[same])


@pytest.mark.parametrize("seed", range(20))
def test_no_empty_corner_is_left(seed):
    bright = dataclasses.replace(FRAME, weight=np.ones_like(WEIGHT))
    wild = AugmentConfig(scale=(0.5, 2.0), elastic=1.0)
    assert (drawn(wild, seed, frame=bright, center=(0, 0))["weight"] == 1).all()


def test_nothing_is_changed_where_nothing_is_asked_for():
    sample = drawn(NO_AUGMENTATION, 0)
    np.testing.assert_array_equal(sample["label"], LABEL[32:96, 32:96])
    np.testing.assert_array_equal(sample["weight"], WEIGHT[32:96, 32:96])
    np.testing.assert_array_equal(sample["flow"], FLOW[:, 16:48, 16:48])
    np.testing.assert_allclose(sample["image"][0], FRAME.image[32:96, 32:96], atol=1e-4)


def test_a_patch_beyond_the_edge_is_mirrored():
    patch = cut_patch(FRAME, FLOW, square(8))
    for name, whole in (("label", LABEL), ("weight", WEIGHT), ("image", FRAME.image)):
        part = patch[name].reshape(8, 8)
        np.testing.assert_allclose(part[4:, 4:], whole[:4, :4], atol=1e-4)
        np.testing.assert_allclose(part[:4, 4:], whole[:4, :4][::-1], atol=1e-4)


def test_arrows_beyond_the_edge_are_turned_round_like_in_a_mirror():
    arrows = np.arange(1, 33, dtype=np.float32).reshape(2, 4, 4)  # all different
    frame = Frame("a", *(np.zeros((8, 8), kind) for kind in (np.float32, np.int32, np.float32)))
    down, right = cut_patch(frame, arrows, square(8, column=8))["flow"].numpy()  # (4, 4) each
    # top left quarter: rows -4 .. -1, columns 4 .. 7 of the frame, each block two pixels wide
    assert down[:2, :2].tolist() == [[-7, -8], [-3, -4]]
    assert right[:2, :2].tolist() == [[23, 24], [19, 20]]
    # bottom right quarter: rows 0 .. 3, columns 8 .. 11
    assert down[2:, 2:].tolist() == [[4, 3], [8, 7]]
    assert right[2:, 2:].tolist() == [[-20, -19], [-24, -23]]
    # top right quarter: beyond both edges
    assert down[:2, 2:].tolist() == [[-8, -7], [-4, -3]]
    assert right[:2, 2:].tolist() == [[-24, -23], [-20, -19]]


def test_a_patch_larger_than_the_frame_is_filled():
    patch = cut_patch(FRAME, FLOW, square(400, 10, 10))
    assert patch["image"].shape == (1, 400, 400)
    # 256 px further the mirror image of the mirror image is the frame again
    np.testing.assert_array_equal(patch["label"][:144], patch["label"][256:])
    np.testing.assert_allclose(patch["flow"][:, :72], patch["flow"][:, 128:], atol=1e-6)


def whole_cells(label: np.ndarray) -> np.ndarray:
    """Pixels of cells that the patch does not cut."""
    rim = np.unique(np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]]))
    return (label > 0) & ~np.isin(label, rim)


@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize("seed", range(8))
def test_arrows_turn_with_the_patch(seed, block):
    """The flow of a patch is that of its cells, however they were turned, mirrored or zoomed."""
    turned = dataclasses.replace(NO_AUGMENTATION, flip=True, rotate=True, scale=(0.8, 1.4))
    flow = coarse_flow(ELLIPSES.label, block)
    sample = drawn(turned, seed, 96, ELLIPSES, flow, (90, 120))
    assert sample["flow"].shape == (2, 96 // block, 96 // block)
    label = sample["label"].numpy()[block // 2 :: block, block // 2 :: block]
    product = (sample["flow"].numpy() * flow_field(label)).sum(0)
    inside = whole_cells(label)
    assert inside.mean() > 0.1
    assert product[inside].mean() > 0.9
    lengths = np.hypot(*sample["flow"].numpy())
    np.testing.assert_allclose(lengths[lengths > 0.01], 1, atol=1e-4)
    assert ((lengths > 0) == (label > 0)).mean() > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_a_warp_barely_turns_arrows(seed):
    warped = dataclasses.replace(NO_AUGMENTATION, elastic=1.0, elastic_shift=6.0)
    sample = drawn(warped, seed, 96, ELLIPSES, coarse_flow(ELLIPSES.label, 2), (90, 120))
    label = sample["label"].numpy()[1::2, 1::2]
    inside = whole_cells(label)
    assert inside.mean() > 0.1
    assert (sample["flow"].numpy() * flow_field(label)).sum(0)[inside].mean() > 0.8


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.5, 8, 32), (1.0, 40, 40)])
def test_some_patches_keep_scale_and_intensities(share: float, low: int, high: int):
    as_recorded = drawn(NO_AUGMENTATION, 0)["image"]
    config = AugmentConfig(flip=False, rotate=False, share=share)
    images = [drawn(config, seed)["image"] for seed in range(40)]
    assert low <= sum(not torch.equal(image, as_recorded) for image in images) <= high


def test_intensities_change_the_image_alone():
    sample = drawn(dataclasses.replace(NO_AUGMENTATION, gamma=0.5, noise=0.1), 1)
    np.testing.assert_array_equal(sample["label"], LABEL[32:96, 32:96])
    np.testing.assert_array_equal(sample["flow"], FLOW[:, 16:48, 16:48])
    assert not np.allclose(sample["image"][0], FRAME.image[32:96, 32:96])


def patches(**changes) -> PatchDataset:
    settings = {"patch_size": 32, "length": 4, "seed": 5, **changes}
    return PatchDataset([FRAME], **settings)


def test_a_patch_depends_on_seed_epoch_and_index_alone():
    one, other = patches(), patches(length=9)
    _ = other[7]  # whatever was drawn before
    torch.rand(5)
    for name in ("image", "label", "weight", "flow"):
        assert torch.equal(one[2][name], other[2][name])
    state = torch.random.get_rng_state()
    _ = one[0]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.equal(one[2]["image"], one[3]["image"])
    assert not torch.equal(one[2]["image"], patches(seed=6)[2]["image"])
    other.set_epoch(1)
    assert not torch.equal(one[2]["image"], other[2]["image"])


def test_shapes_and_end_of_the_epoch():
    patch = patches()[0]
    assert patch.pop("frame") == FRAME.name
    assert {name: tuple(values.shape) for name, values in patch.items()} == {
        "image": (1, 32, 32),
        "label": (32, 32),
        "weight": (32, 32),
        "flow": (2, 16, 16),
    }
    assert patches(block=4)[0]["flow"].shape == (2, 8, 8)
    with pytest.raises(IndexError, match="patch 4 of 4"):
        patches()[4]


def test_patches_are_centred_on_cells_where_asked():
    label = np.zeros((200, 200), np.int32)
    label[90:110, 90:110] = 1
    lonely = Frame("a", np.zeros((200, 200), np.float32), label, np.ones((200, 200), np.float32))
    all_on = PatchDataset([lonely], 16, 20, 0, NO_AUGMENTATION, on_cells=1.0)
    assert all(all_on[i]["label"][8, 8] == 1 for i in range(20))
    empty = Frame("b", lonely.image, np.zeros_like(label), lonely.weight)
    assert PatchDataset([empty], 16, 1, 0, on_cells=1.0)[0]["label"].max() == 0


def test_examples_are_written_as_drawn(tmp_path):
    drawn_patches = patches()
    write_examples(drawn_patches, tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[:2] == ["01_image.tif", "01_label.tif"] and len(names) == 8
    np.testing.assert_array_equal(read_label(tmp_path / "03_label.tif"), drawn_patches[2]["label"])
