"""When a keyframe comes and why."""

from __future__ import annotations

from typing import Any

import pytest

from tracker import Stage
from tracker.stream.params import DEFAULTS
from tracker.stream.schedule import Budget, Schedule, Situation


def keyframes(schedule: Schedule, frames: int, **state: Any) -> list[tuple[int, str]]:
    decided = [schedule.next(Situation(**state)) for _ in range(frames)]
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
    assert found[: DEFAULTS.confirm_run] == [(place, "confirm") for place in range(DEFAULTS.confirm_run)]
    assert found[DEFAULTS.confirm_run] == (DEFAULTS.confirm_run + 9, "interval")


def test_objects_in_doubt_get_a_keyframe_but_not_at_once_again() -> None:
    schedule = Schedule(100)
    keyframes(schedule, 1)
    found = keyframes(schedule, 3 * DEFAULTS.doubt_gap, doubt=True)
    assert found == [(place * DEFAULTS.doubt_gap - 1, "confidence") for place in (1, 2, 3)]


def test_what_is_new_in_the_picture_asks_for_a_keyframe() -> None:
    news = [(place * DEFAULTS.doubt_gap, "uncovered") for place in (1, 2)]
    assert keyframes(Schedule(100), 12, uncovered=True) == [(0, "start"), *news]


def test_without_anything_to_detect_frames_are_looked_at_for_clicks_where_masks_are_moved_along() -> None:
    schedule = Schedule(5, flowing=True)
    decided = [schedule.next(Situation(detectable=False, warpable=True)) for _ in range(12)]
    assert [place for place, (stage, _) in enumerate(decided) if stage is Stage.REFINE] == [0, 5, 10]
    assert {stage for stage, _ in decided} == {Stage.REFINE, Stage.FLOW}


def test_without_anything_to_detect_there_are_no_keyframes() -> None:
    schedule = Schedule(2)
    decided = [schedule.next(Situation(detectable=False)) for _ in range(6)]
    assert {stage for stage, _ in decided} == {Stage.REFINE}


COSTS = {"embed": 0.025, "detect": 0.015, "refine": 0.002, "flow": 0.002, "encode": 0.003}


def stages(rate: float | None, frames: int, *, prompts: int = 1, objects: int = 5) -> list[Stage]:
    budget = Budget(rate, COSTS)
    schedule = Schedule(10, budget)
    decided: list[Stage] = []
    for _ in range(frames):
        situation = Situation(prompts=prompts, objects=objects, warpable=bool(decided))
        stage, _ = schedule.next(situation)
        took = {
            Stage.KEYFRAME: ("embed", "refine", "detect", "encode"),
            Stage.REFINE: ("embed", "refine", "encode"),
            Stage.FLOW: ("flow", "encode"),
        }[stage]
        budget.spend(situation, dict.fromkeys(took, 9.9))  # what is given counts, not what is measured
        decided.append(stage)
    return decided


def test_where_the_wanted_rate_can_be_kept_every_frame_is_encoded() -> None:
    assert Stage.FLOW not in stages(None, 50)
    easy = stages(15, 50)
    assert Stage.FLOW not in easy
    assert easy.count(Stage.KEYFRAME) == 5


def test_where_it_cannot_keyframes_become_rarer_and_then_encoder_passes() -> None:
    """A refined frame takes 38 ms and a moved one 5."""
    counted = {rate: stages(rate, 600) for rate in (24, 30, 60)}
    flows = {rate: each.count(Stage.FLOW) / 600 for rate, each in counted.items()}
    keyframes = {rate: each.count(Stage.KEYFRAME) for rate, each in counted.items()}
    assert flows[24] < 0.05
    assert flows[24] < flows[30] < flows[60]
    assert keyframes[30] == keyframes[24] == 60
    assert 600 / (10 * DEFAULTS.patience) - 1 <= keyframes[60] <= 30
    for rate in (30, 60):
        seconds = sum({Stage.FLOW: 0.005, Stage.REFINE: 0.038, Stage.KEYFRAME: 0.053}[stage] for stage in counted[rate])
        assert seconds <= 600 / rate * 1.1 + 0.1


def test_masks_are_moved_along_for_a_few_frames_only() -> None:
    crawl = stages(1000, 200)
    longest = max(len(run) for run in "".join("f" if stage is Stage.FLOW else " " for stage in crawl).split())
    assert longest == DEFAULTS.longest_flow


def test_detecting_takes_the_place_of_refining_where_it_costs_less() -> None:
    few, many = stages(None, 60, objects=5), stages(None, 60, objects=20)
    assert few.count(Stage.KEYFRAME) == 6
    assert many.count(Stage.KEYFRAME) >= 11
    assert stages(None, 60, objects=20, prompts=4).count(Stage.KEYFRAME) == 6


