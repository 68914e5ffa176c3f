import dataclasses

import numpy as np
import pytest
import torch
from scipy import ndimage

from preprocess.augment import NO_AUGMENTATION, AugmentConfig, augment, cut_patch
from preprocess.frames import Frame
from preprocess.patches import PatchDataset, write_examples
from preprocess.tiff import read_label

RNG = np.random.default_rng(0)
LABEL = np.kron(RNG.permutation(16).reshape(4, 4) * 4000, np.ones((32, 32), int)).astype(np.int32)
WEIGHT = 1 + (LABEL % 7).astype(np.float32)
# the image shows the label, so that whatever moves one must move the other
FRAME = Frame("a", (LABEL / 64_000).astype(np.float32), LABEL, WEIGHT)
GEOMETRY = dataclasses.replace(
    NO_AUGMENTATION, flip=True, rotate=True, scale=(0.7, 1.4), elastic=1.0, elastic_shift=2.0
)


def drawn(config: AugmentConfig, seed: int, size: int = 64) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return augment(FRAME, (64, 64), size, config)


@pytest.mark.parametrize("seed", range(12))
def test_label_values_never_change(seed):
    sample = drawn(AugmentConfig(elastic=1.0, blur=1.0), seed)
    assert set(np.unique(sample["label"])) <= set(np.unique(LABEL))
    assert set(np.unique(sample["weight"])) <= set(np.unique(WEIGHT))
    assert sample["image"].shape == sample["label"].shape == sample["weight"].shape == (1, 64, 64)
    assert torch.isfinite(sample["image"]).all()


@pytest.mark.parametrize("seed", range(12))
def test_image_label_and_weight_move_together(seed):
    """Pixels whose neighbourhood holds one label must show that label's grey and weight."""
    sample = drawn(GEOMETRY, seed)
    label = sample["label"][0].numpy()
    same = ndimage.maximum_filter(label, 11) == ndimage.minimum_filter(label, 11)
    assert same.mean() > 0.1
    shown = sample["image"][0].numpy() * 64_000
    assert np.abs(shown - label)[same].max() < 2000  # half the distance of two grey levels
    np.testing.assert_array_equal(sample["weight"][0].numpy()[same], (1 + label % 7)[same])


@pytest.mark.parametrize("seed", range(20))
def test_no_empty_corner_is_left(seed):
    bright = dataclasses.replace(FRAME, weight=np.ones_like(WEIGHT))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sample = augment(bright, (0, 0), 64, AugmentConfig(scale=(0.5, 2.0), elastic=1.0))
    assert (sample["weight"] == 1).all()


def test_nothing_is_changed_where_nothing_is_asked_for():
    sample = drawn(NO_AUGMENTATION, 0)
    np.testing.assert_array_equal(sample["label"][0], LABEL[32:96, 32:96])
    np.testing.assert_array_equal(sample["image"][0], FRAME.image[32:96, 32:96])


def test_a_patch_beyond_the_edge_is_mirrored():
    patch = cut_patch(FRAME, (0, 0), 8)["label"][0].numpy()
    np.testing.assert_array_equal(patch[4:, 4:], LABEL[:4, :4])
    np.testing.assert_array_equal(patch[:4, 4:], LABEL[:4, :4][::-1])


def test_a_patch_larger_than_the_frame_is_filled():
    assert cut_patch(FRAME, (10, 10), 400)["image"].shape == (1, 400, 400)


def test_intensities_change_the_image_alone():
    sample = drawn(dataclasses.replace(NO_AUGMENTATION, gamma=0.5, noise=0.1), 1)
    np.testing.assert_array_equal(sample["label"][0], LABEL[32:96, 32:96])
    assert not np.allclose(sample["image"][0], FRAME.image[32:96, 32:96])


def patches(**changes) -> PatchDataset:
    settings = {"patch_size": 32, "length": 4, "seed": 5, **changes}
    return PatchDataset([FRAME], **settings)


def test_a_patch_depends_on_seed_epoch_and_index_alone():
    one, other = patches(), patches(length=9)
    _ = other[7]  # whatever was drawn before
    torch.rand(5)
    for name in ("image", "label", "weight"):
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
    assert [tuple(patch[k].shape) for k in ("image", "label", "weight")] == [
        (1, 32, 32),
        (32, 32),
        (32, 32),
    ]
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
