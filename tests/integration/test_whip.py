"""WHIP over real HTTP, with real aiortc cameras: RFC 9725, and the messages beside the video."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator
from typing import Any

import cv2
import msgpack
import numpy as np
import pytest

from streamer.sources.base import State
from streamer.webrtc import channel, connection
from tests.support.camera import Camera, number_of, silent_camera
from tests.support.whip import FRAGMENT, SDP, WAIT, Service, id_of, serving
from tracker import Sam3


@pytest.fixture(scope="module")
def model() -> Sam3:
    """Random weights: its masks mean nothing, all else is real."""
    return Sam3.untrained()


@pytest.fixture
async def service(model: Sam3) -> AsyncIterator[Service]:
    async with serving(model, grace=20.0, max_sessions=2, allow_origins=("https://elsewhere.example",)) as service:
        yield service


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_a_camera_posts_an_offer_and_its_session_goes_live(service: Service, codec: str) -> None:
    answer = await service.publish(service.camera(codec), "?prompt=red+circle&prompt=blue+thing")
    assert answer.headers["content-type"] == "application/sdp"
    assert answer.headers["location"].startswith("/whip/")
    assert answer.headers["etag"].startswith('"')
    assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    found = await service.until(id_of(answer), State.LIVE, looked_at=2)
    assert [prompt["text"] for prompt in found["prompts"]] == ["red circle", "blue thing"]
    assert found["kind"] == "webrtc"
    assert found["frame"]["rtp_timestamp"] in service.cameras[0].timestamps


async def test_the_picture_of_a_result_is_the_one_its_timestamp_names(service: Service) -> None:
    """Both the number in the picture and the RTP timestamp of the result lead to the same frame that was sent."""
    camera = service.camera(channel=True)
    answer = await service.publish(camera)
    await service.until(id_of(answer), State.LIVE, looked_at=3)
    async with asyncio.timeout(WAIT):
        for _ in range(3):
            result = await next_message(camera, "result")
            index = result["frame"]["index"]
            picture = await service.http.get(f"/sessions/{id_of(answer)}/frames/{index}.jpg")
            if picture.status_code == 404:  # a busy machine skips some
                continue
            number = number_of(decode(picture.content))
            assert camera.timestamps[number] == result["frame"]["rtp_timestamp"]


async def test_the_results_channel_speaks_as_the_websocket_does(service: Service) -> None:
    camera = service.camera(channel=True)
    answer = await service.publish(camera)
    assert camera.channel is not None
    async with asyncio.timeout(WAIT):
        assert (await next_message(camera, "state"))["state"] in set(State)
        await next_message(camera, "result")
        prompts = [{"type": "text", "text": "unicorn"}]
        camera.channel.send(json.dumps({"type": "prompts", "prompts": prompts, "request": 7}))
        ack = await next_message(camera, "ack")
        assert ack["request"] == 7
        assert "unicorn" in ack["hint"]
        camera.channel.send("no json")
        assert "not JSON" in (await next_message(camera, "error"))["message"]
        while (result := await next_message(camera, "result"))["prompt_results"] == []:
            pass
        camera.channel.send(json.dumps({"type": "options", "encoding": "msgpack", "request": 8}))
        packed: Any = ""
        while isinstance(packed, str):
            packed = await camera.messages.get()
    assert result["prompt_results"][0]["echo"]["text"] == "unicorn"
    assert result["session"] == id_of(answer)
    assert msgpack.unpackb(packed)["type"] in ("ack", "result")


async def test_more_messages_than_can_wait_close_the_channel_and_nothing_else(service: Service) -> None:
    """While the model's thread is busy, the first message waits for it and the others wait to be read."""
    camera = service.camera(channel=True)
    answer = await service.publish(camera)
    assert camera.channel is not None
    async with asyncio.timeout(WAIT):
        await next_message(camera, "result")
        began, done = threading.Event(), threading.Event()

        def occupy() -> None:
            began.set()
            done.wait(WAIT)

        busy = asyncio.ensure_future(service.app.state.engines.all[0].run(occupy))
        await asyncio.to_thread(began.wait, WAIT)  # behind a look in line, orders would still be carried out
        for _ in range(channel.INBOX + 2):
            camera.channel.send('{"type":"prompts","prompts":[]}')
        await camera.closed.wait()
        done.set()
        await busy
    looked = (await service.until(id_of(answer), State.LIVE, looked_at=1))["frames"]["looked_at"]
    await service.until(id_of(answer), State.LIVE, looked_at=looked + 3)


async def test_an_offer_that_sends_no_video_is_refused_with_400(service: Service) -> None:
    far = silent_camera()
    await far.setLocalDescription(await far.createOffer())
    answer = await service.post(far.localDescription.sdp)
    await far.close()
    assert answer.status_code == 400
    assert "sends no video" in answer.json()["message"]
    assert (await service.http.get("/sessions")).json() == {"sessions": []}


