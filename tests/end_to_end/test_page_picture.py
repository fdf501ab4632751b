"""The script that takes the README's picture of the page, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

from benchmarks import page_picture
from benchmarks.page_picture import LARGEST, VIEW, Scene
from tests.support import needs
from tests.support.page import CALM, port, trained
from tests.support.serving import Served, serving

SCENE = Scene(CALM, ("thing",), objects=2, settle=0.0)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    needs.chromium()
    with serving(trained(), threads=1) as served:
        yield served


def test_the_page_is_driven_and_its_picture_and_an_animation_are_written(served: Served, tmp_path: Path) -> None:
    picture, animation = tmp_path / "page.jpg", tmp_path / "page.webp"
    where = ["--server", f"http://localhost:{port(served)}", "--picture", str(picture)]
    page_picture.main([*where, "--animation", str(animation), "--seconds", "1"], SCENE)

    assert picture.stat().st_size <= LARGEST
    with Image.open(picture) as still:
        assert (still.format, still.size) == ("JPEG", VIEW)
    with Image.open(animation) as moving:
        assert getattr(moving, "n_frames", 1) > 1, "something moves on the page, be it only its clock"
    assert served.http.get("/sessions").json()["sessions"] == [], "what the script started it has stopped"


def test_a_picture_that_fits_into_no_bound_is_refused(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*VIEW[::-1], 3), np.uint8))
    with pytest.raises(ValueError, match="does not fit"):
        page_picture.save_picture(noise, tmp_path / "page.jpg")
    assert not (tmp_path / "page.jpg").exists()


def test_the_committed_picture_is_one_that_the_script_could_have_taken() -> None:
    assert page_picture.PICTURE.stat().st_size <= LARGEST
    with Image.open(page_picture.PICTURE) as still:
        assert still.size == VIEW
        assert ImageChops.difference(still, still.transpose(Image.Transpose.FLIP_LEFT_RIGHT)).getbbox(), (
            "not one colour"
        )
