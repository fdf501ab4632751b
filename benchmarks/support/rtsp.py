"""A real RTSP camera that tests can start, kill and start again on the same port."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from benchmarks.support import debian


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Camera:
    """GStreamer's RTSP server in a process of its own, playing a file from its start to everyone who comes."""

    def __init__(self, recording: Path, *login: str, certificate: Path | None = None) -> None:
        self._python = debian.gstreamer()
        self._recording = recording
        self._login = login
        self._certificate = certificate
        self._process: subprocess.Popen[str] | None = None
        self.port = free_port()
        user = f"{':'.join(login)}@" if login else ""
        self.url = f"rtsp{'s' if certificate else ''}://{user}127.0.0.1:{self.port}/cam"

    def start(self) -> None:
        """Start, and wait until it listens."""
        script = Path(__file__).with_name("rtsp_server.py")
        command = [
            self._python,
            str(script),
            str(self.port),
            str(self._recording),
            str(self._certificate or "-"),
            *self._login,
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Say nothing more and hang up nothing, as when the cable is pulled."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it the hard way, as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def __enter__(self) -> Camera:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
