"""What a snapshot shows after an order, and how orders are counted; looks that are wished for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.support.fake_model import picture
from tests.support.stream import FRAME, GREEN, RED, Stream, click_at
from tracker import Box, Prompt, Snapshot, Stage, Tracker, TrackerError, prompt_keys

SCENE = (("red", 10, 10, 24), ("green", 80, 10, 24), ("blue", 10, 80, 24))


def watched(*prompts: Prompt) -> Stream:
    stream = Stream(*prompts)
    stream.watch(4, *SCENE)
    return stream


def snapshot(stream: Stream) -> Snapshot:
    found = stream.tracker.snapshot
    assert found is not None
    return found


def test_before_the_first_look_there_is_no_snapshot() -> None:
    assert Stream(RED).tracker.snapshot is None


def test_a_snapshot_shows_what_the_look_shows() -> None:
    stream = watched(RED, GREEN)
    step = stream.see(*SCENE)
    seen = snapshot(stream)
    assert (seen.index, seen.stage, seen.reason, seen.order) == (4, step.stage, step.reason, 0)
    assert [(each.id, each.key, each.age, each.tentative) for each in seen.objects] == [
        (each.id, each.key, each.age, each.tentative) for each in step.tracks
    ]
    for each, track in zip(seen.objects, step.tracks, strict=True):
        inside = each.logits.repeat(2, 0).repeat(2, 1) > 0
        assert (inside == track.mask.dense()).mean() > 0.99


@pytest.mark.parametrize(
    ("order", "there"),
    [
        (lambda t: t.click(3, click_at(20, 90)), {1, 2, 3}),
        (lambda t: t.box(3, Box(8, 78, 36, 106)), {1, 2, 3}),
        (lambda t: t.remove(1), {2}),
        (lambda t: t.set_prompts([GREEN]), {2}),
        (lambda t: t.set_prompts([RED, Prompt("green", threshold=0.99)]), {1}),
        (lambda t: t.set_prompts([RED, GREEN, Prompt(boxes=(Box(10, 80, 34, 104),), labels=(True,))]), {1, 2, 3}),
        (lambda t: t.set_prompts([RED, GREEN, Prompt("blue")]), {1, 2}),  # looked for on the next frame
    ],
)
def test_after_an_order_the_snapshot_shows_what_is_now_on_the_newest_frame(
    order: Callable[[Tracker], object], there: set[int]
) -> None:
    stream = watched(RED, GREEN)
    before = snapshot(stream)
    order(stream.tracker)
    after = snapshot(stream)
    assert {each.id for each in after.objects} == there
    assert (after.index, after.order, after.prompts) == (before.index, 1, stream.tracker.prompts)
    assert {each.id for each in before.objects} == {1, 2}  # what was given away stays what it was


def test_a_snapshots_notes_are_of_the_list_that_is_in_force() -> None:
    resting = Prompt(boxes=(Box(40, 40, 60, 60),), labels=(True,))
    stream = Stream(RED, resting)
    stream.watch(4, *SCENE)
    assert set(snapshot(stream).notes) == {1}
    stream.tracker.set_prompts([resting, RED])
    assert set(snapshot(stream).notes) == {0}
    stream.tracker.set_prompts([RED])
    assert not snapshot(stream).notes


def test_orders_that_are_refused_do_not_count() -> None:
    stream = watched(RED, GREEN)
    for refused in (
        lambda: stream.tracker.click(3, click_at(60, 60)),
        lambda: stream.tracker.remove(9),
        lambda: stream.tracker.set_prompts([Prompt(" ")]),
        lambda: stream.tracker.box(90, Box(1, 1, 9, 9)),
    ):
        with pytest.raises(TrackerError):
            refused()
    assert (stream.tracker.orders, snapshot(stream).order) == (0, 0)


def test_a_scene_of_its_own_is_told_by_the_snapshot() -> None:
    stream = watched(RED)
    stream.look(picture(*SCENE), scene=3)
    assert snapshot(stream).scene == 3


@pytest.mark.parametrize(("looks", "most"), [(None, 12), (10.0, 6)])
def test_where_looks_come_too_late_keyframes_become_rarer_and_nothing_is_moved_along(
    looks: float | None, most: int
) -> None:
    stream = Stream(RED, looks=looks, adaptive=False)
    stages = []
    for place in range(100):
        stages.append(stream.tracker.step(picture(*SCENE), 8 * place, 8 * place * FRAME).stage)
    keyframes = np.flatnonzero([stage is Stage.KEYFRAME for stage in stages])
    assert most - 1 <= len(keyframes) <= most
    assert Stage.FLOW not in stages
    assert set(prompt_keys([RED])) == {each.key for each in snapshot(stream).objects}
