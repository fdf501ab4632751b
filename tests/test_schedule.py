"""When a keyframe comes and why; what counts as a cut."""

from __future__ import annotations

import numpy as np

from tracker import Stage
from tracker.nano.worlds import Video
from tracker.schedule import CONFIRM_RUN, DOUBT_GAP, SceneCut, Schedule


def keyframes(schedule: Schedule, frames: int, **state: bool) -> list[tuple[int, str]]:
    decided = [schedule.next(detectable=True, **state) for _ in range(frames)]
    return [(place, reason) for place, (stage, reason) in enumerate(decided) if stage is Stage.KEYFRAME]


def test_the_first_frame_is_a_keyframe_and_then_every_interval() -> None:
    assert keyframes(Schedule(10), 25) == [(0, "start"), (10, "interval"), (20, "interval")]


def test_an_interval_of_one_makes_every_frame_a_keyframe() -> None:
    assert len(keyframes(Schedule(1), 5)) == 5


def test_a_demand_makes_the_next_frame_a_keyframe_and_tells_the_first_reason() -> None:
    schedule = Schedule(10)
    keyframes(schedule, 3)
    schedule.demand("prompts")
    schedule.demand("scene")
    assert keyframes(schedule, 12) == [(0, "prompts"), (10, "interval")]


def test_new_objects_get_a_bounded_run_of_keyframes() -> None:
    schedule = Schedule(10)
    keyframes(schedule, 1)
    found = keyframes(schedule, 15, tentative=True)
    assert found[:CONFIRM_RUN] == [(place, "confirm") for place in range(CONFIRM_RUN)]
    assert found[CONFIRM_RUN] == (CONFIRM_RUN + 9, "interval")


def test_objects_in_doubt_get_a_keyframe_but_not_at_once_again() -> None:
    schedule = Schedule(100)
    keyframes(schedule, 1)
    found = keyframes(schedule, 3 * DOUBT_GAP, doubt=True)
    assert found == [(place * DOUBT_GAP - 1, "confidence") for place in (1, 2, 3)]


def test_without_anything_to_detect_there_are_no_keyframes() -> None:
    schedule = Schedule(2)
    decided = [schedule.next(detectable=False) for _ in range(6)]
    assert {stage for stage, _ in decided} == {Stage.REFINE}


def test_movement_is_no_cut_and_another_world_is() -> None:
    cut = SceneCut()
    for world in (5, 6, 7):
        frames = [frame.image for frame, _ in zip(Video(world, 320, 240), range(20), strict=False)]
        seen = [cut.seen(image) for image in frames]
        assert not any(seen[1:])
    dark, light = np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 200, np.uint8)
    assert [cut.seen(image) for image in (dark, dark, light, light)][2:] == [True, False]


def test_a_changed_picture_size_is_no_cut() -> None:
    cut = SceneCut()
    image = np.random.default_rng(0).integers(0, 30, (240, 320, 3), np.uint8)
    assert not cut.seen(image)
    assert not cut.seen(image[::2, ::2])
