"""
Two models on one stream: does nano, which looks often, follow well what a large model, which looks seldom, has found?

``python -m benchmarks.two_models`` compares what a viewer sees between two looks of the large model: its masks moved
along with the picture alone (``tracker.presenting``, what is served), and nano's interactive head asked for each of
them on every third frame, moved along between. Nobody here has weights of a large model. In synthetic worlds it is
played by nano, whose answer about a frame comes as many frames later as there are from look to look; these worlds are
what nano was taught, so the second way is at its best. With ``--clips`` it is played by masks drawn by hand on real
clips, which nano was never taught; judged so many frames later, as ``benchmarks.real_clips`` judges moving alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
import torch

from benchmarks.first_light import table
from benchmarks.real_clips import LATER, STEEP, move
from benchmarks.scenarios import FPS, SCENARIOS, Scenario
from benchmarks.support import real_clips
from benchmarks.support.real_clips import Clip
from benchmarks.tracking_live import luma, masks
from benchmarks.tracking_metrics import Frame, Shown, tracking
from tracker import (
    Detected,
    Embedding,
    Key,
    Presenter,
    Prompt,
    Sam3,
    Snapshot,
    Track,
    Tracker,
    load_model,
    prompt_keys,
    set_threads,
)
from tracker.worlds.objects import iou

EVERY = 3  # frames from one of nano's looks to the next: ten a second of a camera of thirty
ALL = 10**9  # frames from keyframe to keyframe: only what is told is one

Picture = npt.NDArray[np.uint8]
Found = Mapping[Key, Sequence[tuple[float, npt.NDArray[np.bool_]]]]  # scores and masks (height, width) of each prompt


class Told:
    """nano, but for its detector: that finds what it was told."""

    def __init__(self, model: Sam3) -> None:
        self._model = model
        self.found: Found = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def detect(self, embedding: Embedding, prompts: Sequence[Prompt]) -> list[Detected]:
        """As :meth:`tracker.Sam3.detect`."""
        return [self._told(self.found.get(key, ())) for key in prompt_keys(prompts)]

    def _told(self, found: Sequence[tuple[float, npt.NDArray[np.bool_]]]) -> Detected:
        side = self._model.side
        logits = torch.empty(len(found), side, side)
        for row, (_, mask) in zip(logits, found, strict=True):
            cover = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
            row.copy_(torch.from_numpy(STEEP * (cover - 0.5)))
        return Detected(torch.tensor([score for score, _ in found]), logits)


class Helper:
    """nano's side: told what was found on a frame, it follows that over the next ones."""

    def __init__(self, model: Sam3, prompts: Sequence[Prompt]) -> None:
        self.told = Told(model)
        self.tracker = Tracker(cast(Sam3, self.told), prompts, interval=ALL, adaptive=False, follower="pvs")
        self.presenter = Presenter()
        self.began = -1  # the frame of which it was told first

    def frame(self, image: Picture, light: Picture, index: int, found: Found | None) -> Sequence[Track]:
        """Take the next frame, and what the large model ``found`` there, if it looked; what is shown of it."""
        size = image.shape[0], image.shape[1]
        presented = self.presenter.present(light, size, index, index / FPS)
        if found is None and (self.began < 0 or (index - self.began) % EVERY):
            return presented.tracks
        if found is not None:
            self.told.found = found
            self.tracker.set_prompts(self.tracker.prompts)  # which asks for a keyframe
            self.began = index if self.began < 0 else self.began
        self.presenter.begin(index)
        step = self.tracker.step(image, index, index / FPS, motion=presented.motion, scene=presented.scene)
        if (snapshot := self.tracker.snapshot) is not None:
            self.presenter.take(snapshot)
        return step.tracks