def test_where_time_is_short_too_a_frame_that_is_encoded_gets_the_cheaper_step() -> None:
    many, few = stages(40, 120, objects=20), stages(40, 120, objects=5)
    assert many.count(Stage.FLOW) > 30
    assert many.count(Stage.REFINE) <= 4  # before its cost is known to be too much
    assert few.count(Stage.REFINE) > few.count(Stage.KEYFRAME)


def test_no_detection_is_cheaper_for_what_it_does_not_find() -> None:
    budget = Budget(40, COSTS)
    assert budget.detecting_is_cheaper(Situation(prompts=1, objects=20))
    assert not budget.detecting_is_cheaper(Situation(prompts=1, objects=20, chosen=16))


def test_costs_are_measured_where_none_are_given() -> None:
    budget = Budget(30)
    for _ in range(20):
        budget.spend(Situation(prompts=2, objects=4), {"embed": 0.03, "detect": 0.02, "refine": 0.008})
    assert budget.costs["detect"] == pytest.approx(0.01)
    assert budget.costs["refine"] == pytest.approx(0.002)
    assert budget.short
    for _ in range(60):
        budget.spend(Situation(), {"flow": 0.002})
    assert not budget.short


def test_a_stream_that_only_flows_does_so_between_keyframes() -> None:
    schedule = Schedule(5, flowing=True)
    decided = [schedule.next(Situation(warpable=place > 0))[0] for place in range(11)]
    assert [place for place, stage in enumerate(decided) if stage is Stage.KEYFRAME] == [0, 5, 10]
    assert decided.count(Stage.FLOW) == 8


def turns(schedule: Schedule, frames: int, *, gap: int = 1, fps: float = 30, took: float = 0.04) -> list[Stage]:
    """What is decided where one frame in ``gap`` of a camera has its turn, and a step takes 40 ms."""
    decided: list[Stage] = []
    for place in range(frames):
        situation = Situation(prompts=1, objects=5, warpable=bool(decided))
        schedule.budget.turn(gap * place, gap * place / fps)
        stage, _ = schedule.next(situation)
        schedule.budget.spend(situation, {"embed": took})
        decided.append(stage)
    return decided


def test_eight_streams_on_one_device_are_short_of_looks_whatever_a_step_costs() -> None:
    """A look every eight frames are four a second."""
    by_rate, by_looks = Schedule(10, Budget(rate=10)), Schedule(10, Budget(looks=10))
    keyframes = [turns(each, 300, gap=8).count(Stage.KEYFRAME) for each in (by_rate, by_looks)]
    assert not by_rate.budget.short
    assert by_looks.budget.short and by_looks.budget.strained
    assert keyframes[0] == 30
    assert 300 / (10 * DEFAULTS.patience) <= keyframes[1] <= 15


def test_where_looks_are_short_every_frame_that_is_looked_at_is_embedded_all_the_same() -> None:
    assert Stage.FLOW not in turns(Schedule(10, Budget(looks=30)), 200, gap=8, took=0.3)
    assert Stage.FLOW in turns(Schedule(10, Budget(rate=30)), 200, gap=8, took=0.3)


@pytest.mark.parametrize(("gap", "fps"), [(1, 2), (1, 5), (2, 30), (3, 30), (3, 29.5), (6, 60)])
def test_a_slow_camera_and_as_many_looks_as_wanted_are_no_shortage(gap: int, fps: float) -> None:
    schedule = Schedule(10, Budget(looks=10))
    turns(schedule, 300, gap=gap, fps=fps)
    assert not schedule.budget.short and not schedule.budget.strained


def test_a_shortage_of_looks_ends_when_turns_come_in_time_and_what_is_long_ago_is_forgiven() -> None:
    budget, frame = Budget(looks=10), 0
    for gap, count, short in ((90, 20, True), (2, 60, False), (8, 5, True), (1, 10, False)):
        for _ in range(count):
            frame += gap
            budget.turn(frame, frame / 30)
            budget.spend(Situation(), {"embed": 0.01})
        assert budget.short == short, gap


def test_who_wishes_for_no_looks_is_short_of_none() -> None:
    schedule = Schedule(10, Budget())
    turns(schedule, 100, gap=50)
    assert not schedule.budget.short


def test_where_looks_are_short_doubt_asks_for_no_keyframe_and_new_objects_do() -> None:
    counted = []
    for looks in (None, 10):
        schedule = Schedule(100, Budget(looks=looks))
        turns(schedule, 60, gap=8)
        counted.append(len(keyframes(schedule, 30, doubt=True)))
    assert counted == [6, 0]
    assert keyframes(schedule, 1, tentative=True) == [(0, "confirm")]
