"""What the stages of a step take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch


class Stopwatch:
    """
    Seconds by stage name.

    On CUDA the device notes its own time as it comes to a lap, and is asked at the end: waiting for it after each stage
    would keep the host from asking for the next.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._last = self._mark()
        self._parts: list[tuple[Any, Any]] = []  # of the lap at hand: from, to
        self._laps: list[tuple[str, list[tuple[Any, Any]]]] = []
        self._read: dict[str, float] | None = None

    def lap(self, name: str) -> None:
        """Put the time since the last lap down to ``name``, with what the device still has to do for it."""
        if self._device.type == "mps":
            torch.mps.synchronize()
        now = self._mark()
        self._laps.append((name, [*self._parts, (self._last, now)]))
        self._last, self._parts, self._read = now, [], None

    @property
    def seconds(self) -> dict[str, float]:
        """What each stage took; on CUDA the host waits for the device here."""
        if self._read is None:
            if self._device.type == "cuda":
                self._last.synchronize()
            self._read = {}
            for name, parts in self._laps:
                spent = sum(self._between(*part) for part in parts)
                self._read[name] = self._read.get(name, 0.0) + spent
        return self._read

    def leave_out(self, act: Callable[[], None]) -> None:
        """Do something that is part of no stage."""
        self._parts.append((self._last, self._mark()))
        try:
            act()
        finally:
            self._last = self._mark()

    def _mark(self) -> Any:
        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event

    def _between(self, before: Any, after: Any) -> float:
        if self._device.type != "cuda":
            return float(after - before)
        return float(before.elapsed_time(after)) / 1000
