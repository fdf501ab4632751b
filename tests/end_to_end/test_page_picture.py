"""The script that records the README's animation of the page, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from benchmarks import page_picture
from benchmarks.page_picture import ANIMATION_FPS, ANIMATION_SIZE, LARGEST, VIEW, Scene
from tests.support import needs
from tests.support.page import CALM, port, trained
from tests.support.serving import Served, serving

SCENE = Scene(CALM, ("thing",), objects=2, settle=0.0)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    needs.chromium()
    with serving(trained(), threads=1) as served:
        yield served


def test_the_page_is_driven_and_an_animation_and_a_picture_are_written(served: Served, tmp_path: Path) -> None:
    picture, animation = tmp_path / "page.jpg", tmp_path / "page.webp"
    where = ["--server", f"http://localhost:{port(served)}", "--picture", str(picture)]
    page_picture.main([*where, "--animation", str(animation), "--seconds", "2"], SCENE)

    with Image.open(picture) as still:
        assert (still.format, still.size) == ("JPEG", VIEW)
    assert animation.stat().st_size <= LARGEST
    with Image.open(animation) as moving:
        assert moving.size == ANIMATION_SIZE
        assert getattr(moving, "n_frames", 1) > 4, "a video runs on the page"
    assert served.http.get("/sessions").json()["sessions"] == [], "what the script started it has stopped"


def test_pictures_are_shown_for_as_long_as_they_were(tmp_path: Path) -> None:
    shades = [Image.new("RGB", VIEW, (shade, 0, 0)) for shade in (0, 120, 240)]
    page_picture.save_animation(list(zip(shades, (7.0, 7.1, 7.4), strict=True)), tmp_path / "page.webp")
    with Image.open(tmp_path / "page.webp") as moving:
        shown = []
        for frame in range(3):
            moving.seek(frame)
            moving.load()
            shown.append(moving.info["duration"])
    assert shown == [100, 300, 1000 // ANIMATION_FPS]


def test_an_animation_that_fits_into_no_bound_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 256, (*ANIMATION_SIZE[::-1], 3), np.uint8)) for _ in range(12)]
    with pytest.raises(ValueError, match="does not fit"):
        page_picture.save_animation([(each, float(place)) for place, each in enumerate(noise)], tmp_path / "page.webp")
    assert not (tmp_path / "page.webp").exists()


def test_the_committed_animation_is_one_that_the_script_could_have_taken() -> None:
    assert page_picture.ANIMATION.stat().st_size <= LARGEST
    with Image.open(page_picture.ANIMATION) as moving:
        assert moving.size == ANIMATION_SIZE
        first = moving.convert("RGB")
        moving.seek(getattr(moving, "n_frames", 1) // 2)
        assert ImageChops.difference(first, moving.convert("RGB")).getbbox(), "it moves"
