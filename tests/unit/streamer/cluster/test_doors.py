"""What a front door answers itself, and who may ask it."""

from __future__ import annotations

from typing import Any

import httpx

from streamer.auth import Keyring
from streamer.cluster.doors import create_front
from streamer.cluster.front import Front
from streamer.cluster.reports import Door, Seat
from streamer.config import Config

SECRET = b"1" * 32
KEY = "k" * 20


def asking(**settings: Any) -> httpx.AsyncClient:
    """A door to a cluster whose one worker is not ready."""

    async def ask(method: str, *given: Any) -> Any:
        told = {"seats": [Seat("worker-1", "http://127.0.0.1:9", share=0.123)], "doors": [Door("http://here:1", "me")]}
        return told[method]

    app = create_front(Config(**settings), Front(ask), SECRET)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


async def test_while_no_worker_is_ready_it_says_so_and_when_to_come_back() -> None:
    async with asking() as http:
        for path in ("/sessions", "/metrics", "/readyz"):
            answer = await http.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert (await http.get("/healthz")).status_code == 200
        page = await http.get("/cluster.html")
        assert "cluster.js" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_it_lists_the_workers_to_whom_may_view() -> None:
    async with asking(api_keys=(KEY,)) as http:
        assert (await http.get("/cluster")).status_code == 401
        told = (await http.get("/cluster", params={"api_key": KEY})).json()
        assert told["doors"] == [{"address": "http://here:1", "machine": "me"}]
        (worker,) = told["workers"]
        assert worker == {
            "name": "worker-1",
            "address": "http://127.0.0.1:9",
            "ready": False,
            "draining": False,
            "gone": False,
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


async def test_pages_of_other_origins_may_not_drain_a_worker_of_a_cluster_without_keys() -> None:
    foreign = {"Origin": "https://elsewhere.example"}
    async with asking() as http:
        refused = await http.post("/cluster/workers/worker-1/drain", headers=foreign)
        assert (refused.status_code, "may not use this server" in refused.json()["message"]) == (403, True)
    async with asking(api_keys=(KEY,)) as http:
        told = await http.get("/cluster", params={"api_key": KEY}, headers=foreign)
        assert told.headers["access-control-allow-origin"] == "*"


async def test_what_makes_no_sense_is_answered_as_one_machine_answers_it() -> None:
    async with asking() as http:
        wrong = await http.post("/cluster/workers/worker-1/drain", params={"on": "secret"})
        assert (wrong.status_code, wrong.json()["detail"][0]["loc"]) == (422, ["query", "on"])
        assert "secret" not in wrong.text
        other = await http.request("TRACE", "/cluster")
        assert (other.status_code, other.headers["allow"].split(", ")[:2]) == (405, ["DELETE", "GET"])


async def test_pages_may_read_the_doors_own_refusals_of_what_is_relayed() -> None:
    page = {"Origin": "https://elsewhere.example"}
    async with asking(api_keys=(KEY,)) as http:
        tries = ("/sessions/a", "wrong", 401), ("/sessions/a?direct=1", "wrong", 401), ("/x", KEY, 503)
        for path, key, status in tries:
            answer = await http.get(path, headers=page | {"Authorization": f"Bearer {key}"})
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "*")
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        answer = await http.options("/sessions", headers=page | asked)
        assert (answer.status_code, answer.headers["access-control-allow-headers"]) == (200, "authorization")


async def test_the_session_is_that_of_the_decoded_path_whatever_the_host() -> None:
    """Starlette's ``URL`` writes such a path in another way, and in some versions fails where ``Host`` is none."""

    async def ask(method: str, *given: Any) -> Any:
        return {"where": None, "waits": False}[method]

    transport = httpx.ASGITransport(create_front(Config(api_keys=(KEY,)), Front(ask), SECRET))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        headers = {"Host": "[", "Authorization": f"Bearer {KEY}"}
        answer = await http.get("/sessions/a%3Fb%23c?direct=1", headers=headers)
        assert (answer.status_code, answer.json()["message"]) == (404, "There is no session a?b#c.")
        assert (await http.get("/sessions/a?direct=1", headers={"Host": "["})).status_code == 401


async def test_a_key_in_the_query_is_not_told_on_and_nobody_is_led_to_their_own_machine() -> None:
    async def ask(method: str, *given: Any) -> Any:
        return {"where": "worker-1", "seats": [Seat("worker-1", "http://127.0.0.1:9", ready=True)]}[method]

    app = create_front(Config(api_keys=(KEY,)), Front(ask), SECRET)
    for remote, status in (("127.0.0.1", 307), ("::ffff:127.0.0.1", 307), ("10.0.0.9", 409)):
        transport = httpx.ASGITransport(app, client=(remote, 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.1") as http:
            answer = await http.get(f"/sessions/a/a%2Fb%20c?api_key={KEY}&direct=1&x=1")
        assert answer.status_code == status
        assert KEY not in answer.text + str(answer.headers)
        if status == 307:
            assert answer.headers["location"] == "http://127.0.0.1:9/sessions/a/a%2Fb%20c?x=1"
        else:
            assert "direct=1" in answer.json()["detail"]


async def test_the_address_of_a_worker_is_told_to_those_who_may_view_that_session() -> None:
    async with asking(api_keys=(KEY,)) as http:
        for path in ("/sessions/abc", "/sessions/abc/results", "/sessions/abc/frames/latest.jpg"):
            assert (await http.get(path, params={"direct": 1})).status_code == 401
