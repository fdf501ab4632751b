"""
What a GPU makes of the full-size model, in one command and one table to keep.

``python -m benchmarks.gpu`` takes random weights of full size (``--checkpoint``: real ones), switches on what the gate
lets through, and measures: each stage alone, the encoder's share of what the device can do, policies at forced numbers
of objects, streams of 1080p30, memory over 5,000 frames, and, in the same run and with the same numbers of objects, the
wheel's own per-frame path and transformers' streaming session. ``--gate`` only shows what passes the gate.

On a CPU everything runs at tiny size, to test this code: such figures say nothing about a GPU, and it says so.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from benchmarks import gpu_parts as parts
from benchmarks import rivals
from benchmarks.first_light import machine, table
from benchmarks.gpu_parts import Picture, Streams, Timing
from tracker import Sam3, acceleration, load_model, set_threads
from tracker.acceleration import Verdict

OBJECTS, PROMPTS, STREAMS = (1, 4, 16, 64), (1, 4, 16), (1, 2, 4, 6, 8, 10, 12, 16)
NO_GPU = "NO GPU FIGURE: a tiny model on a CPU, to test this benchmark. None of these times says anything about a GPU."
HEAD = ["what", "objects", "mean ms", "p50 ms", "p95 ms", ""]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. The defaults are for a GPU; :meth:`tiny` is for testing the benchmark."""

    height: int = 1080
    width: int = 1920
    objects: Sequence[int] = OBJECTS
    prompts: Sequence[int] = PROMPTS
    streams: Sequence[int] = STREAMS
    repeats: int = 50  # of each stage
    frames: int = 100  # of each policy; ten of them are keyframes
    warm_up: int = 30  # frames before: banks fill up
    seconds: float = 15.0  # of each number of streams
    memory_frames: int = 5000
    roof: int = 8192  # side of the matrix product that says what the device can do

    @classmethod
    def tiny(cls) -> Plan:
        """Seconds on a CPU."""
        return cls(96, 128, (1, 2), (1, 2), (1,), 1, 3, 1, 0.5, 10, 128)


@dataclass
class Figures:
    """Everything that was measured. What could not run is in ``missing``, with the reason."""

    stages: dict[str, Timing] = field(default_factory=dict)
    policies: dict[tuple[str, int], Timing] = field(default_factory=dict)
    streams: list[Streams] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    tflop: float = 0.0
    roof: float = 0.0  # TFLOP a second
    missing: dict[str, str] = field(default_factory=dict)

    def attempt(self, name: str, call: Callable[[], Timing], objects: int) -> None:
        """Measure something of others', which may not be there or not run; either is told."""
        try:
            self.policies[name, objects] = call()
        except ImportError as error:
            self.missing[name] = f"not installed ({error.name or error})"
        except Exception as error:  # whatever is wrong in others' code is a line of the table
            words = f"{type(error).__name__}: {str(error).partition(chr(10))[0]:.160}"
            self.missing[f"{name}, {objects} objects"] = words

    def rows(self) -> list[list[str]]:
        """The table of times."""
        found = [[name, "", *timing.cells(), timing.note] for name, timing in self.stages.items()]
        found += [[name, str(count), *timing.cells(), timing.note] for (name, count), timing in self.policies.items()]
        return found


def measure(model: Sam3, plan: Plan, say: Callable[[str], None] = print) -> Figures:
    """Measure all of it, saying what is at work."""
    image, found = parts.picture(plan.height, plan.width), Figures()
    say("stages")
    found.stages = parts.stages(model, image, plan.objects, plan.prompts, plan.repeats)
    found.tflop, found.roof = parts.encoder_tflop(model, image), parts.attainable(model, plan.roof)
    for count in plan.objects:
        for name in parts.POLICIES:
            say(f"{name}, {count} objects")
            found.policies[name, count] = parts.policy(model, image, name, count, plan.frames, plan.warm_up)
    say("streams")
    for count in plan.streams:
        found.streams.append(parts.streams(model, image, count, plan.seconds))
        if not found.streams[-1].counted:
            break
    say("memory")
    found.memory = parts.memory(model, image, plan.memory_frames, max(min(plan.objects), 2))
    _rivals(found, model, image, plan, say)
    return found


