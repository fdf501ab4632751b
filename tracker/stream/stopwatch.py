"""What the stages of a step take."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


class Stopwatch:
    """Seconds by stage name."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Put the time since the last lap down to ``name``, with what the device still had to do for it."""
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        elif self._device.type == "mps":
            torch.mps.synchronize()
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now

    def leave_out(self, act: Callable[[], None]) -> None:
        """Do something that is part of no stage."""
        began = time.perf_counter()
        try:
            act()
        finally:
            self._last += time.perf_counter() - began
