"""Training patches, cut and augmented on the fly, the same for every worker and resumed run."""

from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from preprocess.augment import AugmentConfig, Sample, augment
from preprocess.flow import coarse_flow
from preprocess.frames import Frame
from preprocess.tiff import write_tiff


class PatchDataset(Dataset):
    """Random patches of annotated frames.

    Patch i of epoch e is drawn from SeedSequence([seed, e, i]), whoever asks for it.

    Parameters
    ----------
    frames : list of Frame
    patch_size : int
        Side of a patch [px].
    length : int
        Patches an epoch.
    seed : int
    augmentation : AugmentConfig
    on_cells : float
        Share of patches that are centred on a cell, [0, 1]; the others lie anywhere.
    block : int
        Side of the blocks of pixels that flows are given for; divides `patch_size`.
    """

    def __init__(
        self,
        frames: list[Frame],
        patch_size: int,
        length: int,
        seed: int,
        augmentation: AugmentConfig = AugmentConfig(),
        on_cells: float = 0.5,
        block: int = 2,
    ):
        self.frames, self.patch_size, self.length, self.seed = frames, patch_size, length, seed
        self.augmentation, self.on_cells, self.block = augmentation, on_cells, block
        self.epoch = 0
        self._cells = [np.flatnonzero(frame.label) for frame in frames]
        self._flows: dict[int, np.ndarray] = {}  # filled where a frame is asked for

    def set_epoch(self, epoch: int) -> None:
        """Draw the patches of another epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def _center(self, which: int, rng: np.random.Generator) -> tuple[int, int]:
        """Row and column of a patch's middle."""
        shape = self.frames[which].image.shape
        cells = self._cells[which]
        if len(cells) and rng.random() < self.on_cells:
            pixel = cells[rng.integers(len(cells))]
        else:
            pixel = rng.integers(shape[0] * shape[1])
        row, column = np.unravel_index(pixel, shape)
        return int(row), int(column)

    def _flow(self, which: int) -> np.ndarray:
        """Flow of a frame's cells, (2, H / block, W / block)."""
        if which not in self._flows:
            flow = coarse_flow(self.frames[which].label, self.block)
            self._flows[which] = np.ascontiguousarray(flow)  # or each patch would copy all of it
        return self._flows[which]

    def prepare(self) -> None:
        """Work out the flows of all frames now, for processes that would each do it anew."""
        for which in range(len(self.frames)):
            self._flow(which)

    def __getitem__(self, index: int) -> Sample | dict[str, str]:
        """Patch `index` of this epoch.

        Returns
        -------
        dict
            image (1, P, P) float32; label (P, P) int32; weight (P, P) float32;
            flow (2, P / block, P / block) float32; frame, the name of the frame it was cut from.
        """
        if not 0 <= index < self.length:
            raise IndexError(f"patch {index} of {self.length}")
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, self.epoch, index]))
        which = int(rng.integers(len(self.frames)))
        center = self._center(which, rng)
        patch = augment(
            self.frames[which],
            self._flow(which),
            center,
            self.patch_size,
            self.augmentation,
            torch.Generator().manual_seed(int(rng.integers(2**62))),
        )
        return patch | {"frame": self.frames[which].name}


def write_examples(patches: PatchDataset, folder: Path) -> None:
    """Write every patch of the epoch as NN_image.tif (float32) and NN_label.tif."""
    size = patches.frames[0].pixel_size_um
    for i in range(len(patches)):
        patch = patches[i]
        write_tiff(folder / f"{i + 1:02d}_image.tif", patch["image"][0].numpy(), size)
        write_tiff(folder / f"{i + 1:02d}_label.tif", patch["label"].numpy(), size)
