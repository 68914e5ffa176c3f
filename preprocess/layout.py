"""The folders of a data set and of a run: the only paths in the project."""

from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SHIPPED_MODEL = PROJECT / "unet_model.pth"
BENCHMARKS = PROJECT / "benchmarks"
SPLITS = ("train", "validation", "test")


def resolve(path: str | Path) -> Path:
    """Absolute path; a relative one is meant from the project's folder."""
    return PROJECT / Path(path).expanduser()


class StageMissing(FileNotFoundError):
    """An input that an earlier stage writes; the message names the stage to run first."""


def require(path: Path, stage: str) -> Path:
    """The path, if an earlier stage has written it.

    Raises
    ------
    StageMissing
        Naming the notebook to run first.
    """
    if not path.exists():
        raise StageMissing(f"{path} is missing; run notebooks/{stage}.ipynb with this run first")
    return path


@dataclass(frozen=True)
class RunLayout:
    """Where everything that a run writes lies.

    Parameters
    ----------
    root : Path
        Folder of the run.
    """

    root: Path

    @property
    def config(self) -> Path:
        """The complete parameter set."""
        return self.root / "config.yaml"

    @property
    def split(self) -> Path:
        """Which frame was trained on, validated on, tested on."""
        return self.root / "split.csv"

    @property
    def weights(self) -> Path:
        """Border weight maps of the training frames."""
        return self.root / "weights"

    @property
    def augmented(self) -> Path:
        """Examples of augmented patches."""
        return self.root / "augmented"

    @property
    def notebooks(self) -> Path:
        """Executed notebooks."""
        return self.root / "notebooks"

    @property
    def figures(self) -> Path:
        """NN_name.png with its NN_name.csv."""
        return self.root / "figures"

    @property
    def tables(self) -> Path:
        """Tables that belong to no figure."""
        return self.root / "tables"

    @property
    def predicted_masks(self) -> Path:
        """One label image a frame."""
        return self.root / "predicted_masks"

    @property
    def model(self) -> Path:
        """The trained net."""
        return self.root / "model.pth"

    @property
    def checkpoint(self) -> Path:
        """State of the training after its last finished epoch."""
        return self.root / "last.ckpt"

    @property
    def history(self) -> Path:
        """One row an epoch."""
        return self.root / "history.csv"

    @property
    def scores(self) -> Path:
        """One row a scored frame and model."""
        return self.root / "scores.csv"

    @property
    def report(self) -> Path:
        """The whole study as one page."""
        return self.root / "report.html"

    @property
    def log(self) -> Path:
        """What the stages printed, and tracebacks."""
        return self.root / "log.txt"

    @property
    def status(self) -> Path:
        """State, stage, reason and seconds of the run."""
        return self.root / "status.json"

    def remove_unfinished(self) -> None:
        """Remove the temporary files of a run that was killed while it wrote."""
        for pattern in (".*.tmp", "*.tmp.ipynb"):
            for path in self.root.rglob(pattern):
                path.unlink()

    def make(self) -> "RunLayout":
        """Create the folders; returns itself."""
        for folder in (
            self.weights,
            self.augmented,
            self.notebooks,
            self.figures,
            self.tables,
            self.predicted_masks,
        ):
            folder.mkdir(parents=True, exist_ok=True)
        return self
