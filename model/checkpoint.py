"""Weights in and out: tensors and plain Python only, written atomically, never run as code."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from model.unet import UNet, UNetConfig
from preprocess.tiff import atomic_path

if TYPE_CHECKING:  # pandas takes time
    from preprocess.frames import Frame

LARGEST = 4_096  # channels of a first level; more is a damaged file
DEEPEST = 12  # halvings; a frame of 46,000 pixels has no more


class CheckpointError(ValueError):
    """A file of weights that is damaged, foreign or does not fit."""


def save(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain Python values; the file appears complete or not at all.

    Parameters
    ----------
    path : Path
    content : dict
        Tensors, numbers, strings, lists and dicts of these.

    Raises
    ------
    OSError
        If the disk is full; an earlier file stays.
    """
    try:
        with atomic_path(path) as temporary:
            torch.save(content, temporary)
    except RuntimeError as error:  # what torch makes of a failed write
        cause = str(error).splitlines()[0]
        raise OSError(f"{path}: not written: is the disk full? ({cause})") from error


def _checked(path: Path) -> io.BytesIO:
    """The file's parts, each compared with its checksum, which torch does not, and packed anew.

    What torch reads is then what was compared, whatever the file says of places and lengths.

    Raises
    ------
    ValueError
        If parts are compressed: a small file could unfold to any size.
    BadZipFile
        If a part differs from its checksum.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(path) as file, zipfile.ZipFile(content, "w") as checked:
        if any(part.compress_type != zipfile.ZIP_STORED for part in file.infolist()):
            raise ValueError("compressed parts")
        for part in file.infolist():
            checked.writestr(part.filename, file.read(part))
    content.seek(0)
    return content


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote; no code in the file is ever run.

    Raises
    ------
    CheckpointError
        If the file is absent, damaged, or holds anything but tensors and plain Python.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such file; expected the weights of a trained model")
    try:
        content = torch.load(_checked(path), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile file makes torch raise nearly everything
        raise CheckpointError(
            f"{path}: not a readable file of weights ({type(error).__name__}); expected tensors "
            "and plain Python as this project writes them; train again or fetch the file anew"
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}; expected weights by name")
    return content


def save_model(path: Path, net: UNet, info: dict[str, Any], half: bool = False) -> None:
    """Write a trained net and what is needed to use it.

    Parameters
    ----------
    path : Path
    net : UNet
    info : dict
        Plain Python: scale, normalization, decoding, training parameters, history, scores.
    half : bool
        Store the weights as float16, at half the size.
    """
    state = {
        name: value.detach().cpu().to(torch.float16 if half and value.is_floating_point() else None)
        for name, value in net.state_dict().items()
    }
    save(path, {"architecture": asdict(net.config), "state_dict": state, "info": info})


def load_model(path: Path) -> tuple[UNet, dict[str, Any]]:
    """Read a trained net, ready for use.

    Returns
    -------
    net : UNet
        float32, in evaluation mode.
    info : dict
        As given to `save_model`.

    Raises
    ------
    CheckpointError
        If the file is no model of this project; mismatched weights are listed.
    """
    content = load(path)
    missing = {"architecture", "state_dict", "info"} - set(content)
    if missing:
        raise CheckpointError(f"{path}: lacks {', '.join(sorted(missing))}; not a trained model")
    try:
        net = _net_of(content["architecture"], content["state_dict"])
        info = {**content["info"]}
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise CheckpointError(f"{path}: the weights do not fit the architecture: {error}") from None
    return net.eval(), info


def _net_of(architecture: dict[str, int], state: dict[str, torch.Tensor]) -> UNet:
    """A net with given weights; memory is taken only where the weights have its shapes."""
    config = UNetConfig(**architecture)
    sizes = asdict(config)
    if not all(type(size) is int and 0 < size <= LARGEST for size in sizes.values()):
        raise ValueError(f"found {sizes}, expected whole numbers from 1 to {LARGEST:,}")
    if config.depth > DEEPEST:
        raise ValueError(f"found depth {config.depth}, expected at most {DEEPEST}")
    with torch.device("meta"):  # shapes without memory
        UNet(config).load_state_dict(state, assign=True)
    net = UNet(config)
    net.load_state_dict(state)
    return net


def origin(settings: Mapping[str, object], frames: Mapping[str, list["Frame"]]) -> dict[str, str]:
    """What a training depends on, by name: its settings, and a hash of each of its frames.

    Parameters
    ----------
    settings : mapping
    frames : mapping
        The frames of each role.
    """
    known = {name: str(value) for name, value in settings.items()}
    for role, members in frames.items():
        for frame in members:
            pixels = (np.ascontiguousarray(a) for a in (frame.image, frame.label, frame.weight))
            digest = hashlib.sha256(b"".join(pixels)).hexdigest()
            known[f"{role} frame {frame.name}"] = digest[:16]
    return known


def require_same(now: dict[str, str], then: dict[str, str], path: Path) -> None:
    """Refuse to continue a training that depends on something else; see `origin`.

    Raises
    ------
    CheckpointError
        Naming every difference.
    """
    other = [name for name in then | now if now.get(name) != then.get(name)]
    if other:
        changes = (f"{k}: {then.get(k, 'none')}, now {now.get(k, 'none')}" for k in other)
        raise CheckpointError(
            f"{path}: of another training ({'; '.join(changes)}); expected what it began with; "
            "restore that, or train anew without resume"
        )
