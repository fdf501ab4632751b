"""A real server goes over to another model: fetched from a hub, loaded beside the first, and used by what runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import second_model
from tests.support.hub import Hub
from tests.support.page import trained
from tests.support.pictures import patches, saved, sent
from tests.support.second_model import NAME
from tests.support.serving import SECONDS, Served, ask, read, serving
from tests.support.squares import ids
from tracker import load_model

DEMO = "demo:?seed=1&fps=10&objects=2&speed=5"
PICTURE = sent(saved(patches(80, 60)))


@pytest.fixture(scope="module")
def data() -> bytes:
    return second_model.content(load_model("nano", fold=False))


@pytest.fixture
def hub(tmp_path: Path, data: bytes) -> Iterator[Hub]:
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        second_model.offered(monkeypatch, tmp_path, data, threshold=0.4) as (hub, _),
    ):
        yield hub


@pytest.fixture
def served(hub: Hub) -> Iterator[Served]:
    with serving(trained(), threads=1) as served:
        yield served


def until(served: Served, reached: Callable[[Any], bool]) -> Any:
    """What is told of the models once it is so; clients have no other way."""
    deadline = time.monotonic() + SECONDS
    while not reached(told := served.http.get("/models").json()):
        assert time.monotonic() < deadline, told
        time.sleep(0.05)
    return told


def post(served: Served, path: str) -> int:
    return served.http.post(f"/models/{NAME}/{path}").status_code


def fetched(served: Served) -> Any:
    assert post(served, "download") == 202
    told = until(served, lambda told: told["others"][0]["download"]["state"] != "running")
    return told["others"][0]


def changed(served: Served) -> Any:
    return until(served, lambda told: told["change"]["state"] != "running")


def embed(served: Served, **body: Any) -> Any:
    return served.http.post("/sam3/embed_image", json=body)


def test_it_is_fetched_and_taken_over_to_while_a_session_runs(served: Served, hub: Hub) -> None:
    session = served.start(DEMO, "thing", {"text": "circle", "output_prob_thresh": 0.3})
    assert embed(served, image=PICTURE, image_id="mine").headers["X-Model"] == "nano"
    with served.results(session) as socket:
        while not (before := ids(read(socket, "result"))):
            pass
        hub.most //= 3
        other = fetched(served)  # over three connections
        assert (other["downloaded"], other["download"]["done"]) == (True, other["size"])
        assert hub.asked[0] is None and len(hub.asked) >= 3
        assert post(served, "use") == 202
        assert post(served, "use") == 409
        state = read(socket, "state")
        assert (state["state"], state["model"]) == ("live", NAME)
        while not (after := [each for each in ids(read(socket, "result")) if each not in before]):
            pass
        assert min(after) > max(before)
    told = changed(served)
    assert (told["running"]["name"], told["change"]["state"], told["change"]["why"]) == (NAME, "done", None)
    described = served.http.get(f"/sessions/{session}").json()
    assert (described["source"], described["state"]) == (DEMO, "live")
    assert [(each["text"], each["output_prob_thresh"]) for each in described["prompts"]] == [
        ("thing", 0.4),
        ("circle", 0.3),
    ]
    assert served.http.get("/readyz").json()["model"] == NAME
    assert f'streamer_model{{model="{NAME}"}} 1.0' in served.http.get("/metrics").text
    gone = embed(served, image_id="mine")
    assert (gone.status_code, gone.headers["X-Model"]) == (404, NAME)
    again = embed(served, image=PICTURE, image_id="mine")
    assert (again.headers["X-Cache"], again.headers["X-Model"]) == ("miss", NAME)
    assert served.http.post("/sam3/embed_image", json={"image": PICTURE, "model_id": "nano"}).status_code == 404


def test_one_that_cannot_be_loaded_leaves_the_first_running_and_says_why(served: Served) -> None:
    session = served.start(DEMO, "thing")
    fetched(served)
    file = second_model.kept_at().resolve()
    file.write_bytes(file.read_bytes()[:-1000])
    assert post(served, "use") == 202
    told = changed(served)
    assert (told["running"]["name"], told["change"]["state"]) == ("nano", "failed")
    assert "damaged" in told["change"]["why"] or "cut short" in told["change"]["why"]
    with served.results(session) as socket:
        while not ids(read(socket, "result")):
            pass
        assert ask(socket, type="prompts", prompts=[{"text": "circle"}])["type"] == "ack"
    assert embed(served, image=PICTURE).headers["X-Model"] == "nano"
