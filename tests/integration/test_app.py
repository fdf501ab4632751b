"""The web application."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from streamer import app as module
from streamer import engine
from streamer.app import create_app, web_folder
from streamer.config import Config
from tests.support.models import untrained
from tests.support.serving import SECONDS, Served, serving
from tracker import WeightsError


@pytest.fixture(scope="module")
def served() -> Any:
    with serving(untrained(), max_body=1000) as served:
        yield served


def test_it_says_that_it_lives_and_is_ready(served: Served) -> None:
    assert served.http.get("/healthz").json() == {"status": "ok"}
    assert served.http.get("/readyz").json() == {"status": "ready", "model": "nano"}


def test_the_page_is_found_inside_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "streamer" / "web").mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "streamer" / "app.py"))
    assert web_folder() == tmp_path / "streamer" / "web"


def test_the_routes_are_documented(served: Served) -> None:
    assert served.http.get("/docs").status_code == 200
    paths = served.http.get("/openapi.json").json()["paths"]
    assert {"/sessions", "/sessions/{id}", "/whip", "/sam3/concept_segment", "/healthz", "/readyz"} <= set(paths)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/no/such/page", 404), ("PUT", "/sessions", 405)])
def test_what_does_not_exist_is_refused_in_our_shape(served: Served, method: str, path: str, status: int) -> None:
    answer = served.http.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"message", "detail"}


def test_input_is_not_echoed_when_it_is_refused(served: Served) -> None:
    answer = served.http.post("/sessions", json={"source": ["my secret"]})
    assert answer.status_code == 422
    assert "secret" not in answer.text


def test_pages_from_other_origins_may_ask(served: Served) -> None:
    asked = {"Origin": "http://elsewhere", "Access-Control-Request-Method": "POST"}
    answer = served.http.options("/sessions", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    answer = served.http.get("/sessions", headers={"Origin": "http://elsewhere"})
    assert "Location" in answer.headers["Access-Control-Expose-Headers"]


def test_an_error_of_ours_is_told_without_its_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(untrained()) as served:

        def broken() -> Any:
            raise RuntimeError("the inside")

        monkeypatch.setattr(served.app.state.sessions, "list", broken)
        answer = served.http.get("/sessions")
    assert answer.status_code == 500
    assert set(answer.json()) == {"message", "detail"}
    assert "the inside" not in answer.text


@pytest.mark.parametrize("slow", ["load_model", "warm_up"])
def test_until_the_model_is_loaded_and_warm_it_answers_503(monkeypatch: pytest.MonkeyPatch, slow: str) -> None:
    begun, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(engine, "load_model", lambda name, **options: untrained())
    really = getattr(engine, slow)

    def waiting(*args: Any, **options: Any) -> Any:
        begun.set()
        go_on.wait(SECONDS)
        return really(*args, **options)

    monkeypatch.setattr(engine, slow, waiting)
    monkeypatch.setattr(engine, "set_threads", lambda count: None)
    with serving(None) as served:
        assert begun.wait(SECONDS)
        assert served.http.get("/healthz").status_code == 200
        for answer in (served.http.get("/readyz"), served.http.post("/sessions", json={"source": "demo:"})):
            assert answer.status_code == 503
            assert "loaded" in answer.json()["message"]
            assert "Retry-After" in answer.headers
        go_on.set()
        _until_ready(served.http)


def _until_ready(client: httpx.Client) -> None:
    """The event is in another process's hands as a rule; this is what its users do."""
    deadline = time.monotonic() + SECONDS
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_model_that_cannot_be_loaded_is_told_to_who_started_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Exception] = []

    def load(name: str, **options: Any) -> Any:
        raise WeightsError("the file ends at byte 12")

    monkeypatch.setattr(engine, "load_model", load)
    monkeypatch.setattr(engine, "set_threads", lambda count: None)
    heard = threading.Event()

    def hear(error: Exception) -> None:
        told.append(error)
        heard.set()

    monkeypatch.setattr(
        "tests.support.serving.create_app", lambda config, model: create_app(config, model, on_failure=hear)
    )
    with serving(None) as served:
        assert heard.wait(SECONDS)
        answer = served.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "the file ends at byte 12"
    assert [str(error) for error in told] == ["the file ends at byte 12"]


def test_stopping_the_server_stops_its_sessions_and_threads() -> None:
    with serving(untrained()) as served:
        for _ in range(3):
            served.start("demo:?size=64x64")
        assert any(thread.name.startswith("source") for thread in threading.enumerate())
    deadline = time.monotonic() + SECONDS
    while left := [t.name for t in threading.enumerate() if t.name.startswith(("source", "model", "pictures"))]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def test_an_app_can_be_made_without_starting_it() -> None:
    app = create_app(Config(), untrained())
    assert app.state.config == Config()
    assert app.state.engine.ready
    assert app.state.sessions.list() == []
