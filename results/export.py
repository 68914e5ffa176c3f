"""A trained net for other programs: ONNX, a bioimage.io package, and a model card.

    python -m results.export unet_model.pth --to exported

Needs the packages of requirements-export.txt.
"""

import argparse
import hashlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from model.checkpoint import CheckpointError, load_model
from preprocess.normalize import Normalization, normalize
from preprocess.sources.simulate import SimulationConfig, simulate_sequence

NEEDED = ("onnx", "onnxscript", "onnxruntime", "bioimageio.core")
TEST_STEPS = 16  # of the net: sides of the test frame, at least 256 px
NAME = "Is this cell alive - U-Net"
AUTHOR = "The Is this cell alive? authors"


def missing_packages() -> list[str]:
    """Packages of requirements-export.txt that are not installed."""
    return [name for name in NEEDED if find_spec(name.split(".")[0]) is None]


def export(model: Path, folder: Path, name: str, authors: list[str], license_id: str) -> float:
    """Write model.onnx, model_card.md and bioimageio.zip; none is replaced unless all are right.

    Parameters
    ----------
    model : Path
        File of weights.
    folder : Path
        Made if it is not there.
    name : str
        Of the net in the zoo.
    authors : list of str
    license_id : str
        SPDX identifier.

    Returns
    -------
    float
        Largest difference between the ONNX file and the net.

    Raises
    ------
    CheckpointError
        If the file holds no net.
    ExportError
        If a file answers otherwise than the net.
    """
    from results.card import model_card
    from results.onnx import require_same, run_onnx, write_onnx
    from results.package import write_package

    net, info = load_model(model)
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    side = TEST_STEPS * net.config.step
    frame = simulate_sequence(3, 1, SimulationConfig(size=side)).images[0]
    image = normalize(frame, Normalization(**info["normalization"]))[None, None]  # (1, 1, H, W)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as draft:
        onnx, card, package = (Path(draft) / n for n in ("model.onnx", "model_card.md", "p.zip"))
        write_onnx(onnx, net)
        half = side // 2
        largest = require_same(onnx, net, [image, np.concatenate([image[..., :half]] * 2)])
        card.write_text(model_card(name, net, info, digest, license_id), encoding="utf-8")
        foreground, flow = run_onnx(onnx, image)
        test = {"image": frame[None, None], "foreground": foreground, "flow": flow}
        write_package(package, onnx, card, test, net, info, name, authors, license_id)
        for made in (onnx, card):
            os.replace(made, folder / made.name)
        os.replace(package, folder / "bioimageio.zip")
    return largest


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m results.export", description=__doc__.splitlines()[0]
    )
    parser.add_argument("model", type=Path, help="file of weights, as unet_model.pth")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR")
    parser.add_argument("--name", default=NAME, help=f"in the model zoo; default: {NAME}")
    parser.add_argument("--author", action="append", help="one or more; default: the project's")
    parser.add_argument("--license", default="MIT", help="SPDX identifier; default: MIT")
    given = parser.parse_args(arguments)
    lacking = missing_packages()
    if lacking:
        what = f"{', '.join(lacking)} not installed"
        print(f"{what}: python -m pip install -r requirements-export.txt", file=sys.stderr)
        return 1
    from results.onnx import ExportError

    try:
        largest = export(given.model, given.to, given.name, given.author or [AUTHOR], given.license)
    except (CheckpointError, ExportError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.to}: model.onnx (differs from the net by {largest:.1g} at most), ", end="")
    print("bioimageio.zip (tested), model_card.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
