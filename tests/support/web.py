"""Web servers in threads of their own, on any address of this machine: what they answer, and what they were asked."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """A server at ``place`` (host:port). ``asked`` are the requests: path and headers; ``connections`` their number."""

    place: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    connections: int = 0

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def says(body: bytes, status: int = 200, **headers: str) -> Answer:
    """Answer with these bytes, or, where a range was asked for, with that part of them."""

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        part, code = body, status
        wanted = request.headers.get("Range", "")
        if status == 200 and wanted.startswith("bytes="):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            part, code = body[int(first) : int(last) + 1 if last else None], 206
        request.send_response(code)
        if code == 206:
            request.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(body)}")
        for name, value in {"Content-Length": str(len(part)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        with contextlib.suppress(OSError):
            request.wfile.write(part)

    return answer


def leads(target: str, status: int = 302) -> Answer:
    """Redirect there."""
    return says(b"", status, Location=target)


@contextlib.contextmanager
def web(answers: Mapping[str, Answer], host: str = "127.0.0.1", certificate: Path | None = None) -> Iterator[Site]:
    """Serve these paths, all others with 404, until the block ends."""
    site = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def setup(self) -> None:
            site.connections += 1
            super().setup()

        def do_GET(self) -> None:
            site.asked.append((self.path, dict(self.headers)))
            answers.get(self.path.partition("?")[0], says(b"", 404))(self)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:  # a handshake that failed is no news
            pass

    with Server((host, 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        site.place = f"{host}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
