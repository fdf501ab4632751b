"""Whatever holds a picture, the server sees that very picture."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from streamer.client import Picture
from streamer.client import pictures as client
from streamer.hosted import decode
from streamer.pixels import Pixels
from tests.support.pictures import encoded, patches, saved

PICTURE = patches(24, 16)
PIXELS = np.array(PICTURE)
SIDEWAYS = 6  # EXIF: to be turned a quarter clockwise


def seen(image: client.Source) -> Pixels:
    """The picture as the server reads it."""
    sent = client.image_json(image)
    return decode.decode_picture(decode.read_data(sent["type"], sent["value"]))


def turned(form: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = SIDEWAYS
    return saved(PICTURE, form, exif=exif)


def test_a_path_bytes_an_array_and_an_image_are_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "street.png"
    path.write_bytes(saved(PICTURE))
    sources: list[client.Source] = [path, str(path), path.read_bytes(), PIXELS, PIXELS[:, ::-1][:, ::-1], PICTURE]
    for source in sources:
        assert np.array_equal(seen(source), PIXELS)


def test_a_url_is_left_to_the_server() -> None:
    assert client.image_json("https://example.org/dog.jpg") == {"type": "url", "value": "https://example.org/dog.jpg"}


def test_a_data_url_and_a_mapping_go_as_they_are() -> None:
    assert np.array_equal(seen("data:image/png;base64," + base64.b64encode(saved(PICTURE)).decode()), PIXELS)
    assert client.image_json({"type": "session", "value": "abc"}) == {"type": "session", "value": "abc"}


def test_a_file_is_turned_upright_and_an_images_pixels_stay_as_they_lie() -> None:
    data = turned()
    assert seen(data).shape == (24, 16, 3)
    with Image.open(io.BytesIO(data)) as image:
        assert seen(image).shape == (16, 24, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F"])
def test_images_of_every_mode_are_taken(mode: str) -> None:
    assert seen(Image.new(mode, (8, 4))).shape == (4, 8, 3)


def test_a_picture_too_large_as_png_goes_as_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_PICTURE_BYTES", 10)
    data = base64.b64decode(client.image_json(PIXELS)["value"])
    assert data.startswith(b"\xff\xd8")
    assert np.abs(seen(PIXELS).astype(int) - PIXELS).mean() < 6


@pytest.mark.parametrize(
    "odd", [PIXELS.astype(float), PIXELS[:, :, 0], np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_an_array_of_another_kind_is_refused_by_its_shape(odd: Any) -> None:
    with pytest.raises(ValueError, match="uint8 \\(height, width, 3\\) in RGB, not"):
        client.image_json(odd)


def test_what_cannot_hold_a_picture_is_refused() -> None:
    odd: Any = 7
    with pytest.raises(TypeError, match="not int"):
        client.image_json(odd)
    with pytest.raises(FileNotFoundError):
        client.image_json("/no/such/picture.jpg")


def test_a_frames_picture_is_decoded_when_asked() -> None:
    rgb = Picture(7, encoded("JPEG", (8, 4), color=(250, 10, 10))).rgb()
    assert rgb.dtype == np.uint8
    assert rgb.shape == (4, 8, 3)
    assert np.abs(rgb.astype(int) - [250, 10, 10]).max() < 12
