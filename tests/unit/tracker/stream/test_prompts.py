"""Which prompts are the same, and what is asked of the detector."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.support.objects import made, square
from tracker import Box, Prompt, TrackerError, prompt_keys
from tracker.model.configs import NANO, Ability
from tracker.model.features import Example, Shown
from tracker.stream.prompts import RESTS, PromptList, check, example, for_keyframe

DRAWN = Prompt(boxes=(Box(1, 2, 3, 4),), labels=(True,))


def test_keys_do_not_depend_on_threshold_or_place() -> None:
    before = prompt_keys([Prompt("a"), Prompt("b")])
    after = prompt_keys([Prompt("b", threshold=0.9), Prompt("a")])
    assert before == after[::-1]


def test_an_id_of_its_own_is_the_key() -> None:
    assert prompt_keys([Prompt("a", id="x")]) == prompt_keys([Prompt("b", id="x")])
    assert prompt_keys([Prompt("a", id="x")]) != prompt_keys([Prompt("a")])


def test_a_repeated_prompt_has_a_key_of_its_own() -> None:
    first, second = prompt_keys([Prompt("a"), Prompt("a")])
    assert first != second
    assert prompt_keys([Prompt("a")]) == [first]


def test_words_are_asked_as_they_stand() -> None:
    prompt = Prompt("red circle", threshold=0.2)
    ask = for_keyframe([prompt], [], set(), 100, 200)
    assert list(ask.asked.values()) == [prompt]


def test_boxes_are_asked_on_the_frame_they_were_drawn_on_only() -> None:
    assert list(for_keyframe([DRAWN], [], set(prompt_keys([DRAWN])), 100, 200).asked.values()) == [DRAWN]
    ask = for_keyframe([DRAWN], [], set(), 100, 200)
    assert (ask.asked, ask.rests) == ({}, {prompt_keys([DRAWN])[0]: RESTS})


def test_later_the_best_confirmed_object_is_the_example() -> None:
    key = prompt_keys([DRAWN])[0]
    likely, sure, gone = made(square(0, 0, 32), confirmed=False), made(square(32, 32, 32)), made(square(0, 0, 64))
    for each, score in ((likely, 0.99), (sure, 0.6), (gone, 1.0)):
        each.key, each.score = key, score
    gone.lose()
    asked = for_keyframe([DRAWN], [likely, sure, gone], set(), 100, 200).asked[key]
    assert (asked.boxes, asked.labels) == ((Box(100, 50, 200, 100),), (True,))


def test_with_words_a_prompt_goes_on_without_its_boxes() -> None:
    ask = for_keyframe([Prompt("a", boxes=DRAWN.boxes)], [], set(), 100, 200)
    assert list(ask.asked.values()) == [Prompt("a")]
    assert not ask.rests


def test_an_example_keeps_what_else_the_prompt_says() -> None:
    prompt = example(Prompt("a", threshold=0.3, id="x"), [(0.0, 0.5, 0.5, 1.0)], [False], 100, 200)
    assert prompt == Prompt("a", (Box(0, 50, 100, 100),), (False,), 0.3, "x")


def test_boxes_wait_for_one_keyframe_in_whatever_list_they_then_stand() -> None:
    asked = PromptList([DRAWN])
    asked.replace([Prompt("a"), DRAWN], ())
    other = Prompt("b", (Box(5, 6, 7, 8),), (True,))
    asked.replace([Prompt("a"), other, DRAWN], prompt_keys([other]))
    assert list(asked.ask([], 100, 200).asked.values()) == [Prompt("a"), other, DRAWN]
    asked.answered()
    ask = asked.ask([], 100, 200)
    assert list(ask.asked.values()) == [Prompt("a"), Prompt("b")]
    assert asked.notes(ask.rests) == {2: RESTS}
    asked.replace([DRAWN], ())
    assert asked.notes(ask.rests) == {0: RESTS}


@pytest.mark.parametrize(
    "prompt", [Prompt(), Prompt(""), Prompt("a", threshold=-0.1), Prompt("a", DRAWN.boxes, (True, False))]
)
def test_what_makes_no_sense_is_refused(prompt: Prompt) -> None:
    with pytest.raises(TrackerError, match="prompt 1"):
        check([Prompt("fine"), prompt])


def test_with_no_object_alive_what_boxes_showed_at_another_time_is_the_example() -> None:
    key, example = prompt_keys([DRAWN])[0], Example(torch.zeros(2, 1, 4), torch.zeros(1, 2, dtype=torch.bool))
    asked = PromptList([])
    asked.recall([Prompt("a"), DRAWN], {key: example})
    words, shown = asked.ask([], 100, 200).asked.values()
    assert words == Prompt("a")
    assert isinstance(shown, Shown)
    assert shown.example is example
    alive = made(square(32, 32, 32))
    alive.key = key
    assert asked.ask([alive], 100, 200).asked[key].boxes == (Box(100, 50, 200, 100),)
    asked.replace([replace(DRAWN, threshold=0.2)], ())
    (shown,) = asked.ask([], 100, 200).asked.values()
    assert (isinstance(shown, Shown), shown.threshold) == (True, 0.2)
    asked.replace([], ())
    asked.replace([DRAWN], ())
    assert asked.ask([], 100, 200).rests == {key: RESTS}


def test_recalled_boxes_are_of_no_frame_to_come() -> None:
    asked = PromptList([])
    asked.recall([DRAWN], {})
    assert asked.ask([], 100, 200).rests == {prompt_keys([DRAWN])[0]: RESTS}


def test_those_drawn_on_the_frame_to_come_are_told_until_it_has_come() -> None:
    asked = PromptList([Prompt("red"), DRAWN])
    keys = prompt_keys([Prompt("red"), DRAWN])
    assert asked.drawn(keys) == keys[1:]
    assert asked.drawn(keys[:1]) == []
    asked.answered()
    assert asked.drawn(keys) == []


def test_a_model_without_examples_is_asked_for_the_words_alone_even_where_one_is_alive() -> None:
    both = Prompt("a", boxes=DRAWN.boxes, labels=(True,))
    found = made(square(0, 0, 32))
    found.key = prompt_keys([both])[0]
    lacking = replace(NANO, abilities=frozenset({Ability.WORDS}))
    ask = for_keyframe([both, DRAWN], [found], set(prompt_keys([both, DRAWN])), 100, 200, config=lacking)
    assert list(ask.asked.values()) == [Prompt("a")]
    assert "cannot do example boxes" in ask.rests[prompt_keys([DRAWN])[0]]
