"""streamer.webrtc.connection: candidates, gathering and the end, which both kinds of connection share."""

from __future__ import annotations

import asyncio
import socket

import pytest

from streamer.errors import BadRequest, TooLarge
from streamer.webrtc import connection, sdp
from streamer.webrtc.camera import CameraConnection
from streamer.webrtc.sdp import read_offer
from tests.support.camera import Camera

WAIT = 60


async def test_an_mdns_name_nobody_knows_holds_up_neither_the_answer_nor_the_end() -> None:
    camera, near = Camera(), CameraConnection()
    offer = await camera.offer()
    name = "a=candidate:1 1 udp 2122260223 6f3c1d2e-0000-4000-8000-000000000000.local 50000 typ host\r\n"
    async with asyncio.timeout(WAIT):
        await near.answer(read_offer(offer.replace("a=end-of-candidates", name + "a=end-of-candidates")))
        await near.resolve()
        await near.close()
    await camera.close()


async def test_no_more_candidates_are_taken_than_can_be_checked() -> None:
    camera, near = Camera(), CameraConnection()
    await near.answer(read_offer(await camera.offer()))
    many = "".join(f"a=candidate:{n} 1 udp 5 192.0.2.1 {n + 1} typ host\n" for n in range(connection.MAX_CANDIDATES))
    with pytest.raises(TooLarge, match="64"):
        await near.add(sdp.read_fragment(many))
    await near.close()
    await camera.close()


async def test_a_server_that_does_not_answer_holds_up_gathering_once_however_many_addresses_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """aioice alone waits five seconds."""
    monkeypatch.setattr(connection, "GATHER_SECONDS", 0.5)
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **which: [f"127.0.0.{n}" for n in range(2, 34)])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        camera, near = Camera(), CameraConnection([f"stun:127.0.0.1:{silent.getsockname()[1]}"])
        offer = await camera.offer()
        async with asyncio.timeout(4.5):
            answer = await near.answer(read_offer(offer))
    assert answer.count("a=candidate:") == 32
    await near.close()
    await camera.close()


async def test_closing_while_connecting_leaves_no_task_behind() -> None:
    """aiortc alone would leave some that ask for consent and report for ever, depending on the moment."""
    before = asyncio.all_tasks()
    for pause in (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15):
        camera, near = Camera(), CameraConnection()
        await camera.accept(await near.answer(read_offer(await camera.offer())))
        await asyncio.sleep(pause)
        await near.close()
        await camera.close()
    left = {task for task in asyncio.all_tasks() - before if "TestRunner" not in repr(task.get_coro())}
    left -= {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=WAIT)
    assert not left


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("a=fingerprint", "a=finger", "no DTLS fingerprint"),
        ("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 xyz", "malformed DTLS fingerprint"),
        ("m=video", "m=smell", "no video section"),
    ],
)
async def test_an_offer_that_cannot_be_answered_is_refused_in_words(old: str, new: str, words: str) -> None:
    camera, near = Camera(), CameraConnection()
    with pytest.raises(BadRequest, match=words):
        await near.answer(read_offer((await camera.offer()).replace(old, new)))
    await near.close()
    await camera.close()
