"""What is counted."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from streamer.counters import FAILED, Counters
from streamer.result import FrameInfo, Result
from tracker import Stage, Step

FRAME = FrameInfo(0, 0, 0, Fraction(1, 30), None, 0.0, 64, 48)


def result(step: Step | None, age: float = 0.06) -> Result:
    return Result("s", FRAME, (), step, None, age, 0.05, 0)


def test_a_result_counts_for_its_stage_its_age_and_the_parts_of_its_step() -> None:
    counters = Counters()
    for seconds in (0.02, 0.03):
        counters.looked_at(looked := result(Step(Stage.REFINE, "interval", (), {"embed": seconds})))
        counters.published(looked)
    value = counters.registry.get_sample_value
    assert value("streamer_frames_looked_at_total", {"stage": "refine"}) == 2
    assert value("streamer_result_age_seconds_bucket", {"le": "0.05"}) == 0
    assert value("streamer_result_age_seconds_bucket", {"le": "0.1"}) == 2
    assert value("streamer_step_part_seconds_sum", {"part": "embed"}) == pytest.approx(0.05)
    assert value("streamer_step_part_seconds_count", {"part": "embed"}) == 2


def test_a_step_that_failed_counts_as_such() -> None:
    counters = Counters()
    counters.looked_at(result(None))
    counters.published(result(None))
    value = counters.registry.get_sample_value
    assert value("streamer_frames_looked_at_total", {"stage": FAILED}) == 1
    assert value("streamer_result_age_seconds_count") == 1


def test_a_presented_result_counts_for_its_age_and_is_no_look() -> None:
    counters = Counters()
    moved = Step(Stage.FLOW, "presented", (), {"present": 0.004})
    counters.published(replace(result(moved, 0.01), presented=True))
    value = counters.registry.get_sample_value
    assert value("streamer_results_total") == 1
    assert value("streamer_result_age_seconds_bucket", {"le": "0.025"}) == 1
    assert value("streamer_step_part_seconds_count", {"part": "present"}) == 1
    assert value("streamer_frames_looked_at_total", {"stage": "flow"}) == 0


def test_every_stage_is_told_before_it_happened() -> None:
    stages = {*Stage, FAILED}
    for stage in stages:
        assert Counters().registry.get_sample_value("streamer_frames_looked_at_total", {"stage": stage}) == 0


def test_two_servers_in_one_process_count_apart() -> None:
    one, other = Counters(), Counters()
    one.decoded.inc(3)
    assert other.registry.get_sample_value("streamer_frames_decoded_total") == 0
