"""Pictures as requests carry them."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image


def encoded(form: str = "PNG", size: tuple[int, int] = (8, 4), mode: str = "RGB", **options: Any) -> bytes:
    """A picture of one ``color``, black unless told; size is width and height."""
    return saved(Image.new(mode, size, options.pop("color", 0)), form, **options)


def saved(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def patches(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture of coloured patches: something to see for a model of any weights."""
    rough = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    return Image.fromarray(rough).resize((width, height), Image.Resampling.NEAREST)


def sent(data: bytes) -> dict[str, str]:
    """The ``image`` of a request that holds this encoded picture."""
    return {"type": "base64", "value": base64.b64encode(data).decode()}
