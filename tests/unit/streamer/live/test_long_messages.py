"""streamer.live.long_messages: what is longer than a data channel takes."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.counters import Counters
from streamer.live import long_messages
from streamer.live.long_messages import HEAD, MARK
from streamer.live.reader_options import Form, Options
from streamer.live.subscription import Subscription
from streamer.result import Result
from tests.support.results import result, track
from tracker import Prompt

LIMIT = 4096
READ: dict[Form, Any] = {"json": json.loads, "msgpack": msgpack.unpackb}


async def no_picture(index: int) -> bytes | None:
    return None


def crowd(count: int = 64, prompts: tuple[Prompt, ...] = (Prompt("star"),)) -> Result:
    """A result of many objects; the one with the highest id has the highest score."""
    return result(7, tuple(track(number, 0, score=(1 + number) / (2 + count)) for number in range(count)), prompts)


async def told(*said: Result | dict[str, Any], limit: int | None = LIMIT, options: Options | None = None) -> list[Any]:
    """What a reader is sent."""
    reader = Subscription(no_picture, Counters(), limit=limit, options=options)
    for each in said:
        if isinstance(each, Result):
            reader.publish(each)
        else:
            reader.tell(each)
    reader.close()
    return [part async for part in reader]


def together(pieces: list[Any]) -> tuple[int, str | bytes]:
    """The number and the whole of a message whose pieces came in order, as the API page has it."""
    heads = [HEAD.unpack(piece[: HEAD.size]) for piece in pieces]
    _, kind, number, _, count = heads[0]
    assert heads == [(MARK, kind, number, part, count) for part in range(count)]
    data = b"".join(piece[HEAD.size :] for piece in pieces)
    return number, data if kind else data.decode()


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)), st.integers(9, 400), st.integers(0, 2**20))
def test_any_message_comes_whole_or_in_pieces_within_the_limit(message: str | bytes, limit: int, number: int) -> None:
    pieces = list(long_messages.pieces(message, limit, number))
    assert all(long_messages.size(piece) <= limit for piece in pieces)
    if long_messages.size(message) <= limit:
        assert pieces == [message]
    else:
        assert together(pieces) == (number % 2**16, message)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize("form", ["rle", "polygon"])
async def test_a_result_that_is_too_long_goes_without_the_objects_of_lowest_score(encoding: Form, form: Any) -> None:
    (sent,) = await told(crowd(), options=Options(form, encoding=encoding))
    message = READ[encoding](sent)
    found = [each["object_id"] for each in message["prompt_results"][0]["predictions"]]
    assert LIMIT * 0.8 < long_messages.size(sent) <= LIMIT
    assert found == list(range(63, 63 - len(found), -1))
    assert message["left_out"] == 64 - len(found) > 0


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_who_chose_chunks_gets_every_object(encoding: Form) -> None:
    pieces = await told(crowd(), options=Options(encoding=encoding, chunks=True))
    assert len(pieces) > 1
    message = READ[encoding](together(pieces)[1])
    assert len(message["prompt_results"][0]["predictions"]) == 64
    assert "left_out" not in message


async def test_what_fits_is_sent_as_ever_and_is_rendered_once_for_all() -> None:
    few = crowd(3)
    alike = [await told(few), await told(few, limit=None), await told(few, options=Options(chunks=True))]
    assert alike[0] == alike[1] == alike[2]
    assert len(few.renderings) == 1


async def test_a_message_that_cannot_be_made_shorter_is_told_by_an_error() -> None:
    """Two bytes a letter: the limit is one of bytes."""
    names = tuple(Prompt("ж" * 250 + str(number)) for number in range(16))
    ack = {"type": "ack", "request": "mine", "hint": "ж" * LIMIT}
    instead, answered = map(json.loads, await told(ack, crowd(4, names)))
    assert (answered["type"], answered["request"]) == ("error", "mine")
    assert f"the {LIMIT} that this channel takes" in answered["message"]
    assert "chunks" in answered["message"]
    assert instead["type"] == "error"
    assert "request" not in instead
    (short,) = map(json.loads, await told({**ack, "request": "x" * LIMIT}))
    assert short["type"] == "error"
    assert "request" not in short
