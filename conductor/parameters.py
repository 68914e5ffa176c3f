"""One flat parameter set: read, completed with defaults, refused where it cannot be meant.

papermill only warns of a mistyped name, and YAML 1.1 reads `1e-3` as text. Both would train
something else than was asked for, so names and types are compared with the parameters cells here.
"""

import ast
import difflib
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import nbformat
import yaml

from preprocess.layout import PROJECT

Value = str | int | float | bool
PATHS = ("data", "run", "weights", "start")
LOWEST = {"seed": 0, "cell_diameter": 0, "leakage_steps": 1}
PRECISIONS = ("auto", "float32", "bfloat16")
WORDS = {"weights": ("run", "shipped"), "start": ("scratch", "shipped")}  # that are no paths


class ParameterError(ValueError):
    """A parameter set that cannot be used; the message lists every offender."""


def declared_parameters(notebook: Path) -> dict[str, Value]:
    """Names and default values in the cell of a notebook that is tagged `parameters`.

    Parameters
    ----------
    notebook : Path
        The notebook file.

    Returns
    -------
    dict of str to str, int, float or bool
        In the order of the cell.

    Raises
    ------
    ParameterError
        If a default is not a plain literal (papermill would not recompute it).
    """
    cells = nbformat.read(notebook, as_version=4).cells
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    defaults = {}
    for node in ast.parse(tagged[0].source).body if tagged else ():
        # ast, not papermill.inspect_notebook, which cuts a text at a `#` inside it.
        try:
            defaults[node.target.id] = ast.literal_eval(node.value)
        except (AttributeError, ValueError) as error:
            raise ParameterError(
                f"{notebook.name}: `{ast.unparse(node)}` in the parameters cell is not "
                "`name: type = plain literal`; derive values in the next cell"
            ) from error
    return defaults


def merged_defaults(notebooks: Iterable[Path]) -> dict[str, Value]:
    """Union of the parameters of several notebooks.

    Raises
    ------
    ParameterError
        If two notebooks give one name different defaults.
    """
    merged: dict[str, Value] = {}
    for notebook in notebooks:
        for name, value in declared_parameters(notebook).items():
            if name in merged and (merged[name], type(merged[name])) != (value, type(value)):
                raise ParameterError(
                    f"{notebook.name}: {name} = {value!r}, but an earlier notebook has "
                    f"{merged[name]!r}; give both the same default"
                )
            merged[name] = value
    return merged


def read_file(path: Path) -> dict[str, object]:
    """Content of a parameters file.

    Raises
    ------
    ParameterError
        If the file is absent, is not YAML, or is not one flat list of `name: value` lines.
    """
    if not path.is_file():
        raise ParameterError(f"parameters: no file {path}; expected a YAML file, as in parameters/")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ParameterError(
            f"{path}: found a {type(values).__name__}, expected `name: value` lines"
        )
    return {str(name): value for name, value in values.items()}


def read_overrides(texts: Iterable[str], defaults: Mapping[str, Value]) -> dict[str, object]:
    """Values given as `name=value` text; text parameters are taken as they stand.

    Raises
    ------
    ParameterError
        If a text has no `=`.
    """
    values: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ParameterError(f"-p {text}: expected name=value")
        is_text = isinstance(defaults.get(name), str)
        values[name] = value if is_text else yaml.safe_load(value)
    return values


def complete(values: Mapping[str, object], defaults: Mapping[str, Value]) -> dict[str, Value]:
    """A full parameter set: the defaults, replaced by the given values where names and types fit.

    Parameters
    ----------
    values : mapping
        What the user gave.
    defaults : mapping
        What the notebooks declare; a value must have the type of its default.

    Returns
    -------
    dict of str to str, int, float or bool

    Raises
    ------
    ParameterError
        Naming every unknown name and wrong type at once.
    """
    checked, problems = dict(defaults), []
    for name, value in values.items():
        if name not in defaults:
            close = difflib.get_close_matches(name, defaults, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            problems.append(f"{name}: no notebook has this parameter{hint}")
            continue
        try:
            checked[name] = _coerced(name, value, type(defaults[name]))
        except ParameterError as error:
            problems.append(str(error))
    if problems:
        known = ", ".join(defaults)
        raise ParameterError(
            "\n  ".join([f"parameters refused ({len(problems)}):", *problems, f"known: {known}"])
        )
    return checked


def _coerced(name: str, value: object, expected: type) -> Value:
    """The value in the expected type, or ParameterError; only int to float widens silently."""
    if name == "train_frames" and type(value) in (int, list):
        return ",".join(map(str, value)) if isinstance(value, list) else str(value)
    if expected is float and type(value) is int:
        return float(value)
    if type(value) is not expected:
        raise ParameterError(
            f"{name}: found {value!r} ({type(value).__name__}), expected {expected.__name__}"
            f"{_number_hint(value) if expected is float else ''}"
        )
    if expected is float and not math.isfinite(value):
        raise ParameterError(f"{name}: found {value!r}, expected a finite number")
    return value


def impossible(values: Mapping[str, object]) -> list[str]:
    """What is wrong with values of the right type, as far as it can be told without the data."""
    problems = []
    for name, lowest in LOWEST.items():
        if values[name] < lowest:
            problems.append(f"{name}: found {values[name]}, expected at least {lowest}")
    if values["precision"] not in PRECISIONS:
        expected = ", ".join(PRECISIONS)
        problems.append(f"precision: found {values['precision']!r}, expected one of {expected}")
    return problems


def _number_hint(value: object) -> str:
    """How to write a number that YAML 1.1 took for text, as `1e-3`."""
    try:
        mantissa, _, exponent = f"{float(value):e}".partition("e")
    except (TypeError, ValueError):
        return ""
    mantissa = mantissa.rstrip("0")
    mantissa += "0" if mantissa.endswith(".") else ""
    return f"; write {mantissa}e{int(exponent):+d}"


def anchored(values: Mapping[str, object], base: Path) -> dict[str, object]:
    """The values with their relative paths resolved against `base`.

    A path inside the project is written relative to it, so that the default data is recognised
    however it was named, and no stored output depends on where the project lies.
    """
    placed = dict(values)
    for name in PATHS:
        value = placed.get(name)
        if not isinstance(value, str) or value in WORDS.get(name, ()):
            continue
        path = Path(os.path.abspath(base / Path(value).expanduser()))
        inside = path.is_relative_to(PROJECT) and path != PROJECT
        placed[name] = path.relative_to(PROJECT).as_posix() if inside else str(path)
    return placed
