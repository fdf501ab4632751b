"""The synthetic camera."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import numpy as np
import pytest

from streamer.errors import BadSource
from streamer.frame import Frame
from streamer.sources import demo as module
from streamer.sources.base import State
from streamer.sources.demo import DemoSource
from tracker.model.vocabulary import KINDS
from tracker.worlds import things, worlds


async def watch(source: DemoSource, count: int) -> tuple[list[Frame], list[State]]:
    frames: list[Frame] = []
    states: list[State] = []
    enough = asyncio.Event()

    async def out(frame: Frame) -> None:
        frames.append(frame)
        if len(frames) >= count:
            enough.set()

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(source.run(out, lambda state, reason: states.append(state)))
        await enough.wait()
        running.cancel()
    return frames[:count], states


async def test_it_shows_the_world_of_its_seed() -> None:
    source = DemoSource("demo:?seed=3&size=160x120&fps=25&objects=3")
    frames, states = await watch(source, 8)
    assert states == [State.LIVE]
    world = iter(worlds.Video(3, 160, 120, fps=25, objects=(3, 3)))
    truth = {index: next(world) for index in range(frames[-1].index + 1)}
    for frame in frames:
        assert np.array_equal(frame.rgb(), truth[frame.index].image)
        assert (frame.pts, frame.time_base) == (frame.index * 3600, Fraction(1, 90_000))
        assert (frame.width, frame.height) == (160, 120)
    assert frames[0].index == 0


async def test_it_shows_things_with_names() -> None:
    source = DemoSource("demo:?seed=3&size=160x120&fps=25&objects=5&things=60")
    frames, _ = await watch(source, 3)
    pictures = list(things.shipped())
    world = iter(worlds.Video(3, 160, 120, fps=25, objects=(5, 5), things=pictures, share=0.6))
    truth = [next(world) for _ in range(frames[-1].index + 1)]
    assert all(np.array_equal(frame.rgb(), truth[frame.index].image) for frame in frames)
    assert any(each.shape in KINDS for each in truth[0].objects)
    assert any(each.color for each in truth[0].objects)


async def test_its_motion_can_be_slowed_down() -> None:
    frames, _ = await watch(DemoSource("demo:?seed=3&size=160x120&fps=25&objects=3&speed=5"), 4)
    world = iter(worlds.Video(3, 160, 120, fps=25, objects=(3, 3), speed=0.05))
    truth = [next(world) for _ in range(frames[-1].index + 1)]
    assert all(np.array_equal(frame.rgb(), truth[frame.index].image) for frame in frames)


def test_every_kind_of_thing_is_shipped() -> None:
    assert sorted(each.name for each in things.shipped()) == sorted(KINDS)
    assert things.SHIPPED.stat().st_size < 400_000


async def test_it_is_paced() -> None:
    frames, _ = await watch(DemoSource("demo:?size=64x64&fps=20"), 11)
    passed = frames[-1].arrived - frames[0].arrived
    assert passed >= (frames[-1].index - frames[0].index) / 20 - 0.05


def test_every_part_is_optional() -> None:
    for address in ("demo:", "demo://", "demo:?"):
        source = DemoSource(address)
        assert (source.seed, source.width, source.height, source.fps) == (module.SEED, 640, 480, 30)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("demo:?seed=x", "seed is 'x'"),
        ("demo:?seed=-1", "seed"),
        ("demo:?fps=0", "from 1 to 60"),
        ("demo:?fps=61", "fps"),
        ("demo:?size=640", "size is '640'"),
        ("demo:?size=8x8", "size"),
        ("demo:?size=4000x4000", "size"),
        ("demo:?objects=99", "objects"),
        ("demo:?things=101", "things"),
        ("demo:?speed=101", "speed"),
        ("demo:?colour=red", "no option 'colour'"),
        ("demo:video.mp4", "not a synthetic camera"),
        ("demonstration:", "not a synthetic camera"),
    ],
)
def test_what_it_cannot_be_is_refused_by_name(address: str, words: str) -> None:
    with pytest.raises(BadSource, match=words):
        DemoSource(address)
