"""
What makes a model faster is switched on one by one, and stays on only if its answers are those of fp32.

Known elsewhere: a fused-attention export of the encoder in fp16, fast, with features at a cosine of 0.06 to the right
ones. So each step is judged on a drawn picture: the features of every level, and, where the weights mean something, the
masks of refined and remembered objects; what it detects has to be finite. On CUDA it is timed too: what makes a look
slower stays off.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.model import compiled, precision
from tracker.model.bank import Bank
from tracker.model.compiled import COSINE, Undo
from tracker.model.compute import Speed
from tracker.model.configs import Ability
from tracker.model.features import SegmentPrompt
from tracker.model.sam3 import Sam3
from tracker.model.warmup import warm_up

IOU = 0.98  # of masks on the whole with fp32's; features of each level: COSINE
OBJECTS = 5
LOOKS = 10  # that are timed: the fastest counts, for whatever else runs only makes them slower
NOISE = 1.02  # times the fastest look before: two timings of one thing differ by as much

DETECTOR, MEMORY = "compiled detector", "compiled memory attention"
WORK = {DETECTOR: "a detection", MEMORY: "following by memory"}  # of steps that are timed by something of their own

Step = Callable[[Sam3], Undo]  # switches something on
Say = Callable[[str], None]
Clock = Callable[[Sam3, str], float]  # seconds of what WORK names, else of a look
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model makes of the drawn picture: features by level, and (N, S, S) binary masks."""

    features: tuple[Tensor, ...]
    masks: Tensor


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one step came out. ``error`` says what it raised, or is empty."""

    name: str
    cosine: float = 0.0  # of the worst level
    iou: float = 0.0  # all objects' pixels together
    judged: bool = True  # whether masks counted
    error: str = ""
    seconds: float = 0.0  # of its work with it, and before
    before: float = 0.0  # 0: it was not timed

    @property
    def passes(self) -> bool:
        """Whether it stays on."""
        right = self.cosine >= COSINE and (not self.judged or self.iou >= IOU)
        return not self.error and right and not self.slower

    @property
    def slower(self) -> bool:
        """Whether its work takes longer with it."""
        return self.seconds > NOISE * self.before

    def __str__(self) -> str:
        found = (
            self.error or f"cosine {self.cosine:.4f}, mask IoU {self.iou:.4f}{'' if self.judged else ' (not judged)'}"
        )
        if self.before:
            work = WORK.get(self.name, "a look")
            found += f", {work} in {1000 * self.seconds:.1f} ms (before: {1000 * self.before:.1f})"
        return f"{self.name} is {'on' if self.passes else 'off'}: {found}"


class Question:
    """A drawn picture, boxes around what is on it, and the picture after it."""

    def __init__(self) -> None:
        from tracker.worlds.objects import box_around
        from tracker.worlds.worlds import Video  # drawn on CUDA alone, so loaded there alone

        video = Video(0, 640, 480, objects=(OBJECTS, OBJECTS))
        frame = video.next()
        self.image, self.later = frame.image, video.next().image
        self.boxes = [box_around(each.mask) for each in frame.objects if each.countable]

    def ask(self, model: Sam3) -> Answers:
        """
        Embed, detect, refine as a stream does, and follow by memory into the next picture, as far as the model can.

        Raises RuntimeError where what is detected is not finite.
        """
        model.forget()  # what was made in another number format
        embedding = model.embed(self.image)
        if not all(bool(each.isfinite().all()) for each in compiled.grounded(model, embedding, [1])):
            raise RuntimeError("what it detects is not finite")  # fp16 ends at 65,504
        levels = (*model.levels(embedding), *embedding.interactive)
        features = tuple(level.float() for level in levels)
        if not {Ability.CLICKS, Ability.MEMORY} <= model.config.abilities:
            return Answers(features, torch.zeros(0, dtype=torch.bool))
        first = model.segment(embedding, [SegmentPrompt(box=box) for box in self.boxes]).logits[:, 0]
        again = [SegmentPrompt(box=box, logits=each) for box, each in zip(self.boxes, first, strict=True)]
        refined = model.segment(embedding, again).logits[:, 0]
        banks = [Bank() for _ in self.boxes]
        for bank, memory in zip(banks, model.memorize(embedding, refined, 0), strict=True):
            bank.condition(memory)
        followed = model.propagate(model.embed(self.later), banks, 1).logits
        return Answers(features, torch.cat([refined, followed]) > 0)

    def work(self, model: Sam3, name: str) -> Callable[[], object] | None:
        """What steps are timed by: a look as a stream asks of most frames, or what WORK names. None: it has no part."""
        if name not in WORK.values():
            return lambda: self.look(model)
        embedding = model.embed(self.image)
        if name == WORK[DETECTOR]:
            return lambda: model.detect(embedding, [compiled.TEXT])
        if Ability.MEMORY not in model.config.abilities:
            return None
        full = compiled.banks(model, embedding, OBJECTS, compiled.LONGEST)
        return lambda: model.propagate(embedding, full, compiled.LONGEST)

    def look(self, model: Sam3) -> None:
        """Embed, and refine the objects."""
        embedding = model.embed(self.image)
        if Ability.CLICKS in model.config.abilities:
            logits = [torch.zeros(model.side, model.side, device=model.device)] * len(self.boxes)
            pairs = zip(self.boxes, logits, strict=True)
            model.segment(embedding, [SegmentPrompt(box=box, logits=each) for box, each in pairs])

    def seconds(self, model: Sam3, work: str) -> float:
        """What such work takes on a CUDA device; 0 where the model has no part for it."""
        call, taken = self.work(model, work), list[float]()
        if call is None:
            return 0.0
        for _ in range(1 + LOOKS):  # the first is to warm up
            torch.cuda.synchronize(model.device)
            began = time.perf_counter()
            call()
            torch.cuda.synchronize(model.device)
            taken.append(time.perf_counter() - began)
        return min(taken[1:])


def compare(name: str, found: Answers, expected: Answers, *, judged: bool) -> Verdict:
    """How far answers are from fp32's. What is not finite has no likeness."""
    cosines = [
        float(F.cosine_similarity(a.flatten(1).double(), b.flatten(1).double()).min())
        for a, b in zip(found.features, expected.features, strict=True)
    ]
    both = int((found.masks & expected.masks).sum())
    either = int((found.masks | expected.masks).sum())
    cosine = min(each if each == each else 0.0 for each in cosines)
    return Verdict(name, cosine, both / either if either else 1.0, judged)