def watch(model: Sam3, scenario: Scenario, every: int) -> tuple[list[Shown], list[Shown]]:
    """
    What is shown of every frame: moved along alone, and with nano's help.

    The large model looks at one frame in ``every``, and answers when it looks at the next.
    """
    large, presenter, helper = (
        Tracker(model, scenario.prompts, interval=1),
        Presenter(),
        Helper(model, scenario.prompts),
    )
    alone, helped, answer = list[Shown](), list[Shown](), cast("Snapshot | None", None)
    for index, (scene, light) in enumerate(zip(scenario.scenes, luma(scenario), strict=True)):
        looks = index % every == 0
        if looks and answer is not None:
            presenter.take(answer)
        size = scene.image.shape[0], scene.image.shape[1]
        presented = presenter.present(light, size, index, index / FPS)
        found: dict[Key, list[tuple[float, npt.NDArray[np.bool_]]]] = {}
        for track in presented.tracks:
            if track.key is not None:
                found.setdefault(track.key, []).append((track.score, track.mask.dense() > 0))
        told = found if looks and answer is not None else None
        if looks:
            presenter.begin(index)
            large.step(scene.image, index, index / FPS, motion=presented.motion, scene=presented.scene)
            answer = large.snapshot
        alone.append(masks(presented.tracks))
        helped.append(masks(helper.frame(scene.image, light, index, told)))
    return alone, helped


def follow(model: Sam3, clip: Clip, later: Sequence[int] = LATER) -> dict[int, float]:
    """As :func:`benchmarks.real_clips.move`, with nano's help: mean IoU by the number of frames between."""
    lights = [np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8) for frame in clip.frames]
    found: dict[int, list[float]] = {wait: [] for wait in later}
    for start in sorted({place for each in clip.objects for place in each.masks}):
        there = {Prompt(str(number)): each.masks for number, each in enumerate(clip.objects) if start in each.masks}
        ends = {start + wait: wait for wait in later if any(start + wait in drawn for drawn in there.values())}
        if not ends:
            continue
        keys, helper = prompt_keys(list(there)), Helper(model, list(there))
        drawn = dict(zip(keys, there.values(), strict=True))
        told: Found = {key: [(1.0, each[start])] for key, each in drawn.items()}
        for index in range(start, max(ends) + 1):
            shown = helper.frame(clip.frames[index], lights[index], index, told if index == start else None)
            mine = {track.key: track.mask.dense() > 0 for track in shown}
            for key, each in drawn.items() if index in ends else ():
                if index in each:
                    found[ends[index]].append(iou(mine[key], each[index]) if key in mine else 0.0)
    return {wait: float(np.mean(each)) for wait, each in found.items() if each}


def on_clips(model: Sam3, clips: Sequence[Clip]) -> list[list[str]]:
    """A row for each clip, and their mean."""
    both = {clip.name: (move(clip), follow(model, clip)) for clip in clips}
    rows = [
        [name, *(f"{moved[w].moved:.3f} / {helped[w]:.3f}" if w in helped else "–" for w in LATER)]
        for name, (moved, helped) in both.items()
    ]
    means = []
    for wait in LATER:
        some = [(moved[wait].moved, helped[wait]) for moved, helped in both.values() if wait in helped]
        means.append(" / ".join(f"{value:.3f}" for value in np.mean(some, 0)) if some else "–")
    return [*rows, ["all clips", *means]]


def on_worlds(model: Sam3, names: Sequence[str], every: Sequence[int], frames: int) -> list[list[str]]:
    """A row for each scenario and pace; judged from the first answer on."""
    rows = []
    for make in (each for each in SCENARIOS if each.__name__ in names):
        scenario = make(0, frames)
        for pace in every:
            truth: list[Frame] = [scenario.truth(index) for index in range(pace, frames)]
            alone, helped = (tracking(truth, shown[pace:]) for shown in watch(model, scenario, pace))
            figures = (f"{alone[name]:.3f} / {helped[name]:.3f}" for name in ("J&F", "HOTA"))
            rows.append([make.__name__, str(pace), *figures])
    return rows


def main(given: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, nargs="+", default=[30, 60], help="frames from look to look")
    parser.add_argument("--frames", type=int, default=150, help="of each world")
    parser.add_argument("--only", nargs="+", default=["easy", "fast", "occlusion", "scale"], help="these worlds")
    parser.add_argument("--clips", action="store_true", help="on real clips")
    arguments = parser.parse_args(given)
    set_threads(1)
    model = load_model("nano")
    if arguments.clips:
        rows = on_clips(model, [real_clips.load(entry) for entry in real_clips.entries()])
        print("IoU, moved along alone / with nano's help")
        print(table(["clip", *(f"{wait} frames later" for wait in LATER)], rows))
        return
    rows = on_worlds(model, arguments.only, arguments.every, arguments.frames)
    print("moved along alone / with nano's help")
    print(table(["world", "frames from look to look", "J&F", "HOTA"], rows))


if __name__ == "__main__":
    main()
