"""Which UDP ports WebRTC may use; the connections themselves are in test_whip.py."""

from __future__ import annotations

import asyncio

import pytest

from streamer.config import parse_ports
from streamer.webrtc import ports


@pytest.mark.parametrize("text", ["50000", "50000-", "-50000", "a-b", "50010-50000", "80-90", "60000-70000", ""])
def test_what_is_no_range_of_ports_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the UDP ports are"):
        parse_ports(text)


def test_both_ends_belong_to_a_range() -> None:
    assert parse_ports(" 50000 - 50002 ") == range(50000, 50003)


async def bound(address: tuple[str, int] | None = ("127.0.0.1", 0)) -> int:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, address)
    port = int(transport.get_extra_info("sockname")[1])
    transport.close()
    return port


async def test_only_connections_of_ours_are_kept_within_and_only_for_as_long() -> None:
    with ports.kept_within("21000-21001"):
        assert await bound() not in (21000, 21001)
        ours = ports.ours.set(True)
        assert await bound() in (21000, 21001)
        assert await bound(("127.0.0.1", 21007)) == 21007
    assert await bound() not in (21000, 21001)
    ports.ours.reset(ours)
