"""
Real photographs with masks drawn by hand, for measuring only; nothing here is ever trained on.

The pictures are those that scikit-image and Debian's opencv-doc ship. The annotations in ``data/real`` name each with
its checksum and hold the polygons; ``data/real/README.md`` says how they were drawn.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.support import debian

ANNOTATIONS = Path(__file__).parents[2] / "tests" / "data" / "real"
PARTS = {"first": "annotations.json", "second": "more.json"}  # two lots of masks, measured apart and together


@dataclass(frozen=True, eq=False)
class RealObject:
    """One thing in a picture: its name, which pixels it covers, and where a person would click on it."""

    label: str
    mask: npt.NDArray[np.bool_]  # (height, width)
    click: tuple[int, int]  # x, y


@dataclass(frozen=True, eq=False)
class RealPicture:
    """A photograph or a frame of a video, and the things in it that have a mask."""

    name: str
    image: npt.NDArray[np.uint8]  # (height, width, 3), RGB
    objects: tuple[RealObject, ...]
    part: str = "first"  # of PARTS


def entries(*parts: str) -> list[dict[str, Any]]:
    """The entries of these PARTS, or of all, as they stand in the files, one for each picture."""
    found: list[dict[str, Any]] = []
    for part in parts or PARTS:
        found += json.loads((ANNOTATIONS / PARTS[part]).read_text(encoding="utf-8"))["pictures"]
    return found


def load() -> list[RealPicture]:
    """All pictures with their masks; without opencv-doc the test that asks is skipped, in CI it fails."""
    return [_picture(entry, part) for part in PARTS for entry in entries(part)]


def find(package: str, file: str) -> Path:
    """Where a file of a package lies on this machine."""
    if package == "scikit-image":
        return Path(str(files("skimage"))).parent / file
    if package == "opencv-doc":
        path = debian.OPENCV_DATA / file
        return path if path.exists() else debian.opencv_doc(path.name)
    if package == "visp-images-data":
        return debian.visp_images(file)
    raise ValueError(f"no pictures are taken from {package}")


def rasterise(shape: tuple[int, int], polygons: list[Any], holes: list[Any]) -> npt.NDArray[np.bool_]:
    """The union of the polygons less the holes; a point is the middle of a pixel, and borders belong to the area."""
    mask = np.zeros(shape, np.uint8)
    for rings, value in ((polygons, 1), (holes, 0)):
        for ring in rings:
            cv2.fillPoly(mask, [np.array(ring, np.int32)], value)
    return mask.astype(bool)


def _picture(entry: dict[str, Any], part: str) -> RealPicture:
    source = entry["source"]
    image = _image(source["package"], source["file"], source["frame"], source["sha256"])
    if "crop" in entry:
        left, top, right, bottom = entry["crop"]
        image = image[top:bottom, left:right]
    name = Path(source["file"]).name + ("" if source["frame"] is None else f", frame {source['frame']}")
    shape = (entry["height"], entry["width"])
    if image.shape[:2] != shape:
        raise ValueError(f"{name} is {image.shape[1]} × {image.shape[0]}, annotated as {shape[1]} × {shape[0]}")
    objects = tuple(
        RealObject(
            label=one["label"],
            mask=rasterise(shape, one["polygons"], one.get("holes", [])),
            click=(one["click"][0], one["click"][1]),
        )
        for one in entry["objects"]
    )
    return RealPicture(name, image, objects, part)


@cache
def _image(package: str, file: str, frame: int | None, sha256: str) -> npt.NDArray[np.uint8]:
    """The picture in RGB, read-only because it is kept."""
    path = find(package, file)
    content = checked(package, path, sha256)
    image = _still(content, path) if frame is None else _frame(content, path, frame)
    image.setflags(write=False)
    return image


def checked(package: str, path: Path, sha256: str) -> bytes:
    """What is in a file of a package. Raises ValueError if it is not the one that was annotated."""
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{path} is another file than the annotated one: {package} has changed it")
    return content


def _still(content: bytes, path: Path) -> npt.NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is not a picture")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _frame(content: bytes, path: Path, number: int) -> npt.NDArray[np.uint8]:
    return stretch(content, path, number, number)[0]


def stretch(content: bytes, path: Path, first: int, last: int) -> list[npt.NDArray[np.uint8]]:
    """The frames ``first`` to ``last`` of a video, RGB, counted from 0 as they are decoded; a ``.gz`` is unpacked."""
    frames = []
    with tempfile.TemporaryDirectory() as folder:
        video = path
        if path.suffix == ".gz":
            video = Path(folder) / path.stem
            video.write_bytes(gzip.decompress(content))
        with av.open(str(video)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index >= first:
                    frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
                if index == last:
                    return frames
    raise ValueError(f"{path} has no frame {last}")
