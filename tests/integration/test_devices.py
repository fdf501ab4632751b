"""A real server with the model on two devices (``--device cpu,cpu``): a stream on each, and another model on both."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support import second_model
from tests.support.pictures import patches, saved, sent
from tests.support.second_model import NAME
from tests.support.serving import SECONDS, Served, ask, read, serving
from tests.support.squares import ids
from tracker import load_model

DEMO = "demo:?seed=1&fps=10&objects=2&speed=5"
PICTURE = sent(saved(patches(80, 60)))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = second_model.content(load_model("nano", fold=False))
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        second_model.offered(monkeypatch, tmp_path_factory.mktemp("hub"), data),
        serving(None, device="cpu,cpu", threads=1) as served,
    ):
        until(served, "/readyz", lambda told: told.get("status") == "ready")
        yield served


def until(served: Served, path: str, reached: Any) -> Any:
    """What is told once it is so; clients have no other way."""
    deadline = time.monotonic() + SECONDS
    while not reached(told := served.http.get(path).json()):
        assert time.monotonic() < deadline, told
        time.sleep(0.05)
    return told


def test_two_streams_are_on_different_devices_and_both_go_over_to_another_model(served: Served) -> None:
    sessions = [served.start(DEMO, "thing") for _ in range(2)]
    devices = [served.http.get(f"/sessions/{each}").json()["device"] for each in sessions]
    assert devices == ["cpu#1", "cpu#2"]
    assert sum(thread.name.startswith("model") for thread in threading.enumerate()) == 2
    with ExitStack() as stack:
        sockets = [stack.enter_context(served.results(each)) for each in sessions]
        before = [first_ids(socket) for socket in sockets]
        assert [min(each) for each in before] == [1, 1]  # each stream has ids of its own
        assert [ask(each, type="prompts", prompts=[{"text": "thing"}])["type"] for each in sockets] == ["ack", "ack"]
        assert served.http.post(f"/models/{NAME}/download").status_code == 202
        until(served, "/models", lambda told: told["others"][0]["download"]["state"] == "done")
        assert served.http.post(f"/models/{NAME}/use").status_code == 202
        states = [read(socket, "state", model=NAME) for socket in sockets]
        assert [state["state"] for state in states] == ["live", "live"]
        for socket, old in zip(sockets, before, strict=True):
            while not set(ids(read(socket, "result"))) - set(old):
                pass
    assert until(served, "/models", lambda told: told["change"]["state"] != "running")["running"]["name"] == NAME
    assert [served.http.get(f"/sessions/{each}").json()["device"] for each in sessions] == devices
    for each in sessions:
        served.http.delete(f"/sessions/{each}")


def first_ids(socket: Any) -> list[int]:
    while not (found := ids(read(socket, "result"))):
        pass
    return found


def test_pictures_are_embedded_and_found_again_under_their_ids(served: Served) -> None:
    for name in ("one", "two", "one", "two"):
        answer = served.http.post("/sam3/embed_image", json={"image": PICTURE, "image_id": name})
        assert answer.status_code == 200
    body = {"image_id": "one", "prompts": [{"points": [{"x": 9, "y": 9, "positive": True}]}]}
    answer = served.http.post("/sam3/visual_segment", json=body)
    assert (answer.status_code, answer.headers["X-Cache"]) == (200, "hit")