def settle(
    model: Sam3,
    steps: Mapping[str, Step],
    *,
    judge_masks: bool = True,
    say: Say = log.info,
    clock: Clock | None = None,
) -> list[Verdict]:
    """
    Switch on what passes, in order, each step on top of those before it. ``say`` hears of each.

    ``clock`` times them; left out, they are timed on CUDA, and nowhere else.
    """
    question, undo = Question(), plain(model)
    try:
        expected = question.ask(model)
    finally:
        undo()
    if clock is None and model.device.type == "cuda":
        clock = question.seconds
    fastest: dict[str, float] = {}
    verdicts = []
    for name, step in steps.items():
        say(f"trying {name}")
        work = WORK.get(name, "a look")
        if clock is not None and work not in fastest:
            fastest[work] = clock(model, work)
        verdict, back = _try(model, name, step, question, expected, judge_masks)
        if clock is not None and verdict.passes:
            verdict = replace(verdict, seconds=clock(model, work), before=fastest[work])
            fastest[work] = min(fastest[work], verdict.seconds)
        verdicts.append(verdict)
        if not verdict.passes and back is not None:
            back()
        (say if verdict.passes else log.warning)(str(verdict))
    model.forget()
    return verdicts


def _try(
    model: Sam3, name: str, step: Step, question: Question, expected: Answers, judged: bool
) -> tuple[Verdict, Undo | None]:
    undo = None
    try:
        undo = step(model)
        return compare(name, question.ask(model), expected, judged=judged), undo
    except Exception as error:  # a compiler or a kernel that is not there
        words = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]:.200}"
        return Verdict(name, judged=judged, error=words), undo


def plain(model: Sam3) -> Undo:
    """Everything off: fp32 to the last bit, no TF32 in convolutions or products, as the wheel is written."""
    before, bf16_backbone = model.speed, model.bf16_backbone
    compiled_again, tf32 = compiled.plainly(model), _tf32(convolutions=False, products=False)
    model.speed = replace(model.speed, bf16=False, buckets=False)
    model.bf16_backbone = False

    def undo() -> None:
        model.speed, model.bf16_backbone = before, bf16_backbone
        compiled_again()
        _tf32(*tf32)

    return undo


def _tf32(convolutions: bool, products: bool) -> tuple[bool, bool]:
    """Let CUDA round to TF32, or not; returns how it was. ``import sam3`` switches both on."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    cudnn.allow_tf32, matmul.allow_tf32 = convolutions, products
    return before


def bf16(model: Sam3) -> Undo:
    """All parts in bf16, by autocast."""
    return _speed(model, replace(model.speed, bf16=True))


def halved(model: Sam3) -> Undo:
    """Weights kept in bf16 wherever autocast would cast them at every call."""
    if not model.speed.bf16:
        raise RuntimeError("it is for bf16, which is off")
    model.forget()  # texts are encoded anew: all layers are to be seen
    layers = precision.always_cast(model.network, model.device.type, lambda: warm_up(model))
    return partial(precision.restore, precision.halve(layers, model.speed.half))


def buckets(model: Sam3) -> Undo:
    """Numbers of objects rounded up, so that compiled parts see few shapes."""
    return _speed(model, replace(model.speed, buckets=True))


def _speed(model: Sam3, speed: Speed) -> Undo:
    before, model.speed = model.speed, speed

    def undo() -> None:
        model.speed = before

    return undo


STEPS: dict[str, Step] = {
    "bf16": bf16,
    "bf16 weights": halved,
    "compiled encoder": compiled.backbone,
    "compiled mask decoder": compiled.decoder,
    "CUDA graphs of the mask decoder": compiled.graphs,
    DETECTOR: compiled.detector,
    MEMORY: compiled.memory,
}


def accelerate(model: Sam3, *, say: Say = log.info) -> list[Verdict]:
    """
    What a server does with a model on CUDA before it is used: switch on those of STEPS that pass. It takes minutes.

    On a CPU nothing is changed: there ``bf16_backbone`` is all that pays (benchmarks/nano.py).
    """
    if model.device.type != "cuda":
        return []
    tf32 = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    plain(model)
    _tf32(*tf32)  # upstream leaves it on; the gate compares with fp32 without it
    return settle(model, STEPS, say=say)
