"""What ``benchmarks.gpu`` measures of ours: stages, policies, streams and memory, with the number of objects forced."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu_asked import asked
from tracker import Box, Prompt, Sam3, Segmentation, SegmentPrompt, Sent, Tracker, small
from tracker.model.bank import CONDITIONING, POINTERS, Bank, Memory, Propagation
from tracker.model.features import Detected, Embedding

Picture = npt.NDArray[np.uint8]
FPS = 30
STREAM_OBJECTS = 5
AGE, LOOKS = (
    150.0,
    8.0,
)  # a stream counts while p95 of its looks' age is at most (ms), and there are (a second) at least


@dataclass
class Timing:
    """Milliseconds of calls of one thing."""

    milliseconds: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def mean(self) -> float:
        """Keyframes and all."""
        return float(np.mean(self.milliseconds))

    def cells(self) -> list[str]:
        """Mean, median and the 95th percentile."""
        p50, p95 = np.percentile(self.milliseconds, [50, 95])
        return [f"{self.mean:.2f}", f"{p50:.2f}", f"{p95:.2f}"]


def timed(model: Sam3, call: Callable[[], object], repeats: int, warm_up: int = 3) -> Timing:
    """Time a call, and wait for the device each time."""
    found = Timing()
    for turn in range(warm_up + repeats):
        wait(model)
        began = time.perf_counter()
        call()
        wait(model)
        if turn >= warm_up:
            found.milliseconds.append(1000 * (time.perf_counter() - began))
    return found


def wait(model: Sam3) -> None:
    """Until the device has done what it was told."""
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)


def picture(height: int, width: int) -> Picture:
    """A gradient: nothing moves and nothing is cut, so that what a stream does does not depend on the weights."""
    ramp = np.linspace(0, 255, width, dtype=np.float32)[None] * np.linspace(0.3, 1, height, dtype=np.float32)[:, None]
    return np.ascontiguousarray(np.stack([ramp, ramp[::-1], 255 - ramp], -1).astype(np.uint8))


def boxes(count: int, height: int, width: int) -> list[Box]:
    """So many boxes on a grid, apart from each other."""
    across = int(np.ceil(np.sqrt(count)))
    wide, high = width / across, height / across
    places = [(index % across, index // across) for index in range(count)]
    return [Box((x + 0.2) * wide, (y + 0.2) * high, (x + 0.8) * wide, (y + 0.8) * high) for x, y in places]


class Forced:
    """
    A model that does all of its work and then answers with objects on a grid: their number does not hang on weights.

    It is what the tracker sees of a :class:`Sam3`; ``passes`` counts encoder passes.
    """

    def __init__(self, model: Sam3, objects: int) -> None:
        self._model, self.objects, self.passes = model, objects, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def embed(self, image: Picture, sent: Sent | None = None) -> Embedding:
        """Count, and embed."""
        self.passes += 1
        return self._model.embed(image, sent)

    def _drawn(self, places: Sequence[Box], height: int, width: int) -> Tensor:
        side = self._model.side
        logits = torch.full((len(places), side, side), -10.0)
        for each, box in zip(logits, places, strict=True):
            rows = slice(round(box.y0 / height * side), max(1, round(box.y1 / height * side)))
            columns = slice(round(box.x0 / width * side), max(1, round(box.x1 / width * side)))
            each[rows, columns] = 10.0
        return logits.to(self._model.device)

    def _grid(self, embedding: Embedding) -> Tensor:
        return self._drawn(boxes(self.objects, 100, 100), 100, 100)

    def detect(self, embedding: Embedding, prompts: Sequence[Prompt], **options: Any) -> list[Detected]:
        """The first prompt finds them all."""
        self._model.detect(embedding, prompts, **options)
        logits = self._grid(embedding)
        scores = torch.linspace(0.95, 0.9, self.objects)
        return [Detected(scores, logits), *[Detected(scores[:0], logits[:0]) for _ in prompts[1:]]]

    def segment(self, embedding: Embedding, objects: Sequence[SegmentPrompt], **options: Any) -> Segmentation:
        """Each is where its box is."""
        found = self._model.segment(embedding, objects, **options)
        places = [each.box or Box(0, 0, 1, 1) for each in objects]
        logits = self._drawn(places, embedding.height, embedding.width)[:, None].expand_as(found.logits)
        return Segmentation(logits.clone(), torch.full_like(found.ious, 0.9), torch.full_like(found.present, 0.95))

    def propagate(self, embedding: Embedding, banks: Sequence[Bank], tick: int) -> Propagation:
        """Each is where it has always been."""
        found = self._model.propagate(embedding, banks, tick)
        sure = torch.full_like(found.ious, 0.9)
        return replace(found, logits=self._grid(embedding)[: len(banks)], ious=sure, score=sure)


def remembered(model: Sam3, embedding: Embedding, banks: Sequence[Bank], tick: int) -> list[Memory]:
    """Every object followed by its memories, and all of them believed."""
    return model.encode_memories(embedding, model.propagate(embedding, banks, tick), range(len(banks)))


def full_banks(model: Sam3, embedding: Embedding, count: int, tick: int) -> list[Bank]:
    """Banks that hold as much as they can, as after a second of following."""
    grid = Forced(model, count)._grid(embedding)
    found = []
    for memory in model.memorize(embedding, grid, 0):
        bank = Bank()
        for when in range(CONDITIONING):
            bank.condition(replace(memory, tick=when))
        for when in range(tick - POINTERS, tick):
            bank.remember(Memory(when, memory.features, memory.pointer))
        found.append(bank)
    return found


def stages(
    model: Sam3, image: Picture, objects: Sequence[int], prompts: Sequence[int], repeats: int
) -> dict[str, Timing]:
    """Each stage alone, at every number of prompts and objects, with what it asks of the device."""
    height, width = image.shape[:2]
    embedding, found = model.embed(image), dict[str, Timing]()

    def measure(name: str, call: Callable[[], object]) -> None:
        found[name] = timed(model, call, repeats)
        found[name].note = asked(call, model.device)

    measure("embed", lambda: model.embed(image))
    for count in prompts:
        words = [Prompt(f"thing {index}") for index in range(count)]
        measure(f"detect, {count} prompts", lambda words=words: model.detect(embedding, words))  # type: ignore[misc]
    for count in objects:
        logits = Forced(model, count)._grid(embedding)
        pairs = zip(boxes(count, height, width), logits, strict=True)
        known = [SegmentPrompt(box=box, logits=each) for box, each in pairs]
        banks = full_banks(model, embedding, count, 40)
        calls: dict[str, Callable[[], object]] = {
            "refine": lambda known=known: model.segment(embedding, known),  # type: ignore[misc]
            "memory": lambda banks=banks: remembered(model, embedding, banks, 40),  # type: ignore[misc]
            "memorize": lambda logits=logits: model.memorize(embedding, logits, 40),  # type: ignore[misc]
            "masks": lambda logits=logits: model.masks(logits, height, width, hole_area=16),  # type: ignore[misc]
        }
        for name, call in calls.items():
            measure(f"{name}, {count} objects", call)
    return found


POLICIES: dict[str, dict[str, Any]] = {
    "auto": {"follower": "auto", "interval": 10},
    "pvs": {"follower": "pvs", "interval": 10},
    "memory": {"follower": "memory", "interval": 10},
    "detect every frame": {"follower": "pvs", "interval": 1},
}


def policy(model: Sam3, image: Picture, name: str, objects: int, frames: int, warm_up: int) -> Timing:
    """A stream of one prompt and so many objects, keyframes included; nothing is looked at ahead."""
    forced, found = Forced(model, objects), Timing()
    tracker = Tracker(forced, [Prompt("thing")], adaptive=False, **POLICIES[name])  # type: ignore[arg-type]
    seen = 0
    for index in range(warm_up + frames):
        wait(model)
        began = time.perf_counter()
        step = tracker.step(image, index, index / FPS)
        wait(model)
        if index >= warm_up:
            found.milliseconds.append(1000 * (time.perf_counter() - began))
            seen += len(step.tracks)
    if seen != objects * frames:
        found.note = f"{seen / frames:.1f} objects were followed"
    return found


@dataclass
class Streams:
    """How so many streams on one device fared: the worst of them. Frames between looks are presented elsewhere."""

    count: int
    age: float  # p95 of ms from a frame's arrival until it was looked at
    looks: float  # a second

    @property
    def counted(self) -> bool:
        """Whether every one was served well."""
        return self.age <= AGE and self.looks >= LOOKS


def streams(model: Sam3, image: Picture, count: int, seconds: float) -> Streams:
    """So many cameras in real time, first come, first served; frames that there is no time for are not looked at."""
    every = [Forced(model, STREAM_OBJECTS) for _ in range(count)]
    trackers = [Tracker(each, [Prompt("thing")], looks=LOOKS) for each in every]  # type: ignore[arg-type]
    grey = small(image)  # as a server makes it, beside the model's thread
    for tracker in trackers:
        tracker.step(image, 0, 0.0, scene=0)
    ages: list[list[float]] = [[] for _ in every]
    looked = [0] * count  # the frame that each looked at last; frame k of stream s arrives at (k + s / count) / FPS
    began = time.perf_counter()
    while (now := time.perf_counter() - began) < seconds:
        newest = [int(now * FPS - place / count) for place in range(count)]
        due = [place for place in range(count) if newest[place] > looked[place]]
        if not due:
            time.sleep(0.0005)
            continue
        place = min(due, key=lambda each: looked[each] + each / count)  # who was looked at longest ago
        index = looked[place] = newest[place]
        trackers[place].step(image, index, index / FPS, scene=0, grey=grey)
        assert trackers[place].snapshot is not None
        ages[place].append(1000 * (time.perf_counter() - began - (index + place / count) / FPS))
    age = max(float(np.percentile(each or [np.inf], 95)) for each in ages)
    return Streams(count, age, min(len(each) for each in ages) / seconds)


def memory(model: Sam3, image: Picture, frames: int, objects: int = 16) -> list[float]:
    """MiB held by the device (by the process, on a CPU) after each tenth of a stream."""
    tracker = Tracker(Forced(model, objects), [Prompt("thing")])  # type: ignore[arg-type]
    found = []
    for index in range(frames):
        tracker.step(image, index, index / FPS)
        if index % max(1, frames // 10) == max(1, frames // 10) - 1:
            found.append(held(model))
    return found


def held(model: Sam3) -> float:
    """MiB of tensors on CUDA; on a CPU the most that the process ever held."""
    if model.device.type == "cuda":
        return torch.cuda.memory_allocated(model.device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def flat(mebibytes: Iterable[float], slack: float = 0.01) -> bool:
    """Whether the second half of a run holds no more than the first did at its most, a hundredth apart."""
    every = list(mebibytes)
    half = len(every) // 2
    return max(every[half:]) <= max(every[:half]) * (1 + slack)


def encoder_tflop(model: Sam3, image: Picture) -> float:
    """TFLOP of one encoder pass, counted by torch; the compiled encoder is put aside meanwhile."""
    from tracker.model.backbone import Backbone

    before, model.backbone = model.backbone, Backbone(model.network)
    try:
        with FlopCounterMode(display=False) as counter:
            model.embed(image)
    finally:
        model.backbone = before
    return float(counter.get_total_flops()) / 1e12


def attainable(model: Sam3, side: int) -> float:
    """TFLOP a second of one large matrix product, in bf16 on CUDA: the roof that a share is a share of."""
    kind = torch.bfloat16 if model.device.type == "cuda" else torch.float32
    a, b = (torch.randn(side, side, device=model.device, dtype=kind) for _ in range(2))
    spent = timed(model, lambda: a @ b, 10)
    return float(2 * side**3 / (min(spent.milliseconds) * 1e9))
