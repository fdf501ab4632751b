"""
The real server with a slower model: ``python -m benchmarks.slow_server 10 serve --port 8000``.

Every operation of the model is computed as many times as the first word says, and its last answer is taken: that takes
so many times as long, and so many times as much of the processor, as a larger model would. Or the first word names
another model, and pixels (``efficientsam3-ev@504``): that is built with random weights, which take as long as any, and
computes whatever the served one is asked; its answers mean nothing and are dropped, so that there is something to see.
Only looks into memory are left to the served one. What follows is the command line of ``streamer``. Nothing else of the
server is changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from streamer import cli
from streamer.engine import Engine
from tracker import Detected, Embedding, Prompt, Sam3, Segmentation, SegmentPrompt, Sent, warm_up
from tracker.model.bank import Memory

P = ParamSpec("P")
R = TypeVar("R")


def repeated(call: Callable[P, R], times: int) -> Callable[P, R]:
    """The same call, made so many times."""

    @wraps(call)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(times - 1):
            call(*args, **kwargs)
        return call(*args, **kwargs)

    return run


def slow(model: Sam3, times: int) -> Sam3:
    """
    Have a model compute everything so many times; its answers stay the same.

    These are the parts behind ``embed``, ``detect``, ``segment``, ``propagate`` and ``memorize``, and not those methods
    themselves: the detector's features are kept from call to call, and would be computed once.
    """
    parts = (
        (model, ("_square", "_encoded")),
        (model.detector, ("detect",)),
        (model.segmenter, ("segment",)),
        (model.memory, ("propagate", "encode", "memorize")),
    )
    for part, names in parts:
        for name in names:
            setattr(part, name, repeated(getattr(part, name), times))
    return model


def beside(model: Sam3, other: Sam3) -> Sam3:
    """Have ``other`` compute what a model is asked, before it answers."""
    seen: list[Embedding] = []  # by the other: the newest
    embed, levels, detect, segment, memorize = (
        model.embed,
        model.levels,
        model.detect,
        model.segment,
        model.memorize,
    )

    def embed_both(image: npt.NDArray[np.uint8], sent: Sent | None = None) -> Embedding:
        seen[:] = [other.embed(image)]
        return embed(image, sent)

    def levels_of_both(embedding: Embedding) -> tuple[Tensor, ...]:
        other.levels(seen[0])
        return levels(embedding)

    def detect_both(embedding: Embedding, prompts: Sequence[Prompt], **options: Any) -> list[Detected]:
        other.detect(seen[0], [replace(prompt, threshold=1.0) for prompt in prompts], **options)
        return detect(embedding, prompts, **options)

    def segment_both(
        embedding: Embedding, objects: Sequence[SegmentPrompt], *, multimask: bool = False
    ) -> Segmentation:
        blank = torch.zeros(other.side, other.side)
        other.segment(seen[0], [each if each.logits is None else replace(each, logits=blank) for each in objects])
        return segment(embedding, objects, multimask=multimask)

    def memorize_both(embedding: Embedding, logits: Tensor, tick: int) -> list[Memory]:
        other.memorize(seen[0], torch.zeros(len(logits), other.side, other.side), tick)
        return memorize(embedding, logits, tick)

    vars(model).update(
        embed=embed_both, levels=levels_of_both, detect=detect_both, segment=segment_both, memorize=memorize_both
    )
    model.word_seconds = other.word_seconds
    return model


def random(named: str) -> Sam3:
    """A model with random weights, warm: of a name, and of pixels after an @ if others than its own are meant."""
    name, _, pixels = named.partition("@")
    model = Sam3.untrained(name, device="cpu")
    model.fold()
    if pixels:
        model.resize(int(pixels))
    warm_up(model)
    return model


def main(how: str, command: list[str]) -> int:
    """Run a command of ``streamer``; the model is slowed once it is loaded and warmed up."""
    load = Engine.load

    async def loaded(self: Engine) -> None:
        other = None if how.isdigit() else await self.run(random, how)
        await load(self)
        if other is None:
            slow(self.need_model(), int(how))
        else:
            beside(self.need_model(), other)

    Engine.load = loaded  # type: ignore[method-assign]
    return cli.main(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
