"""coturn as tests need it: a real TURN server on a port of its own, with one user."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support import needs

USER, PASSWORD = "joe", "secret"
SECONDS = 30


@contextlib.contextmanager
def coturn(folder: Path) -> Iterator[str]:
    """Run it on this machine; its ``host:port``. What it relays is in ``folder``'s log."""
    program, port = needs.program("turnserver", "coturn"), free_port()
    options = ["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={port}", "--lt-cred-mech"]
    options += [f"--user={USER}:{PASSWORD}", "--realm=test", "--allow-loopback-peers", "--cli-password=none-needed"]
    options += ["--no-tls", "--no-dtls", "--no-cli", "-n", "--log-file=stdout", "--simple-log", "--verbose"]
    options += [f"--pidfile={folder / 'pid'}", f"--userdb={folder / 'users'}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, *options], stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        _until_it_answers(process, port, folder)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(SECONDS)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        port: int = udp.getsockname()[1]
        return port


def _until_it_answers(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    """It answers a binding request (RFC 8489)."""
    request = bytes.fromhex("000100002112a442") + b"are-you-there"[:12]
    end = time.monotonic() + SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.2)
        udp.connect(("127.0.0.1", port))
        while True:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            try:
                udp.send(request)
                if udp.recv(1500):
                    return
            except OSError:  # not yet
                time.sleep(0.05)
