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
    would keep the host from asking for the next. Once the host has waited for an answer of it (:meth:`answer`), laps
    are by the host's clock: there is little left that the device is asked for.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._answered = False
        self._last = self._mark()
        self._parts: list[tuple[Any, Any]] = []  # of the lap at hand: from, to
        self._laps: list[tuple[str, list[tuple[Any, Any]]]] = []
        self._read: dict[str, float] | None = None

    def lap(self, name: str, *, wait: bool = False) -> None:
        """
        Put the time since the last lap down to ``name``, with what the device still has to do for it.

        ``wait``: the device has much to do for it, after an answer too.
        """
        if self._device.type == "mps":
            torch.mps.synchronize()
        if wait and self._answered and self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        now = self._mark()
        self._laps.append((name, [*self._parts, (self._last, now)]))
        self._last, self._parts, self._read = now, [], None

    @property
    def seconds(self) -> dict[str, float]:
        """What each stage took; on CUDA the host waits for the device here."""
        if self._read is None:
            if not isinstance(self._last, float):
                self._last.synchronize()
            self._read = {}
            for name, parts in self._laps:
                spent = sum(self._between(*part) for part in parts)
                self._read[name] = self._read.get(name, 0.0) + spent
        return self._read

    def answer(self, fetch: Callable[[], None]) -> None:
        """Wait for an answer of the device: what it does until then is of its own laps, and the waiting of none."""
        if self._device.type == "cpu":
            fetch()
            return
        self._parts.append((self._last, self._mark()))
        fetch()
        self._answered = True
        self._last = self._mark()

    def leave_out(self, act: Callable[[], None]) -> None:
        """Do something that is part of no stage."""
        self._parts.append((self._last, self._mark()))
        try:
            act()
        finally:
            self._last = self._mark()

    def _mark(self) -> Any:
        if self._device.type != "cuda" or self._answered:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event

    def _between(self, before: Any, after: Any) -> float:
        if isinstance(before, float):
            return float(after - before)
        return float(before.elapsed_time(after)) / 1000
