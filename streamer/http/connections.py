"""Connections: how many at a time, which of them goes when there are too many, and what is said of it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import resource
import socket
import ssl
import time
from collections.abc import Callable, Collection
from typing import Any

GREETING = 10.0  # seconds that a TLS handshake may take, as the head of a request
PARTING = 1.0  # seconds that ending TLS may take
RETRY = 0.1  # seconds until the next try where nothing could be accepted
AGAIN = 60.0  # seconds until the same words are logged again
MOST = 1024  # connections; 8 streams with 16 readers and 16 viewers each have 256
KINDS = 100  # of messages that are held back
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

log = logging.getLogger(__name__)


def bound() -> int:
    """
    How many connections there may be: half of the files that this process may open.

    Sources, players and the presenting processes need the others.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(1, min(MOST, soft // 2))


class Rarely(logging.Filter):
    """Lets a warning through once in ``AGAIN`` seconds, and says then how often it was held back. Errors all pass."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}  # by the message without its arguments

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it."""
        if record.levelno > logging.WARNING:
            return True
        words, now = str(record.msg), self._clock()
        since, held = self._said.get(words, (-AGAIN, 0))
        if now - since < AGAIN:
            self._said[words] = (since, held + 1)
            return False
        if len(self._said) >= KINDS:
            self._said.clear()
        self._said[words] = (now, 0)
        if held:
            record.msg = f"{words} (and {held} more like it)"
        return True


class Door:
    """
    Accepts connections, ``most`` at a time.

    For one more, the connection that waits longest for a request is closed; where none waits, the new one is refused.
    ``present`` are the protocols that are connected: each puts itself in and takes itself out, and one that waits for
    a request says so by ``waits_since``, in the loop's time.
    """

    def __init__(
        self, make: Callable[[], asyncio.Protocol], present: Collection[Any], most: int, context: ssl.SSLContext | None
    ) -> None:
        self._make = make
        self._present = present
        self._most = most
        self._context = context
        self._greeting: dict[asyncio.Task[None], float] = {}  # bound: most; since when

    async def open(self, listening: socket.socket) -> None:
        """Accept on a socket until cancelled, then close it."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        with listening:
            async with asyncio.TaskGroup() as tasks:
                while listening.fileno() >= 0:
                    try:
                        connection, _ = await loop.sock_accept(listening)
                    except OSError as error:
                        await self._failed(error)
                        continue
                    if self._full and not self._make_room():
                        log.warning("A connection was refused: all %d are busy.", self._most)
                        _refuse(connection)
                    else:
                        task = tasks.create_task(self._greet(connection))
                        self._greeting[task] = loop.time()
                        task.add_done_callback(self._greeting.pop)
                    await asyncio.sleep(0)  # what was closed goes before the next one comes

    @property
    def _full(self) -> bool:
        return len(self._present) + len(self._greeting) >= self._most

    async def _failed(self, error: OSError) -> None:
        """Wait for descriptors where there are none; other errors are of one connection that has gone."""
        if error.errno in FULL:
            log.warning("No connection can be accepted: %s.", error.strerror)
            self._make_room()
            await asyncio.sleep(RETRY)
        else:
            await asyncio.sleep(0)

    async def _greet(self, connection: socket.socket) -> None:
        """Make a connection's protocol, after the TLS handshake if there is one."""
        loop = asyncio.get_running_loop()
        seconds = {} if self._context is None else {"ssl_handshake_timeout": GREETING, "ssl_shutdown_timeout": PARTING}
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(self._make, connection, ssl=self._context, **seconds)
        except OSError:  # it hung up, or speaks no TLS
            connection.close()

    def _make_room(self) -> bool:
        """Close what waits longest for a request, or is not done with its handshake; False: there is none."""
        waiting: list[tuple[float, Callable[[], object]]] = [
            (since, each.transport.abort)
            for each in self._present
            if (since := getattr(each, "waits_since", None)) is not None
        ]
        waiting += [(since, task.cancel) for task, since in self._greeting.items()]
        if not waiting:
            return False
        log.warning("There are %d connections: one that waited for a request was closed for another.", self._most)
        _, close = min(waiting, key=lambda each: each[0])
        close()
        return True


def _refuse(connection: socket.socket) -> None:
    """Say why, as far as the other side can hear it: one that speaks TLS cannot."""
    with connection, contextlib.suppress(OSError):
        connection.setblocking(False)
        connection.send(BUSY)
        connection.shutdown(socket.SHUT_WR)
