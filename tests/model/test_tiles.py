import numpy as np
import pytest

from model.tiles import tiles


@pytest.mark.parametrize("shape", [(10, 10), (7, 25), (1, 3), (20, 11)])
def test_cores_cover_a_frame_once_and_windows_surround_them(shape):
    frame = np.arange(np.prod(shape)).reshape(shape)
    count = np.zeros(shape, int)
    for tile in tiles(shape, 5, 3):
        count[tile.core] += 1
        window = frame[tile.window]
        np.testing.assert_array_equal(window[tile.inner], frame[tile.core])
        assert max(window.shape) <= 11
        for core, around, size in zip(tile.core, tile.window, shape, strict=True):
            assert around.start == max(core.start - 3, 0)
            assert around.stop == min(core.start + 8, size)
    assert (count == 1).all()
