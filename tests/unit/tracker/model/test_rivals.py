"""Two names that cannot both be right: the surer one keeps a thing."""

from __future__ import annotations

from typing import cast

import pytest
import torch

from tests.support.objects import square
from tracker import Box, Prompt
from tracker.model.configs import CONFIGS
from tracker.model.features import Detected
from tracker.model.rivals import noun, settled


def found(*objects: tuple[float, int]) -> Detected:
    """Squares by score and place."""
    logits = [square(place, 10, 16) for _, place in objects]
    return Detected(
        torch.tensor([score for score, _ in objects]), torch.stack(logits) if logits else torch.zeros(0, 64, 64)
    )


def asked(*several: tuple[str, Detected]) -> list[list[float]]:
    """Scores of what each text keeps."""
    kept = settled([Prompt(text) for text, _ in several], [each for _, each in several], 0.5)
    return [[round(score, 2) for score in cast("list[float]", each.scores.tolist())] for each in kept]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("dog", "dog"),
        ("a big red circles", "circle"),
        ("puppy", "dog"),
        ("red thing", None),
        ("animal", None),
        ("dog cat", None),
        ("zebra", None),
        (None, None),
    ],
)
def test_a_prompt_has_the_one_noun_that_it_names(text: str | None, name: str | None) -> None:
    assert noun(Prompt(text)) == name


def test_a_prompt_of_example_boxes_has_none() -> None:
    assert noun(Prompt("dog", boxes=(Box(0, 0, 4, 4),), labels=(True,))) is None


def test_the_surer_of_two_nouns_keeps_a_thing_and_each_keeps_what_is_elsewhere() -> None:
    dog, cat = found((0.9, 10), (0.6, 40)), found((0.8, 11), (0.7, 39))
    assert asked(("dog", dog), ("cat", cat)) == [[0.9], [0.7]]


def test_three_nouns_of_one_thing_leave_the_surest() -> None:
    one = [("dog", found((0.7, 10))), ("cat", found((0.9, 10))), ("cow", found((0.8, 10)))]
    assert asked(*one) == [[], [0.9], []]


def test_what_has_lost_a_thing_takes_none_away() -> None:
    """The square lies on both others, which do not lie on each other."""
    circle, square_, star = found((0.9, 10)), found((0.8, 14)), found((0.7, 18))
    assert asked(("circle", circle), ("square", square_), ("star", star)) == [[0.9], [], [0.7]]


@pytest.mark.parametrize(("one", "other"), [("red circle", "circle"), ("red circle", "red thing"), ("dog", "animal")])
def test_names_that_can_both_be_right_both_keep_it(one: str, other: str) -> None:
    assert asked((one, found((0.9, 10))), (other, found((0.8, 10)))) == [[0.9], [0.8]]


def test_what_touches_is_not_the_same_thing() -> None:
    assert asked(("dog", found((0.9, 10))), ("cat", found((0.8, 20)))) == [[0.9], [0.8]]


def test_nothing_found_is_nothing_left() -> None:
    assert asked(("dog", found()), ("cat", found((0.8, 20)))) == [[], [0.8]]
    assert asked(("dog", found()), ("cat", found())) == [[], []]
    assert settled([], [], 0.5) == []


def test_only_nano_confuses_names() -> None:
    assert [config.name for config in CONFIGS if config.rivals is not None] == ["nano"]
