"""Outlines in COCO's form: one JSON file for many images, as the LIVECell data have it.

The form is that of T.-Y. Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014.
"""

import json
from collections import defaultdict
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from natsort import natsorted
from pycocotools import mask as coco_mask

from preprocess.damage import TiffError
from preprocess.labels import IGNORE
from preprocess.sources.conversion import ConversionError, Found, Outlines, Source, paint

CORNERS = 6  # numbers of the smallest polygon: three corners
AGAIN = "export the annotations again"


def _is_outline(segmentation: object, shape: tuple[int, int]) -> bool:
    """Whether a `segmentation` is a list of polygons, or a run-length code of this shape."""
    if isinstance(segmentation, dict):
        counts = segmentation.get("counts")
        is_whole = isinstance(counts, str) or (
            isinstance(counts, list) and sum(counts) == shape[0] * shape[1]
        )
        return is_whole and segmentation.get("size") == list(shape)
    if not isinstance(segmentation, list) or not segmentation:
        return False
    return all(
        isinstance(polygon, list) and len(polygon) >= CORNERS and len(polygon) % 2 == 0
        for polygon in segmentation
    )


def read_mask(segmentation: list | dict, shape: tuple[int, int]) -> np.ndarray:
    """Pixels of one annotation.

    Parameters
    ----------
    segmentation : list of list of float, or dict
        Polygons x1, y1, x2, y2 ... [px], or a run-length code, compressed or not.
    shape : (int, int)
        H, W [px].

    Returns
    -------
    (H, W) bool ndarray
    """
    code = segmentation
    if isinstance(segmentation, list):
        code = coco_mask.merge(coco_mask.frPyObjects(segmentation, *shape))
    elif isinstance(segmentation["counts"], list):
        code = coco_mask.frPyObjects(segmentation, *shape)
    return coco_mask.decode(code).astype(bool)


def _draw(
    source: Path, said: dict, annotations: list[dict], image: Path, shape: tuple[int, int]
) -> Outlines:
    """Cells in the order of the file; a crowd is a region that nobody annotated."""
    expected = (said.get("height"), said.get("width"))
    if expected != shape:
        remedy = "is it another image of that name?"
        raise TiffError(image, f"shape {shape}", f"{expected} as {source.name} says", remedy)
    wrong = [a.get("id") for a in annotations if not _is_outline(a.get("segmentation"), shape)]
    if wrong:
        found = f"{len(wrong)} annotations of {said['file_name']} without outline (id {wrong[0]})"
        raise TiffError(source, found, "polygons or a run-length code of its size", AGAIN)
    crowds = [a for a in annotations if a.get("iscrowd")]
    cells = [a for a in annotations if not a.get("iscrowd")]
    outlines = paint((read_mask(a["segmentation"], shape) for a in cells), shape)
    for crowd in crowds:
        outlines.label[read_mask(crowd["segmentation"], shape) & (outlines.label == 0)] = IGNORE
    return outlines


def _split_of(source: Path) -> str:
    """The split that a file's name speaks of, as instances_val2017.json; else train."""
    name = source.stem.lower()
    return "test" if "test" in name else "validation" if "val" in name else "train"


def _image_of(
    file_name: str, images: Path, by_name: dict[str, list[Path]], source: Path
) -> Path | TiffError:
    """Where an image lies: at its path, else anywhere below the folder."""
    named = images / file_name.replace("\\", "/")
    candidates = [named] if named.is_file() else by_name[named.name]
    if len(candidates) == 1:
        return candidates[0]
    found = f"{file_name} {len(candidates)} times below {images}"
    remedy = "name the folder of the images with --images"
    return TiffError(source, found, "one image", remedy)


def _read_json(source: Path) -> dict:
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
        images, annotations = content["images"], content["annotations"]
        named = all({"id", "file_name"} <= image.keys() for image in images)
        if named and isinstance(annotations, list):
            return content
        reason = "images without id or file_name" if not named else "annotations are no list"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
    raise TiffError(source, f"no annotations ({reason})", "COCO instances", AGAIN)


def _add(found: Found, source: Path, images: Path, by_name: dict, split: str) -> None:
    """Add the images of a JSON file, and what is wrong with it as offenders."""
    content = _read_json(source)
    of_image = defaultdict(list)
    for annotation in content["annotations"]:
        of_image[annotation.get("image_id")].append(annotation)
    strangers = of_image.keys() - {image.get("id") for image in content["images"]}
    if strangers:
        text = f"annotations of {len(strangers)} unknown images (id {min(map(str, strangers))})"
        found.offenders.append(TiffError(source, text, "images of the file", AGAIN))
    for said in content["images"]:
        image = _image_of(said["file_name"], images, by_name, source)
        if isinstance(image, TiffError):
            found.offenders.append(image)
            continue
        stem = PurePosixPath(said["file_name"].replace("\\", "/")).with_suffix("")
        name = "_".join(part for part in stem.parts if part not in ("/", ".."))
        draw = partial(_draw, source, said, of_image[said["id"]], image)
        found.sources.append(Source(name, split, image, draw))


def find(sources: list[Path], images: Path | None = None, split: str = "") -> Found:
    """Images and outlines of COCO files.

    Parameters
    ----------
    sources : list of Path
        JSON files, or a folder that holds some.
    images : Path, optional
        Folder below which the images lie; by default that of the first source.
    split : str
        Where the frames go; by default the file's name decides: `val` is for validation, `test`
        for the test, all others for training.

    Returns
    -------
    Found
        Every category is a cell.

    Raises
    ------
    ConversionError
        If there is no JSON file.
    """
    files = [f for s in sources for f in (natsorted(s.rglob("*.json")) if s.is_dir() else [s])]
    if not files:
        raise ConversionError(f"{sources[0]}: no .json files; expected COCO instances")
    images = images or (sources[0] if sources[0].is_dir() else sources[0].parent)
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in natsorted(images.rglob("*")):
        if path.is_file():
            by_name[path.name].append(path)
    found = Found()
    for source in files:
        try:
            _add(found, source, images, by_name, split or _split_of(source))
        except TiffError as error:
            found.offenders.append(error)
    return found
