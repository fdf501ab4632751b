"""Masks drawn over their picture, for people to look at."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from streamer.frame import Picture
from streamer.result import Result
from tracker import Track

OPACITY = 0.45
_GOLDEN = 0.618034  # of the colour wheel: neighbouring ids get colours far apart
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw(rgb: Picture, result: Result) -> Picture:
    """A copy of a (height, width, 3) RGB picture with every object's mask, outline, id, prompt and score on it."""
    picture = rgb.copy()
    if result.step is None:
        _label(picture, result.error or "", (4, 4), (255, 80, 80))
        return picture
    for track in result.step.tracks:
        _object(picture, track, _name(track, result))
    return picture


def color_of(object_id: int) -> tuple[int, int, int]:
    """The RGB colour of an object, the same on every frame."""
    red, green, blue = colorsys.hsv_to_rgb(object_id * _GOLDEN % 1, 0.75, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def _object(picture: Picture, track: Track, name: str) -> None:
    mask = track.mask.dense()
    if mask.shape != picture.shape[:2] or not mask.any():
        return
    color = color_of(track.id)
    picture[mask] = (picture[mask] * (1 - OPACITY) + np.array(color) * OPACITY).astype(np.uint8)
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, contours, -1, color, 2)
    _label(picture, name, (int(track.box.x0), int(track.box.y0)), color)


def _name(track: Track, result: Result) -> str:
    text = None if track.prompt is None else result.prompts[track.prompt].text
    words = [f"#{track.id}", text or "", f"{track.score:.2f}", "?" if track.tentative else ""]
    return " ".join(word for word in words if word)


def _label(picture: Picture, text: str, place: tuple[int, int], color: tuple[int, int, int]) -> None:
    """Text in a box of its own, kept inside the picture. OpenCV's font has ASCII only."""
    text = text.encode("ascii", "replace").decode()
    scale = max(0.4, picture.shape[0] / 1200)
    (width, height), below = cv2.getTextSize(text, _FONT, scale, 1)
    left = max(0, min(place[0], picture.shape[1] - width - 4))
    top = max(0, min(place[1], picture.shape[0] - height - below - 4))
    cv2.rectangle(picture, (left, top), (left + width + 4, top + height + below + 4), color, cv2.FILLED)
    cv2.putText(picture, text, (left + 2, top + height + 2), _FONT, scale, (0, 0, 0), 1, cv2.LINE_AA)
