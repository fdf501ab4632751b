"""
Stretches of real videos with masks drawn on every sixth frame, for measuring only; nothing here is ever trained on.

``data/real/clips.json`` names each with its checksum and holds the polygons; ``data/real/README.md`` says how they were
drawn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.support import real_pictures
from benchmarks.support.real_pictures import ANNOTATIONS, rasterise

CLIPS = ANNOTATIONS / "clips.json"


@dataclass(frozen=True, eq=False)
class ClipObject:
    """One thing in a clip: its name, where a person would click on it on the first frame, its masks by frame."""

    label: str
    click: tuple[int, int]  # x, y
    masks: Mapping[int, npt.NDArray[np.bool_]]  # (height, width), by the frame's place in the clip


@dataclass(frozen=True, eq=False)
class Clip:
    """All frames of a stretch of a video, and the things in it; masks are drawn on its first frame and some others."""

    name: str
    fps: float
    frames: tuple[npt.NDArray[np.uint8], ...]  # (height, width, 3), RGB
    objects: tuple[ClipObject, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.frames[0].shape[:2]
        return height, width


def entries() -> list[dict[str, Any]]:
    """The entries of ``clips.json`` as they stand in the file, one for each clip."""
    found: list[dict[str, Any]] = json.loads(CLIPS.read_text(encoding="utf-8"))["clips"]
    return found


def load(entry: dict[str, Any]) -> Clip:
    """One clip with its masks. Raises Missing where its package is not installed, ValueError where it is another."""
    source, numbers = entry["source"], entry["frames"]
    path = real_pictures.find(source["package"], source["file"])
    content = real_pictures.checked(source["package"], path, source["sha256"])
    frames = real_pictures.stretch(content, path, numbers[0], numbers[-1])
    shape = (entry["height"], entry["width"])
    if any(frame.shape[:2] != shape for frame in frames):
        raise ValueError(f"{path} is {frames[0].shape[1]} × {frames[0].shape[0]}, annotated as {shape[1]} × {shape[0]}")
    objects = tuple(
        ClipObject(
            label=one["label"],
            click=(one["click"][0], one["click"][1]),
            masks={
                int(number) - numbers[0]: rasterise(shape, mask["polygons"], mask.get("holes", []))
                for number, mask in one["masks"].items()
            },
        )
        for one in entry["objects"]
    )
    return Clip(entry["name"], entry["fps"], tuple(frames), objects)