async def test_one_session_more_than_the_limit_is_refused_with_429(service: Service) -> None:
    first = await service.publish(service.camera())
    await service.publish(service.camera())
    offer = await service.camera().offer()
    refused = await service.post(offer)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert (await service.http.delete(first.headers["location"])).status_code == 200
    assert (await service.post(offer)).status_code == 201


async def test_delete_ends_the_session_and_closes_the_connection(service: Service) -> None:
    camera = service.camera()
    answer = await service.publish(camera)
    await service.until(id_of(answer), State.LIVE)
    assert (await service.http.delete(answer.headers["location"])).status_code == 200
    assert (await service.http.delete(answer.headers["location"])).status_code == 404
    assert (await service.http.get(f"/sessions/{id_of(answer)}")).status_code == 404
    async with asyncio.timeout(WAIT):
        await camera.hung_up.wait()


async def test_deleting_the_session_by_its_other_name_closes_the_connection_too(service: Service) -> None:
    camera = service.camera()
    answer = await service.publish(camera)
    await service.until(id_of(answer), State.LIVE)
    assert (await service.http.delete(f"/sessions/{id_of(answer)}")).status_code == 204
    async with asyncio.timeout(WAIT):
        await camera.hung_up.wait()


async def test_a_lost_camera_comes_back_into_its_session(service: Service) -> None:
    """Same id, same prompts; the index goes on, the epoch rises, and there is a new ICE session."""
    camera = service.camera()
    answer = await service.publish(camera, "?prompt=star")
    id = id_of(answer)  # noqa: A001
    before = await service.until(id, State.LIVE, looked_at=2)
    await camera.close()
    assert "closed" in (await service.until(id, State.RECONNECTING))["reason"]
    again = await service.publish(service.camera(), f"?session={id}")
    assert again.headers["location"] == answer.headers["location"]
    assert again.headers["etag"] != answer.headers["etag"]
    after = await service.until(id, State.LIVE, epoch=1)
    assert [prompt["text"] for prompt in after["prompts"]] == ["star"]
    assert after["frame"]["index"] > before["frame"]["index"]


async def test_prompts_given_when_coming_back_replace_the_old_ones(service: Service) -> None:
    answer = await service.publish(service.camera(), "?prompt=star")
    await service.until(id_of(answer), State.LIVE)
    await service.publish(service.camera(), f"?session={id_of(answer)}&prompt=circle")
    found = (await service.http.get(f"/sessions/{id_of(answer)}")).json()
    assert [prompt["text"] for prompt in found["prompts"]] == ["circle"]


async def test_a_camera_that_comes_back_too_late_is_told_so(model: Sam3) -> None:
    async with serving(model, grace=1.0) as service:
        camera = service.camera()
        answer = await service.publish(camera)
        await service.until(id_of(answer), State.LIVE)
        await camera.close()
        found = await service.until(id_of(answer), State.ENDED)
        assert "no new connection came" in found["reason"]
        late = await service.post(await service.camera().offer(), f"?session={id_of(answer)}")
        assert late.status_code == 409
        assert "has ended" in late.json()["message"]


async def test_a_refused_offer_leaves_the_present_connection_alone(service: Service) -> None:
    answer = await service.publish(service.camera())
    seen = (await service.until(id_of(answer), State.LIVE, looked_at=1))["frames"]["looked_at"]
    assert (await service.post("v=0", f"?session={id_of(answer)}")).status_code == 400
    await service.until(id_of(answer), State.LIVE, looked_at=seen + 2)


async def test_candidates_may_trickle_in(service: Service) -> None:
    """The offer has none; the connection comes up by those that are patched in afterwards."""
    camera = service.camera()
    offer = await camera.offer()
    lines = [line for line in offer.splitlines() if line.startswith(("a=candidate", "a=end-of", "a=mid:0", "a=ice-"))]
    bare = "\r\n".join(line for line in offer.splitlines() if not line.startswith(("a=candidate", "a=end-of"))) + "\r\n"
    answer = await service.post(bare)
    assert answer.status_code == 201
    fragment = "\r\n".join(["m=video 9 UDP/TLS/RTP/SAVPF 0", *lines]) + "\r\n"
    headers = {**FRAGMENT, "If-Match": answer.headers["etag"]}
    patched = await service.http.patch(answer.headers["location"], content=fragment, headers=headers)
    assert (patched.status_code, patched.content) == (204, b"")
    assert "etag" not in patched.headers
    # Without candidates of ours in the answer only the server can make the first step: by what was trickled.
    kept = [line for line in answer.text.splitlines() if not line.startswith(("a=candidate", "a=end-of"))]
    await camera.accept("\r\n".join(kept) + "\r\n")
    await service.until(id_of(answer), State.LIVE)


