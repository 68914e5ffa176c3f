import numpy as np
import pytest

from preprocess import normalize as module
from preprocess.normalize import (
    Normalization,
    intensity_limits,
    normalize,
    resize_image,
    resize_label,
)

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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("shape", [(50, 70), (1, 1), (2, 1)])
def test_limits_are_percentiles(dtype, shape):
    image = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    limits = intensity_limits(image, Normalization(1.5, 98))
    np.testing.assert_allclose(limits, np.percentile(image, (1.5, 98)))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_limits_of_a_large_frame_are_taken_in_pieces(dtype, monkeypatch):
    image = np.random.default_rng(0).integers(0, 60_000, (300, 200)).astype(dtype)
    whole = intensity_limits(image, Normalization())
    monkeypatch.setattr(module, "LARGEST_SAMPLE", 7_000)
    tolerance = 0 if dtype == np.uint16 else 300  # a share of the pixels is looked at
    np.testing.assert_allclose(intensity_limits(image, Normalization()), whole, atol=tolerance)


def test_a_part_is_scaled_by_the_limits_of_the_whole():
    limits = intensity_limits(RAMP, Normalization())
    part = normalize(RAMP[20:40], Normalization(), limits)
    np.testing.assert_array_equal(part, normalize(RAMP)[20:40])


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
