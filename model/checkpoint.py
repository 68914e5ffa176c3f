"""Weights in and out: tensors and plain Python only, written atomically, never run as code."""

import warnings
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from model.unet import UNet, UNetConfig
from preprocess.tiff import atomic_path


class CheckpointError(ValueError):
    """A file of weights that is damaged, foreign or does not fit."""


def save(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain Python values; the file appears complete or not at all.

    Parameters
    ----------
    path : Path
    content : dict
        Tensors, numbers, strings, lists and dicts of these.
    """
    with atomic_path(path) as temporary:
        torch.save(content, temporary)


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote; no code in the file is ever run.

    Raises
    ------
    CheckpointError
        If the file is absent, truncated, or holds anything but tensors and plain Python.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such file; expected the weights of a trained model")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of foreign pickles, which are refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise CheckpointError(
            f"{path}: not a readable file of weights ({type(error).__name__}); expected tensors "
            "and plain Python as this project writes them; train again or fetch the file anew"
        ) from error


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
        net = UNet(UNetConfig(**content["architecture"]))
        net.load_state_dict(content["state_dict"])
    except (TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path}: the weights do not fit the architecture: {error}") from None
    return net.eval(), content["info"]
