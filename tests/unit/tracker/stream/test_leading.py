"""What users pointed at is followed by memory: a few on each frame, in turn, and never onto something else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

import pytest

from benchmarks.support.fake_model import FakeModel, picture
from tests.support.objects import made, remembered, square
from tracker import Sam3
from tracker.model.bank import CONDITIONING
from tracker.stream.follower import Follower
from tracker.stream.geometry import bounds
from tracker.stream.objects import Followed
from tracker.stream.params import DEFAULTS
from tracker.types import Stage
from tracker.worlds.looks import Picture


def pointed_at(number: int = 1, color: tuple[float, float, float] = (255.0, 0.0, 0.0)) -> Followed:
    each = remembered(made(square(10, 10, 16), number), color)
    each.told.chosen = True
    return each


def in_one_place(several: Iterable[Followed]) -> list[Followed]:
    """Of prompts of their own, so that none stands in another's way."""
    objects = list(several)
    for number, each in enumerate(objects):
        each.key = (number,)
    return objects


def lead_and_follow(follower: Follower, model: FakeModel, picture: Picture, objects: list[Followed], tick: int) -> None:
    embedding = model.embed(picture)
    led = follower.lead(embedding, objects, tick / 30, tick)
    follower.follow(embedding, objects, tick / 30, tick, led=led)


def test_what_a_user_pointed_at_is_followed_by_memory() -> None:
    model = FakeModel()
    each, found = pointed_at(1), made(square(40, 40, 16), 2)
    shown = picture(("red", 24, 20, 32), ("green", 80, 80, 32))
    lead_and_follow(Follower(cast(Sam3, model), "auto"), model, shown, [each, found], 1)
    assert (len(model.prompted), model.propagated) == (1, 1)  # the other one is refined
    assert bounds(each.logits) == bounds(square(12, 10, 16))
    assert (each.visible, each.doubt.bad, each.stage) == (True, 0, Stage.REFINE)
    assert [memory.tick for memory in each.memory.bank.recent] == [1]


def test_what_memory_does_not_find_is_refined() -> None:
    model = FakeModel()
    each = pointed_at(1, (0.0, 0.0, 255.0))  # nothing of this colour is there
    lead_and_follow(Follower(cast(Sam3, model), "auto"), model, picture(("red", 24, 20, 32)), [each], 1)
    assert (len(model.prompted), model.propagated) == (1, 1)
    assert each.visible and not each.memory.bank.recent


def test_memory_follows_a_few_that_were_pointed_at_on_each_frame_in_turn() -> None:
    model = FakeModel()
    several = in_one_place(pointed_at(number) for number in range(DEFAULTS.led_batch + 1))
    follower = Follower(cast(Sam3, model), "auto")
    for tick in range(1, 4):
        lead_and_follow(follower, model, picture(("red", 20, 20, 32)), several, tick)
    assert model.encoded == [DEFAULTS.led_batch] * 3
    assert [[memory.tick for memory in each.memory.bank.recent] for each in several] == [[1, 2, 3], [1, 3], [2]]


def test_what_memory_does_not_find_keeps_no_other_waiting() -> None:
    model = FakeModel()
    gone = [pointed_at(number, (0.0, 0.0, 255.0)) for number in range(DEFAULTS.led_batch)]
    *_, there = several = in_one_place([*gone, pointed_at(9)])
    follower = Follower(cast(Sam3, model), "auto")
    for tick in range(1, 4):
        lead_and_follow(follower, model, picture(("red", 24, 20, 32)), several, tick)
    assert there.memory.bank.recent


def test_of_two_that_look_alike_memory_does_not_follow_one_onto_the_other() -> None:
    model = FakeModel()
    one, other = pointed_at(1), remembered(made(square(40, 40, 16), 2))
    other.told.chosen = True
    shown = picture(("red", 20, 20, 32), ("red", 80, 80, 32))
    lead_and_follow(Follower(cast(Sam3, model), "auto"), model, shown, [one, other], 1)
    assert bounds(one.logits) == bounds(square(10, 10, 16))
    assert bounds(other.logits) == bounds(square(40, 40, 16))
    assert one.visible and other.visible and not other.memory.bank.recent


def test_what_was_dismissed_is_not_led() -> None:
    model, each = FakeModel(), pointed_at()
    each.told.dismissed = True
    embedding = model.embed(picture(("red", 20, 20, 32)))
    assert Follower(cast(Sam3, model), "auto").lead(embedding, [each], 1 / 30, 1) == []
    assert model.propagated == 0


def test_a_users_own_mask_stays_in_memory() -> None:
    model, each = FakeModel(), pointed_at()
    (first,) = each.memory.bank.conditioning
    follower = Follower(cast(Sam3, model), "auto")
    for tick in range(1, 8 * DEFAULTS.memorize_every, DEFAULTS.memorize_every):
        follower.memorize(model.embed(picture(("red", 20, 20, 32))), [each], tick)
    assert each.memory.bank.conditioning[0] is first and len(each.memory.bank.conditioning) == CONDITIONING


@pytest.mark.parametrize("mode", ["pvs", "memory"])
def test_where_all_are_followed_in_one_way_nothing_is_led(mode: Literal["pvs", "memory"]) -> None:
    model = FakeModel()
    follower = Follower(cast(Sam3, model), mode)
    assert follower.lead(model.embed(picture(("red", 20, 20, 32))), [pointed_at()], 1 / 30, 1) == []
    assert model.propagated == 0
