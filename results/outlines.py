"""Cells drawn on their frame, pixel by pixel, and such pictures as a movie."""

from collections.abc import Sequence
from importlib.util import find_spec
from math import isnan, nan
from pathlib import Path

import numpy as np
import tifffile
from imagecodecs import PNG, png_decode, png_encode
from PIL import Image, ImageDraw, ImageFont
from skimage.segmentation import find_boundaries

from plots.geometry import round_length
from preprocess.normalize import Normalization, normalize
from preprocess.tiff import atomic_path

ORANGE = (230, 159, 0)  # Okabe and Ito (2008): apart from grey for any common colour vision
SHOWN = Normalization(low=0.5, high=99.5, limit=0)


def _font(size: int) -> ImageFont.FreeTypeFont:
    package = Path(find_spec("matplotlib").origin).parent  # not imported: that takes long
    return ImageFont.truetype(str(package / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def draw_scale_bar(picture: Image.Image, pixel_size_um: float) -> None:
    """Draw a bar of a round length, at most a quarter of the picture, into the lower right corner.

    Parameters
    ----------
    picture : Image
        RGB; too small a picture stays as it is.
    pixel_size_um : float
        Side of a pixel [um].
    """
    width, height = picture.size
    if min(width, height) < 64:  # noqa: PLR2004
        return
    length = round_length(0.25 * width * pixel_size_um)
    size = max(10, min(width, height) // 32)  # of the text [px]
    thick = max(2, size // 4)
    right, bottom = width - size, height - size
    left = right - round(length / pixel_size_um) + 1
    draw = ImageDraw.Draw(picture)
    draw.rectangle([left - 1, bottom - thick, right + 1, bottom + 1], fill="black")
    draw.rectangle([left, bottom - thick + 1, right, bottom], fill="white")
    draw.text(
        (right, bottom - thick - size // 4),
        f"{length:g} µm",
        fill="white",
        font=_font(size),
        anchor="rb",
        stroke_width=1,
        stroke_fill="black",
    )


def outline_picture(
    image: np.ndarray, label: np.ndarray, pixel_size_um: float = nan
) -> Image.Image:
    """A frame in grey with an orange line, two pixels wide, around every cell.

    Parameters
    ----------
    image : (H, W) ndarray
        Intensities as recorded; shown from their 0.5 to their 99.5 percentile.
    label : (H, W) integer ndarray
        0 = background, one id per cell.
    pixel_size_um : float
        Side of a pixel [um], for a scale bar; NaN draws none.

    Returns
    -------
    Image
        RGB, of the frame's size.
    """
    grey = np.round(normalize(image, SHOWN) * 255).astype(np.uint8)
    pixels = np.repeat(grey[..., None], 3, axis=-1)  # (H, W, 3)
    pixels[find_boundaries(label, mode="thick")] = ORANGE
    picture = Image.fromarray(pixels)
    if not isnan(pixel_size_um):
        draw_scale_bar(picture, pixel_size_um)
    return picture


def write_outlines(
    path: Path, image: np.ndarray, label: np.ndarray, pixel_size_um: float = nan
) -> None:
    """Write `outline_picture` as PNG; the file appears complete or not at all."""
    picture = np.asarray(outline_picture(image, label, pixel_size_um))  # (H, W, 3)
    with atomic_path(path) as temporary:  # noise packs hardly smaller at higher levels
        temporary.write_bytes(png_encode(picture, level=2, filter=PNG.FILTER.UP))


def write_movie(
    path: Path, pictures: Sequence[Path], names: Sequence[str], pixel_size_um: float = nan
) -> None:
    """Join pictures to one TIFF of many pages, which ImageJ plays as frames in time.

    Parameters
    ----------
    path : Path
    pictures : sequence of Path
        RGB pictures of one size, read one after another.
    names : sequence of str
        Of the frames, which ImageJ shows above each.
    pixel_size_um : float
        Side of a pixel [um]; NaN leaves it out.

    Raises
    ------
    ValueError
        If a picture has another size than the first.
    """
    shape = png_decode(pictures[0].read_bytes()).shape

    def pages():
        for picture in pictures:
            page = png_decode(picture.read_bytes())
            if page.shape != shape:
                raise ValueError(f"{picture}: shape {page.shape}, expected {shape}")
            yield page

    known = not isnan(pixel_size_um)
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            pages(),
            shape=(len(pictures), *shape),
            dtype=np.uint8,
            imagej=True,
            photometric="rgb",
            compression="zlib",
            resolution=(1 / pixel_size_um,) * 2 if known else None,
            metadata={"axes": "TYXS", "Labels": list(names)} | ({"unit": "um"} if known else {}),
        )
