"""Pictures on their way out, from whatever the caller holds them in, and on their way in."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from streamer.limits import MAX_PICTURE_BYTES
from streamer.pixels import rgb

# A mapping is sent as it is: {"type": "session", "value": id} asks about a live session's newest frame.
Source = str | Path | bytes | npt.NDArray[np.uint8] | Image.Image | Mapping[str, str]

_ENCODED = ("http://", "https://", "data:")
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture of one frame of a live session, as JPEG; ``frame`` is the frame's index."""

    frame: int
    jpeg: bytes

    def rgb(self) -> npt.NDArray[np.uint8]:
        """The picture as uint8 (height, width, 3) in RGB, decoded anew at each call."""
        return decode(self.jpeg)


def decode(encoded: bytes) -> npt.NDArray[np.uint8]:
    """Decode a JPEG, or what else Pillow reads, to uint8 (height, width, 3) in RGB."""
    with Image.open(io.BytesIO(encoded)) as image:
        return np.array(image.convert("RGB"), dtype=np.uint8)


def image_json(image: Source) -> dict[str, str]:
    """
    The ``image`` of a request.

    Taken are a file's path, an encoded picture's bytes, a NumPy array of uint8 (height, width, 3) in RGB, a Pillow
    image, and an https or data URL. A URL is fetched by the server. Of files and bytes the server turns the picture
    upright as its EXIF block says; a Pillow image's pixels are sent as they lie. Arrays and images go as PNG, or as
    JPEG of high quality when that would be more than the server takes.

    Raises OSError for a file that cannot be read, ValueError for an array of another shape or type, TypeError for
    anything else.
    """
    match image:
        case str() if image.lower().startswith(_ENCODED):
            return {"type": "base64" if image[:5].lower() == "data:" else "url", "value": image}
        case str() | Path():
            return _base64(Path(image).read_bytes())
        case bytes():
            return _base64(image)
        case np.ndarray():
            return _base64(_encode(_from_array(image)))
        case Image.Image():
            return _base64(_encode(image))
        case Mapping():
            return {str(name): str(value) for name, value in image.items()}
    raise TypeError(f"A picture is a path, bytes, a NumPy array, a Pillow image or a URL, not {type(image).__name__}.")


def _base64(encoded: bytes) -> dict[str, str]:
    return {"type": "base64", "value": base64.b64encode(encoded).decode("ascii")}


def _from_array(array: npt.NDArray[Any]) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise ValueError(f"A picture is uint8 (height, width, 3) in RGB, not {array.dtype} {array.shape}.")
    return Image.fromarray(np.ascontiguousarray(array))


def _encode(image: Image.Image) -> bytes:
    png = io.BytesIO()
    known = image if image.mode in _PNG_MODES else Image.fromarray(rgb(image))
    known.save(png, "PNG", compress_level=1)  # a fifth of the usual time, for a few per cent more bytes
    if png.tell() <= MAX_PICTURE_BYTES:
        return png.getvalue()
    jpeg = io.BytesIO()
    Image.fromarray(rgb(image)).save(jpeg, "JPEG", quality=95, subsampling=0)  # colours are asked for by name
    return jpeg.getvalue()
