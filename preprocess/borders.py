"""The border weight map of the U-Net paper: gaps between cells count more than anything else."""

import numpy as np
from scipy import ndimage
from skimage.segmentation import relabel_sequential


def border_weight(label: np.ndarray, w0: float = 10.0, sigma: float = 5.0) -> np.ndarray:
    """Weight of every pixel in the loss: 1 + w0 exp(-(d1 + d2)^2 / (2 sigma^2)).

    d1 and d2 are the distances to the nearest and the second nearest cell, 0 inside a cell, so that
    the rims of touching cells weigh as much as the narrowest gap. Class frequencies are left to the
    Dice loss.

    Parameters
    ----------
    label : (H, W) int32 ndarray
        0 = background, one id per cell.
    w0 : float
        Weight added where two cells meet.
    sigma : float
        Reach of that weight [px].

    Returns
    -------
    (H, W) float32 ndarray, [1, 1 + w0]

    References
    ----------
    O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image
    Segmentation", MICCAI 2015, eq. 2.
    """
    # Beyond this distance the added weight is below w0 * 2e-8: each cell is a matter of its window.
    reach = int(np.ceil(6 * sigma))
    nearest = np.full(label.shape, np.inf, np.float32)
    second = nearest.copy()
    cells = relabel_sequential(label)[0]  # windows are listed up to the highest id
    for cell, window in enumerate(ndimage.find_objects(cells), start=1):
        window = tuple(slice(max(s.start - reach, 0), s.stop + reach) for s in window)
        distance = ndimage.distance_transform_edt(cells[window] != cell).astype(np.float32)
        second[window] = np.minimum(second[window], np.maximum(nearest[window], distance))
        nearest[window] = np.minimum(nearest[window], distance)
    return (1 + w0 * np.exp(-((nearest + second) ** 2) / (2 * sigma**2))).astype(np.float32)
