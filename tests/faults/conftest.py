"""The command line in this process, asked whether a data set is fit, and what it answered."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import pipeline
from tests.small_frames import tree_hash, write_labelled

QUICK = ["--parameters", "parameters/quick.yaml"]


class Answer(NamedTuple):
    """Exit code and output of the command line."""

    code: int
    out: str
    err: str

    def refused(self, file: str, *said: str) -> None:
        """One line of the table of errors names the file and says all this."""
        assert self.code == 1 and "nothing was written" in self.err, self
        self._says(self.err, file, said)

    def warned(self, file: str, *said: str) -> None:
        """One line of the table of warnings names the file and says all this; the data pass."""
        assert self.code == 0 and "fit to use" in self.out, self
        self._says(self.out, "warning", (file, *said))

    def accepted(self) -> None:
        """Neither an error nor a warning."""
        assert (self.code, self.err) == (0, "") and "warning" not in self.out, self

    @staticmethod
    def _says(text: str, name: str, said: tuple[str, ...]) -> None:
        lines = [line for line in text.splitlines() if name in line]
        assert any(all(words in line for words in said) for line in lines), text


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """See `tests.small_frames.write_labelled`."""
    return write_labelled(tmp_path / "frames")


@pytest.fixture(scope="session")
def defaults() -> dict[str, object]:
    """Parameters of the notebooks, read once."""
    notebooks = map(pipeline.notebook_path, [*pipeline.STAGES, "main"])
    return pipeline.parameter_set.merged_defaults(notebooks)


@pytest.fixture
def command(defaults, monkeypatch, capsys) -> Iterator[Callable[..., Answer]]:
    """`python pipeline.py ARGUMENTS` in this process."""
    monkeypatch.setattr(pipeline.parameter_set, "merged_defaults", lambda _: dict(defaults))
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        code = pipeline.main([str(argument) for argument in arguments])
        return Answer(code, *capsys.readouterr())

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def check(command, tmp_path: Path) -> Callable[..., Answer]:
    """`pipeline.py --check --data DATA ARGUMENTS`; whatever it says, nothing is written."""

    def ask(data: Path, *arguments: object) -> Answer:
        before, run = tree_hash(tmp_path), tmp_path / "run"
        answer = command("--check", *QUICK, "--data", data, "--run", run, *arguments)
        assert tree_hash(tmp_path) == before and not run.exists()
        assert "Traceback" not in answer.err
        return answer

    return ask
