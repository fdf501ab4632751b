"""What the stages of a step take."""

from __future__ import annotations

import time

import pytest
import torch

from tests.support.pretended_torch import pretended_cuda
from tracker.stream.stopwatch import Stopwatch


def test_laps_are_told_apart_by_name_and_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 11.0, 13.0, 13.5])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    watch = Stopwatch(torch.device("cpu"))
    for stage in ("embed", "refine", "embed"):
        watch.lap(stage)
    assert watch.seconds == {"embed": 1.5, "refine": 2.0}


def test_a_lap_waits_for_apples_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[str] = []
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    watch = Stopwatch(torch.device("mps"))
    watch.lap("embed")
    assert waited == ["mps"]


def test_on_cuda_the_device_is_waited_for_once_however_many_laps_there_are() -> None:
    with pretended_cuda() as device, device.counting() as counts:
        watch = Stopwatch(torch.device("cuda:0"))
        for stage in ("embed", "refine", "embed"):
            watch.leave_out(lambda: None)
            watch.lap(stage)
        assert not counts.copies
        assert list(watch.seconds) == list(watch.seconds) == ["embed", "refine"]
        assert sum(counts.copies.values()) == 1


def test_what_is_left_out_is_part_of_no_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 11.0, 15.0, 16.0, 17.0, 20.0, 21.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    watch = Stopwatch(torch.device("cpu"))
    watch.leave_out(lambda: None)
    watch.lap("embed")
    with pytest.raises(ZeroDivisionError):
        watch.leave_out(lambda: 1 / 0)  # type: ignore[arg-type]
    watch.lap("refine")
    assert watch.seconds == {"embed": 2.0, "refine": 2.0}


def test_once_the_device_has_answered_laps_are_by_the_host_and_it_is_waited_for_only_where_that_is_asked() -> None:
    with pretended_cuda() as device, device.counting() as counts:
        watch = Stopwatch(torch.device("cuda:0"))
        watch.lap("embed")
        watch.answer(lambda: None)
        watch.lap("settle")
        assert list(watch.seconds) == ["embed", "settle"]
        assert not counts.copies
        watch.lap("memorize", wait=True)
        assert list(watch.seconds) == ["embed", "settle", "memorize"]
        assert sum(counts.copies.values()) == 1


def test_on_a_cpu_an_answer_is_part_of_its_lap(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 12.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    watch = Stopwatch(torch.device("cpu"))
    watch.answer(lambda: None)
    watch.lap("settle", wait=True)
    assert watch.seconds == {"settle": 2.0}
