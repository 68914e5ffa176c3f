"""Outlines of ImageJ's ROI Manager, one .zip (or .roi) beside each image."""

import re
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
from natsort import natsorted
from roifile import ROI_TYPE, ImagejRoi, roiread
from skimage.draw import ellipse, polygon

from preprocess.damage import TiffError
from preprocess.header import Selection
from preprocess.sources.conversion import FIRST, ConversionError, Found, Outlines, Source, paint
from preprocess.tiff import ENDINGS, page_count

ROI_ENDINGS = (".zip", ".roi")
ROI_SET = re.compile(r"[-_ ]*roi[-_ ]?sets?[-_ ]*|[-_ ]+rois?$", re.IGNORECASE)
AREAS = {ROI_TYPE.POLYGON, ROI_TYPE.RECT, ROI_TYPE.OVAL, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED}


def read_rois(path: Path) -> list[ImagejRoi]:
    """Outlines of a .zip or .roi file.

    Raises
    ------
    TiffError
        If it is damaged, holds none, or holds lines, angles or points.
    """
    try:
        read = roiread(path)
    except Exception as error:  # of zipfile, struct and roifile
        found = f"not readable ({type(error).__name__}: {' '.join(str(error).split())})"
        remedy = "save it again (ROI Manager: More > Save)"
        raise TiffError(path, found, "outlines of ImageJ", remedy) from error
    rois = read if isinstance(read, list) else [read]
    others = [roi for roi in rois if roi.roitype not in AREAS]
    if others or not rois:
        found = f"{len(others)} without an area" if rois else "no outlines"
        if others:
            found += f", the first {others[0].name or 'unnamed'}, {others[0].roitype.name.lower()}"
        raise TiffError(path, found, "areas", "delete them, or draw them as polygons")
    return rois


def roi_mask(roi: ImagejRoi, shape: tuple[int, int]) -> np.ndarray:
    """Pixels whose centre lies in an outline; the parts of a composite one cut holes.

    Parameters
    ----------
    roi : ImagejRoi
        Coordinates of pixel corners [px].
    shape : (int, int)
        H, W [px].

    Returns
    -------
    (H, W) bool ndarray
    """
    mask = np.zeros(shape, bool)
    if roi.roitype == ROI_TYPE.OVAL and roi.multi_coordinates is None:
        centre = (roi.top + roi.bottom) / 2 - 0.5, (roi.left + roi.right) / 2 - 0.5
        radii = (roi.bottom - roi.top) / 2, (roi.right - roi.left) / 2
        mask[ellipse(*centre, *radii, shape=shape)] = True
        return mask
    for corners in roi.coordinates(multi=True):
        columns, rows = np.asarray(corners, float).T - 0.5
        mask[polygon(rows, columns, shape)] ^= True
    return mask


def _page_of(roi: ImagejRoi) -> int:
    """Page that an outline was drawn on, from 0; -1 if it belongs to all."""
    return (roi.t_position or roi.position or roi.z_position) - 1


def _draw(rois: list[ImagejRoi], shape: tuple[int, int]) -> Outlines:
    return paint((roi_mask(roi, shape) for roi in rois), shape)


def _paired(images: list[Path], rois: list[Path], found: Found) -> dict[Path, Path]:
    """The file of outlines of each image; what is left over is an offender."""
    of_stem = {image.stem.casefold(): image for image in images}
    beside = defaultdict(list)
    for image in images:
        beside[image.parent].append(image)
    pairs: dict[Path, Path] = {}
    for path in rois:
        stem = ROI_SET.sub("", path.stem).casefold()
        image = of_stem.get(path.stem.casefold()) or of_stem.get(stem)
        if not stem and len(beside[path.parent]) == 1:
            image = beside[path.parent][0]
        if image is None:
            remedy = f"name it as its image, as NAME{path.suffix} for NAME.tif"
            found.offenders.append(TiffError(path, "no image of its name", "one", remedy))
        elif image in pairs:
            remedy = "keep one file of outlines an image"
            text = f"outlines of {image.name}, as {pairs[image].name}"
            found.offenders.append(TiffError(path, text, "one file an image", remedy))
        else:
            pairs[image] = path
    return pairs


def _add(found: Found, image: Path, path: Path | None, split: str, selection: Selection) -> None:
    """Add an image, or each page of a stack."""
    rois = [] if path is None else read_rois(path)
    pages = page_count(image, FIRST if selection == Selection() else selection)
    if pages == 1:
        draw = partial(_draw, rois) if rois else None
        found.sources.append(Source(image.stem, split if draw else "test", image, draw))
        return
    unplaced = [roi for roi in rois if not 0 <= _page_of(roi) < pages]
    if unplaced:
        text = f"{len(unplaced)} outlines on no page of {image.name} ({unplaced[0].name})"
        remedy = "draw each on its frame (ROI Manager: More > Options, associate with slices)"
        found.offenders.append(TiffError(path, text, f"pages 1 to {pages}", remedy))
        return
    for page in range(pages):
        here = [roi for roi in rois if _page_of(roi) == page]
        draw = partial(_draw, here) if here else None
        name = f"{image.stem}_{page:04d}"
        home = split if draw else "test"
        found.sources.append(Source(name, home, image, draw, page, image.stem, page))


def find(source: Path, split: str = "", selection: Selection = Selection()) -> Found:
    """Images and the outlines that lie beside them.

    Parameters
    ----------
    source : Path
        Folder below which NAME.tif or NAME.png and NAME.zip, NAME_RoiSet.zip or NAME.roi lie; a
        RoiSet.zip belongs to the only image of its folder.
    split : str
        Where frames with outlines go; by default to training. All others are test frames.
    selection : Selection
        Channel and series of the images.

    Returns
    -------
    Found
        A stack is taken apart: each page has the outlines that were drawn on it.

    Raises
    ------
    ConversionError
        If there are no images or no outlines.
    """
    paths = natsorted(p for p in source.rglob("*") if p.is_file() and not p.name.startswith("."))
    images = [path for path in paths if path.suffix.lower() in ENDINGS]
    rois = [path for path in paths if path.suffix.lower() in ROI_ENDINGS]
    if not images or not rois:
        raise ConversionError(
            f"{source}: {len(images)} images (.tif, .png) and {len(rois)} outlines (.zip, .roi); "
            "expected both"
        )
    found = Found()
    pairs = _paired(images, rois, found)
    for image in images:
        try:
            _add(found, image, pairs.get(image), split or "train", selection)
        except TiffError as error:
            found.offenders.append(error)
    return found
