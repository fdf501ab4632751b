"""Whose pages may use a server without keys; a real browser: end_to_end/test_foreign_page.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from streamer.config import Config
from streamer.http import origins
from tests.support.asgi import Asked, Live, asking, connected

HOME = {"host": "127.0.0.1:8000"}
EVIL = "https://evil.example"


def request(path: str = "/sessions", kind: str = "http", **headers: str) -> dict[str, Any]:
    """A connection's scope; underscores in the names of headers stand for hyphens."""
    coded = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": kind, "scheme": "ws" if kind == "websocket" else "http", "path": path, "headers": coded}


def allowed(scope: dict[str, Any], **settings: Any) -> bool:
    config = Config(**settings)
    try:
        origins.check(scope, set(config.allow_origins), {*config.allow_hosts, config.host})
    except origins.Foreign:
        return False
    return True


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("host", ["localhost:8000", "a.localhost", "127.0.0.1:8000", "192.168.1.20", "[::1]:8000"])
def test_a_client_that_is_no_page_is_let_in_by_address(kind: str, host: str) -> None:
    assert allowed(request(kind=kind, host=host))


def test_so_is_one_that_says_nothing_of_the_host() -> None:
    assert allowed(request())


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("path", ["/", "/static/main.js", "/sessions", "/healthz", "/nothing"])
def test_a_name_that_points_here_is_refused_whatever_is_asked(kind: str, path: str) -> None:
    for host in ("rebind.example:8000", "127.0.0.1.rebind.example", "camera.local", ""):
        assert not allowed(request(path, kind, host=host))
        assert not allowed(request(path, kind, host=host, origin=f"http://{host}", sec_fetch_site="same-origin"))


def test_a_name_that_it_was_told_is_answered_to() -> None:
    for host in ("camera.example:8000", "CAMERA.example."):
        assert allowed(request(host=host), allow_hosts=("camera.example",))
        assert allowed(request(host=host), host="camera.example")
    assert not allowed(request(host="other.example"), allow_hosts=("camera.example",))


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "origin",
    [EVIL, "null", "", "http://127.0.0.1", "http://127.0.0.1:8001", "https://127.0.0.1:8000", "http://localhost:8000"],
)
def test_a_page_of_another_origin_is_refused(kind: str, origin: str) -> None:
    assert not allowed(request(kind=kind, **HOME, origin=origin))
    assert not allowed(request(kind=kind, **HOME, origin=origin), allow_origins=("https://good.example",))


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_its_own_page_is_not(kind: str) -> None:
    assert allowed(request(kind=kind, **HOME, origin="http://127.0.0.1:8000"))
    assert allowed(request(kind=kind, host="localhost", origin="http://localhost"))
    secure = request(kind=kind, host="localhost:8443", origin="https://localhost:8443")
    assert not allowed(secure)
    assert allowed({**secure, "scheme": "wss" if kind == "websocket" else "https"})


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_nor_are_pages_of_an_origin_that_it_was_told(kind: str) -> None:
    scope = request(kind=kind, **HOME, origin=EVIL, sec_fetch_site="cross-site")
    assert allowed(scope, allow_origins=(EVIL,))


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("dest", ["image", "script", "iframe", "empty", "document"])
def test_what_pages_send_without_an_origin_is_refused_by_where_it_comes_from(site: str, dest: str) -> None:
    mode = "navigate" if dest in ("iframe", "document") else "no-cors"
    coming = {"sec_fetch_site": site, "sec_fetch_mode": mode, "sec_fetch_dest": dest}
    for path in ("/sessions", "/sessions/1/frames/latest.jpg", "/metrics"):
        assert not allowed(request(path, **HOME, **coming))
    for path in ("/", "/docs", "/static/icon.svg"):
        assert allowed(request(path, **HOME, **coming)) == (dest == "document")


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_pages_own_pictures_and_typed_addresses_are_answered(site: str) -> None:
    assert allowed(request("/sessions/1/frames/latest.jpg", **HOME, sec_fetch_site=site, sec_fetch_mode="no-cors"))


PREFLIGHT = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/sessions"),
        ("POST", "/sessions"),
        ("OPTIONS", "/sessions"),
        ("DELETE", "/sessions/1"),
        ("GET", "/sessions/1/frames/latest.jpg"),
        ("GET", "/sessions/1/events"),
        ("POST", "/whip"),
        ("OPTIONS", "/whip"),
        ("POST", "/whep/1"),
        ("PATCH", "/whep/1/2"),
        ("POST", "/sam3/concept_segment"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
        ("GET", "/static/main.js"),
    ],
)
async def test_no_route_answers_a_foreign_page(here: Asked, method: str, path: str) -> None:
    answer = await here.http.request(method, path, headers=PREFLIGHT)
    assert answer.status_code == 403
    assert set(answer.json()) == {"message", "detail"}
    assert f"--allow-origin {EVIL}" in answer.json()["detail"]
    assert not {name for name in answer.headers if name.startswith("access-control-")}
    assert 'status="403"' in (await here.http.get("/metrics")).text


async def test_a_websocket_of_a_foreign_page_is_refused_before_it_is_accepted(here: Asked, live: Live) -> None:
    more = {"headers": [(b"origin", EVIL.encode())], "extensions": {"websocket.http.response": {}}}
    async with connected(here, "websocket", f"/sessions/{live.session.id}/results", more=more) as peer:
        answer = await asyncio.wait_for(peer.until("websocket"), 10)
    assert (answer["type"], answer["status"]) == ("websocket.http.response.start", 403)
    assert live.session.subscribers == 0


async def test_with_keys_pages_of_all_origins_and_names_may_call() -> None:
    headers = {"Origin": "null", "Host": "camera.example", "Authorization": "Bearer one"}
    async with asking(api_keys=("one",)) as here:
        answer = await here.http.get("/sessions", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("asked", "status"), [("authorization, content-type", 200), ("X-Forwarded-For", 400), ("a, forwarded", 400)]
)
async def test_no_page_speaks_for_a_proxy(asked: str, status: int) -> None:
    """With another address for each key a page would not be slowed down."""
    ask = {"origin": EVIL, "access-control-request-method": "GET", "access-control-request-headers": asked}
    async with asking(api_keys=["one"]) as here:
        assert (await here.http.options("/sessions", headers=ask)).status_code == status
