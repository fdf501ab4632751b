"""What the stages of a step take."""

from __future__ import annotations

import time

import pytest
import torch

from tracker.stream.stopwatch import Stopwatch


def test_laps_are_told_apart_by_name_and_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 11.0, 13.0, 13.5])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    watch = Stopwatch(torch.device("cpu"))
    for stage in ("embed", "refine", "embed"):
        watch.lap(stage)
    assert watch.seconds == {"embed": 1.5, "refine": 2.0}
