"""Masks drawn over their picture, for people to look at."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from cv2.typing import MatLike

from streamer.frame import Picture
from streamer.result import Result
from streamer.video.lettering import Line, isolated
from tracker import Track, prompt_keys

OPACITY = 0.45
_GOLDEN = 0.618034  # of the colour wheel: neighbouring ids get colours far apart
SMALLEST = 13  # pixels of a letter's height: below it Chinese cannot be read
LINES = 50  # letters of a label would fit into the height of a picture


def draw(rgb: Picture, result: Result) -> Picture:
    """A copy of a (height, width, 3) RGB picture with every object's mask, outline, id, prompt and score on it."""
    return Overlay(result, rgb.shape[0], rgb.shape[1]).on(rgb)


class Overlay:
    """
    A result made ready to be drawn, for pictures of one size in pixels: the masks of one result lie on many pictures.

    Masks of another size are left out. Where two overlap, the later object's colour shows.
    """

    def __init__(self, result: Result, height: int, width: int) -> None:
        self.result = result
        self.size = (height, width)
        self._objects: list[tuple[Track, Sequence[MatLike]]] = []  # with the outlines of their masks
        self._where = np.zeros((height, width), np.uint8)
        self._tint = np.zeros((height, width, 3), np.uint8)
        for track in () if result.step is None else result.step.tracks:
            self._add(track)

    def on(self, rgb: Picture) -> Picture:
        """A copy of a picture with the result drawn on it."""
        picture = rgb.copy()
        if (part := _bounds(self._where)) is not None:
            mixed = cv2.addWeighted(picture[part], 1 - OPACITY, self._tint[part], OPACITY, 0)
            picture[part] = cv2.copyTo(mixed, self._where[part], picture[part].copy())
        for track, outline in self._objects:
            cv2.drawContours(picture, outline, -1, color_of(track.id), 2)
        for track, _ in self._objects:
            _label(picture, _name(track, self.result), (int(track.box.x0), int(track.box.y0)), color_of(track.id))
        if self.result.error:
            _label(picture, self.result.error, (4, 4), (255, 80, 80))
        return picture

    def _add(self, track: Track) -> None:
        mask = track.mask.dense().view(np.uint8)
        if mask.shape != self.size or (part := _bounds(mask)) is None:
            return
        self._where[part] |= mask[part]
        self._tint[part][mask[part] > 0] = color_of(track.id)
        outline, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        self._objects.append((track, outline))


def note(picture: Picture, text: str) -> None:
    """Write a line at the foot of a picture, into the picture itself."""
    _label(picture, text, (0, picture.shape[0]), (220, 220, 220))


def color_of(object_id: int) -> tuple[int, int, int]:
    """The RGB colour of an object, the same on every frame."""
    red, green, blue = colorsys.hsv_to_rgb(object_id * _GOLDEN % 1, 0.75, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def _bounds(mask: Picture) -> tuple[slice, slice] | None:
    """The rows and columns that hold all of a mask; None for an empty one."""
    left, top, width, height = cv2.boundingRect(mask)
    return (slice(top, top + height), slice(left, left + width)) if width else None


def _name(track: Track, result: Result) -> str:
    texts = {key: prompt.text for key, prompt in zip(prompt_keys(result.prompts), result.prompts, strict=True)}
    text = None if track.key is None else texts.get(track.key)
    words = [f"#{track.id}", isolated(text) if text else "", f"{track.score:.2f}", "?" if track.tentative else ""]
    return " ".join(word for word in words if word)


def _label(picture: Picture, text: str, place: tuple[int, int], color: tuple[int, int, int]) -> None:
    """Text in a box of its own, kept inside the picture."""
    line = Line.of(text, max(SMALLEST, picture.shape[0] // LINES))
    left = max(0, min(place[0], picture.shape[1] - line.width))
    top = max(0, min(place[1], picture.shape[0] - line.height))
    cv2.rectangle(picture, (left, top), (left + line.width - 1, top + line.height - 1), color, cv2.FILLED)
    line.on(picture, left, top)
