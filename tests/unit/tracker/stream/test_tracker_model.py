"""A stream that goes on with another model: what it keeps, what it drops, and what then rests."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from benchmarks.support.fake_model import FakeModel, picture
from tests.support.stream import GREEN, RED, Stream, click_at, ids
from tracker import Ability, Box, FrameGone, Prompt, Sam3, Stage, Unable

SCENE = (("red", 10, 10, 24), ("green", 80, 10, 24), ("blue", 10, 80, 24))
EXAMPLE = Prompt(boxes=(Box(10, 80, 34, 104),), labels=(True,))


def other(*lacks: Ability, threshold: float = 0.5) -> Sam3:
    model = FakeModel()
    model.config = replace(model.config, name="other", abilities=frozenset(Ability) - set(lacks))
    model.threshold = threshold
    return cast(Sam3, model)


def test_prompts_are_kept_objects_are_found_anew_and_no_id_is_given_twice() -> None:
    stream = Stream(RED, GREEN)
    before = ids(stream.watch(4, *SCENE)[-1])
    clicked = stream.tracker.click(3, click_at(20, 90)).object_id
    orders = stream.tracker.orders
    stream.tracker.use(other())
    assert stream.tracker.prompts == (RED, GREEN)
    assert (stream.tracker.snapshot, stream.tracker.present, stream.tracker.orders) == (None, None, orders + 1)
    with pytest.raises(FrameGone, match="no frame has been looked at"):
        stream.tracker.click(3, click_at(20, 90))
    step = stream.see(*SCENE)
    assert (step.stage, ids(step)) == (Stage.KEYFRAME, [clicked + 1, clicked + 2])
    assert before == [1, 2] and clicked == 3
    assert stream.tracker.click(stream.index, click_at(20, 90)).object_id == clicked + 3


def test_every_part_asks_the_new_model() -> None:
    stream = Stream(RED)
    stream.watch(2, *SCENE)
    old, new = stream.model, cast(FakeModel, other())
    stream.tracker.use(cast(Sam3, new))
    old.asked, old.prompted, old.propagated = [], [], 0
    stream.watch(6, *SCENE)
    stream.tracker.click(stream.index, click_at(20, 90))
    assert (old.asked, old.prompted, old.propagated) == ([], [], 0)
    assert new.asked and new.prompted


def test_a_prompt_that_had_the_old_models_own_threshold_gets_the_new_ones() -> None:
    stream = Stream(RED, replace(GREEN, threshold=0.7))
    stream.see(*SCENE)
    stream.tracker.use(other(threshold=0.2))
    assert [prompt.threshold for prompt in stream.tracker.prompts] == [0.2, 0.7]


def test_an_example_that_the_new_model_cannot_be_asked_rests_and_says_why() -> None:
    """So do those that are not alive any more; a model that can be asked is asked again."""
    stream = Stream(RED, EXAMPLE, Prompt("green", boxes=(Box(80, 10, 104, 34),), labels=(True,)))
    assert len(stream.see(*SCENE).tracks) == 3
    stream.tracker.use(other(Ability.EXEMPLARS))
    steps = stream.watch(12, *SCENE)
    assert all(len(step.tracks) == 2 for step in steps)
    (note,) = steps[0].prompt_notes.items()
    assert note[0] == 1 and note[1].startswith("rests: the model other cannot do example boxes")
    stream.tracker.set_prompts((GREEN, EXAMPLE))  # what is in the list may stay in it
    with pytest.raises(Unable, match=r"prompts\[2\]\.boxes"):
        stream.tracker.set_prompts((GREEN, EXAMPLE, Prompt("new", EXAMPLE.boxes, (True,))))
    stream.tracker.use(other())
    assert "no object of it is alive" in stream.see(*SCENE).prompt_notes[1]


def test_without_clicks_they_are_refused_and_the_stream_goes_on() -> None:
    stream = Stream(RED)
    stream.see(*SCENE)
    stream.tracker.use(other(Ability.CLICKS, Ability.MEMORY))
    assert Stage.FLOW in {step.stage for step in stream.watch(6, *SCENE)}
    with pytest.raises(Unable, match="the model other cannot do clicks and boxes"):
        stream.tracker.click(stream.index, click_at(20, 20))
    assert len(stream.look(picture(*SCENE)).tracks) == 1


def test_a_model_that_cannot_follow_as_was_asked_for_changes_nothing() -> None:
    stream = Stream(RED, follower="memory")
    before = ids(stream.watch(2, *SCENE)[-1])
    with pytest.raises(Unable, match="following by memory"):
        stream.tracker.use(other(Ability.MEMORY))
    assert stream.tracker.model is cast(Sam3, stream.model)
    assert ids(stream.see(*SCENE)) == before
