"""Pictures as HTTP requests carry them: limits first, then decoded, then upright."""

from __future__ import annotations

import base64
import binascii
import io
import logging
import re

from PIL import Image

from streamer.errors import BadRequest, TooLarge
from streamer.limits import MAX_PICTURE_BYTES, MAX_PICTURE_PIXELS, MAX_PICTURE_SIDE
from streamer.pixels import Pixels, rgb

log = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")

_TYPES = "It must be base64, url, or session."
_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(;[\w=.+-]+)*,", re.ASCII)
_SPACE = re.compile(r"\s+", re.ASCII)
_ORIENTATION = 0x0112  # EXIF's tag; what turns a picture upright, by its value
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_data(kind: str, value: str | None) -> bytes:
    """
    The encoded picture of a request: ``type`` and ``value`` of its ``image``, where the request itself holds it.

    Raises BadRequest saying what is wrong with it, TooLarge past MAX_PICTURE_BYTES.
    """
    match kind.strip().lower():
        case "base64":
            return decode_base64(value or "")
        case "numpy" | "file":
            raise BadRequest(f"Pictures of type {kind} are not accepted.", detail=_TYPES)
    raise BadRequest(f"{kind[:40]!r} is not a type of picture.", detail=_TYPES)


def decode_base64(text: str) -> bytes:
    """Decode base64, with or without ``data:image/…;base64,`` before it. Raises BadRequest, TooLarge."""
    prefix = _DATA_URL.match(text[:256])
    if prefix is not None:
        if not prefix[0].endswith(";base64,"):
            raise BadRequest("The picture's data: URL is not base64.", detail="It must begin data:image/…;base64,.")
        text = text[prefix.end() :]
    if len(text) > MAX_PICTURE_BYTES * 3 // 2:  # base64 is 4/3 of it; the rest leaves room for line ends
        raise _too_many_bytes()
    text = _SPACE.sub("", text)
    if not text:
        raise BadRequest("The picture is empty.", detail="image.value must hold base64 data.")
    text += "=" * (-len(text) % 4)  # some clients leave the padding out
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("The picture is not base64.", detail=f"{error}.") from None
    if len(data) > MAX_PICTURE_BYTES:
        raise _too_many_bytes()
    return data


def decode_picture(data: bytes) -> Pixels:
    """
    Decode an encoded picture to uint8 (height, width, 3) in RGB, upright by its EXIF orientation.

    What is transparent and what has more than 8 bits becomes as :func:`streamer.pixels.rgb` says.

    Raises BadRequest for what is no picture, TooLarge past MAX_PICTURE_PIXELS or MAX_PICTURE_SIDE. It takes from
    milliseconds to a second: call it on a thread.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PICTURE_PIXELS:  # known from the header, before anything is decoded
                raise _too_many_pixels(f"{image.width}×{image.height}")
            if max(image.size) > MAX_PICTURE_SIDE:
                words = f"The picture is too long: {image.width}×{image.height} pixels."
                raise TooLarge(words, detail=f"Neither side may have more than {MAX_PICTURE_SIDE}.")
            return rgb(_upright(image))
    except (BadRequest, TooLarge):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels("Far too many") from None
    except Exception as error:  # damaged files make its decoders raise nearly anything
        log.info("A picture could not be decoded.", exc_info=True)
        known = ", ".join(FORMATS)
        raise BadRequest(
            "The picture's data is not a picture, or it is damaged.",
            detail=f"It must be one of {known}. ({type(error).__name__})",
        ) from None


def _upright(image: Image.Image) -> Image.Image:
    # ImageOps.exif_transpose also writes the EXIF block anew, and fails where a camera put something odd into it.
    image.load()  # which already turns a TIFF
    turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)


def _too_many_bytes() -> TooLarge:
    return TooLarge(f"The picture has more than {MAX_PICTURE_BYTES // 2**20} MiB.", detail="Send a smaller one.")


def _too_many_pixels(size: str) -> TooLarge:
    return TooLarge(
        f"The picture has too many pixels: {size}.",
        detail=f"At most {MAX_PICTURE_PIXELS // 1_000_000} million are decoded.",
    )
