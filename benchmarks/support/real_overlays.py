"""Answers drawn over real pictures, to be looked at: one file for each picture, one tile for each mask."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.support.real_pictures import RealObject, RealPicture

Image = npt.NDArray[np.uint8]

TILE = 360  # pixels, the longer side of a tile's picture
CAPTION = 18  # pixels of a tile that hold its words
COLUMNS = 4
ANSWER, TRUTH, CLICK = (0, 220, 0), (255, 255, 255), (255, 0, 0)  # RGB


def save(folder: Path, picture: RealPicture, answers: list[npt.NDArray[np.bool_]], captions: list[str]) -> Path:
    """
    Write a JPEG with a tile for each object of ``picture``: the answer in green, the drawn mask as a line, the click.

    ``answers`` are (height, width) arrays, one for each object, as ``captions`` are. Returns the file's path.
    """
    tiles = [
        _tile(picture.image, each, answer, caption)
        for each, answer, caption in zip(picture.objects, answers, captions, strict=True)
    ]
    blank = np.zeros_like(tiles[0])
    columns = min(COLUMNS, len(tiles))
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (picture.name.replace(", ", "-").replace(" ", "-") + ".jpg")
    path.write_bytes(cv2.imencode(".jpg", cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))[1].tobytes())
    return path


def _tile(image: Image, each: RealObject, answer: npt.NDArray[np.bool_], caption: str) -> Image:
    height, width = image.shape[:2]
    scale = TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shown = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    covered = cv2.resize(answer.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)
    shown[covered] = (0.5 * shown[covered] + 0.5 * np.array(ANSWER)).astype(np.uint8)
    drawn = cv2.resize(each.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    lines, _ = cv2.findContours(drawn, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(shown, lines, -1, TRUTH, 1)
    at = round((each.click[0] + 0.5) * scale), round((each.click[1] + 0.5) * scale)
    cv2.drawMarker(shown, at, CLICK, cv2.MARKER_CROSS, 10, 2)
    tile = np.zeros((TILE + CAPTION, TILE, 3), np.uint8)
    tile[: size[1], : size[0]] = shown
    cv2.putText(tile, caption, (2, TILE + CAPTION - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return tile
