"""What tracking is measured on: scripted worlds at fixed seeds, each hard in one way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.tracking_metrics import Frame
from tracker import Mask, Point, Prompt
from tracker.worlds.bodies import Body
from tracker.worlds.looks import Picture
from tracker.worlds.worlds import Video, WorldFrame

FPS = 30
SIZE = (480, 360)
FRAMES = 120
LIKE = ("red", "circle")
ABSENT = "purple heart"  # asked for as well, and never there: what is shown for it counts against every figure


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame of a scenario."""

    image: Picture
    truth: Frame
    names: dict[int, tuple[str, ...]]  # of every object there: the prompts that it answers


@dataclass(frozen=True, slots=True)
class Scenario:
    """A sequence, what is asked of it, and what people do meanwhile."""

    name: str
    scenes: tuple[Scene, ...]
    prompts: tuple[Prompt, ...]
    edits: dict[int, tuple[Prompt, ...]] = field(default_factory=dict)  # before which frame the prompts change
    clicks: dict[int, tuple[int, Point]] = field(default_factory=dict)  # before which frame: on which frame, and where

    def asked(self, index: int) -> tuple[Prompt, ...]:
        """The prompts in force on a frame."""
        return [self.prompts, *(prompts for first, prompts in self.edits.items() if first <= index)][-1]

    def truth(self, index: int) -> Frame:
        """What should be shown on a frame: objects that answer a prompt in force, or that were clicked."""
        scene = self.scenes[index]
        wanted = {prompt.text for prompt in self.asked(index)}
        clicked = {self._under(seen, point) for first, (seen, point) in self.clicks.items() if first <= index}
        kept = {
            each: mask for each, mask in scene.truth.truth.items() if wanted & set(scene.names[each]) or each in clicked
        }
        return Frame(kept, scene.truth.crumbs)

    def _under(self, index: int, point: Point) -> int | None:
        truth = self.scenes[index].truth.truth
        return next((each for each, mask in truth.items() if mask.dense()[int(point.y), int(point.x)]), None)


def scene(frame: WorldFrame, texts: tuple[str, ...], offset: int = 0) -> Scene:
    """A world's frame with its truth."""
    seen = [thing for thing in frame.objects if thing.countable]
    crumbs = [Mask.from_dense(thing.mask) for thing in frame.objects if not thing.countable]
    truth = {offset + thing.id: Mask.from_dense(thing.mask) for thing in seen}
    names = {offset + thing.id: tuple(text for text in texts if thing.matches(text)) for thing in seen}
    return Scene(frame.image, Frame(truth, crumbs), names)


def _film(name: str, video: Video, frames: int, *texts: str) -> Scenario:
    asked = (*(Prompt(text) for text in texts), Prompt(ABSENT))
    return Scenario(name, tuple(scene(video.next(), texts) for _ in range(frames)), asked)


def _video(seed: int, script: Callable[[Video], list[Body]]) -> Video:
    return Video(seed, *SIZE, fps=FPS, script=script, speed=0.0, damage=0.5, hidden=0.0)


def _drift(x: float, y: float, across: float, down: float) -> Callable[[float], tuple[float, float, float]]:
    """To and fro about a place, sideways and up and down."""
    return lambda t: (x + across * math.sin(1.4 * t), y + down * math.cos(1.1 * t), 1.0)


THREE = (("red", "circle"), ("blue", "star"), ("green", "square"))
TEXTS = tuple(" ".join(each) for each in THREE)
WIDE = SIZE[0] / SIZE[1]


def easy(seed: int, frames: int) -> Scenario:
    """Three things of different names, slow, apart."""

    def script(video: Video) -> list[Body]:
        return [
            video.actor(place, *name, 0.12, _drift(WIDE * (0.2 + 0.3 * place), 0.5, 0.1, 0.2))
            for place, name in enumerate(THREE)
        ]

    return _film("easy", _video(seed, script), frames, *TEXTS)


def fast(seed: int, frames: int) -> Scenario:
    """The same three across the picture twice a second."""

    def script(video: Video) -> list[Body]:
        def dash(place: int) -> Callable[[float], tuple[float, float, float]]:
            return lambda t: (WIDE * (0.5 + 0.38 * math.sin(5.0 * t + place)), 0.2 + 0.3 * place, 1.0)

        return [video.actor(place, *name, 0.1, dash(place)) for place, name in enumerate(THREE)]

    return _film("fast", _video(seed, script), frames, *TEXTS)


def crossing(seed: int, frames: int) -> Scenario:
    """Four of one name that cross in front of each other."""

    def script(video: Video) -> list[Body]:
        def cross(place: int) -> Callable[[float], tuple[float, float, float]]:
            way = 1 if place % 2 else -1
            return lambda t: (WIDE * (0.5 + way * 0.36 * math.cos(1.3 * t)), 0.25 + 0.16 * place, 1.0)

        return [video.actor(place, *LIKE, 0.1, cross(place)) for place in range(4)]

    return _film("crossing", _video(seed, script), frames, " ".join(LIKE))


