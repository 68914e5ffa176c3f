"""Every test here leaves no figure open, and matplotlib's settings as they were."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def clean_matplotlib() -> Iterator[None]:
    """Close the figures and restore the settings of each test."""
    with plt.rc_context():
        yield
    plt.close("all")