async def test_after_patches_that_were_refused_the_stream_goes_on(service: Service) -> None:
    answer = await service.publish(service.camera())
    restart = "a=ice-ufrag:new1\r\na=ice-pwd:" + "x" * 22
    for tag, body, status in (
        ("*", restart, 422),
        (answer.headers["etag"], restart, 422),
        (answer.headers["etag"], "a=candidate:1 1 udp x", 400),
    ):
        headers = {**FRAGMENT, "If-Match": tag}
        refused = await service.http.patch(answer.headers["location"], content=body, headers=headers)
        assert refused.status_code == status
    await service.until(id_of(answer), State.LIVE, looked_at=1)


async def test_more_candidates_than_the_limit_are_refused_with_413(service: Service) -> None:
    answer = await service.publish(service.camera())
    lines = [f"a=candidate:{n} 1 udp 5 192.0.2.1 {n + 1} typ host" for n in range(connection.MAX_CANDIDATES + 1)]
    headers = {**FRAGMENT, "If-Match": answer.headers["etag"]}
    refused = await service.http.patch(answer.headers["location"], content="\r\n".join(lines), headers=headers)
    assert refused.status_code == 413


async def test_browsers_of_other_pages_may_send_and_read_the_headers(service: Service) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = await service.http.options("/whip", headers=asked)
    assert preflight.status_code == 200
    answer = await service.http.post("/whip", content=await service.camera().offer(), headers={**SDP, **origin})
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert {"location", "etag", "link"} <= exposed
    patch = {**origin, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match"}
    assert (await service.http.options(answer.headers["location"], headers=patch)).status_code == 200


async def test_ice_servers_are_told_in_links_and_a_dead_one_does_not_hold_up_the_answer(model: Sam3) -> None:
    """192.0.2.0/24 is for documentation: nobody answers there."""
    servers = ("stun:192.0.2.200:3478", "turn:joe:secret@192.0.2.200:3478")
    async with serving(model, ice_servers=servers, announce=("198.51.100.7",)) as service:
        async with asyncio.timeout(connection.GATHER_SECONDS + 4):
            answer = await service.publish(service.camera())
        assert answer.headers.get_list("link") == [
            '<stun:192.0.2.200:3478>; rel="ice-server"',
            '<turn:192.0.2.200:3478>; rel="ice-server"; username="joe"; credential="secret"; '
            'credential-type="password"',
        ]
        assert " 198.51.100.7 " in answer.text
        await service.until(id_of(answer), State.LIVE)


def sockets_of(answer: str) -> set[tuple[str, int]]:
    found = (line.split() for line in answer.splitlines() if line.startswith("a=candidate:"))
    return {(each[4], int(each[5])) for each in found}


async def test_media_use_the_udp_ports_that_are_let_through_and_when_all_are_taken_that_is_told(model: Sam3) -> None:
    first = 20_000 + os.getpid() % 10_000  # below those that the system picks
    async with serving(model, udp_ports=f"{first}-{first + 1}") as service:
        one, two = await service.publish(service.camera()), await service.publish(service.camera())
        for answer in (one, two):
            await service.until(id_of(answer), State.LIVE)
            assert sockets_of(answer.text)
            assert {port for _, port in sockets_of(answer.text)} <= {first, first + 1}
        assert not sockets_of(one.text) & sockets_of(two.text)
        full = await service.post(await service.camera().offer())
        assert (full.status_code, "UDP port" in full.json()["message"]) == (429, True)
        assert len((await service.http.get("/sessions")).json()["sessions"]) == 2
        await service.http.delete(two.headers["location"])
        await service.publish(service.camera())


async def test_a_key_is_needed_where_the_server_has_keys(model: Sam3) -> None:
    async with serving(model, api_keys=("secret",)) as service:
        offer = await service.camera().offer()
        assert (await service.post(offer)).status_code == 401
        answer = await service.http.post("/whip", content=offer, headers={**SDP, "Authorization": "Bearer secret"})
        assert answer.status_code == 201
        assert (await service.http.delete(answer.headers["location"])).status_code == 401
        assert (await service.http.delete(f"{answer.headers['location']}?api_key=secret")).status_code == 200


async def test_the_server_stops_with_cameras_connected(model: Sam3) -> None:
    """``serving`` checks that no task of theirs is left."""
    async with serving(model) as service:
        answer = await service.publish(service.camera(channel=True))
        await service.until(id_of(answer), State.LIVE, looked_at=1)


async def test_the_size_of_the_picture_may_change_in_mid_stream(service: Service) -> None:
    """Browsers do it on the first day, when the network is slow."""
    camera = service.camera(channel=True)
    answer = await service.publish(camera)
    await service.until(id_of(answer), State.LIVE, looked_at=2)
    camera.track.size = (480, 360)
    async with asyncio.timeout(WAIT):
        while (await next_message(camera, "result"))["frame"]["width"] != 480:
            pass


async def next_message(camera: Camera, kind: str) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = json.loads(await camera.messages.get())
        if message["type"] == kind:
            return message


def decode(jpeg: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
