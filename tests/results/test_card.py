import csv
from pathlib import Path

from model.checkpoint import load_model
from preprocess.layout import BENCHMARKS
from results.card import model_card, read_scores


def test_the_card_says_what_the_net_takes_and_gives(model: Path):
    net, info = load_model(model)
    card = model_card("Tiny", net, info | {"frames": ["a", "b"]}, "f" * 64, "MIT")
    for text in ("multiples of 8", "clipped to [-1, 2]", "H/2, W/2", "2 annotated frames: a, b."):
        assert text in card
    assert "pixels of 0.5 µm and cells of about 12 px" in card
    assert "was not scored" in card


def test_unknown_sizes_are_left_out(model: Path):
    net, info = load_model(model)
    blind = info | {"pixel_size_um": float("nan"), "cell_diameter_px": float("nan")}
    assert "It knows no pixel size" in model_card("Tiny", net, blind, "f" * 64, "MIT")


def test_scores_are_those_of_the_last_opening_with_this_hash(model: Path):
    with (BENCHMARKS / "final.csv").open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    digest = last["sha256"] + "0" * 52
    assert read_scores(digest) == last
    net, info = load_model(model)
    row = next(
        line
        for line in model_card("Tiny", net, info, digest, "MIT").splitlines()
        if line.startswith(f"| {last['IoU']} |")
    )
    assert last["SEG"] in row
