"""What was noted of pictures on their way from glass to mask, and the tables of ``benchmarks.latency``."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.first_light import table

FPS = 30
MARGIN = 1.0  # seconds at the end, whose pictures may still be on their way
STALL = 1.0  # seconds between two results
STAGES = {"encode": "masks"}  # what the tracker calls encoding masks; here another thing is called so
STEPS = ("present", "convert", "embed", "detect", "refine", "masks", "other")  # with each way some of them are 0
COLUMNS = ("encode", "network", "decode", "wait", *STEPS, "publish", "delivery")
AIM = 130.0  # ms at p95 at the most, of WebRTC at 480p where every frame is presented, on two cores that do no more


@dataclass(frozen=True)
class Case:
    """What one row measures; loss in percent, delay in ms, both each way."""

    source: str
    size: str
    loss: float = 0.0
    delay: float = 0.0
    relayed: bool = False


@dataclass
class Trace:
    """What was noted, in seconds of the one clock. The pictures are the camera's, the frames the server's."""

    received: dict[int, float] = field(default_factory=dict)  # by frame index
    looks: dict[int, float] = field(default_factory=dict)  # by frame index: ms, how old the look was that is told
    pictures: dict[int, tuple[float, float]] = field(default_factory=dict)  # by number: drawn, sent
    frames: list[dict[str, Any]] = field(default_factory=list)
    keyframes: list[float] = field(default_factory=list)
    window: tuple[float, float] = (0.0, 0.0)

    def read_camera(self, lines: Iterable[str]) -> None:
        """Take the camera's notes; a line it had not finished is left out."""
        for note in _notes(lines):
            if "keyframe" in note:
                self.keyframes.append(note["keyframe"])
            else:
                self.pictures[note["number"]] = (note["drawn"], note["sent"])

    def read_server(self, lines: Iterable[str]) -> None:
        """Take the server's notes."""
        self.frames += _notes(lines)

    def play(self) -> None:
        """Give a file's pictures the moments at which its clock makes them due; call it when all else is read."""
        numbered = [frame for frame in self.frames if frame["number"] is not None]
        began = min(frame["arrived"] - frame["number"] / FPS for frame in numbered)
        for number in range(max(frame["number"] for frame in numbered) + 1):
            self.pictures[number] = (began + number / FPS, began + number / FPS)


@dataclass
class Figures:
    """What became of one case. Times in ms; shares from 0 to 1."""

    case: Case
    latencies: list[float] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)  # means, which add up to the mean latency
    looks: list[float] = field(default_factory=list)  # ages of the looks behind the results
    sent: int = 0
    told: float = 0.0  # share of what was sent that has a result
    decoded: float = 0.0
    broken: int = 0
    stalls: int = 0
    longest: float = 0.0  # between two results
    keyframes: int = 0

    @property
    def percentiles(self) -> list[float]:
        """p50, p95 and p99 of the latency."""
        return [float(value) for value in np.percentile(self.latencies, [50, 95, 99])]

    def row(self) -> list[str]:
        """A line of the first table."""
        if not self.latencies:
            return [self.case.source, self.case.size, "no results", *["–"] * 4]
        results = f"{round(self.told * self.sent)} of {self.sent}"
        look = f"{np.median(self.looks):.0f}" if self.looks else "–"
        return [self.case.source, self.case.size, *(f"{each:.0f}" for each in self.percentiles), look, results]

    def stage_row(self) -> list[str]:
        """A line of the second."""
        mean = sum(self.stages.values())
        shares = [f"{self.stages[name]:.1f} ({self.stages[name] / mean:.0%})" if mean else "–" for name in COLUMNS]
        return [self.case.source, self.case.size, f"{mean:.0f}", *shares]

    def fault_row(self) -> list[str]:
        """A line of the third."""
        head = [f"{self.case.loss:g} %", f"{self.case.delay:g} ms"]
        ages = [f"{each:.0f}" for each in self.percentiles] if self.latencies else ["no results", "–", "–"]
        tail = [f"{self.decoded:.1%}", f"{self.told:.1%}", str(self.broken)]
        return [*head, *ages, *tail, f"{self.stalls} ({self.longest:.0f} ms)", str(self.keyframes)]

    def data(self) -> dict[str, Any]:
        """All of it, for --json."""
        known = {name: value for name, value in vars(self).items() if name not in ("case", "latencies", "looks")}
        return {**vars(self.case), **known, "percentiles": self.percentiles if self.latencies else None}


