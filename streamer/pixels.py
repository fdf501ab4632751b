"""Pictures of every kind of pixel as 8-bit RGB: transparent ones on white, deeper ones scaled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

BACKGROUND = 255  # white, behind what is transparent: where most programs and pages show such a picture
STRIP = 64  # rows that are computed at a time
DEEP = ("I", "F")  # how Pillow names pixels of more than 8 bits: I;16, I;16B, I (32 bits), F (32 bits, floating point)
BITS_PER_SAMPLE = 258  # TIFF's tag
WHITES = (1.0, 255.0, 65_535.0)  # what white usually is in a picture whose format does not say: shares, 8 and 16 bits


def rgb(image: Image.Image) -> Pixels:
    """
    An image as uint8 (height, width, 3) in RGB.

    What is transparent is composed on white. More than 8 bits are scaled by the range of the format: 16 bits, or what a
    TIFF says. Where the format says none (32 bits, floating point) the white is 1, 255 or 65535, the first that holds
    all pixels; a picture that goes beyond, or below 0, is scaled from its darkest to its brightest pixel.
    """
    if image.mode.startswith(DEEP):
        return _deep(image)
    if not image.has_transparency_data:
        return np.array(image.convert("RGB"), np.uint8)
    return on_white(np.asarray((_with_alpha(image) if "transparency" in image.info else image).convert("RGBA")))


def on_white(rgba: Pixels) -> Pixels:
    """Compose uint8 (height, width, 4), whose last is opacity, to (height, width, 3)."""
    composed = np.empty((*rgba.shape[:2], 3), np.uint8)
    for rows in _strips(rgba.shape[0]):
        alpha = rgba[rows, :, 3:].astype(np.uint16)
        composed[rows] = (rgba[rows, :, :3] * alpha + BACKGROUND * (255 - alpha) + 127) // 255
    return composed


def _strips(height: int) -> Iterator[slice]:
    """A picture's rows, some at a time: 50 million pixels as wider numbers would be gigabytes."""
    return (slice(top, top + STRIP) for top in range(0, height, STRIP))


def _with_alpha(image: Image.Image) -> Image.Image:
    """An image whose transparent colour stands in its header, as Pillow can read it."""
    key = image.info["transparency"]
    if image.mode == "RGB" and max(key) > 255:  # of 16 bits, as the pixels were in the file: Pillow keeps their upper 8
        image = image.copy()
        image.info["transparency"] = tuple(value >> 8 for value in key)
    return image


def _deep(image: Image.Image) -> Pixels:
    """Grey of more than 8 bits; a PNG may name one value that is transparent."""
    values, key = np.asarray(image), image.info.get("transparency")
    low, high = _range(image, values)
    scaled = np.empty((*values.shape, 3), np.uint8)
    for rows in _strips(values.shape[0]):
        share = np.clip((values[rows].astype(np.float32) - low) / max(high - low, 1.0e-9), 0, 1)
        grey = np.rint(np.nan_to_num(share) * 255)
        scaled[rows] = (grey if key is None else np.where(values[rows] == key, BACKGROUND, grey))[..., None]
    return scaled


def _range(image: Image.Image, values: npt.NDArray[Any]) -> tuple[float, float]:
    """What becomes black, and what white."""
    if image.mode.startswith("I;16"):
        return 0.0, float(2 ** _bits(image) - 1)
    if values.dtype.kind == "f":
        known = np.isfinite(values)
        if not known.any():
            return 0.0, 1.0
        low, high = float(values.min(where=known, initial=np.inf)), float(values.max(where=known, initial=-np.inf))
    else:
        low, high = float(values.min()), float(values.max())
    white = next((white for white in WHITES if low >= 0 and high <= white), None)
    return (low, high) if white is None else (0.0, white)


def _bits(image: Image.Image) -> int:
    """Of a pixel of 16 bits, those that the file uses: a TIFF may have 12."""
    tags: Any = getattr(image, "tag_v2", {})
    return int(tags.get(BITS_PER_SAMPLE, (16,))[0])
