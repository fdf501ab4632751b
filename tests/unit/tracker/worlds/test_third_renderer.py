"""The third renderer repeats by seed, is right about its pictures, and is for evaluation only."""

from __future__ import annotations

import ast
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

import tracker.training
from tracker.model.vocabulary import COLORS, SHAPES
from tracker.worlds import third_renderer
from tracker.worlds.objects import WorldObject
from tracker.worlds.third_renderer import PAINTS, PLAIN_NUMBER, SMALL_NUMBER, SMALL_WIDTHS, draw_still

Still = tuple[npt.NDArray[np.uint8], list[WorldObject]]

EVALUATING = {"evaluate.py", "evaluate_memory.py"}  # the modules of training that only ask


@pytest.fixture(scope="module")
def small() -> list[Still]:
    return [draw_still(np.random.default_rng(0), seed, small=True) for seed in range(9)]


@pytest.fixture(scope="module")
def plain() -> list[Still]:
    return [draw_still(np.random.default_rng(0), seed) for seed in range(9)]


def test_a_seed_decides_everything_and_nothing_else_does(plain: list[Still]) -> None:
    rng = np.random.default_rng(5)
    image, objects = draw_still(rng, 7)
    assert rng.random() == np.random.default_rng(5).random()
    assert np.array_equal(image, plain[7][0]) and not np.array_equal(image, plain[8][0])
    assert [thing.name for thing in objects] == [thing.name for thing in plain[7][1]]


def test_there_are_three_plain_shapes_or_fourteen_small_ones(plain: list[Still], small: list[Still]) -> None:
    assert {len(objects) for _, objects in plain} == {PLAIN_NUMBER} == {3}
    assert {len(objects) for _, objects in small} == {SMALL_NUMBER} == {14}


def test_small_shapes_have_the_widths_they_say(small: list[Still]) -> None:
    widths = [
        (columns[-1] + 1 - columns[0]) / image.shape[1]
        for image, objects in small
        for thing in objects
        for columns in (np.flatnonzero(thing.mask.any(0)),)
        if thing.shape in ("circle", "ring")  # the others are turned, and narrower or wider than their circle
    ]
    assert SMALL_WIDTHS[0] - 0.003 <= min(widths) and max(widths) <= SMALL_WIDTHS[1] + 0.003


def test_masks_never_overlap_and_what_they_cover_is_of_their_colour(plain: list[Still], small: list[Still]) -> None:
    for image, objects in plain + small:
        assert sum(thing.mask.astype(int) for thing in objects).max() == 1  # type: ignore[union-attr]
        for thing in objects:
            assert thing.countable and thing.visible == 1
            inside = cv2.erode(thing.mask.astype(np.uint8), np.ones((3, 3)))
            seen = np.median(image[inside > 0], 0)
            paints = [np.array([int(each[at : at + 2], 16) for at in (0, 2, 4)]) for each in PAINTS[thing.color]]
            assert min(np.abs(paint - seen).max() for paint in paints) < 30, thing.name


def test_every_colour_and_shape_turns_up(small: list[Still]) -> None:
    assert {thing.color for _, objects in small for thing in objects} == set(COLORS)
    assert {thing.shape for _, objects in small for thing in objects} == set(SHAPES)


def test_ground_is_mottled_behind_small_shapes(small: list[Still]) -> None:
    for image, objects in small:
        ground = ~np.any([thing.mask for thing in objects], 0)
        assert image[ground].std(0).max() > 3


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {
        f"{node.module}.{alias.name}" for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def test_it_draws_with_code_of_its_own() -> None:
    names = imported(Path(third_renderer.__file__))
    assert {name for name in names if name.startswith("tracker")} == {"tracker.worlds.objects.WorldObject"}
    assert not {name for name in names if name.startswith("cv2")}


def test_nothing_is_trained_on_the_renderers_of_evaluation() -> None:
    training = sorted(Path(tracker.training.__file__).parent.glob("*.py"))
    assert {path.name for path in training} > EVALUATING
    for path in training:
        if path.name not in EVALUATING:
            names = " ".join(imported(path))
            assert "second_renderer" not in names and "third_renderer" not in names, path.name
            assert not [each for each in ("second_renderer", "third_renderer") if each in path.read_text()], path.name
    for path in sorted(Path(third_renderer.__file__).parent.glob("*.py")):
        assert not {name for name in imported(path) if "_renderer" in name}, path.name
