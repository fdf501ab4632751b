"""Counts the pictures that are composed for who watches: what the tests of playback wait for."""

from __future__ import annotations

from typing import Any

import pytest

from streamer.video import viewers
from streamer.video.composer import Composer
from streamer.video.encoder import Codec, Coded


class Compositions:
    """How many pictures were composed since it was installed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        monkeypatch.setattr(viewers, "Composer", lambda: _Counted(self))


class _Counted(Composer):
    def __init__(self, compositions: Compositions) -> None:
        super().__init__()
        self._compositions = compositions

    async def make(self, *given: Any, **options: Any) -> dict[Codec, Coded]:
        coded = await super().make(*given, **options)
        self._compositions.count += 1
        return coded
