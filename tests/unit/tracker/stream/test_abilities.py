"""A stream of a model whose weights lack a part: what it does without, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from benchmarks.support.fake_model import FakeModel, picture
from tracker import Ability, Box, Point, Prompt, Sam3, Stage, Tracker, Unable

RED = Prompt("red")


def lacking(*abilities: Ability) -> FakeModel:
    model = FakeModel()
    model.config = replace(model.config, abilities=frozenset(Ability) - set(abilities))
    return model


def looked_at(model: FakeModel, tracker: Tracker, frames: int, first: int = 0) -> list[Stage]:
    """The stages of frames on which a red square moves to the right."""
    pictures = [(number, picture(("red", 10 + 2 * number, 40, 30))) for number in range(first, first + frames)]
    return [tracker.step(image, number, number / 10).stage for number, image in pictures]


def test_without_clicks_masks_are_moved_along_and_found_again_on_keyframes() -> None:
    model = lacking(Ability.CLICKS, Ability.MEMORY)
    tracker = Tracker(cast(Sam3, model), [RED], interval=4)
    stages = looked_at(model, tracker, 12)
    assert set(stages) == {Stage.KEYFRAME, Stage.FLOW}
    assert tracker.snapshot is not None
    (only,) = tracker.snapshot.objects
    assert only.id == 1
    assert (model.prompted, model.propagated) == ([], 0)


def test_without_prompts_a_model_without_clicks_has_nothing_to_do() -> None:
    model = lacking(Ability.CLICKS, Ability.MEMORY)
    tracker = Tracker(cast(Sam3, model), [RED], interval=4)
    looked_at(model, tracker, 3)
    tracker.set_prompts([])
    looked_at(model, tracker, 9, first=3)
    assert model.prompted == []


@pytest.mark.parametrize(
    "ask",
    [lambda tracker: tracker.click(0, [Point(20, 50)]), lambda tracker: tracker.box(0, Box(10, 40, 40, 70))],
    ids=["click", "box"],
)
def test_a_click_is_refused_in_words_and_the_stream_goes_on(ask: Callable[[Tracker], object]) -> None:
    model = lacking(Ability.CLICKS, Ability.MEMORY)
    tracker = Tracker(cast(Sam3, model), [RED])
    looked_at(model, tracker, 2)
    with pytest.raises(Unable, match="the model fake cannot do clicks and boxes"):
        ask(tracker)
    assert tracker.orders == 0
    looked_at(model, tracker, 1, first=2)


def test_without_clicks_an_example_on_an_older_frame_is_moved_along_as_a_box() -> None:
    model = lacking(Ability.CLICKS, Ability.MEMORY)
    tracker = Tracker(cast(Sam3, model))
    looked_at(model, tracker, 3)
    tracker.set_prompts([Prompt(boxes=(Box(10, 40, 40, 70),))], index=0)
    (asked,) = model.asked
    (box,) = asked.boxes
    assert 10 <= box.x0 < 20 and box.x1 - box.x0 == pytest.approx(30, abs=4)
    assert model.prompted == []
    assert tracker.snapshot is not None
    assert len(tracker.snapshot.objects) == 1


def test_examples_are_refused_before_anything_is_changed() -> None:
    model = lacking(Ability.EXEMPLARS)
    tracker = Tracker(cast(Sam3, model), [RED])
    looked_at(model, tracker, 2)
    with pytest.raises(Unable, match=r"prompts\[0\]\.boxes: the model fake cannot do example boxes"):
        tracker.set_prompts([Prompt(boxes=(Box(10, 40, 40, 70),))], index=0)
    assert tracker.prompts == (RED,)
    with pytest.raises(Unable, match="example boxes"):
        Tracker(cast(Sam3, model), [Prompt(boxes=(Box(1, 1, 9, 9),))])


def test_without_memory_objects_are_followed_by_their_masks() -> None:
    model = lacking(Ability.MEMORY)
    tracker = Tracker(cast(Sam3, model), [RED], interval=4)
    looked_at(model, tracker, 6)
    tracker.click(5, [Point(25, 50)])
    assert model.prompted != []
    assert (model.propagated, model.encoded) == (0, [])


@pytest.mark.parametrize(("follower", "lacks"), [("memory", Ability.MEMORY), ("pvs", Ability.CLICKS)])
def test_a_way_of_following_that_cannot_be_gone_is_refused_at_once(follower: str, lacks: Ability) -> None:
    with pytest.raises(Unable, match="the model fake cannot do"):
        Tracker(cast(Sam3, lacking(lacks)), follower=follower)  # type: ignore[arg-type]
    Tracker(cast(Sam3, lacking(lacks)), follower="flow")