def _notes(lines: Iterable[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def figures(case: Case, trace: Trace) -> Figures:
    """Count and add up what lies in the window."""
    found = Figures(case)
    start, end = trace.window
    frames = [frame for frame in trace.frames if start <= trace.received.get(frame["index"], -1.0) <= end]
    found.broken = sum(frame["number"] is None for frame in frames)
    whole = [frame for frame in frames if frame["number"] in trace.pictures]
    rows = [spans(frame, *trace.pictures[frame["number"]], trace.received[frame["index"]]) for frame in whole]
    found.latencies = [sum(row.values()) for row in rows]
    found.stages = {name: float(np.mean([row[name] for row in rows])) if rows else 0.0 for name in COLUMNS}
    sent = {number for number, (drawn, _) in trace.pictures.items() if start <= drawn <= end - MARGIN}
    told = {frame["number"] for frame in trace.frames if frame["index"] in trace.received}
    found.sent = len(sent)
    found.told = len(sent & told) / max(1, len(sent))
    found.looks = [trace.looks[frame["index"]] for frame in frames if frame["index"] in trace.looks]
    if len(whole) > 1:
        first, last = whole[0], whole[-1]
        found.decoded = (last["index"] - first["index"]) / max(1, last["number"] - first["number"])
    moments = [start, *sorted(trace.received[frame["index"]] for frame in frames), end]
    gaps = [1000 * (after - before) for before, after in itertools.pairwise(moments)]
    found.stalls, found.longest = sum(gap > 1000 * STALL for gap in gaps), max(gaps)
    found.keyframes = sum(start <= moment <= end for moment in trace.keyframes)
    return found


def spans(frame: dict[str, Any], drawn: float, sent: float, received: float) -> dict[str, float]:
    """Milliseconds by stage; they add up to the whole way."""
    complete = frame["arrived"] if frame["complete"] is None else frame["complete"]
    steps = {STAGES.get(name, name): seconds for name, seconds in frame["timings"].items()}
    told = {name: steps.get(name, 0.0) for name in STEPS[:-1]}
    found = {
        "encode": sent - drawn,
        "network": complete - sent,
        "decode": frame["arrived"] - complete,
        "wait": frame["began"] - frame["arrived"],
        **told,
        "other": frame["made"] - frame["began"] - sum(told.values()),
        "publish": frame["written"] - frame["made"],
        "delivery": received - frame["written"],
    }
    return {name: 1000 * seconds for name, seconds in found.items()}


def report(all_figures: Sequence[Figures]) -> str:
    """The three tables; those without rows are left out."""
    quiet = [each for each in all_figures if not each.case.relayed]
    bad = [each for each in all_figures if each.case.relayed]
    parts = []
    if quiet:
        head = ["source", "size", "p50 ms", "p95 ms", "p99 ms", "look's age p50 ms", "pictures with a result"]
        parts.append(table(head, (each.row() for each in quiet)))
        parts.append(table(["source", "size", "mean ms", *COLUMNS], (each.stage_row() for each in quiet)))
    if bad:
        head = ["loss", "delay", "p50 ms", "p95 ms", "p99 ms", "decoded", "with a result", "broken"]
        head += ["stalls (longest gap)", "keyframe requests"]
        parts.append(table(head, (each.fault_row() for each in bad)))
    return "\n\n".join(parts)


def bars(all_figures: Sequence[Figures]) -> list[tuple[str, str, bool]]:
    """What is aimed at where every frame is presented, what came out, and whether that is enough."""
    found = []
    for each in all_figures:
        if (each.case.source, each.case.size, each.case.relayed) == ("webrtc", "480p", False):
            p95 = each.percentiles[1] if each.latencies else float("inf")
            found.append((f"WebRTC at 480p: p95 at most {AIM:g} ms", f"{p95:.0f} ms", p95 <= AIM))
    return found
