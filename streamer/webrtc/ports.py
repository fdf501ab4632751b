"""
WebRTC's UDP ports, kept within a range that a firewall or a container lets through.

aioice binds each address of this host to a port of the system's choice and has no setting for another
(aioice/ice.py, ``get_component_candidates``), so the event loop answers its call: a connection of ours that asks for
port 0 on an address gets a free one of the range. Upstream: aioice's issue 47, and its pull request 112.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from streamer.config import parse_ports

ours: ContextVar[bool] = ContextVar("ours", default=False)  # whether what binds a socket is a connection of this server


@contextmanager
def kept_within(ports: str | None) -> Iterator[None]:
    """
    For the length of a ``with`` block, let this event loop give connections of ours only UDP ports out of ``ports``.

    They are written as for :func:`streamer.config.parse_ports`; None leaves the choice to the system. Who asks when all
    are taken gets an OSError.
    """
    loop: Any = asyncio.get_running_loop()
    if ports is None:
        yield
        return
    allowed, create = parse_ports(ports), loop.create_datagram_endpoint

    async def endpoint(factory: Any, local_addr: tuple[str, int] | None = None, **options: Any) -> Any:
        if not ours.get() or local_addr is None or local_addr[1] != 0:
            return await create(factory, local_addr, **options)
        for port in random.sample(allowed, len(allowed)):  # in order, a port that was just left would be the next one's
            try:
                return await create(factory, (local_addr[0], port), **options)
            except OSError as error:
                taken = error
        raise taken

    loop.create_datagram_endpoint = endpoint
    try:
        yield
    finally:
        del loop.create_datagram_endpoint
