"""The second renderer repeats by seed, is right about its pictures, and draws with code of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tracker.model.vocabulary import COLORS, PATTERNS, SHAPES
from tracker.worlds import second_renderer
from tracker.worlds.objects import WorldObject
from tracker.worlds.second_renderer import draw_still

Still = tuple[npt.NDArray[np.uint8], list[WorldObject]]

# Degrees of hue from and to; red goes through 0.
HUES = {
    "red": (345, 10),
    "orange": (20, 42),
    "yellow": (46, 70),
    "green": (90, 165),
    "cyan": (168, 202),
    "blue": (205, 250),
    "purple": (262, 312),
    "pink": (316, 358),
}


@pytest.fixture(scope="module")
def stills() -> list[Still]:
    return [still(seed) for seed in range(100)]


def still(seed: int) -> Still:
    return draw_still(np.random.default_rng(0), seed)


def test_a_seed_decides_everything_and_nothing_else_does() -> None:
    rng = np.random.default_rng(5)
    (image, objects), (again, same), (other, _) = still(7), draw_still(rng, 7), still(8)
    assert rng.random() == np.random.default_rng(5).random()  # it is for asking, as it was
    assert np.array_equal(image, again) and not np.array_equal(image, other)
    for one, two in zip(objects, same, strict=True):
        assert (one.id, one.name, one.more, one.visible) == (two.id, two.name, two.more, two.visible)
        assert np.array_equal(one.mask, two.mask)


def test_masks_fit_their_picture_and_never_overlap(stills: list[Still]) -> None:
    for image, objects in stills:
        assert image.dtype == np.uint8 and image.shape[2] == 3
        assert all(thing.mask.shape == image.shape[:2] and thing.mask.dtype == np.bool_ for thing in objects)
        assert sum((thing.mask.astype(int) for thing in objects), np.zeros(image.shape[:2], int)).max() <= 1
        assert len({thing.id for thing in objects}) == len(objects) <= 12


def test_areas_are_plausible(stills: list[Still]) -> None:
    whole = []  # the radius of a disc as large, in units of the picture's shorter side
    for _, objects in stills:
        for thing in objects:
            assert thing.mask.any() and 0 < thing.visible <= 1
            whole.append(np.sqrt(thing.mask.sum() / thing.visible / np.pi) / min(thing.mask.shape))
    assert min(whole) > 0.01 and max(whole) < 0.35
    assert 0.04 < np.median(whole) < 0.12


def test_some_objects_are_whole_and_some_partly_hidden(stills: list[Still]) -> None:
    visible = np.array([thing.visible for _, objects in stills for thing in objects])
    assert np.mean(visible == 1) > 0.3
    assert np.mean(visible < 0.9) > 0.1


def test_every_colour_shape_and_pattern_turns_up(stills: list[Still]) -> None:
    things = [thing for _, objects in stills for thing in objects]
    assert {thing.color for thing in things} == set(COLORS)
    assert {thing.shape for thing in things} == set(SHAPES)
    assert {pattern for thing in things for pattern in thing.more} == set(PATTERNS)


@pytest.mark.parametrize("color", COLORS)
def test_colours_look_like_their_names(stills: list[Still], color: str) -> None:
    low, high = HUES[color]
    right = []
    for image, objects in stills:
        hsv = np.asarray(Image.fromarray(image).convert("HSV"))
        for thing in objects:
            if thing.color == color and not thing.more and thing.mask.sum() > 150:
                hue = middle_hue(hsv[thing.mask])
                right.append(low <= hue <= high if low < high else hue >= low or hue <= high)
    assert len(right) > 10
    assert np.mean(right) > 0.95


def middle_hue(pixels: npt.NDArray[np.uint8]) -> float:
    """The median hue, degrees, of the half of the pixels with the strongest colour; turned so that red is no seam."""
    strong = pixels[pixels[:, 1] >= np.median(pixels[:, 1]), 0] * (360 / 256)
    mean = np.angle(np.exp(1j * np.radians(strong)).sum(), deg=True)
    return float((mean + np.median((strong - mean + 180) % 360 - 180)) % 360)


def test_colour_is_where_the_masks_are(stills: list[Still]) -> None:
    for image, objects in stills[:40]:
        chroma = (image.max(2).astype(int) - image.min(2))[4:-4, 4:-4]
        covered = np.any([thing.mask for thing in objects], axis=0)[4:-4, 4:-4]
        if covered.any():
            assert np.median(chroma[covered]) > np.median(chroma[~covered]) + 30


def test_it_draws_with_code_of_its_own() -> None:
    tree = ast.parse(Path(second_renderer.__file__).read_text())
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules |= {node.module or "" for node in froms}
    names = {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
    assert not {module for module in modules | names if module.split(".")[0] == "cv2" or "looks" in module}
    assert {name for name in names if name.startswith("tracker")} == {"tracker.worlds.objects.WorldObject"}
