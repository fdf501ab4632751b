"""What a call can fail with: the server's own words, or why there were none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed, InvalidStatus

from streamer import errors as server

# Live errors carry a word and no status. Both sides of the wire are in this package: the table is the server's own.
_STATUS = {
    each.code: each.status
    for each in (
        server.BadRequest,
        server.Unauthorized,
        server.NotFound,
        server.FrameGone,
        server.Conflict,
        server.TooLarge,
        server.TooMany,
        server.NotReady,
    )
}
_NORMAL = 1000  # WebSocket close code: nothing went wrong
_STOPPING = (1001, 1012, 1013)  # going away, restart, try again later
_RESTART = 1012
_HTTP = 4000  # close codes from here on are this and an HTTP status


class ClientError(Exception):
    """
    A call was refused, or no answer came.

    ``message`` is one sentence for people, ``detail`` what would be right, where the server says it. ``status`` is the
    HTTP status, or None where no server spoke. ``retry_after`` is in seconds. Of a live session: ``code`` is the
    server's word for the error (``frame_gone``), ``field`` the part of the message that was wrong, and ``available``
    the oldest and newest frame index that could have been named.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        detail: str | None = None,
        retry_after: float | None = None,
        code: str | None = None,
        field: str | None = None,
        available: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        self.code = code
        self.field = field
        self.available = available


class Busy(ClientError):
    """The server is full (429), still loads its model (503), or restarts: the same call may succeed later."""


class Moved(Busy):
    """The server is restarted, or the session goes on at another worker of a cluster: a new connection may find it."""


def of_answer(status: int, headers: Mapping[str, str], body: bytes) -> ClientError:
    """The error in an HTTP answer. A proxy's answer, which is not JSON, is told by its status."""
    data = _json(body)
    retry_after = _seconds(headers.get("retry-after"))
    if isinstance(data.get("detail"), list):  # FastAPI's list of wrong fields
        words = "; ".join(_wrong_field(each) for each in data["detail"])
        return _refused(status, words, retry_after=retry_after)
    message = data.get("message")
    if not isinstance(message, str):
        message = f"The server answered {status} {_phrase(status)}".rstrip() + "."
    detail = data.get("detail")
    return _refused(status, message, detail=detail if isinstance(detail, str) else None, retry_after=retry_after)


def of_message(data: Mapping[str, Any]) -> ClientError:
    """The error in a live session's ``error`` message."""
    code, available = data.get("code"), data.get("available")
    return _refused(
        _STATUS.get(str(code)),
        str(data["message"]),
        code=code,
        field=data.get("field"),
        available=None if available is None else (int(available[0]), int(available[1])),
    )


def of_close(closed: ConnectionClosed) -> ClientError | None:
    """Why the server closed a WebSocket, or that it broke; None when all was well."""
    if closed.rcvd is None:
        return ClientError("The connection to the server was lost.")
    code, reason = closed.rcvd.code, closed.rcvd.reason
    if code == _NORMAL:
        return None
    if code in _STOPPING:
        kind = Moved if code == _RESTART else Busy
        return kind("The server is being stopped or restarted.", status=None)
    if _HTTP < code < _HTTP + 1000:
        return _refused(code - _HTTP, reason or f"The server closed the connection with {code}.")
    return ClientError(f"The server closed the connection with {code}{f': {reason}' if reason else ''}.")


def of_failure(address: str, seconds: float, error: Exception) -> ClientError:
    """Why a connection failed: what httpx or websockets raised, with the time an answer was given."""
    why = str(error) or type(error).__name__
    match error:
        case InvalidStatus():
            answer = error.response
            return of_answer(answer.status_code, httpx.Headers(list(answer.headers.raw_items())), bytes(answer.body))
        case RuntimeError():
            return ClientError("The client has been closed.")
        case httpx.TimeoutException() | TimeoutError():
            return too_late(address, seconds)
        case httpx.ConnectError() | OSError():
            return ClientError(f"No server could be reached at {address} ({why}). Is it running there?")
    return ClientError(f"The connection to {address} failed ({why}).")


def too_late(address: str, seconds: float) -> ClientError:
    """No answer in time."""
    return ClientError(f"The server at {address} has not answered within {seconds:g} s.")


def unreadable(error: Exception) -> ClientError:
    """An answer that is not what the API promises: most likely another server lives there."""
    return ClientError(f"The server's answer is not one of this API ({type(error).__name__}: {error}).")


def _refused(status: int | None, message: str, **more: Any) -> ClientError:
    kind = Busy if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE) else ClientError
    return kind(message, status=status, **more)


def _json(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _wrong_field(problem: Any) -> str:
    """``{"loc": ["body", "prompts", 0, "text"], "msg": …}`` as people write it: ``prompts[0].text: …``."""
    try:
        name, message = _name(problem["loc"]), str(problem["msg"])
    except (KeyError, TypeError):
        return str(problem)
    return f"{name}: {message}" if name else message


def _name(loc: Sequence[int | str]) -> str:
    name = ""
    for part in loc:
        if isinstance(part, int):
            name += f"[{part}]"
        elif part != "body" or name:
            name += f".{part}" if name else part
    return name


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
