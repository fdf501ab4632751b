"""Cameras that send by WebRTC: any door signals for them, and their session is found again where it goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamer.live.keeping import BLOCK
from streamer.store import Kept, Origin
from tests.support.camera import Camera, silent_camera
from tests.support.doors import closed, door, live, offered, publish, results
from tests.support.stores import until
from tests.support.whip import FRAGMENT, SDP

ONE, TWO = "worker-1", "worker-2"
STUN = "stun:192.0.2.200:3478"


@pytest.fixture
async def camera() -> AsyncIterator[Camera]:
    camera = Camera(channel=True)
    yield camera
    await camera.close()


@pytest.fixture
async def other() -> AsyncIterator[Camera]:
    """The same camera, after it was told to come back."""
    camera = Camera()
    yield camera
    await camera.close()


@pytest.mark.parametrize("cluster", [{"ice_servers": (STUN,)}], indirect=True)
async def test_what_one_door_has_answered_is_changed_and_ended_through_another(cluster: Any, camera: Camera) -> None:
    async with door(cluster) as first, door(cluster) as second:
        told = await second.options("/whip")
        assert told.headers.get_list("link") == [f'<{STUN}>; rel="ice-server"']
        answer = await publish(first, camera, "/whip?prompt=star")
        assert answer.headers.get_list("link") == told.headers.get_list("link")
        place = answer.headers["location"]
        session = place.removeprefix("/whip/")
        for tag, status in ((answer.headers["etag"], 204), ('"of another"', 412), ("", 428)):
            changed = await second.patch(place, content="a=end-of-candidates", headers={**FRAGMENT, "If-Match": tag})
            assert changed.status_code == status
        assert [each["text"] for each in (await live(second, session))["prompts"]] == ["star"]

        player = silent_camera()
        await player.setLocalDescription(await player.createOffer())
        watched = await second.post(f"/whep/{session}", content=player.localDescription.sdp, headers=SDP)
        assert watched.status_code == 201
        assert (await first.delete(watched.headers["location"])).status_code == 200
        await player.close()

        assert (await second.delete(place)).status_code == 200
        assert (await first.get(f"/sessions/{session}")).status_code == 404
    assert cluster.roster._kept == {}


async def test_a_camera_whose_worker_is_gone_finds_its_session_again(
    cluster: Any, camera: Camera, other: Camera
) -> None:
    async with door(cluster) as http:
        answer = await publish(http, camera, "/whip?prompt=star")
        session = answer.headers["location"].removeprefix("/whip/")
        await live(http, session)
        async with results(http, session) as socket:
            prompts = [{"text": "circle", "output_prob_thresh": 0.4}]
            await socket.send(json.dumps({"type": "prompts", "prompts": prompts, "request": 1}))
            while json.loads(await socket.recv())["type"] != "ack":
                pass
            await cluster.end(answer.headers["x-worker"])
            await closed(socket)
        async with results(http, session) as socket:
            again = await publish(http, other, await offered(socket))
        assert again.headers["location"] == answer.headers["location"]
        assert again.headers["etag"] != answer.headers["etag"]
        found = await live(http, session)
        assert [(each["text"], each["output_prob_thresh"]) for each in found["prompts"]] == [("circle", 0.4)]
        assert "offer" not in found
        there = cluster.workers[await cluster.roster.where(session)]
        assert there.name != answer.headers["x-worker"]
        assert there._sessions.get(session).keeping.first_id == BLOCK + 1


async def test_a_camera_whose_worker_is_drained_is_asked_to_come_back(
    cluster: Any, camera: Camera, other: Camera
) -> None:
    async with door(cluster) as http:
        answer = await publish(http, camera, "/whip")
        worker, session = answer.headers["x-worker"], answer.headers["location"].removeprefix("/whip/")
        await live(http, session)
        async with results(http, session) as socket:
            assert (await http.post(f"/cluster/workers/{worker}/drain")).json()["moved"] == 1
            place = await offered(socket)
            assert await closed(socket) == 1012
        while "offer" not in (heard := json.loads(await camera.messages.get())):  # the data channel says the same
            pass
        assert heard["offer"] == place == f"/whip?session={session}"
        await camera.closed.wait()
        async with results(http, session) as socket:
            assert await offered(socket) == place
        assert (await http.get(f"/sessions/{session}")).json()["offer"] == place
        await publish(http, other, place)
        await live(http, session)
        assert await cluster.roster.where(session) != worker


@pytest.mark.parametrize("cluster", [{"grace": 0.2}], indirect=True)
async def test_a_camera_that_does_not_come_back_is_forgotten(cluster: Any) -> None:
    kept = Kept.new("webrtc from 192.0.2.1", [], Origin.WHIP)
    await cluster.roster.want([kept])
    await until(lambda: any(worker._sessions.list() for worker in cluster.workers.values()))
    await until(lambda: not cluster.roster._kept)
    async with door(cluster) as http:
        (ended,) = (await http.get("/sessions")).json()["sessions"]
        assert (ended["id"], ended["source"], ended["state"]) == (kept.id, "webrtc from 192.0.2.1", "ended")
