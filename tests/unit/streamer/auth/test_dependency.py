"""How a connection brings its key, and what routes need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.requests import HTTPConnection
from fastapi.routing import iter_route_contexts

from streamer import auth
from streamer.app import create_app
from streamer.auth import Keyring, Scope
from streamer.config import Config
from streamer.errors import Forbidden, Unauthorized
from tests.support.asgi import asking

# What needs no key; and what asks for one itself: it may come in the body, or the answer is a close code.
PAGES = {"/", "/cluster.html", "/static/{name}", "/api.js", "/keys.js", "/rle.js", "/session.js"}
WITHOUT = {"/healthz", "/readyz"} | PAGES
DESCRIBED = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}
BY_THEMSELVES = {
    "/sam3/concept_segment",
    "/sam3/visual_segment",
    "/sam3/embed_image",
    "/sam3/{call:path}",
    "/sessions/{id}/results",
}


def connection(query: str = "", header: str = "", *, kind: str = "http", **more: Any) -> HTTPConnection:
    headers = [(b"authorization", header.encode())] if header else []
    return HTTPConnection({"type": kind, "query_string": query.encode(), "headers": headers, **more})


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("query", "header", "key"),
    [
        ("", "", None),
        ("api_key=one", "", "one"),
        ("", "Bearer two", "two"),
        ("", "bearer two", "two"),
        ("api_key=one", "Bearer two", "one"),
        ("api_key=", "Bearer two", "two"),
        ("", "Basic dHdv", None),
        ("", "two", None),
    ],
)
async def test_a_request_or_a_websocket_brings_its_key_in_the_query_or_the_header(
    kind: str, query: str, header: str, key: str | None
) -> None:
    assert await auth.key_of(connection(query, header, kind=kind)) == key


class Counting(Keyring):
    asked = 0

    def caller(self, key: str | None, remote: str) -> auth.Caller:
        self.asked += 1
        return super().caller(key, remote)


def test_who_calls_is_found_out_once_for_each_connection() -> None:
    keys = Counting(("one",))
    app = SimpleNamespace(state=SimpleNamespace(keys=keys))
    here = connection(app=app, client=("192.0.2.1", 1))
    assert auth.allow(here, "one", Scope.VIEW) == auth.allow(here, "one", Scope.MANAGE, session="x")
    assert keys.asked == 1
    with pytest.raises(Unauthorized):
        auth.allow(here, "two", Scope.VIEW)
    assert keys.asked == 2


def test_a_key_that_is_right_and_may_less_is_forbidden() -> None:
    app = SimpleNamespace(state=SimpleNamespace(keys=Keyring(("one",))))
    here = connection(app=app, client=None)
    here.scope["streamer.caller"] = ("one", auth.Caller("someone", Scope.VIEW))
    with pytest.raises(Forbidden):
        auth.allow(here, "one", Scope.PROMPT)


@pytest.mark.parametrize("key", ["", "?api_key=wrong"])
async def test_a_body_is_not_read_before_the_key_is_right(key: str) -> None:
    reads: list[None] = []

    async def body() -> AsyncIterator[bytes]:
        reads.append(None)
        yield b"["

    async with asking(api_keys=("one",)) as here:
        assert (await here.http.post(f"/sessions{key}", content=body())).status_code == 401
        assert not reads
        assert (await here.http.post("/sessions?api_key=one", content=body())).status_code == 422
        assert reads


def test_every_route_says_what_it_needs() -> None:
    """A new route must be given its scope, or a place in one of the two lists above."""
    found: dict[str, set[Scope | None]] = {}
    for route in iter_route_contexts(create_app(Config()).routes):
        found.setdefault(route.path or "", set()).add(auth.needed_by(route))
    assert {path for path, needed in found.items() if needed == {None}} >= WITHOUT | BY_THEMSELVES
    open_to_all = {path for path, needed in found.items() if None in needed} - WITHOUT - DESCRIBED - BY_THEMSELVES
    assert open_to_all == {"/whip/{id}", "/whep/{id}/{viewer}"}  # OPTIONS
    assert found["/tokens"] == {Scope.VIEW}
    assert found["/sessions"] == {Scope.VIEW, Scope.MANAGE}
    assert found["/sessions/{id}"] == {Scope.VIEW, Scope.MANAGE}
    assert found["/metrics"] == found["/sessions/{id}/events"] == {Scope.VIEW}
    assert found["/whip"] == {Scope.MANAGE} and found["/whep/{id}"] == {Scope.VIEW}
