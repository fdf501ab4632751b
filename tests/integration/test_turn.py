"""Video through a real TURN server, both ways, where there is no other way; and gathering that takes no time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streamer.errors import TooMany
from streamer.sources.base import State
from streamer.webrtc import connection, ice
from streamer.webrtc.camera import CameraConnection
from streamer.webrtc.sdp import read_offer
from tests.support.camera import Camera, number_of
from tests.support.models import untrained
from tests.support.playback import Compositions
from tests.support.turn import PASSWORD, USER, coturn
from tests.support.viewer import Viewer
from tests.support.whep import BEGINNING, Cinema, until
from tests.support.whip import WAIT, id_of, serving

SECRET = "only-the-turn-server-knows-it"


@pytest.fixture
def compositions(monkeypatch: pytest.MonkeyPatch) -> Compositions:
    return Compositions(monkeypatch)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A TURN server as ``--ice-server`` takes it."""
    with coturn(tmp_path_factory.mktemp("turn")) as address:
        yield f"turn:{USER}:{PASSWORD}@{address}"


@pytest.fixture
def no_other_way(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Once called, nobody who connects has an address of its own, only the relay's."""
    return lambda: monkeypatch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: [])


def kinds(description: str) -> set[str]:
    """The kinds of its candidates."""
    return set(re.findall(r"a=candidate:.* typ (\w+)", description))


def far_ends(dtls: Any) -> set[str]:
    """The kind of the address at the far end that is in use."""
    return {pair.remote_candidate.type for pair in dtls.transport._connection._nominated.values()}


async def test_a_camera_reaches_the_server_through_the_relay(server: str, no_other_way: Callable[[], None]) -> None:
    async with serving(untrained(), ice_servers=(server,)) as service:
        camera = service.camera()
        offer = await camera.offer()
        no_other_way()
        answer = await service.post(offer)
        assert answer.status_code == 201, answer.text
        assert kinds(answer.text) == {"relay"}
        assert f'username="{USER}"' in answer.headers["link"]
        await camera.accept(answer.text)
        await service.until(id_of(answer), State.LIVE, looked_at=3)
        assert far_ends(camera.sender.transport) == {"relay"}


async def test_the_server_reaches_its_relay_over_tcp_where_no_udp_gets_out(
    tmp_path: Path, no_other_way: Callable[[], None]
) -> None:
    with coturn(tmp_path, only="tcp") as address:
        near = CameraConnection([f"turn:{USER}:{PASSWORD}@{address}?transport=tcp"])
        camera = Camera()
        offer = await camera.offer()
        no_other_way()
        assert kinds(await near.answer(read_offer(offer))) == {"relay"}
        await near.close()
        await camera.close()


async def test_a_player_is_shown_the_picture_through_the_relay(
    server: str, no_other_way: Callable[[], None], compositions: Compositions
) -> None:
    async with serving(untrained(), ice_servers=(server,)) as service:
        cinema = Cinema(service, compositions)
        viewer = cinema.viewer()
        offer = await viewer.offer()
        no_other_way()
        answer = await cinema.post(offer)
        assert kinds(answer.text) == {"relay"}
        await viewer.accept(answer.text)
        await until(lambda: cinema.connected == 1)
        assert number_of(await cinema.shown_to(viewer, BEGINNING)) == 0
        assert far_ends(viewer.receiver.transport) == {"relay"}
        await viewer.close()


async def test_a_player_behind_a_relay_of_its_own_is_shown_the_picture(server: str, compositions: Compositions) -> None:
    """Its ICE uses nothing but the relay, as in a network that lets no other UDP out."""
    address = server.rpartition("@")[2]
    async with serving(untrained()) as service:
        cinema = Cinema(service, compositions)
        viewer = Viewer(relay=f"turn:{address}")
        offer = await viewer.offer()
        assert kinds(offer) == {"relay"}
        answer = await cinema.post(offer)
        await viewer.accept(answer.text)
        await until(lambda: cinema.connected == 1)
        assert number_of(await cinema.shown_to(viewer, BEGINNING)) == 0
        await viewer.close()


async def test_a_secret_that_is_shared_with_the_turn_server_makes_logins_that_end(
    tmp_path: Path, no_other_way: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with coturn(tmp_path, SECRET) as address:
        async with serving(untrained(), ice_servers=(f"turn:{address}",), turn_secret=SECRET) as service:
            camera = service.camera()
            offer = await camera.offer()
            no_other_way()
            answer = await service.post(offer)
            assert kinds(answer.text) == {"relay"}
            assert SECRET not in answer.headers["link"]
            ends = re.search(r'username="(\d+)"', answer.headers["link"])
            assert ends is not None
            assert abs(int(ends[1]) - time.time() - ice.LASTS) < 60
            await camera.accept(answer.text)
            await service.until(id_of(answer), State.LIVE, looked_at=1)
        monkeypatch.setattr(ice, "LASTS", -1)
        camera, near = Camera(), CameraConnection(ice.fresh([f"turn:{address}"], SECRET))
        async with asyncio.timeout(WAIT):  # coturn refuses what has ended
            with pytest.raises(TooMany):
                await near.answer(read_offer(offer))
        await near.close()
        await camera.close()


async def test_with_a_wrong_password_there_is_an_answer_without_a_relay(server: str) -> None:
    camera, near = Camera(), CameraConnection([server.replace(PASSWORD, "wrong")])
    async with asyncio.timeout(WAIT):
        answer = await near.answer(read_offer(await camera.offer()))
    assert " typ host" in answer
    assert " typ relay" not in answer
    await near.close()
    await camera.close()


async def test_many_addresses_and_a_silent_server_do_not_hold_up_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A host with a hundred containers has a hundred addresses; 192.0.2.0/24 is for documentation, nobody answers there.

    All of 127.0.0.0/8 is this machine's: a hundred real sockets, in place of a hundred real interfaces.
    """
    addresses = [f"127.0.1.{number}" for number in range(1, 101)]
    camera = Camera()
    offer = await camera.offer()
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: addresses)
    near = CameraConnection(["stun:192.0.2.200:3478", "turn:joe:secret@192.0.2.200:3478"])
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await near.answer(read_offer(offer))
    assert loop.time() - began < 3 * connection.GATHER_SECONDS  # one wait for all of them, not one for each
    assert all(f" {address} " in answer for address in addresses)
    await near.close()
    await camera.close()
