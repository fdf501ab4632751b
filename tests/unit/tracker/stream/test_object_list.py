"""The objects of one stream: their ids, their bound, and how they leave."""

from __future__ import annotations

import pytest

from tests.support.objects import square
from tracker import Key, TrackerError, UnknownObject
from tracker.stream.association import New
from tracker.stream.object_list import ObjectList
from tracker.stream.objects import Followed
from tracker.stream.params import DEFAULTS
from tracker.stream.states import State, WrongTransition

RED: Key = ("red",)
GREEN: Key = ("green",)


def filled(*keys: Key | None, most: int = 64) -> ObjectList:
    objects = ObjectList(most, 1)
    for key in keys:
        new = objects.pointed_at(square(1, 1, 9), 0.9, 0, 0.0) if key is None else found(objects, key)
        assert new is not None
    return objects


def found(objects: ObjectList, key: Key) -> Followed | None:
    return objects.found(key, New(square(10, 10, 20), (10 / 64, 10 / 64, 30 / 64, 30 / 64), 0.9), 3, 0.1)


def ids(objects: ObjectList) -> list[int]:
    return [each.id for each in objects]


def test_ids_count_up_and_are_never_given_twice() -> None:
    objects = filled(RED, RED)
    objects.clear()
    new = found(objects, RED)
    assert new is not None
    assert (new.id, objects.next_id) == (3, 4)


def test_a_new_object_is_tentative_and_its_first_frame_counts_as_a_hit() -> None:
    (new,) = filled(RED)
    assert (new.state, list(new.evidence.hits), new.evidence.detected) == (State.TENTATIVE, [True], 3)
    assert new.box == (10 / 64, 10 / 64, 30 / 64, 30 / 64)


def test_who_was_not_seen_for_longest_makes_room_and_none_that_is_seen() -> None:
    objects = filled(RED, RED, RED, most=3)
    assert found(objects, RED) is None
    assert (ids(objects), objects.refused) == ([1, 2, 3], 1)
    for each, steps in zip(objects, (0, 2, 1), strict=True):
        for _ in range(steps):
            each.lose()
    assert found(objects, RED) is not None
    assert ids(objects) == [1, 3, 4]


def test_no_object_is_given_up_for_what_a_user_points_at() -> None:
    objects = filled(RED, RED, most=2)
    objects.everyone[0].lose()
    with pytest.raises(TrackerError, match="2 objects are followed already"):
        objects.pointed_at(square(1, 1, 9), 0.9, 0, 0.0)
    assert ids(objects) == [1, 2]


def test_what_a_user_dismisses_is_found_no_more_but_followed_if_a_prompt_found_it() -> None:
    objects = filled(RED, None)
    objects.everyone[0].life.confirm()
    for number in (1, 2):
        objects.dismiss(number)
        with pytest.raises(UnknownObject, match=f"no object {number}"):
            objects.find(number)
    (followed,) = objects
    assert (followed.id, followed.visible, followed.shown) == (1, True, False)


def test_nothing_happens_to_what_has_left_the_list() -> None:
    objects = filled(None)
    (gone,) = objects
    objects.dismiss(1)
    assert gone.state is State.REMOVED
    with pytest.raises(WrongTransition):
        gone.see(square(10, 10, 20))


def test_objects_of_prompts_that_are_gone_leave_and_what_a_user_pointed_at_stays() -> None:
    objects = filled(RED, GREEN, None)
    objects.keep({GREEN})
    assert ids(objects) == [2, 3]
    assert [[each.id for each in same] for same in (objects.of(GREEN), objects.of(None), objects.of(RED))] == [
        [2],
        [3],
        [],
    ]
    assert sorted(len(same) for same in objects.by_key()) == [1, 1]


def test_what_is_lost_for_too_long_or_no_object_is_forgotten() -> None:
    objects = filled(RED, RED, RED)
    lost, flicker, kept = objects
    lost.life.confirm()
    for _ in range(DEFAULTS.keep_alive):
        lost.lose()
    for tick in range(10, 10 + DEFAULTS.confirm_window - 1):
        flicker.judge(tick)
    objects.forget()
    assert ids(objects) == [1, 3]
    lost.lose()
    objects.forget()
    assert list(objects) == objects.visible == [kept]