def occlusion(seed: int, frames: int) -> Scenario:
    """Three things, two of them of one name, pass behind a screen and come out again."""

    def script(video: Video) -> list[Body]:
        def behind(place: int) -> Callable[[float], tuple[float, float, float]]:
            return lambda t: (WIDE * (0.5 - 0.38 * math.cos(1.2 * t + 0.3 * place)), 0.2 + 0.3 * place, 1.0)

        names = (THREE[0], THREE[0], THREE[1])
        bodies = [video.actor(place, *name, 0.1, behind(place)) for place, name in enumerate(names)]
        return [*bodies, video.screen(WIDE / 2, 0.36)]

    return _film("occlusion", _video(seed, script), frames, *TEXTS[:2])


def reentry(seed: int, frames: int) -> Scenario:
    """Three things leave the picture for most of a second and come back."""

    def script(video: Video) -> list[Body]:
        def away(place: int) -> Callable[[float], tuple[float, float, float]]:
            return lambda t: (WIDE * (0.72 - 0.5 * math.cos(1.5 * t + 0.5 * place)), 0.2 + 0.3 * place, 1.0)

        return [video.actor(place, *name, 0.11, away(place)) for place, name in enumerate(THREE)]

    return _film("re-entry", _video(seed, script), frames, *TEXTS)


def crowd(seed: int, frames: int) -> Scenario:
    """Twenty-four things of four names."""
    names = (*THREE, ("yellow", "triangle"))

    def script(video: Video) -> list[Body]:
        places = [(WIDE * (0.1 + 0.16 * column), 0.14 + 0.24 * row) for row in range(4) for column in range(6)]
        return [
            video.actor(place, *names[(place * 7 + seed) % 4], 0.06, _drift(x, y, 0.08, 0.05))
            for place, (x, y) in enumerate(places)
        ]

    return _film("crowd", _video(seed, script), frames, *(" ".join(each) for each in names))


def scale(seed: int, frames: int) -> Scenario:
    """Things that come near and go away, four times as large and back."""

    def script(video: Video) -> list[Body]:
        def near(place: int) -> Callable[[float], tuple[float, float, float]]:
            x = WIDE * (0.2 + 0.3 * place)
            return lambda t: (x, 0.5, 1.15 - 0.75 * math.cos(1.6 * t + place))

        return [video.actor(place, *name, 0.1, near(place)) for place, name in enumerate(THREE)]

    return _film("scale", _video(seed, script), frames, *TEXTS)


def shake(seed: int, frames: int) -> Scenario:
    """The easy scene through a hand-held camera."""

    def script(video: Video) -> list[Body]:
        rng = np.random.default_rng(seed)
        jitter = rng.normal(0, 0.02, (2, frames + 1))

        def shaken(place: int) -> Callable[[float], tuple[float, float, float]]:
            still = _drift(WIDE * (0.2 + 0.3 * place), 0.5, 0.1, 0.2)

            def path(t: float) -> tuple[float, float, float]:
                x, y, factor = still(t)
                at = min(int(t * FPS + 0.5), frames)
                return x + jitter[0, at], y + jitter[1, at], factor

            return path

        return [video.actor(place, *name, 0.12, shaken(place)) for place, name in enumerate(THREE)]

    return _film("shake", _video(seed, script), frames, *TEXTS)


def cut(seed: int, frames: int) -> Scenario:
    """Another scene of the same names from one frame to the next."""
    first, second = easy(seed, frames // 2), fast(seed + 1, frames - frames // 2)
    moved = tuple(
        Scene(
            each.image,
            Frame({100 + place: mask for place, mask in each.truth.truth.items()}, each.truth.crumbs),
            {100 + place: names for place, names in each.names.items()},
        )
        for each in second.scenes
    )
    return Scenario("hard cut", (*first.scenes, *moved), first.prompts)


def lights(seed: int, frames: int) -> Scenario:
    """The lights go out and come on again."""
    bright = easy(seed, frames)

    def dimmed(place: int, each: Scene) -> Scene:
        share = place / frames
        light = 0.12 if 0.4 < share < 0.6 else 1.0
        return Scene((each.image * light).astype(np.uint8), each.truth, each.names)

    return Scenario("lights out", tuple(dimmed(*each) for each in enumerate(bright.scenes)), bright.prompts)


def edited(seed: int, frames: int) -> Scenario:
    """A prompt goes and another comes, in the middle."""
    film = easy(seed, frames)
    return Scenario("edited", film.scenes, film.prompts[:2], edits={frames // 2: film.prompts[1:]})


def clicked(seed: int, frames: int) -> Scenario:
    """Nothing is asked by words; someone clicks on what was there half a second ago."""
    film = easy(seed, frames)
    late = FPS // 2
    clicks = {}
    for place, each in enumerate(sorted(film.scenes[0].truth.truth)):
        seen = 5 + 10 * place
        dense = film.scenes[seen].truth.truth[each].dense()
        rows, columns = np.nonzero(dense)
        clicks[seen + late] = (seen, Point(float(columns.mean()), float(rows.mean())))
    return Scenario("clicked", film.scenes, (), clicks=clicks)


# All of them, in the order of the documentation: each takes a seed and a number of frames.
SCENARIOS = (easy, fast, crossing, occlusion, reentry, crowd, scale, shake, cut, lights, edited, clicked)
