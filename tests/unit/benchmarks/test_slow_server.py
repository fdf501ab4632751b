"""A model that computes everything several times."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import slow_server
from benchmarks.slow_server import repeated, slow
from streamer.engine import Engine
from tests.support.models import SEED
from tracker import Box, Prompt, Sam3, SegmentPrompt, Tracker

PICTURE = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
PARTS = ("backbone", "concepts", "ground", "decode", "attend", "remember")


def untrained() -> Sam3:
    """One of its own for each test, which changes it."""
    return Sam3.untrained("nano", device="cpu", seed=SEED)


def counting(model: Sam3) -> Counter[str]:
    """How often each part of the network is run from now on."""
    calls: Counter[str] = Counter()

    def watch(owner: Any, name: str, part: str) -> None:
        inner = getattr(owner, name)

        def run(*args: Any, **kwargs: Any) -> Any:
            calls[part] += 1
            return inner(*args, **kwargs)

        setattr(owner, name, run)

    watch(model, "backbone", "backbone")
    watch(model, "concepts", "concepts")
    watch(model.detector, "ground", "ground")
    watch(model.segmenter, "_decode", "decode")
    watch(model.memory, "_attend", "attend")
    watch(model.memory, "_encode", "remember")
    return calls


def answers(model: Sam3) -> list[torch.Tensor]:
    embedding = model.embed(PICTURE)
    (found,) = model.detect(embedding, [Prompt("thing", threshold=0.0)])
    segmented = model.segment(embedding, [SegmentPrompt(box=Box(10, 10, 60, 60))])
    model.memorize(embedding, segmented.logits[:, 0], 0)
    return [found.scores, found.logits, segmented.logits]


def test_every_part_is_computed_so_many_times_and_answers_the_same() -> None:
    plain, slowed = untrained(), slow(untrained(), 3)
    once, thrice = counting(plain), counting(slowed)
    for one, other in zip(answers(plain), answers(slowed), strict=True):
        assert torch.equal(one, other)
    assert set(once) == set(PARTS) - {"attend"}
    assert thrice == {part: 3 * count for part, count in once.items()}


def test_following_is_slowed_as_much_as_finding() -> None:
    counts = []
    for times in (1, 4):
        model = slow(untrained(), times)
        calls = counting(model)
        tracker = Tracker(model, [Prompt("thing", threshold=0.0)], follower="memory", adaptive=False)
        for index in range(4):
            tracker.step(PICTURE, index, index / 30)
        counts.append(calls)
    assert counts[0]["attend"] > 0
    assert counts[1] == {part: 4 * count for part, count in counts[0].items()}


def test_the_last_answer_is_taken() -> None:
    numbers = iter(range(10))
    assert repeated(lambda: next(numbers), 5)() == 4


def test_another_model_computes_what_is_asked_and_the_served_one_answers() -> None:
    plain, served, other = untrained(), untrained(), slow_server.random("nano@192")
    assert (served.word_seconds, slow_server.beside(served, other).word_seconds) == (None, other.word_seconds)
    calls, once = counting(other), counting(plain)
    for one, two in zip(answers(plain), answers(served), strict=True):
        assert torch.equal(one, two)
    assert calls == once
    served.levels(served.embed(PICTURE))
    assert calls["concepts"] == once["concepts"] + 1


def test_the_servers_model_is_slow_before_anybody_is_told_that_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "load", Engine.load)
    ran: list[str] = []

    def command(given: list[str]) -> int:
        async def load() -> None:
            engine = Engine(untrained)
            await engine.load()
            calls = counting(engine.need_model())
            await engine.run(engine.need_model().embed, PICTURE)
            await engine.close()
            assert calls["backbone"] == 10

        asyncio.run(load())
        ran.extend(given)
        return 7

    monkeypatch.setattr("streamer.cli.main", command)
    assert slow_server.main("10", ["serve", "--port", "0"]) == 7
    assert ran == ["serve", "--port", "0"]
