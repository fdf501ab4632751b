"""A real server that is killed with signal 9 and started again: its camera, and what was asked of it, are back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.kills import Server
from benchmarks.recording import record
from benchmarks.support.rtsp import Camera
from tests.support import needs
from tests.support.serving import ask, read
from tests.support.squares import ids

PROMPTS = [{"text": "thing", "output_prob_thresh": 0.3, "id": "mine"}, {"text": "circle"}]


@contextlib.contextmanager
def killed_at_the_end(store: Path) -> Iterator[Server]:
    server = Server(store)
    try:
        yield server
    finally:
        server.kill()


def seen(server: Server, session: str) -> tuple[set[int], list[dict[str, Any]]]:
    """The ids of the first objects that are found, and the prompts that they were found with."""
    with server.results(session) as socket:
        while not ids(message := read(socket, "result")):
            pass
    return set(ids(message)), server.sessions()[session]["prompts"]


def test_after_a_kill_the_camera_is_back_with_its_prompts_and_ids_go_on(tmp_path: Path) -> None:
    needs.gstreamer()
    film, store = record(tmp_path / "film.mp4", 90, size=(160, 120)), tmp_path / "sessions.db"
    with Camera(film, "me", "secret") as camera:
        with killed_at_the_end(store) as server:
            body = {"source": camera.url, "prompts": ["star"], "keep": True}
            started = server.http.post("/sessions", json=body).json()
            with server.results(started["id"]) as socket:
                assert ask(socket, type="prompts", prompts=PROMPTS)["kept"]
            before, asked = seen(server, started["id"])
        with killed_at_the_end(store) as server:
            (back,) = server.sessions().values()
            assert (back["id"], back["source"]) == (started["id"], started["source"])
            after, again = seen(server, started["id"])
    assert again == asked
    assert [(each["text"], each["output_prob_thresh"]) for each in again] == [("thing", 0.3), ("circle", 0.5)]
    assert min(after) > max(before)
    assert b"secret" in store.read_bytes() + store.with_name("sessions.db-wal").read_bytes()
    assert not any("secret" in line for line in server.lines)
