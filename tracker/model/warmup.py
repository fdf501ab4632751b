"""A model's first calls, before anybody waits: buffers are taken, kernels chosen, encodings of positions made."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from tracker.model.abilities import able
from tracker.model.bank import Bank
from tracker.model.configs import Ability
from tracker.model.features import Embedding, SegmentPrompt
from tracker.model.sam3 import Sam3
from tracker.types import Box, Point, Prompt

HEIGHT, WIDTH = 480, 640  # a camera's picture; the network sees a square of its own size, whatever it is
TEXT = "thing"  # nano knows it, and so does the full-size model


def warm_up(model: Sam3, progress: Callable[[str], None] | None = None) -> dict[str, float]:
    """
    Ask everything that a stream asks, once, at the shapes it is asked at. Returns the seconds of each stage.

    What the model has no part for is left out. ``progress`` is told each stage before it starts. The model knows from
    then on what asking for a word takes here (:attr:`Sam3.word_seconds`).
    """
    import scipy.optimize  # noqa: F401  (association needs it from the second keyframe on, and it takes half a second)

    image = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    seconds: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], object]) -> None:
        if progress:
            progress(f"warming up: {stage} ({len(seconds) + 1} of {len(stages)})")
        start = time.perf_counter()
        work()
        seconds[stage] = time.perf_counter() - start

    seen: list[Embedding] = []
    stages: dict[str, Callable[[], object]] = {
        "embed": lambda: seen.append(model.embed(image)),
        "detect": lambda: _detect(model, seen[0]),
    }
    if able(model.config, Ability.CLICKS):
        stages["segment"] = lambda: _segment(model, seen[0])
    if able(model.config, Ability.MEMORY):
        stages["propagate"] = lambda: _propagate(model, seen[0])
    for stage, work in stages.items():
        timed(stage, work)
    if progress:
        progress(f"warm after {sum(seconds.values()):.1f} s")
    return seconds


def _detect(model: Sam3, embedding: Embedding) -> None:
    box = Box(WIDTH / 4, HEIGHT / 4, WIDTH / 2, HEIGHT / 2)
    exemplars = [Prompt(TEXT, boxes=(box,))] if able(model.config, Ability.EXEMPLARS) else []
    for prompt in (Prompt(TEXT), *exemplars):  # what takes the first and not the second call happens once
        began = time.perf_counter()
        model.detect(embedding, [prompt])
        model.word_seconds = time.perf_counter() - began


def _segment(model: Sam3, embedding: Embedding) -> None:
    model.segment(embedding, [SegmentPrompt(points=(Point(WIDTH / 2, HEIGHT / 2),))], multimask=True)
    box = Box(WIDTH / 4, HEIGHT / 4, WIDTH / 2, HEIGHT / 2)
    first = model.segment(embedding, [SegmentPrompt(box=box)])
    found = model.segment(embedding, [SegmentPrompt(box=box, logits=first.logits[0, 0])])
    model.masks(found.logits[0], HEIGHT, WIDTH)


def _propagate(model: Sam3, embedding: Embedding) -> None:
    logits = model.segment(embedding, [SegmentPrompt(points=(Point(WIDTH / 2, HEIGHT / 2),))]).logits[:, 0]
    bank = Bank()
    bank.condition(model.memorize(embedding, logits, 0)[0])
    for tick in (1, 2):  # the second reads a map of each kind
        found = model.propagate(embedding, [bank], tick)
        bank.remember(model.encode_memories(embedding, found, [0])[0])
