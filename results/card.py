"""What a reader of a net should know before using it: the model card."""

import csv
from math import isfinite
from pathlib import Path

from model.unet import UNet
from preprocess.layout import BENCHMARKS

SCORES = ("IoU", "Dice", "AP50", "AP75", "mSA", "F1", "SEG")
CITED = {
    "O. Ronneberger, P. Fischer, T. Brox, U-Net: Convolutional Networks for Biomedical Image "
    "Segmentation, MICCAI 2015": "10.1007/978-3-319-24574-4_28",
    "C. Stringer et al., Cellpose: a generalist algorithm for cellular segmentation, Nature "
    "Methods 18 (2021) 100-106": "10.1038/s41592-020-01018-x",
    "H.-F. Tsai et al., Usiigaci: Instance-aware cell tracking in stain-free phase contrast "
    "microscopy enabled by machine learning, SoftwareX 9 (2019) 230-237": (
        "10.1016/j.softx.2019.02.007"
    ),
}
LIMITS = (
    "It outlines cells; it does not tell live cells from dead ones.",
    "It knows what it was trained on: other cell lines, microscopes and magnifications must be "
    "checked by eye before results are used.",
    "Frames are single planes of one channel in phase contrast.",
    "Hand-drawn outlines are uncertain, by up to about three pixels; no net can score above that.",
)


def read_scores(sha256: str, table: Path = BENCHMARKS / "final.csv") -> dict[str, str] | None:
    """The last row of the final scores with this hash, None for a net that was not scored."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if sha256.startswith(row["sha256"])]
    return rows[-1] if rows else None


def _score_lines(sha256: str) -> list[str]:
    scores = read_scores(sha256)
    if scores is None:
        return ["This file of weights was not scored on the real test frames."]
    names = [name for name in SCORES if scores[name]]
    return [
        f"Means over {scores['frames']} real T98G frames that no net has seen ({scores['date']}, "
        f"{scores['scorer']} scorer):",
        "",
        f"| {' | '.join(names)} |",
        f"|{'---|' * len(names)}",
        f"| {' | '.join(scores[name] for name in names)} |",
    ]


def model_card(name: str, net: UNet, info: dict, sha256: str, license_id: str) -> str:
    """The card as Markdown.

    Parameters
    ----------
    name : str
    net : UNet
    info : dict
        As stored with the weights.
    sha256 : str
        Of the file of weights.
    license_id : str
        SPDX identifier.
    """
    config, normalization = net.config, info["normalization"]
    count = sum(parameter.numel() for parameter in net.parameters())
    frames = info.get("frames", [])
    size, diameter = info["pixel_size_um"] / info["scale"], info["cell_diameter_px"] * info["scale"]
    known = [f"pixels of {size:.3g} µm"] if isfinite(size) else []
    known += [f"cells of about {diameter:.0f} px"] if isfinite(diameter) else []
    limit = normalization["limit"]
    lines = [
        f"# {name}",
        "",
        "A U-Net that outlines living cells in phase-contrast frames.",
        "",
        f"- Net: U-Net of depth {config.depth}, width {config.width}, {count:,} parameters, on "
        f"blocks of {config.block} x {config.block} px.",
        f"- Weights: SHA-256 {sha256}",
        f"- Input: `image` (N, {config.in_channels}, H, W) float32; H and W multiples of "
        f"{config.step}. Each frame is scaled by its own percentiles {normalization['low']:g} and "
        f"{normalization['high']:g} to 0 and 1, and clipped to [{-limit:g}, {1 + limit:g}].",
        f"- Output: `foreground` (N, 1, H, W), the probability of lying in a cell; `flow` (N, 2, "
        f"H/{config.block}, W/{config.block}), row and column of the way to the cell's centre.",
        f"- It knows {' and '.join(known) or 'no pixel size'}: frames should be scaled to that.",
        "",
        "Cells are read from both maps: pixels above "
        f"{info['decoding']['foreground']:g} follow the flow, and those that meet are one cell "
        "(`model/representation.py`). The foreground alone does not part touching cells.",
        "",
        "## Training",
        "",
        f"{len(frames)} annotated frames{': ' if frames else ''}{', '.join(frames)}.",
        "",
        "## Scores",
        "",
        *_score_lines(sha256),
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in LIMITS),
        "",
        "## Licence and citation",
        "",
        f"{license_id}. The frames of the shipped weights are those of Tsai et al. (MIT).",
        "",
        *(f"- {text}, doi:{doi}" for text, doi in CITED.items()),
    ]
    return "\n".join(lines) + "\n"
