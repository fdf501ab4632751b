"""A model whose calls take long by a clock of its own, and a live camera by the same clock: nobody waits for either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from torch import Tensor

from benchmarks.support.fake_model import FakeModel, Picture
from tracker import Detected, Embedding, Prompt, Sam3, Segmentation, SegmentPrompt, Stage, Step, Tracker

FPS = 30
EMBED, LEVELS, WORD, OBJECT = 0.4, 0.3, 1.2, 0.02  # seconds: about EfficientSAM3 EV at 504 pixels on one core


class FakeDelay(FakeModel):
    """The stand-in model; each call moves the clock on by what it would take, times ``slower``, and is counted."""

    def __init__(self, *, slower: float = 1.0, known: bool = True) -> None:
        super().__init__()
        self.now, self.slower = 0.0, slower
        self.word_seconds = WORD * slower if known else None
        self.words: list[tuple[str | None, ...]] = []  # of each detection
        self.detecting = 0.0  # seconds of all of them

    def embed(self, image: Picture) -> Embedding:
        self._take(EMBED)
        return super().embed(image)

    def levels(self, embedding: Embedding) -> tuple[Tensor, ...]:
        self.detecting += self._take(LEVELS)
        return super().levels(embedding)

    def detect(self, embedding: Embedding, prompts: Sequence[Prompt], *, nms_iou: float | None = 0.1) -> list[Detected]:
        self.detecting += self._take(WORD * len(prompts))
        self.words.append(tuple(prompt.text for prompt in prompts))
        return super().detect(embedding, prompts, nms_iou=nms_iou)

    def segment(
        self, embedding: Embedding, objects: Sequence[SegmentPrompt], *, multimask: bool = False
    ) -> Segmentation:
        self._take(OBJECT * len(objects))
        return super().segment(embedding, objects, multimask=multimask)

    def _take(self, seconds: float) -> float:
        self.now += self.slower * seconds
        return self.slower * seconds


class LiveStream:
    """A tracker that looks at the newest frame of a camera when the look before is done; ``scene`` draws a frame."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        scene: Callable[[float], Picture],
        *prompts: Prompt,
        model: FakeDelay | None = None,
        **options: Any,
    ) -> None:
        self.model = model or FakeDelay()
        monkeypatch.setattr("tracker.stream.stopwatch.time.perf_counter", lambda: self.model.now)
        self.scene = scene
        self.tracker = Tracker(cast(Sam3, self.model), prompts, **{"live": True, **options})
        self.index = -1
        self.steps: list[Step] = []

    def look(self, **options: Any) -> Step:
        """At the newest frame, or the next one where there is none yet."""
        self.index = max(self.index + 1, int(self.model.now * FPS))
        self.model.now = max(self.model.now, self.index / FPS)
        seconds = self.index / FPS
        self.steps.append(self.tracker.step(self.scene(seconds), self.index, seconds, **options))
        return self.steps[-1]

    def looks(self, count: int) -> list[Step]:
        return [self.look() for _ in range(count)]

    @property
    def keyframes(self) -> list[Step]:
        return [step for step in self.steps if step.stage is Stage.KEYFRAME]
