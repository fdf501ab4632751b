"""
A gate in front of an RTSP server, for where not every address may be opened.

FFmpeg follows a redirect of an RTSP server to wherever it leads, and has no way to be kept from it. So it speaks to
this gate, on this machine, which speaks to the one address that was judged: to read a redirect is the gate's, and to
follow it the caller's, who judges the new address first. TLS is spoken here too. What comes after PLAY is handed
through unread.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence

MAX_HEAD = 64 * 1024  # bytes of one answer's head; a description of streams has one or two thousand in its body
MAX_LINE = 4000  # bytes of a line; FFmpeg forgets those past 4095
PACKET = 4  # bytes before a packet of a stream, its length the last two
CHUNK = 64 * 1024  # bytes that are handed on at a time
POLL = 0.5  # seconds between looks whether the gate was closed

# Of a head: its last line, which is empty, and what FFmpeg reads as something else than a part of it.
_END = re.compile(rb"(?:\A|\n)\r*\n")
_FOREIGN = re.compile(rb"\A\r+\$|\n\r*\$|[^\t\n\r -\xff]")
_LOCATION = re.compile(rb"(?im)^location:[ \t]*(\S+)[ \t]*$")
_STATUS = re.compile(rb"\s*RTSP/\S*\s+(\d{3})(?:\s.*)?")
_LENGTH = re.compile(rb"(?i)content-length:\s*(\d{1,9})\s*")


class Gate:
    """
    One connection of FFmpeg's, to one address. ``place`` is the host and port that FFmpeg is told instead of it.

    ``redirect`` is where the server sent us, once FFmpeg has failed because of it.
    """

    def __init__(self, listening: socket.socket) -> None:
        self.place = "{}:{}".format(*listening.getsockname())
        self.redirect: str | None = None
        self._closed = threading.Event()

    def serve(self, listening: socket.socket, far: socket.socket) -> None:
        """The life of the gate's thread: one connection, handed through until one side ends it."""
        near: socket.socket | None = None
        try:
            while near is None and not self._closed.is_set():
                with contextlib.suppress(TimeoutError):
                    near, _ = listening.accept()
            listening.close()
            if near is not None:
                near.settimeout(None)
                self._hand_through(near, far)
        except OSError:
            return
        finally:
            for each in (listening, near, far):
                if each is not None:
                    each.close()

    def close(self) -> None:
        """Let go of both sides."""
        self._closed.set()

    def _hand_through(self, near: socket.socket, far: socket.socket) -> None:
        reading = Answers()
        playing = False
        with selectors.DefaultSelector() as ready:
            ready.register(near, selectors.EVENT_READ)
            ready.register(far, selectors.EVENT_READ)
            while not self._closed.is_set():
                waiting = {key.fileobj for key, _ in ready.select(POLL)}
                if near in waiting:
                    data = near.recv(CHUNK)
                    playing = playing or data.startswith(b"PLAY ")
                    if not data:
                        return
                    far.sendall(data)
                if far in waiting:  # a TLS record has 16 KiB at most: none is left in Python's buffer
                    data = far.recv(CHUNK)
                    if not data:
                        return
                    if not playing and (location := reading.redirect(data)) is not None:
                        self.redirect = location
                        return
                    near.sendall(data)


class Answers:
    """
    Reads the answers of an RTSP server, as they come in pieces, for a redirect.

    As FFmpeg reads them: a line ends at its line feed, wherever a carriage return stands. What the two might read in
    different ways is refused, for then one of them would take for a body what is a redirect to the other.
    """

    def __init__(self) -> None:
        self._held = b""  # of a head that has not ended; bound: MAX_HEAD
        self._body = 0  # bytes that are left of a body

    def redirect(self, data: bytes) -> str | None:
        """Where an answer redirects to, empty where it does not say; None: none does. Raises OSError for no RTSP."""
        while data:
            if self._body:
                skipped = min(self._body, len(data))
                self._body, data = self._body - skipped, data[skipped:]
                continue
            self._held, data = self._held + data, b""
            if self._held.startswith(b"$"):  # a packet of a stream: RFC 2326, section 10.12
                if len(self._held) >= PACKET:
                    self._body = PACKET + int.from_bytes(self._held[2:PACKET], "big")
                    self._held, data = b"", self._held
                continue
            end = _END.search(self._held)
            head = self._held if end is None else self._held[: end.end()]
            if len(head) > MAX_HEAD or _FOREIGN.search(head):
                raise OSError(_NO_RTSP)
            if end is not None:
                self._held, data = b"", self._held[end.end() :]
                status, self._body, location = _read_head(head)
                if status.startswith(b"3"):
                    return location
        return None


def _read_head(head: bytes) -> tuple[bytes, int, str]:
    """Status (empty for what the server asks), length of the body, and the location. Raises OSError."""
    first, *lines = head.replace(b"\r", b"").split(b"\n")
    status = _STATUS.fullmatch(first)
    lengths = [line for line in lines if line.lower().startswith(b"content-length:")]
    length = _LENGTH.fullmatch(lengths[0]) if lengths else None
    if (
        (status is None and first.lstrip().startswith(b"RTSP/"))
        or (length is None and lengths)
        or len(lengths) > 1
        or any(len(line) > MAX_LINE for line in (first, *lines))
    ):
        raise OSError(_NO_RTSP)
    location = _LOCATION.search(b"\n".join(lines))
    return (
        b"" if status is None else status[1],
        0 if length is None else int(length[1]),
        "" if location is None else location[1].decode("latin-1"),
    )


@contextlib.contextmanager
def gate(
    addresses: Sequence[str], port: int, timeout: float, context: ssl.SSLContext | None, name: str
) -> Iterator[Gate]:
    """
    Connect to the first of the addresses that answers, by TLS for that name with a ``context``. Raises OSError.

    Its thread ends with the ``with`` block, or when one side hangs up.
    """
    far = connected(addresses, port, timeout)
    try:
        if context is not None:
            far = context.wrap_socket(far, server_hostname=name.removesuffix("."))
        listening = socket.create_server(("127.0.0.1", 0), backlog=1)
    except BaseException:
        far.close()
        raise
    far.settimeout(timeout)
    listening.settimeout(POLL)
    made = Gate(listening)
    thread = threading.Thread(target=made.serve, args=(listening, far), name=f"gate {name}", daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()


def connected(addresses: Sequence[str], port: int, timeout: float) -> socket.socket:
    """A connection to the first of the addresses that answers. Raises OSError."""
    for address in addresses[:-1]:
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), timeout)
    return socket.create_connection((addresses[-1], port), timeout)


_NO_RTSP = "it answers no RTSP"
