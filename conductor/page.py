"""What main.ipynb shows of a finished run."""

from pathlib import Path

from IPython.display import DisplayObject, Image, Markdown


def picture(folder: Path, name: str) -> DisplayObject:
    """A figure of a run, or a line that says why there is none.

    Parameters
    ----------
    folder : Path
        The run's figures.
    name : str
        NN_name, without ending.
    """
    path = folder / f"{name}.png"
    if path.exists():
        return Image(path)
    return Markdown(f"*No figure `{name}`: its stage was left out, as these data have no labels.*")