def _rivals(found: Figures, model: Sam3, image: Picture, plan: Plan, say: Callable[[str], None]) -> None:
    frames, warm_up = max(1, plan.frames // 4), max(1, plan.warm_up // 2)  # they take far longer for each
    for count in plan.objects:
        for rival in (rivals.wheel, rivals.transformers):
            name = f"{rival.__name__}, per frame"
            say(f"{name}, {count} objects")
            found.attempt(name, lambda rival=rival, count=count: rival(model, image, count, frames, warm_up), count)  # type: ignore[misc]


def bars(found: Figures) -> list[list[str]]:
    """What is aimed at on one H100, each with what came out."""

    def mean(name: str, count: int) -> float:
        timing = found.policies.get((name, count))
        return timing.mean if timing else float("nan")

    pvs, most = mean("pvs", 16), mean("pvs", 64)
    masks = found.stages["masks, 16 objects"].mean if "masks, 16 objects" in found.stages else float("nan")
    counted = max((each.count for each in found.streams if each.counted), default=0)
    level = parts.flat(found.memory)
    wanted: list[tuple[str, str, bool]] = [
        ("pvs, 16 objects, at most 20 ms a frame", f"{pvs:.1f} ms", pvs <= 20),
        ("pvs, 64 objects, at most 1.5 times one", f"{most / mean('pvs', 1):.2f} times", most <= 1.5 * mean("pvs", 1)),
        ("pvs, 16 objects, at least 5 times as fast as the wheel", *_ratio(mean("wheel, per frame", 16) / pvs, 5)),
        ("16 masks of 1080p, at most 1 ms", f"{masks:.2f} ms", masks <= 1),
        ("8 streams of 1080p30 or more, decoding and presenting left out", f"{counted} streams", counted >= 8),
        ("memory flat", f"{found.memory[0]:.0f} to {found.memory[-1]:.0f} MiB", level),
    ]
    return [[what, came, "reached" if yes else "NOT reached"] for what, came, yes in wanted]


def _ratio(value: float, least: float) -> tuple[str, bool]:
    return f"{value:.1f} times", value >= least


def report(found: Figures, verdicts: Sequence[Verdict], *, real: bool) -> str:
    """All tables. ``real``: full size on a GPU; else no bar is judged."""
    lines = [] if real else [NO_GPU, ""]
    lines += ["Gate: " + ("; ".join(map(str, verdicts)) or "nothing to switch on"), ""]
    lines += [table(HEAD, found.rows()), ""]
    embed = found.stages["embed"].mean
    reached = found.tflop / embed * 1000
    lines += [
        f"Encoder: {found.tflop:.4g} TFLOP a frame in {embed:.2f} ms is {reached / found.roof:.0%} of the"
        f" {found.roof:.3g} TFLOP/s that a large matrix product reaches here.",
        "",
        table(
            ["streams", "look's age p95 ms", "looks a second", "counted"],
            [[str(s.count), f"{s.age:.0f}", f"{s.looks:.1f}", "yes" if s.counted else "no"] for s in found.streams],
        ),
        "",
        f"Memory by tenths of the run, MiB: {', '.join(f'{each:.0f}' for each in found.memory)}",
        "",
    ]
    lines += [f"Did not run: {name}: {why}" for name, why in found.missing.items()]
    if real:
        lines += ["", table(["bar, for one H100", "came out", ""], bars(found))]
    return "\n".join(lines)


def load(arguments: argparse.Namespace) -> Sam3:
    """Full size on CUDA, tiny elsewhere; random weights unless there are others."""
    cuda = torch.cuda.is_available() and arguments.device != "cpu"
    name = "sam3" if cuda or arguments.full else "nano"
    if arguments.checkpoint is not None:
        model = load_model(name, checkpoint=arguments.checkpoint, device=arguments.device, progress=print)
    else:
        model = Sam3.untrained(name, device=arguments.device)
    if arguments.resolution is not None:
        model.resize(arguments.resolution)
    return model


def judge(model: Sam3, *, judge_masks: bool, say: Callable[[str], None]) -> list[Verdict]:
    """What passes the gate; on a CPU those steps that can be tried in seconds."""
    if model.device.type == "cuda":
        acceleration.plain(model)
        return acceleration.settle(model, acceleration.STEPS, judge_masks=judge_masks, say=say)
    undo = acceleration.plain(model)
    try:
        return acceleration.settle(
            model, {"bf16": acceleration.bf16, "buckets": acceleration.buckets}, judge_masks=judge_masks, say=say
        )
    finally:
        undo()  # on a CPU bf16 is slower than fp32 but for the encoder, where there is AMX


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 1 where a bar on a GPU was not reached, or the gate let nothing through."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", help="cuda, cuda:1 or cpu; default: cuda where there is one")
    parser.add_argument("--full", action="store_true", help="full size on a CPU too: 40 s a frame")
    parser.add_argument("--checkpoint", type=Path, help="real weights: masks are judged too")
    parser.add_argument("--resolution", type=int, help="1008, 840, 672 or 504")
    parser.add_argument("--gate", action="store_true", help="only show what passes the gate")
    arguments = parser.parse_args(given)
    set_threads(max(1, (os.cpu_count() or 2) - 1))
    model = load(arguments)
    real = model.device.type == "cuda" and model.name == "sam3"
    device = torch.cuda.get_device_name(model.device) if model.device.type == "cuda" else "CPU"
    print(f"{machine()}; {device}; {model.name}, {model.config.image_size} px", flush=True)
    verdicts = judge(model, judge_masks=arguments.checkpoint is not None, say=_say)
    if arguments.gate:
        print("" if real else NO_GPU, *verdicts, sep="\n")
        return 0 if all(verdict.passes for verdict in verdicts) else 1
    found = measure(model, Plan() if real else Plan.tiny(), _say)
    print(report(found, verdicts, real=real))
    return 1 if real and any(row[-1] != "reached" for row in bars(found)) else 0


def _say(words: str) -> None:
    print(f"… {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
