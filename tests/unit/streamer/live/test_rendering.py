"""A result written once for all readers that want it alike."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgpack
import pytest

from streamer.counters import Counters
from streamer.frame import LeftOut
from streamer.live.reader_options import Form, Options
from streamer.live.rendering import Text, rendered
from streamer.live.subscription import Subscription
from streamer.result import LookedAt, Result
from streamer.wire import results
from streamer.wire.fields import MaskFormat
from tests.support.results import result, track
from tracker import Mask, Prompt, Stage

PROMPTS = (Prompt('cup "dropped":{"source":2,"subscriber":0}'), Prompt("red cup", id="mine"))
TRACKS = (track(1, 0), track(2, 1), track(3, None))
READERS = 16
READ: dict[Form, Callable[[Any], Any]] = {
    "json": json.loads,
    "msgpack": msgpack.unpackb,
    "events": lambda text: json.loads(text.split("data: ", 1)[1]),
}


def full() -> Result:
    """A result with all that a message can have."""
    told = result(841, TRACKS, PROMPTS)
    look = LookedAt(836, 0.2, Stage.REFINE, "interval")
    return replace(told, presented=True, looked_at=look, ahead=(track(1, None, score=0.4),), dropped=70_000)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    """The results that a message was made of, once for each time."""
    made: list[Result] = []

    def counting(told: Result, *args: Any, **options: Any) -> dict[str, Any]:
        made.append(told)
        return message_of(told, *args, **options)

    message_of = results.result_message
    monkeypatch.setattr(results, "result_message", counting)
    return made


@pytest.mark.parametrize("encoding", ["json", "msgpack", "events"])
@pytest.mark.parametrize("form", ["rle", "polygon", "none"])
@pytest.mark.parametrize("missed", [0, 127, 128, 70_000, 2**33])
async def test_it_is_byte_for_byte_what_one_reader_alone_would_get(
    encoding: Form, form: MaskFormat, missed: int
) -> None:
    left_out = replace(full(), lost=LeftOut(late=300, corrupt=2))
    for told in (full(), result(3, error="It broke."), result(), left_out):
        for ahead in (0, 1):
            options = Options(form, None, None, encoding, ahead)
            got = (await rendered(told, options)).told(missed)
            alone = options.encode(results.result_message(told, form, missed, ahead=bool(ahead)))
            assert got == alone
            read = READ[encoding](got)
            rare = {"late": 300, "corrupt": 2} if told is left_out else {}
            assert read["dropped"] == {"source": told.dropped, **rare, "subscriber": missed}
            assert read == READ[encoding](alone)


@pytest.mark.parametrize("encoding", ["json", "msgpack", "events"])
@pytest.mark.parametrize("form", ["rle", "polygon", "none"])
async def test_equal_readers_share_one_rendering(encoding: Form, form: MaskFormat, counted: list[Result]) -> None:
    chosen = [Options(form, 900 + number, None, encoding) for number in range(READERS)]  # max_fps may differ
    readers = [Subscription(_no_picture, Counters(), options=options) for options in chosen]
    readers[0].publish(result(840))
    told = full()
    for reader in readers:
        reader.publish(told)
        reader.close()
    got = [READ[encoding](part) for parts in await asyncio.gather(*map(_gather, readers)) for part in parts]
    assert [each["dropped"]["subscriber"] for each in got] == [1] + [0] * (READERS - 1)
    assert counted == [told]


async def test_two_that_ask_at_once_share_the_tracing_of_outlines(
    monkeypatch: pytest.MonkeyPatch, counted: list[Result]
) -> None:
    told, polygons = full(), Mask.polygons
    traced: list[Mask] = []

    def tracing(mask: Mask, *, holes: bool = False) -> Any:
        traced.append(mask)
        return polygons(mask, holes=holes)

    monkeypatch.setattr(Mask, "polygons", tracing)
    asked = Options("polygon")
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        first, second = (tasks.create_task(rendered(told, asked)) for _ in range(2))
        left = tasks.create_task(rendered(told, asked))
        await asyncio.sleep(0)
        left.cancel()  # a reader that leaves takes nothing from the others
    assert first.result() is second.result()
    assert len(traced) == len(TRACKS)
    assert await rendered(told, asked) is first.result()
    assert len(counted) == 1


async def test_readers_that_want_it_differently_get_it_differently(counted: list[Result]) -> None:
    told = full()
    different = [Options(), Options("none"), Options(encoding="msgpack"), Options(prompts=("mine",)), Options(ahead=1)]
    different += [Options("polygon"), Options("polygon", holes=True)]
    made = [await rendered(told, options) for options in (*different, *different)]
    assert len(set(made)) == len(different) == len(counted)


async def test_a_wish_for_masks_ahead_that_nobody_made_is_no_difference(counted: list[Result]) -> None:
    told = result(841, TRACKS, PROMPTS)
    assert await rendered(told, Options(ahead=1)) is await rendered(told, Options())
    assert len(counted) == 1


async def test_a_changed_result_is_rendered_anew() -> None:
    told = full()
    before = (await rendered(told, Options())).told(0)
    after = (await rendered(told.revised(PROMPTS, {2}), Options())).told(0)
    assert '"object_id":2' in str(before)
    assert '"object_id":2' not in str(after)


async def test_what_was_rendered_goes_with_its_result() -> None:
    def alive() -> int:
        gc.collect()
        return sum(type(each) is Text for each in gc.get_objects())

    before = alive()
    held = [result(index, TRACKS, PROMPTS) for index in range(100)]
    for told in held:
        for _ in range(READERS):
            await rendered(told, Options())
    assert alive() - before == len(held)
    told = held.pop()
    held.clear()
    assert alive() - before == len(told.renderings) == 1


async def _no_picture(index: int) -> bytes | None:
    return None


async def _gather(reader: Subscription) -> list[str | bytes]:
    return [part async for part in reader]
