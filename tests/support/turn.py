"""coturn as tests need it: a real TURN server on a port of its own, with one user or a shared secret."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from tests.support import needs
from tests.support.certificates import write_certificate

USER, PASSWORD = "joe", "secret"
SECONDS = 30


@contextlib.contextmanager
def coturn(
    folder: Path, secret: str | None = None, *, only: Literal["udp", "tcp", "tls"] | None = None
) -> Iterator[str]:
    """
    Run it on this machine; its ``host:port``. What it relays is in ``folder``'s log.

    With a ``secret`` there is no user: it takes what is made from that. ``only``: it is reached in no other way than
    this one; by TLS its certificate is ``folder``'s ``turn.pem``, which it signed itself. What it relays is UDP.
    """
    program, port = needs.program("turnserver", "coturn"), free_port()
    listening = "tls-listening-port" if only == "tls" else "listening-port"
    options = ["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--{listening}={port}", "--realm=test"]
    options += ["--lt-cred-mech", f"--user={USER}:{PASSWORD}"] if secret is None else ["--use-auth-secret"]
    options += [] if secret is None else [f"--static-auth-secret={secret}"]
    options += ["--allow-loopback-peers", "--cli-password=none-needed", "--no-dtls"]
    options += ["--no-cli", "-n", "--log-file=stdout", "--simple-log", "--verbose"]
    options += [f"--pidfile={folder / 'pid'}", f"--userdb={folder / 'users'}"]
    options += [f"--no-{way}" for way in ("udp", "tcp", "tls") if only not in (None, way)] or ["--no-tls"]
    if only == "tls":
        write_certificate(folder / "turn.pem")
        options += [f"--cert={folder / 'turn.pem'}", f"--pkey={folder / 'turn.pem'}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, *options], stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        _until_it_answers(process, port, folder, socket.SOCK_DGRAM if only in (None, "udp") else socket.SOCK_STREAM)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(SECONDS)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        port: int = udp.getsockname()[1]
        return port


def _until_it_answers(process: subprocess.Popen[bytes], port: int, folder: Path, kind: socket.SocketKind) -> None:
    """It takes a connection, or answers a binding request (RFC 8489)."""
    request = bytes.fromhex("000100002112a442") + b"are-you-there"[:12]
    end = time.monotonic() + SECONDS
    while True:
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < end, (folder / "log").read_text()
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind) as near:
            near.settimeout(0.2)
            near.connect(("127.0.0.1", port))
            if kind is socket.SOCK_STREAM:
                return
            near.send(request)
            if near.recv(1500):
                return
        time.sleep(0.05)
