"""What main.ipynb shows of a finished run."""

import io
from pathlib import Path

import PIL.Image
from IPython.display import DisplayObject, Image, Markdown

COLOURS = 128  # enough for a figure; a page of ten in full colour would be too heavy to open


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
    if not path.exists():
        return Markdown(f"*No figure `{name}`: these data have no labels for its stage.*")
    small = io.BytesIO()
    with PIL.Image.open(path) as figure:
        flat = figure.convert("RGB").quantize(COLOURS, dither=PIL.Image.Dither.NONE)
        flat.save(small, "PNG", optimize=True)
    return Image(small.getvalue())
