"""Whatever goes wrong reaches the caller as one sentence, with what a program needs beside it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import websockets.datastructures as ws
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from streamer import errors as server
from streamer.client import Busy, ClientError
from streamer.client.errors import of_answer, of_close, of_failure, of_message
from streamer.live.orders import _error_message


def answered(status: int, body: Any, **headers: str) -> ClientError:
    return of_answer(status, httpx.Headers(headers), json.dumps(body).encode())


def closed(code: int | None, reason: str = "") -> ClientError | None:
    return of_close(ConnectionClosedError(None if code is None else Close(code, reason), None))


def test_a_refusal_says_what_was_wrong_and_what_would_be_right() -> None:
    error = answered(400, {"message": "The picture is empty.", "detail": "image.value must hold base64 data."})
    assert str(error) == error.message == "The picture is empty."
    assert (error.status, error.detail, error.retry_after) == (400, "image.value must hold base64 data.", None)
    assert not isinstance(error, Busy)


def test_wrong_fields_are_named_as_people_write_them() -> None:
    problems = [
        {"loc": ["body", "prompts", 0, "boxes", 1, "x"], "msg": "Field required", "type": "missing"},
        {"loc": ["body"], "msg": "Not JSON", "type": "json_invalid"},
        {"loc": ["path", "index"], "msg": "No number", "type": "int_parsing"},
    ]
    error = answered(422, {"detail": problems})
    assert error.message == "prompts[0].boxes[1].x: Field required; Not JSON; path.index: No number"
    assert (error.status, error.detail) == (422, None)


def test_a_list_of_something_else_is_shown_as_it_is() -> None:
    assert answered(422, {"detail": ["odd"]}).message == "odd"


@pytest.mark.parametrize("status", [429, 503])
def test_what_may_succeed_later_is_busy_and_says_when(status: int) -> None:
    error = answered(status, {"message": "Full.", "detail": "Full."}, **{"Retry-After": "5"})
    assert isinstance(error, Busy)
    assert (error.status, error.retry_after) == (status, 5.0)
    assert answered(status, {}, **{"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}).retry_after is None


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"[1]", b"", b"\xff", b'{"message": 7}'])
def test_a_proxys_answer_is_told_by_its_status(body: bytes) -> None:
    error = of_answer(502, {}, body)
    assert (error.message, error.status) == ("The server answered 502 Bad Gateway.", 502)
    assert of_answer(599, {}, body).message == "The server answered 599."


def test_a_live_error_has_the_servers_words_and_its_status() -> None:
    gone = server.FrameGone("Frame 7 is not kept.", (10, 20), field="frame_index")
    error = of_message(_error_message(gone, 1))
    assert (error.message, error.status, error.code) == ("Frame 7 is not kept.", 404, "frame_gone")
    assert (error.field, error.available) == ("frame_index", (10, 20))
    assert isinstance(of_message(_error_message(server.TooMany("Full."), 1)), Busy)
    assert of_message(_error_message(server.StreamerError("Something failed."), 1)).status is None


def test_a_closed_connection_is_told_by_its_code() -> None:
    assert closed(1000) is None
    unauthorized, full = closed(4401, "An API key is needed."), closed(4429)
    assert unauthorized is not None
    assert (unauthorized.message, unauthorized.status) == ("An API key is needed.", 401)
    assert isinstance(full, Busy)
    assert "4429" in full.message
    assert str(closed(1012, "restart")) == "The server is being stopped or restarted."
    assert str(closed(None)) == "The connection to the server was lost."


REFUSED = Response(403, "Forbidden", ws.Headers({"Retry-After": "3"}), b"")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), r"No server could be reached at http://here \(.*refused"),
        (httpx.ConnectError("Connection refused"), r"No server could be reached at http://here \(.*refused"),
        (httpx.ReadTimeout(""), "The server at http://here has not answered within 7 s."),
        (TimeoutError(), "The server at http://here has not answered within 7 s."),
        (httpx.ReadError(""), r"The connection to http://here failed \(ReadError\)."),
        (InvalidMessage("no HTTP"), r"The connection to http://here failed \(no HTTP\)."),
        (InvalidStatus(REFUSED), "The server answered 403 Forbidden."),
    ],
)
def test_a_failure_names_the_address(error: Exception, words: str) -> None:
    with pytest.raises(ClientError, match=words):
        raise of_failure("http://here", 7, error)
