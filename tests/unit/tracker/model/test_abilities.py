"""A model is asked only for what its weights have a part for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.models import untrained, words_only
from tracker import Ability, Box, Prompt, Sam3, SegmentPrompt, Unable, warm_up
from tracker.model.abilities import able, check, need
from tracker.model.bank import Bank
from tracker.model.configs import NANO
from tracker.types import Point

WORDS = replace(NANO, name="words", abilities=frozenset({Ability.WORDS}))
BOX = Box(1, 1, 9, 9)


def test_what_is_there_may_be_asked_and_what_is_not_is_refused_with_what_is() -> None:
    assert [able(WORDS, each) for each in Ability] == [True, False, False, False]
    for each in Ability:
        need(NANO, each)
    with pytest.raises(
        Unable,
        match=r"^points: the model words cannot do clicks and boxes: .* can do words; .* are for nano, .*sam3\.$",
    ) as told:
        need(WORDS, Ability.CLICKS, "points")
    assert told.value.field == "points"


def test_a_prompt_that_cannot_be_answered_is_named() -> None:
    check(WORDS, [Prompt("star")])
    with pytest.raises(Unable, match=r"^prompts\[1\]\.boxes: .* cannot do example boxes"):
        check(WORDS, [Prompt("star"), Prompt("star", boxes=(BOX,))])
    blind = replace(NANO, name="blind", abilities=frozenset({Ability.CLICKS}))
    with pytest.raises(Unable, match=r"^prompts\[0\]\.text: the model blind cannot do words"):
        check(blind, [Prompt("star")])


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, seen: model.detect(seen, [Prompt(boxes=(BOX,))]),
        lambda model, seen: model.segment(seen, [SegmentPrompt(points=(Point(1, 1),))]),
        lambda model, seen: model.propagate(seen, [Bank()], 1),
        lambda model, seen: model.memorize(seen, torch.zeros(1, 56, 56), 1),
    ],
    ids=["examples", "clicks", "propagate", "memorize"],
)
def test_no_head_that_was_never_taught_is_used(ask: Callable[[Sam3, object], object]) -> None:
    model = words_only()
    with pytest.raises(Unable, match="words-only cannot do"):
        ask(model, model.embed(np.zeros((32, 32, 3), np.uint8)))


def test_a_model_of_words_is_warmed_up_for_words() -> None:
    assert list(warm_up(words_only())) == ["embed", "detect"]


def test_without_presence_a_score_is_the_querys_own() -> None:
    model = Sam3.untrained()
    embedding = model.embed(np.zeros((32, 32, 3), np.uint8))
    (held,) = model.detect(embedding, [Prompt("star", threshold=0)], nms_iou=None)
    model.detector.config = replace(model.config, presence=False)
    (free,) = model.detect(embedding, [Prompt("star", threshold=0)], nms_iou=None)
    shares = held.scores / free.scores
    assert len(shares) > 1
    assert torch.allclose(shares, shares[0].expand(len(shares)))
    assert 0 < float(shares[0]) < 1


def test_the_threshold_is_that_of_the_weights() -> None:
    assert (untrained().threshold, words_only().threshold) == (0.5, 0.1)
