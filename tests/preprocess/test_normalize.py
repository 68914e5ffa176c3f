import numpy as np
import pytest

from preprocess.normalize import Normalization, normalize, resize_image, resize_label

RAMP = np.arange(10_000, dtype=np.float64).reshape(100, 100)


def test_percentiles_become_zero_and_one():
    scaled = normalize(RAMP, Normalization(1, 99))
    assert scaled.dtype == np.float32
    assert np.percentile(scaled, (1, 99)) == pytest.approx((0, 1), abs=1e-6)


def test_the_same_picture_in_8_and_16_bits_is_the_same():
    eight = (np.random.default_rng(0).random((64, 64)) * 255).astype(np.uint8)
    sixteen = eight.astype(np.uint16) * 257
    np.testing.assert_allclose(normalize(eight), normalize(sixteen), atol=1e-6)
    np.testing.assert_allclose(normalize(eight), normalize(eight / 255.0), atol=1e-6)


def test_a_constant_frame_becomes_zeros():
    assert not normalize(np.full((8, 8), 700, np.uint16)).any()


def test_a_fleck_of_dust_is_clipped():
    dusty = RAMP.copy()
    dusty[0, 0] = 1e9
    assert normalize(dusty, Normalization(limit=1.0)).max() == 2


def test_the_frame_is_not_changed():
    frame = np.arange(64, dtype=np.uint16).reshape(8, 8)
    frame.flags.writeable = False
    normalize(frame)


@pytest.mark.parametrize(("low", "high"), [(-1, 99), (50, 50), (1, 101)])
def test_impossible_percentiles_are_refused(low, high):
    with pytest.raises(ValueError, match="percentiles"):
        Normalization(low, high)


def test_an_image_is_averaged_and_a_label_keeps_its_values():
    image = np.kron(np.array([[0, 1], [1, 0]], np.float32), np.ones((8, 8), np.float32))
    half = resize_image(image, 0.5)
    assert half.shape == (8, 8)
    assert half.mean() == pytest.approx(0.5, abs=0.01)
    label = np.kron(np.array([[0, 7], [7, 300]], np.int32), np.ones((8, 8), np.int32))
    small = resize_label(label, half.shape)
    np.testing.assert_array_equal(
        small, np.kron(np.array([[0, 7], [7, 300]]), np.ones((4, 4), int))
    )
    assert resize_image(image, 1) is image
