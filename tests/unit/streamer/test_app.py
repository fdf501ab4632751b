"""The web application: what it answers besides its routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from streamer import app as module
from streamer.app import create_app, web_folder
from streamer.config import Config
from tests.support.asgi import Asked, asking
from tests.support.models import untrained


@pytest.fixture
async def here() -> AsyncIterator[Asked]:
    async with asking() as here:
        yield here


async def test_it_says_that_it_lives_and_is_ready(here: Asked) -> None:
    assert (await here.http.get("/healthz")).json() == {"status": "ok"}
    assert (await here.http.get("/readyz")).json() == {"status": "ready", "model": "nano"}


async def test_a_device_that_broke_is_told_by_both_checks_of_health(here: Asked) -> None:
    here.app.state.engines.all[0].faults.note(RuntimeError("CUDA error: an illegal memory access was encountered"))
    for path in ("/healthz", "/readyz"):
        answer = await here.http.get(path)
        assert answer.status_code == 503
        assert "an illegal memory access was encountered" in answer.json()["detail"]


def test_the_page_is_found_inside_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "streamer" / "web").mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "streamer" / "app.py"))
    assert web_folder() == tmp_path / "streamer" / "web"


async def test_the_routes_are_documented(here: Asked) -> None:
    assert (await here.http.get("/docs")).status_code == 200
    paths = (await here.http.get("/openapi.json")).json()["paths"]
    assert {"/sessions", "/sessions/{id}", "/whip", "/sam3/concept_segment", "/healthz", "/readyz"} <= set(paths)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no/such/page", 404),
        ("GET", "/sessions/", 404),
        ("GET", "/sam3", 404),
        ("PUT", "/sessions", 405),
    ],
)
async def test_what_does_not_exist_is_refused_in_our_shape(here: Asked, method: str, path: str, status: int) -> None:
    answer = await here.http.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"message", "detail"}


async def test_input_is_not_echoed_when_it_is_refused(here: Asked) -> None:
    answer = await here.http.post("/sessions", json={"source": ["my secret"]})
    assert answer.status_code == 422
    assert "secret" not in answer.text


@pytest.mark.parametrize("how", [{"api_keys": ("one",)}, {"allow_origins": ("http://elsewhere",)}])
async def test_pages_from_other_origins_may_ask_where_there_are_keys_or_they_are_allowed(how: dict[str, Any]) -> None:
    asked = {"Origin": "http://elsewhere", "Access-Control-Request-Method": "POST"}
    async with asking(**how) as here:
        answer = await here.http.options("/sessions", headers=asked)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == ("*" if "api_keys" in how else "http://elsewhere")
        answer = await here.http.get("/sessions?api_key=one", headers={"Origin": "http://elsewhere"})
        assert answer.status_code == 200
        assert "Location" in answer.headers["Access-Control-Expose-Headers"]


async def test_an_error_of_ours_is_told_without_its_inside(here: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("the inside")

    monkeypatch.setattr(here.sessions, "list", broken)
    answer = await here.http.get("/sessions")
    assert answer.status_code == 500
    assert set(answer.json()) == {"message", "detail"}
    assert "the inside" not in answer.text


def test_an_app_can_be_made_without_starting_it() -> None:
    app = create_app(Config(), untrained())
    assert app.state.config == Config()
    assert app.state.engines.all[0].ready
    assert app.state.sessions.list() == []
