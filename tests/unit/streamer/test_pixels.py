"""streamer.pixels: every kind of pixel becomes 8-bit RGB, nothing hidden shows, nothing is cut off."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, TiffImagePlugin

from streamer.pixels import rgb
from tests.support.pictures import saved


def read(data: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return rgb(image)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(("alpha", "seen"), [(0, (255, 255, 255)), (255, (200, 30, 0)), (51, (244, 210, 204))])
def test_what_is_transparent_is_composed_on_white(form: str, alpha: int, seen: tuple[int, ...]) -> None:
    """The colour beneath does not show: editors leave anything there."""
    picture = Image.new("RGBA", (8, 4), (200, 30, 0, alpha))
    lossless = {"lossless": True} if form == "WEBP" else {}
    assert (read(saved(picture, form, **lossless)) == seen).all()


def test_every_mode_with_transparency_is_composed() -> None:
    assert (rgb(Image.new("LA", (8, 4), (10, 0))) == 255).all()
    assert (rgb(Image.new("RGBA", (8, 4), (10, 20, 30, 0)).convert("RGBa")) == 255).all()
    palette = Image.new("P", (8, 4), 1)
    palette.putpalette([9, 9, 9, 0, 0, 0])
    partly = palette.convert("PA")
    partly.putalpha(51)
    assert (rgb(partly) == 204).all()


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_colour_that_the_header_calls_transparent_is_white(form: str) -> None:
    picture = Image.new("P", (8, 4), 1)
    picture.paste(2, (4, 0, 8, 4))
    picture.putpalette([0, 0, 0, 200, 30, 30, 30, 200, 30])
    found = read(saved(picture, form, transparency=1))
    assert (found[:, :4] == 255).all() and (found[:, 4:] == (30, 200, 30)).all()


@pytest.mark.parametrize(("mode", "key"), [("RGB", (9, 8, 7)), ("L", 9)])
def test_a_transparent_colour_without_a_palette_is_white(mode: str, key: Any) -> None:
    picture = Image.new(mode, (8, 4), key)
    picture.paste(40, (4, 0, 8, 4))
    found = read(saved(picture, "PNG", transparency=key))
    assert (found[:, :4] == 255).all() and (found[:, 4:].max(axis=2) == 40).all()


def test_sixteen_bits_of_colour_and_opacity_are_scaled() -> None:
    deep = np.full((4, 8, 4), (0x0000, 0x8000, 0xFFFF, 0xFFFF), np.uint16)  # blue, green, red, opacity
    deep[:, 4:, 3] = 0
    found = read(cv2.imencode(".png", deep)[1].tobytes())
    assert (found[:, :4] == (255, 128, 0)).all() and (found[:, 4:] == 255).all()


def test_a_transparent_colour_of_sixteen_bits_is_found_by_its_upper_eight() -> None:
    picture = Image.new("RGB", (8, 4), (0x12, 0x34, 0x56))
    picture.info["transparency"] = (0x1200, 0x3400, 0x5600)
    assert (rgb(picture) == 255).all()


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_are_scaled_by_what_sixteen_bits_hold(form: str) -> None:
    ramp = np.linspace(0, 65_535, 256).round().astype(np.uint16)[None].repeat(4, axis=0)
    found = read(saved(Image.fromarray(ramp), form))
    assert np.array_equal(found[..., 0], np.arange(256, dtype=np.uint8)[None].repeat(4, axis=0))


def test_a_transparent_value_of_sixteen_bits_is_white() -> None:
    grey = np.array([[0x1234, 0x8080]], np.uint16)
    found = read(saved(Image.fromarray(grey), "PNG", transparency=0x1234))
    assert found[0, :, 0].tolist() == [255, 128]


def test_twelve_bits_are_scaled_by_what_twelve_bits_hold() -> None:
    """A TIFF says so; its pixels come as numbers of 16 bits."""
    image = Image.fromarray(np.array([[0, 2048, 4095]], np.uint16))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[258] = (12,)
    image.tag_v2 = tags  # type: ignore[attr-defined]
    assert rgb(image)[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 32_896.0, 65_535.0], [0, 128, 255]),
        ([0.0, 0.25, 0.25], [0, 64, 64]),  # dark, and it stays so
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.0, 1.0e6, 2.0e6], [0, 128, 255]),
        ([0.0, np.nan, 1.0], [0, 0, 255]),
        ([0.0, 1.0, np.inf], [0, 255, 255]),
        ([np.nan] * 3, [0, 0, 0]),
    ],
)
def test_floating_point_is_scaled_by_the_range_that_it_has(values: list[float], seen: list[int]) -> None:
    assert read(saved(Image.fromarray(np.array([values], np.float32)), "TIFF"))[0, :, 0].tolist() == seen


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        ([0, 100, 255], [0, 100, 255]),
        ([0, 32_896, 65_535], [0, 128, 255]),
        ([0, 2**30, 2**31 - 1], [0, 128, 255]),
        ([-100, 0, 100], [0, 128, 255]),
    ],
)
def test_thirty_two_bits_are_scaled_by_the_range_that_they_have(values: list[int], seen: list[int]) -> None:
    assert read(saved(Image.fromarray(np.array([values], np.int32)), "TIFF"))[0, :, 0].tolist() == seen


@pytest.mark.parametrize("mode", ["RGBA", "F"])
def test_a_large_picture_takes_little_more_memory_than_what_comes_and_goes(mode: str) -> None:
    """Measured by what NumPy asks for; in whole, wider numbers would be five times that and more."""
    image = Image.new(mode, (2000, 1000), (9, 9, 9, 99) if mode == "RGBA" else 0.5)
    tracemalloc.start()
    try:
        found = rgb(image)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.shape == (1000, 2000, 3)
    assert peak < 2.5 * (found.nbytes + 4 * found.shape[0] * found.shape[1])
