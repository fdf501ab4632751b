"""Servers that fail whoever asks them for a stream, over RTSP, HTTP and RTMP alike."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator

from benchmarks.support.rtsp import free_port

HANDSHAKE = 1 + 2 * 1536  # bytes that an RTMP server says before anything is asked of it

Act = Callable[[socket.socket], None]


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """A port that nobody listens on."""
    yield free_port()


@contextlib.contextmanager
def locked() -> Iterator[int]:
    """A server that wants another user name and password, whatever it is sent."""
    with _listening(_refuse) as port:
        yield port


@contextlib.contextmanager
def breaking() -> Iterator[int]:
    """A server that leads elsewhere first, and hangs up in the middle of its answer."""
    with _listening(_break_off) as port:
        yield port


def _refuse(peer: socket.socket) -> None:
    login = b'WWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
    while asked := peer.recv(2**16):
        number = re.search(rb"CSeq: \d+\r\n", asked)
        if number is None:
            peer.sendall(b"HTTP/1.1 401 No\r\n" + login if b"HTTP/1.1" in asked else bytes(HANDSHAKE))
        elif asked.startswith(b"OPTIONS"):
            peer.sendall(b"RTSP/1.0 200 OK\r\n" + number[0] + b"Public: DESCRIBE\r\n\r\n")
        else:
            peer.sendall(b"RTSP/1.0 401 No\r\n" + number[0] + login)


def _break_off(peer: socket.socket) -> None:
    asked = peer.recv(2**16).split(b"\r\n")[0]
    if b"RTSP/1.0" in asked:
        peer.sendall(b"RTSP/1.0 200 OK\r\nCSeq")
    elif b"elsewhere" in asked:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf of it")
    elif b"HTTP/1.1" in asked:
        path = asked.split()[1] + (b"&" if b"?" in asked else b"?") + b"elsewhere"
        peer.sendall(b"HTTP/1.1 302 Found\r\nLocation: " + path + b"\r\nContent-Length: 0\r\n\r\n")
    else:
        peer.sendall(bytes(HANDSHAKE))


@contextlib.contextmanager
def _listening(act: Act) -> Iterator[int]:
    """Do this for every connection, each in a thread of its own; the port."""

    def serve(peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            peer.settimeout(5)
            act(peer)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listening.accept()
                threading.Thread(target=serve, args=(peer,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept)
        thread.start()
        yield listening.getsockname()[1]
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)  # or accept() would wait on
    thread.join()
