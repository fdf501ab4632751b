"""
Parts of a model compiled, for what streams ask of them; whatever else is asked runs as it is, and is never compiled.

Each function switches one on and returns how to switch it off again. It raises what the compiler raises, and leaves the
model as it was then. ``backend`` is torch.compile's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.model.backbone import positions
from tracker.model.bank import Bank, Memory
from tracker.model.compute import BUCKETS, Static
from tracker.model.features import Embedding, SegmentPrompt
from tracker.model.rotary import in_real_numbers, real_memory
from tracker.model.sam3 import Sam3
from tracker.types import Box, Prompt

Undo = Callable[[], None]

COSINE = 0.99  # the least with what it was made from, of what is made faster
PROMPTS = 1, 2, 4  # of one pass of a compiled detector: three go as four
LONGEST = 24  # ticks after which a bank holds as many memories beside the conditioning one as it can
IMAGE = np.zeros((480, 640, 3), np.uint8)
BOX = SegmentPrompt(box=Box(100, 100, 300, 300))
TEXT = Prompt("thing", threshold=1.0)  # how words are detected; what is found is not looked at


def backbone(model: Sam3, *, backend: str = "inductor") -> Undo:
    """The image encoder, for its one shape."""
    before, complex_again = model.backbone, in_real_numbers(model.network.backbone.vision_backbone.trunk)
    static = Static(model.encoder(), _compile(model.encoder(), backend))

    def undo() -> None:
        model.backbone = before
        complex_again()

    model.backbone = static
    with _or(undo), static.learning():
        model.embed(IMAGE)
    return undo


def decoder(model: Sam3, *, backend: str = "inductor", sizes: Sequence[int] = BUCKETS) -> Undo:
    """The mask decoder, for what a stream asks: a box for each object, one mask, each bucket."""
    module = model.interactive.sam_mask_decoder
    return _decode(model, Static(module, _compile(module, backend)), sizes)


def graphs(model: Sam3, *, sizes: Sequence[int] = BUCKETS) -> Undo:
    """The compiled mask decoder replayed as CUDA graphs: it is many small kernels."""
    if model.device.type != "cuda":
        raise RuntimeError("CUDA graphs are for CUDA")
    module = model.interactive.sam_mask_decoder
    compiled = torch.compile(module, dynamic=False, fullgraph=True, mode="reduce-overhead")
    return _decode(model, Static(module, compiled, copied=True), sizes)


def _decode(model: Sam3, static: Static, sizes: Sequence[int]) -> Undo:
    before, speed = model.segmenter.decoder, model.speed
    model.segmenter.decoder, model.speed = static, replace(speed, buckets=True)

    def undo() -> None:
        model.segmenter.decoder, model.speed = before, speed

    with _or(undo), static.learning():
        embedding = model.embed(IMAGE)
        for size in sizes:
            for _ in range(3 if static.copied else 1):  # a graph is recorded on the second call, replayed after
                model.segment(embedding, [BOX] * min(size, speed.segment_batch))
    return undo


def detector(model: Sam3, *, backend: str = "inductor", numbers: Sequence[int] = PROMPTS) -> Undo:
    """
    The detector's encoder, decoder and masks, for 1, 2 or 4 words at a time; exemplars run as they are.

    Raises RuntimeError where it answers otherwise than before.
    """
    parts, before = _detecting(model), model.detector.numbers
    embedding = model.embed(IMAGE)
    expected = grounded(model, embedding, numbers)
    statics = [Static(part.forward, _compile(part.forward, backend)) for part in parts]

    def undo() -> None:
        model.detector.numbers = before
        for part in parts:
            part.__dict__.pop("forward", None)

    for part, static in zip(parts, statics, strict=True):
        part.forward = static
    model.detector.numbers = tuple(numbers)
    with _or(undo), contextlib.ExitStack() as learning:
        for static in statics:
            learning.enter_context(static.learning())
        found = grounded(model, embedding, numbers)
        likeness = min(float(F.cosine_similarity(*pair, dim=0)) for pair in zip(found, expected, strict=True))
        if not likeness >= COSINE:
            raise RuntimeError(f"its answers have a cosine of {likeness:.4f} to those before")
    return undo


def _detecting(model: Sam3) -> list[Any]:
    """The parts of the detector that are compiled, each by its method ``forward``: upstream calls them by name."""
    network = model.network
    return [network.transformer.encoder, network.transformer.decoder, network.segmentation_head]


def grounded(model: Sam3, embedding: Embedding, numbers: Sequence[int]) -> list[Tensor]:
    """Scores, and mask logits, of all queries of so many words at a time, each in one row of numbers."""
    with torch.inference_mode(), model.precision():
        levels = model.levels(embedding)
        places, size = positions(model.network, levels[-1]), (embedding.height, embedding.width)
        answers = [model.detector.ground(levels, places, size, [TEXT] * number) for number in numbers]
    return [each.float().flatten() for pair in answers for each in pair]


def memory(model: Sam3, *, backend: str = "inductor") -> Undo:
    """Memory attention, whatever number of memories it reads: one code for one object, and one for several."""
    module, before = model.interactive.transformer.encoder, model.memory.attention
    complex_again = real_memory(module)
    static = Static(module, torch.compile(module, dynamic=True, fullgraph=True, backend=backend), sized=False)

    def undo() -> None:
        model.memory.attention = before
        complex_again()

    model.memory.attention = static
    with _or(undo), static.learning():
        embedding = model.embed(IMAGE)
        for objects in (1, 2):
            for length in (1, 2):
                model.propagate(embedding, banks(model, embedding, objects, length), length)
    return undo


def banks(model: Sam3, embedding: Embedding, objects: int, length: int) -> list[Bank]:
    """So many banks, each of one conditioning memory and ``length`` - 1 that it would have of the ticks after it."""
    logits = torch.full((objects, model.side, model.side), -10.0, device=model.device)
    logits[:, : model.side // 2, : model.side // 2] = 10.0
    found = []
    for first in model.memorize(embedding, logits, 0):
        bank = Bank()
        bank.condition(first)
        for tick in range(1, length):
            bank.remember(Memory(tick, first.features, first.pointer))
        found.append(bank)
    return found


def plainly(model: Sam3) -> Undo:
    """Nothing compiled."""
    before = model.backbone, model.segmenter.decoder, model.memory.attention, model.detector.numbers
    parts = _detecting(model)
    forwards = [part.__dict__.pop("forward", None) for part in parts]
    model.backbone, model.segmenter.decoder = model.encoder(), model.interactive.sam_mask_decoder
    model.memory.attention, model.detector.numbers = model.interactive.transformer.encoder, ()

    def undo() -> None:
        model.backbone, model.segmenter.decoder, model.memory.attention, model.detector.numbers = before
        for part, forward in zip(parts, forwards, strict=True):
            if forward is not None:
                part.forward = forward

    return undo


def _compile(part: Any, backend: str) -> Any:
    return torch.compile(part, dynamic=False, fullgraph=True, backend=backend)


@contextlib.contextmanager
def _or(undo: Undo) -> Iterator[None]:
    """Undo, where the ``with`` block raises."""
    try:
        yield
    except BaseException:
        undo()
        raise
