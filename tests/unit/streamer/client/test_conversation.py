"""A live session's messages without a socket: the newest result, answers by their number, how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest

from streamer.client import Busy, ClientError, Picture, Result, SessionInfo, conversation
from streamer.client.conversation import Conversation, Return
from streamer.client.errors import Moved
from streamer.wire import results
from tests.support.results import result

INFO = SessionInfo("abc", "demo:", "connecting", "", datetime.now(UTC), 0.0, None, 0)


@pytest.fixture
def talk() -> Conversation:
    return Conversation(INFO)


def hear(talk: Conversation, *indexes: int) -> None:
    for index in indexes:
        talk.receive(results.result_json(result(index)))


def take(talk: Conversation) -> Result | None:
    """The newest result, for a reader that takes each once."""
    news = talk.take(talk.taken)
    return None if news is None else news[1]


def answer(talk: Conversation, number: int, kind: str = "ack", **fields: Any) -> None:
    talk.receive(json.dumps({"type": kind, "request": number, **fields}))


def test_of_results_the_newest_is_kept_and_the_others_are_counted(talk: Conversation) -> None:
    hear(talk, 1, 2, 3)
    newest = take(talk)
    assert newest is not None
    assert (newest.frame.index, talk.missed) == (3, 2)


def test_each_of_several_readers_gets_the_newest(talk: Conversation) -> None:
    hear(talk, 1)
    assert talk.take(0) == talk.take(0) is not None
    assert not talk.ready(1)
    hear(talk, 2, 3)
    for after in (1, 0):
        assert (news := talk.take(after)) is not None
        assert (news[0], news[1].frame.index) == (3, 3)
    assert (talk.taken, talk.missed) == (3, 1)


def test_there_is_something_to_take_when_a_result_came_or_none_will(talk: Conversation) -> None:
    ready = [talk.ready(0)]
    hear(talk, 1)
    ready.append(talk.ready(0))
    take(talk)
    ready.append(talk.ready(1))
    talk.end()
    ready.append(talk.ready(1))
    assert ready == [False, True, False, True]


def test_an_answer_does_not_push_a_result_aside(talk: Conversation) -> None:
    number, _ = talk.ask({"type": "remove", "object_id": 7})
    hear(talk, 1)
    answer(talk, number, object_id=7)
    assert talk.answered(number)
    assert talk.answer(number)["object_id"] == 7
    assert take(talk) is not None
    assert talk.missed == 0


def test_each_answer_finds_its_own_question(talk: Conversation) -> None:
    first, text = talk.ask({"type": "options"})
    second, _ = talk.ask({"type": "options"})
    assert json.loads(text) == {"type": "options", "request": first}
    answer(talk, second, format="rle")
    assert (talk.answered(first), talk.answered(second)) == (False, True)
    answer(talk, first, format="polygon")
    assert [talk.answer(number)["format"] for number in (first, second)] == ["polygon", "rle"]


def test_an_answer_that_nobody_waits_for_is_not_kept(talk: Conversation) -> None:
    number, _ = talk.ask({"type": "options"})
    talk.forget(number)
    talk.forget(number)
    answer(talk, number)
    answer(talk, 99)
    talk.receive(json.dumps({"type": "error", "request": None, "message": "The message is not JSON."}))
    talk.receive(json.dumps({"type": "something new"}))
    assert talk._answers == {}


def test_a_refusal_is_raised_with_the_servers_words(talk: Conversation) -> None:
    number, _ = talk.ask({"type": "click"})
    answer(talk, number, "error", code="frame_gone", message="Frame 7 is gone.", available=[8, 20])
    with pytest.raises(ClientError, match=r"Frame 7 is gone\.") as refused:
        talk.answer(number)
    assert refused.value.available == (8, 20)


def test_a_change_of_state_is_kept(talk: Conversation) -> None:
    assert (talk.state, talk.reason) == ("connecting", "")
    talk.receive(results.dumps(results.state_message("reconnecting", "The camera is gone.")))
    assert (talk.state, talk.reason) == ("reconnecting", "The camera is gone.")
    assert not talk.ready(0)


def test_a_picture_comes_with_the_result_behind_it(talk: Conversation) -> None:
    talk.receive((7).to_bytes(4, "little") + b"jpeg")
    assert not talk.ready(0)
    hear(talk, 7)
    assert (found := take(talk)) is not None
    assert found.picture == Picture(7, b"jpeg")
    hear(talk, 7)
    assert (found := take(talk)) is not None
    assert found.picture is None


def test_a_frame_that_failed_is_a_result(talk: Conversation) -> None:
    talk.receive(results.result_json(result(3, error="It failed.")))
    assert (found := take(talk)) is not None
    assert found.error == "It failed."


def test_the_last_result_is_still_taken_before_the_end(talk: Conversation) -> None:
    hear(talk, 1)
    talk.end()
    assert take(talk) is not None
    assert talk.ready(1)
    assert take(talk) is None


def test_an_end_that_was_no_plan_is_raised_to_everybody(talk: Conversation) -> None:
    number, _ = talk.ask({"type": "options"})
    talk.end(ClientError("The connection to the server was lost."))
    talk.end()
    assert talk.answered(number)
    for speak in (lambda: take(talk), lambda: talk.answer(number), lambda: talk.ask({})):
        with pytest.raises(ClientError, match="lost"):
            speak()


def test_a_session_that_has_ended_says_why(talk: Conversation) -> None:
    talk.receive(results.dumps(results.state_message("ended", "It was stopped.")))
    talk.end()
    with pytest.raises(ClientError, match=r"has ended: It was stopped\."):
        talk.ask({})


def test_a_session_that_was_closed_here_says_so(talk: Conversation) -> None:
    talk.end()
    with pytest.raises(ClientError, match="closed"):
        talk.ask({})


def test_a_reader_looks_for_a_moved_session_as_long_as_a_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    moved, full, away = Moved("It goes on elsewhere."), Busy("full"), ClientError("No server.")
    way = Return()
    assert way.pause(moved) == way.pause(full) == way.pause(moved) > 0
    for late, error in ((False, away), (True, full)):
        if late:
            monkeypatch.setattr(conversation, "RETURNING", -1.0)
        way = Return()
        with contextlib.suppress(Moved):
            way.pause(moved)
        with pytest.raises(Moved, match="goes on"):
            way.pause(error)
    with pytest.raises(Busy, match="full"):
        Return().pause(full)


def test_looking_for_a_moved_session_ends_when_the_reader_has_had_its_time() -> None:
    def away(*_: float) -> NoReturn:
        raise Moved("It goes on elsewhere.")

    assert Return().next(away, away, time.monotonic()) is None
    assert Return().next(away, away, time.monotonic() + 0.1) is None


async def test_so_it_does_for_asyncio_also_while_nothing_is_answered() -> None:
    async def away() -> int:
        raise Moved("It goes on elsewhere.")

    async def silent() -> None:  # a door that takes long
        await asyncio.Event().wait()

    now = asyncio.get_running_loop().time
    assert await Return().anext(silent, away, now()) is None
    assert await Return().anext(silent, away, now() + 0.1) is None


def test_closing_ends_the_search_for_a_moved_session(talk: Conversation) -> None:
    talk.end(Moved("It goes on elsewhere."))
    assert talk.broken
    talk.end(closed=True)
    assert (talk.broken, talk.take(talk.taken)) == (False, None)


@pytest.mark.parametrize("odd", ["", "[", "[]", "7", "{}", '{"type": "result"}', '{"type": "state"}'])
def test_a_message_of_another_server_says_so(talk: Conversation, odd: str) -> None:
    with pytest.raises(ClientError, match="not one of this API"):
        talk.receive(odd)
