import pickle

import pytest
import torch

from model.checkpoint import CheckpointError, load, load_model, save_model
from model.unet import UNet, UNetConfig

INFO = {"scale": 0.5, "history": {"epoch": [1, 2]}}


@pytest.fixture
def net():
    torch.manual_seed(0)
    return UNet(UNetConfig(width=4, depth=2)).eval()


def test_a_saved_net_gives_the_same_answer(tmp_path, net):
    save_model(tmp_path / "model.pth", net, INFO)
    loaded, info = load_model(tmp_path / "model.pth")
    image = torch.rand(1, 1, 16, 16)
    for one, other in zip(loaded(image), net(image), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert info == INFO
    assert [p.name for p in tmp_path.iterdir()] == ["model.pth"]


def test_half_precision_halves_the_file_and_barely_moves_the_answer(tmp_path, net):
    save_model(tmp_path / "full.pth", net, {})
    save_model(tmp_path / "half.pth", net, {}, half=True)
    full, half = ((tmp_path / f"{n}.pth").stat().st_size for n in ("full", "half"))
    assert half < 0.75 * full
    image = torch.rand(1, 1, 16, 16)
    halved, _ = load_model(tmp_path / "half.pth")
    for one, other in zip(halved(image), net(image), strict=True):
        torch.testing.assert_close(one, other, atol=0.01, rtol=0.01)


class Malicious:
    def __reduce__(self):
        return eval, ("open('ran', 'w')",)


def test_code_in_a_file_never_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Malicious()))
    torch.save({"state_dict": Malicious()}, tmp_path / "evil2.pth")
    for name in ("evil.pth", "evil2.pth"):
        with pytest.raises(CheckpointError, match=name):
            load(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_truncated_absent_and_foreign_files_are_named(tmp_path, net):
    save_model(tmp_path / "model.pth", net, INFO)
    whole = (tmp_path / "model.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    torch.save({"weights": torch.zeros(2)}, tmp_path / "foreign.pth")
    for name in ("cut.pth", "absent.pth", "foreign.pth"):
        with pytest.raises(CheckpointError, match=name):
            load_model(tmp_path / name)


def test_weights_of_another_architecture_are_listed(tmp_path, net):
    save_model(tmp_path / "model.pth", net, INFO)
    content = load(tmp_path / "model.pth")
    content["architecture"]["width"] = 8
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="size mismatch for foreground.weight"):
        load_model(tmp_path / "other.pth")


def test_an_architecture_of_another_time_is_refused(tmp_path, net):
    """Nets with a contour instead of a flow had `out_channels`, and no `block`."""
    save_model(tmp_path / "model.pth", net, INFO)
    content = load(tmp_path / "model.pth")
    content["architecture"] = {"in_channels": 1, "out_channels": 2, "width": 4, "depth": 2}
    torch.save(content, tmp_path / "old.pth")
    with pytest.raises(CheckpointError, match="old.pth: .* not fit .*'out_channels'"):
        load_model(tmp_path / "old.pth")
