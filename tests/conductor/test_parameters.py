from pathlib import Path

import nbformat
import pytest
import yaml

from conductor import parameters as p
from preprocess.layout import PROJECT

DEFAULTS = {
    "data": "unet_data",
    "epochs": 3,
    "learning_rate": 0.001,
    "flip": True,
    "train_frames": "all",
}


def notebook_with(source: str, path: Path) -> Path:
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(notebook, path)
    return path


def test_declared_parameters_are_typed(tmp_path: Path) -> None:
    source = (
        'data: str = "a # b"  # folder\n'
        "n: int = -2  # count\n"
        "rate: float = 1.0e-3  # step\n"
        "flip: bool = True  # mirror"
    )
    found = p.declared_parameters(notebook_with(source, tmp_path / "a.ipynb"))
    assert found == {"data": "a # b", "n": -2, "rate": 0.001, "flip": True}


def test_a_derived_default_is_refused(tmp_path: Path) -> None:
    path = notebook_with('n: int = 2\nname: str = f"run_{n}"', tmp_path / "a.ipynb")
    with pytest.raises(p.ParameterError, match="name: str = .*plain literal"):
        p.declared_parameters(path)


def test_two_notebooks_must_agree_on_a_default(tmp_path: Path) -> None:
    one = notebook_with("n: int = 1", tmp_path / "one.ipynb")
    other = notebook_with("n: float = 1.0", tmp_path / "other.ipynb")
    assert p.merged_defaults([one, one]) == {"n": 1}
    with pytest.raises(
        p.ParameterError, match=r"other.ipynb: n = 1.0, but an earlier notebook has 1"
    ):
        p.merged_defaults([one, other])


def test_every_offender_is_named_at_once() -> None:
    values = {"epoch": 9, "learning_rate": "1e-3", "epochs": True, "flip": 1}
    with pytest.raises(p.ParameterError) as error:
        p.complete(values, DEFAULTS)
    message = str(error.value)
    assert "parameters refused (4)" in message
    assert "epoch: no notebook has this parameter; did you mean epochs?" in message
    assert "learning_rate: found '1e-3' (str), expected float; write 1.0e-3" in message
    assert "epochs: found True (bool), expected int" in message
    assert "flip: found 1 (int), expected bool" in message


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, "text", float("nan"), float("inf"), False])
def test_a_float_must_be_a_finite_number(value: object) -> None:
    with pytest.raises(p.ParameterError, match="learning_rate"):
        p.complete({"learning_rate": value}, DEFAULTS)


@pytest.mark.parametrize(
    ("text", "hint"), [("1e-3", "1.0e-3"), ("2.5E4", "2.5e+4"), ("1_000", "1.0e+3")]
)
def test_hint_is_a_number_in_yaml(text: str, hint: str) -> None:
    with pytest.raises(p.ParameterError, match=f"write {hint.replace('+', '.')}"):
        p.complete({"learning_rate": text}, DEFAULTS)
    assert isinstance(yaml.safe_load(hint), float)


def test_an_int_is_a_float() -> None:
    checked = p.complete({"learning_rate": 1}, DEFAULTS)
    assert checked == {**DEFAULTS, "learning_rate": 1.0}
    assert isinstance(checked["learning_rate"], float)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("all", "all"), (3, "3"), (["set03", "set17"], "set03,set17"), ("set03,set17", "set03,set17")],
)
def test_train_frames(given: object, expected: str) -> None:
    assert p.complete({"train_frames": given}, DEFAULTS)["train_frames"] == expected


def test_overrides_keep_text_as_it_stands() -> None:
    found = p.read_overrides(["data=007", "epochs=007", "flip=false", "train_frames=3"], DEFAULTS)
    assert found == {"data": "007", "epochs": 7, "flip": False, "train_frames": "3"}
    with pytest.raises(p.ParameterError, match="expected name=value"):
        p.read_overrides(["epochs"], DEFAULTS)


def test_read_file(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    with pytest.raises(p.ParameterError, match="no file"):
        p.read_file(path)
    path.write_text("epochs: 9  # more\n")
    assert p.read_file(path) == {"epochs": 9}
    path.write_text("- epochs\n")
    with pytest.raises(p.ParameterError, match="found a list"):
        p.read_file(path)
    path.write_text("epochs: [\n")
    with pytest.raises(p.ParameterError, match="not YAML"):
        p.read_file(path)


def test_paths_are_anchored(tmp_path: Path) -> None:
    found = p.anchored({"data": "frames", "run": "/elsewhere", "weights": "shipped"}, tmp_path)
    assert found == {"data": str(tmp_path / "frames"), "run": "/elsewhere", "weights": "shipped"}
    assert p.anchored({"data": "../unet_data"}, PROJECT / "notebooks") == {"data": "unet_data"}
    assert p.anchored({"weights": "a.pth", "data": 3}, tmp_path) == {
        "weights": str(tmp_path / "a.pth"),
        "data": 3,
    }
    assert p.anchored({"start": "scratch"}, tmp_path) == {"start": "scratch"}
    assert p.anchored({"start": "shipped"}, tmp_path) == {"start": "shipped"}
    assert p.anchored({"start": "a.pth"}, tmp_path) == {"start": str(tmp_path / "a.pth")}
