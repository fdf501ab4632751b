"""What a front door answers itself, and who may ask it."""

from __future__ import annotations

from typing import Any

import httpx

from streamer.auth import Keyring
from streamer.cluster.doors import create_front
from streamer.cluster.front import Front
from streamer.cluster.reports import Seat
from streamer.config import Config

SECRET = b"1" * 32
KEY = "k" * 20


def asking(**settings: Any) -> httpx.AsyncClient:
    """A door to a cluster whose one worker is not ready."""

    async def ask(method: str, *given: Any) -> Any:
        assert method == "seats"
        return [Seat("worker-1", "http://127.0.0.1:9", share=0.123)]

    app = create_front(Config(**settings), Front(ask), SECRET)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


async def test_while_no_worker_is_ready_it_says_so_and_when_to_come_back() -> None:
    async with asking() as http:
        for path in ("/sessions", "/", "/metrics", "/readyz"):
            answer = await http.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert (await http.get("/healthz")).status_code == 200


async def test_it_lists_the_workers_to_whom_may_view() -> None:
    async with asking(api_keys=(KEY,)) as http:
        assert (await http.get("/cluster")).status_code == 401
        (worker,) = (await http.get("/cluster", params={"api_key": KEY})).json()["workers"]
        assert worker == {
            "name": "worker-1",
            "address": "http://127.0.0.1:9",
            "ready": False,
            "draining": False,
            "running": 0,
            "share": 0.12,
        }


async def test_a_token_of_any_worker_is_known_at_every_door() -> None:
    made_elsewhere = Keyring((KEY,), secret=SECRET)
    token = made_elsewhere.token(made_elsewhere.caller(KEY, ""), 60).text
    async with asking(api_keys=(KEY,)) as http:
        assert (await http.get("/cluster", params={"api_key": token})).status_code == 200
        other = Keyring((KEY,), secret=b"2" * 32)
        foreign = other.token(other.caller(KEY, ""), 60).text
        assert (await http.get("/cluster", params={"api_key": foreign})).status_code == 401
