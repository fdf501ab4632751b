"""A front door: sessions are found wherever they are, and what one worker cannot do another one is asked for."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from streamer.cluster.front import hash_of
from tests.support.doors import door
from tests.support.pictures import patches, saved, sent

DEMO = "demo:?size=64x64&fps=5"
ONE, TWO = "worker-1", "worker-2"
PICTURE = sent(saved(patches(40, 30)))


async def test_sessions_go_to_whom_does_least_and_are_found_through_every_door(cluster: Any) -> None:
    async with door(cluster) as first, door(cluster) as second:
        started = [await first.post("/sessions", json={"source": DEMO}) for _ in range(2)]
        assert [each.status_code for each in started] == [201, 201]
        ids = [each.json()["id"] for each in started]
        for http in (first, second):
            told = (await http.get("/sessions")).json()
            assert {each["id"] for each in told["sessions"]} == set(ids)
            assert told["store"]["kept"] == 2
            for each in ids:
                assert (await http.get(f"/sessions/{each}")).json()["id"] == each
        assert (await second.delete(f"/sessions/{ids[0]}")).status_code == 204
        assert (await first.get(f"/sessions/{ids[0]}")).status_code == 404
        workers = (await first.get("/cluster")).json()["workers"]
        assert [each["name"] for each in workers] == [ONE, TWO]


async def test_when_all_are_full_it_says_when_to_come_back(cluster: Any) -> None:
    async with door(cluster) as http:
        answers = [await http.post("/sessions", json={"source": DEMO}) for _ in range(5)]
        assert [each.status_code for each in answers] == [201] * 4 + [429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert {each.headers["x-worker"] for each in answers[:4]} == {ONE, TWO}


async def test_results_come_over_both_sockets_and_streams_and_orders_go_back(cluster: Any) -> None:
    async with door(cluster) as http:
        session = (await http.post("/sessions", json={"source": DEMO, "prompts": ["star"]})).json()["id"]
        address = f"ws://{http.base_url.netloc.decode()}/sessions/{session}/results?format=none"
        async with connect(address) as socket:
            await socket.send(json.dumps({"type": "prompts", "prompts": ["circle"], "request": 1}))
            while (message := json.loads(await socket.recv()))["type"] != "ack":
                pass
            assert message["kept"]
            while message["type"] != "result":
                message = json.loads(await socket.recv())
        async with http.stream("GET", f"/sessions/{session}/events") as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            lines = events.aiter_lines()
            assert [await anext(lines) for _ in range(3)] == [": still here", "", "event: state"]
        async with connect(address.replace(session, "nobody")) as socket:
            await socket.wait_closed()
        assert socket.close_code == 4404


async def test_a_session_is_found_again_when_its_worker_is_gone(cluster: Any) -> None:
    async with door(cluster) as http:
        answer = await http.post("/sessions", json={"source": DEMO})
        session, worker = answer.json()["id"], answer.headers["x-worker"]
        address = f"ws://{http.base_url.netloc.decode()}/sessions/{session}/results"
        async with connect(address) as socket:
            await socket.recv()
            await cluster.end(worker)
            with contextlib.suppress(Exception):
                while True:
                    await socket.recv()
        assert (await http.get(f"/sessions/{session}")).status_code == 200
        assert await cluster.roster.where(session) != worker
        async with connect(address) as socket:
            assert json.loads(await socket.recv())["type"] == "state"


async def test_a_socket_is_opened_at_the_worker_that_has_the_session_now(cluster: Any) -> None:
    async with door(cluster) as http:
        answer = await http.post("/sessions", json={"source": DEMO})
        session = answer.json()["id"]
        assert (await http.post(f"/cluster/workers/{answer.headers['x-worker']}/drain")).json()["moved"] == 1
        address = f"ws://{http.base_url.netloc.decode()}/sessions/{session}/results"
        async with connect(address) as socket:
            assert json.loads(await socket.recv())["type"] == "state"


async def test_a_picture_is_asked_of_the_worker_that_has_seen_it(cluster: Any) -> None:
    async with door(cluster) as first, door(cluster) as second:
        body = {"image": PICTURE, "image_id": "mine"}
        seen = await first.post("/sam3/embed_image", json=body)
        assert seen.headers["x-cache"] == "miss"
        for http in (first, second):
            again = await http.post("/sam3/embed_image", json={"image_id": "mine"})
            assert (again.status_code, again.headers["x-worker"]) == (200, seen.headers["x-worker"])
        least = min((ONE, TWO), key=lambda name: hash_of("mine", name))
        assert seen.headers["x-worker"] == least
        assert (await first.post("/sam3/embed_image", json={"image_id": "nobody's"})).status_code == 404
        assert (await first.post("/sam3/embed_image", content=b'{"image_id"')).status_code == 422


async def test_what_every_worker_answers_is_relayed_and_metrics_are_of_all(cluster: Any) -> None:
    async with door(cluster) as http:
        assert "<html" in (await http.get("/")).text
        assert (await http.get("/healthz")).json() == {"status": "ok"}
        assert (await http.get("/readyz")).json()["status"] == "ready"
        assert (await http.post("/models/nobody/use")).status_code == 404
        text = (await http.get("/metrics")).text
        assert all(f'streamer_ready{{worker="{name}"}} 1.0' in text for name in (ONE, TWO))
        drained = await http.post(f"/cluster/workers/{ONE}/drain")
        assert drained.json() == {"worker": ONE, "draining": True, "moved": 0}
        assert (await http.post("/sessions", json={"source": DEMO})).headers["x-worker"] == TWO
        assert (await http.post("/cluster/workers/nobody/drain")).status_code == 404


async def test_results_and_pictures_are_had_from_the_worker_itself(cluster: Any) -> None:
    async with door(cluster) as http:
        session = (await http.post("/sessions", json={"source": DEMO})).json()["id"]
        (seat,) = [each for each in await cluster.roster.seats() if each.name == await cluster.roster.where(session)]
        told = await http.get(f"/sessions/{session}/events", params={"direct": 1, "format": "none"})
        assert (told.status_code, told.headers["x-worker"]) == (307, seat.name)
        place = f"{seat.address}/sessions/{session}/events?format=none"
        assert told.headers["location"] == told.json()["address"] == place
        found = await http.get(f"/sessions/{session}?direct=true", follow_redirects=True)
        assert (found.json()["id"], str(found.url)) == (session, f"{seat.address}/sessions/{session}")
        async with connect(f"ws://{http.base_url.netloc.decode()}/sessions/{session}/results?direct=1") as socket:
            assert socket.transport.get_extra_info("peername")[1] == int(seat.address.rpartition(":")[2])
            assert json.loads(await socket.recv())["type"] == "state"
        assert (await http.get("/sessions/nobody/events?direct=1")).status_code == 404
        assert (await http.get(f"/sessions/{session}?direct=0")).status_code == 200
        assert (await http.delete(f"/sessions/{session}?direct=1")).status_code == 204
    async with httpx.AsyncClient(base_url=seat.address) as http:
        assert (await http.get("/sessions?direct=1")).status_code == 200


@pytest.mark.parametrize("path", ["/sessions", "/cluster", "/readyz"])
async def test_a_wrong_key_is_refused_at_the_door(cluster: Any, path: str) -> None:
    async with door(cluster, api_keys=("right",)) as http:
        answer = await http.get(path, headers={"Authorization": "Bearer wrong"})
        assert answer.status_code == 401
