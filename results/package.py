"""The net as a package of the bioimage.io model zoo, which Fiji, ilastik and others run."""

from math import isfinite
from pathlib import Path

import numpy as np
from bioimageio.core import test_model
from bioimageio.spec import save_bioimageio_package
from bioimageio.spec.model import v0_5

from model.unet import UNet
from results.card import CITED
from results.onnx import OPSET, ExportError

TOLERANCE = 1e-3  # of the test, between any two machines


def _plane(config_of: type, size, pixel_size_um: float, block: int = 1, **options) -> list:
    """Axes y and x; without a known pixel size they have no unit."""
    known = isfinite(pixel_size_um)
    scale = block * (pixel_size_um if known else 1.0)
    unit = "micrometer" if known else None
    return [
        config_of(id=v0_5.AxisId(axis), size=size(axis), scale=scale, unit=unit, **options)
        for axis in "yx"
    ]


def _input(image: Path, net: UNet, info: dict, pixel_size_um: float) -> v0_5.InputTensorDescr:
    """The frame, with the steps that normalize it."""
    step, normalization = net.config.step, info["normalization"]
    size = v0_5.ParameterizedSize(min=step, step=step)
    within = [v0_5.AxisId(axis) for axis in ("channel", "y", "x")]
    return v0_5.InputTensorDescr(
        id=v0_5.TensorId("image"),
        description="Phase-contrast frame, intensities as recorded.",
        axes=[
            v0_5.BatchAxis(),
            v0_5.ChannelAxis(channel_names=[v0_5.Identifier("intensity")]),
            *_plane(v0_5.SpaceInputAxis, lambda _: size, pixel_size_um),
        ],
        test_tensor=v0_5.FileDescr(source=image),
        preprocessing=[
            v0_5.ScaleRangeDescr(
                kwargs=v0_5.ScaleRangeKwargs(
                    axes=within,
                    min_percentile=normalization["low"],
                    max_percentile=normalization["high"],
                )
            ),
            v0_5.ClipDescr(
                kwargs=v0_5.ClipKwargs(min=-normalization["limit"], max=1 + normalization["limit"])
            ),
        ],
    )


def _output(
    name: str, about: str, channels: list[str], expected: Path, pixel_size_um: float, block: int
) -> v0_5.OutputTensorDescr:
    """A map of the net, `block` times coarser than the frame."""

    def size(axis: str) -> v0_5.SizeReference:
        return v0_5.SizeReference(tensor_id=v0_5.TensorId("image"), axis_id=v0_5.AxisId(axis))

    return v0_5.OutputTensorDescr(
        id=v0_5.TensorId(name),
        description=about,
        axes=[
            v0_5.BatchAxis(),
            v0_5.ChannelAxis(channel_names=[v0_5.Identifier(channel) for channel in channels]),
            *_plane(v0_5.SpaceOutputAxis, size, pixel_size_um, block),
        ],
        test_tensor=v0_5.FileDescr(source=expected),
    )


def write_package(
    path: Path,
    onnx: Path,
    card: Path,
    test: dict[str, np.ndarray],
    net: UNet,
    info: dict,
    name: str,
    authors: list[str],
    license_id: str,
) -> None:
    """Write a package and prove that it gives the test output again.

    Parameters
    ----------
    path : Path
        Ends with `.zip`.
    onnx, card : Path
        Files as `results.onnx.write_onnx` and `results.card.model_card` make them, in a folder
        that also takes the test arrays.
    test : dict of str to ndarray
        image, (1, C, H, W) as recorded; foreground and flow, which are expected for it.
    net : UNet
    info : dict
        As stored with the weights.
    name : str
    authors : list of str
    license_id : str
        SPDX identifier.

    Raises
    ------
    ExportError
        If the package is not valid, or gives another output.
    """
    files = {key: onnx.parent / f"test_{key}.npy" for key in test}
    for key, array in test.items():
        np.save(files[key], array)
    size = info["pixel_size_um"] / info["scale"]
    description = v0_5.ModelDescr(
        name=name,
        description="Outlines living cells in phase-contrast frames: foreground, and flow to the "
        "centre of each cell.",
        authors=[v0_5.Author(name=author) for author in authors],
        cite=[v0_5.CiteEntry(text=text, doi=v0_5.Doi(doi)) for text, doi in CITED.items()],
        license=v0_5.LicenseId(license_id),
        documentation=v0_5.FileDescr(source=card),
        tags=["phase-contrast", "segmentation", "cells", "unet", "2d", "live-cell-imaging"],
        inputs=[_input(files["image"], net, info, size)],
        outputs=[
            _output(
                "foreground",
                "Probability of lying in a cell.",
                ["foreground"],
                files["foreground"],
                size,
                1,
            ),
            _output(
                "flow",
                "Row and column component of the way to the cell's centre.",
                ["row", "column"],
                files["flow"],
                size,
                net.config.block,
            ),
        ],
        weights=v0_5.WeightsDescr(onnx=v0_5.OnnxWeightsDescr(source=onnx, opset_version=OPSET)),
        config=v0_5.Config(
            bioimageio=v0_5.BioimageioConfig(
                reproducibility_tolerance=[
                    v0_5.ReproducibilityTolerance(
                        absolute_tolerance=TOLERANCE, relative_tolerance=TOLERANCE
                    )
                ]
            )
        ),
    )
    save_bioimageio_package(description, output_path=path)
    summary = test_model(path, weight_format="onnx", devices=["cpu"])
    if summary.status != "passed":
        raise ExportError(f"{path}: {summary.status}\n{summary.format()}")
