"""The web application from its start to its end: while the model loads, where it cannot, and when the server stops."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import pytest

from streamer.app import create_app
from streamer.models import loading
from tests.support.models import untrained
from tests.support.serving import SECONDS, serving
from tracker import WeightsError


@pytest.mark.parametrize("slow", ["load_model", "warm_up"])
def test_until_the_model_is_loaded_and_warm_it_answers_503(monkeypatch: pytest.MonkeyPatch, slow: str) -> None:
    begun, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(loading, "load_model", lambda name, **options: untrained())
    really = getattr(loading, slow)

    def waiting(*args: Any, **options: Any) -> Any:
        begun.set()
        go_on.wait(SECONDS)
        return really(*args, **options)

    monkeypatch.setattr(loading, slow, waiting)
    monkeypatch.setattr(loading, "set_threads", lambda count: None)
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

    monkeypatch.setattr(loading, "load_model", load)
    monkeypatch.setattr(loading, "set_threads", lambda count: None)
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
