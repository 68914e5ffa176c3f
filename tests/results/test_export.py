"""Exported nets, opened with the programs that they are made for."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import load_model
from results import export

lacking = export.missing_packages()
needs_packages = pytest.mark.skipif(
    bool(lacking), reason=f"{', '.join(lacking)} not installed (requirements-export.txt)"
)
others_warn = pytest.mark.filterwarnings("ignore")  # of the exporters' own deprecations


def test_lacking_packages_are_named_with_the_remedy(model, monkeypatch, capsys):
    monkeypatch.setattr(export, "missing_packages", lambda: ["onnx"])
    assert export.main([str(model), "--to", "out"]) == 1
    assert "onnx not installed: python -m pip install -r" in capsys.readouterr().err


@needs_packages
@others_warn
@pytest.mark.slow
def test_a_net_answers_alike_as_onnx_and_as_package(model: Path, tmp_path: Path, capsys):
    import onnx
    from bioimageio.core import load_model_description, predict

    folder = tmp_path / "exported"
    assert export.main([str(model), "--to", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "bioimageio.zip",
        "model.onnx",
        "model_card.md",
    ]
    stored = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(stored)
    assert stored.opset_import[0].version >= 17
    net, _ = load_model(model)
    from results.onnx import run_onnx

    for shape in [(1, 1, 8, 8), (3, 1, 40, 16)]:
        image = np.random.default_rng(0).random(shape, dtype=np.float32)
        with torch.inference_mode():
            wanted = net(torch.from_numpy(image))
        foreground, flow = run_onnx(folder / "model.onnx", image)
        np.testing.assert_allclose(foreground, wanted.foreground.sigmoid(), atol=1e-4)
        np.testing.assert_allclose(flow, wanted.flow, atol=1e-4)
    with zipfile.ZipFile(folder / "bioimageio.zip") as archive:
        assert "model_card.md" in archive.namelist()
        with archive.open("test_image.npy") as file:
            frame = np.load(file)
    assert frame.dtype == np.uint16  # the package normalizes by itself
    description = load_model_description(folder / "bioimageio.zip")
    answer = predict(model=description, inputs={"image": frame})
    with torch.inference_mode():
        from preprocess.normalize import normalize

        own = net(torch.from_numpy(normalize(frame[0, 0]))[None, None])
    found = np.asarray(answer.members["foreground"].data)
    np.testing.assert_allclose(found, own.foreground.sigmoid(), atol=1e-3)


@needs_packages
@others_warn
@pytest.mark.slow
def test_another_answer_is_refused(model: Path, tmp_path: Path):
    from results.onnx import ExportError, require_same, write_onnx

    net, _ = load_model(model)
    write_onnx(tmp_path / "a.onnx", net)
    image = np.random.default_rng(0).random((2, 1, 16, 8), dtype=np.float32)
    assert require_same(tmp_path / "a.onnx", net, [image]) <= 1e-4
    with torch.no_grad():
        net.foreground.bias += 0.01
    with pytest.raises(ExportError, match="differs from the net by 0.002"):
        require_same(tmp_path / "a.onnx", net, [image])


@needs_packages
@others_warn
def test_what_is_no_net_is_named(tmp_path: Path, capsys):
    assert export.main([str(tmp_path / "gone.pth"), "--to", str(tmp_path / "out")]) == 1
    assert "gone.pth: no such file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
