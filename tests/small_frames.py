"""A data set of frames of 4 x 6 pixels, for tests of what is listed, checked and refused."""

import hashlib
from pathlib import Path

import numpy as np
import tifffile

LABEL = np.array([
    [0, 0, 0, 0, 0, 0],
    [0, 1, 1, 0, 0, 0],
    [0, 1, 1, 0, 2, 0],
    [0, 0, 0, 0, 2, 0],
], np.uint16)  # fmt: skip


def picture(seed: int) -> np.ndarray:
    """A frame of 4 x 6 pixels, all of different brightness."""
    return np.random.default_rng(seed).permutation(24).reshape(4, 6).astype(np.uint16)


def put(path: Path, array: np.ndarray, **options: object) -> Path:
    """Write a TIFF with the options of `tifffile.imwrite`, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unless told, tifffile takes three or four pages for colours.
    tifffile.imwrite(path, array, **{"photometric": "minisblack", **options})
    return path


def write_labelled(root: Path) -> Path:
    """Two labelled training frames, a labelled validation frame and an unlabelled test frame."""
    for seed, name in enumerate(("train/{}/t1", "train/{}/t2", "validation/{}/v1")):
        put(root / f"{name.format('images')}.tif", picture(seed))
        put(root / f"{name.format('labels')}.tif", LABEL)
    put(root / "test/images/s1.tif", picture(9))
    return root


def tree_hash(root: Path) -> str:
    """Hash of the names, contents and times of all files and folders below `root`."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        stamp = f"{path.relative_to(root)!r} {path.stat().st_mtime_ns} ".encode()
        digest.update(stamp + hashlib.sha256(content).digest())
    return digest.hexdigest()
