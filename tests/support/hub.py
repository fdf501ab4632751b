"""An HTTP server in the form of the Hugging Face hub, with files of our own; huggingface_hub is the real one."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CONTENT = bytes(range(256)) * 40_000  # 10 MB
COMMIT = "a" * 40


class Hub(http.server.ThreadingHTTPServer):
    """
    Every file of it is CONTENT unless ``files`` has another by its path in the repository.

    It may cut its answers short, say something else of a file than is true, and counts what it was asked for.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _File)
        self.files: dict[str, bytes] = {}
        self.tag: str | None = None  # in place of the SHA-256
        self.length: int | None = None  # in place of the length, until the file is asked for
        self.most = len(CONTENT)  # bytes that one answer gives before the connection breaks
        self.ranges = True
        self.asked: list[str | None] = []  # the ranges of what was fetched
        self.paths: list[str] = []
        self.busy = 0  # answers that are 503 before it serves

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _File(http.server.BaseHTTPRequestHandler):
    server: Hub

    @property
    def content(self) -> bytes:
        return next((each for name, each in self.server.files.items() if self.path.endswith(f"/{name}")), CONTENT)

    def do_HEAD(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{self.server.tag or hashlib.sha256(self.content).hexdigest()}"')
        self.send_header("Content-Length", str(self.server.length or len(self.content)))
        self.end_headers()

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/"):
            self._list()
            return
        self.server.asked.append(self.headers["Range"])
        if self.server.busy:
            self.server.busy -= 1
            self.send_error(503)
            return
        start, content = 0, self.content
        if self.server.ranges and self.headers["Range"]:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : start + self.server.most])
        self.close_connection = True

    def _list(self) -> None:
        names = [{"rfilename": name} for name in ("README.md", *self.server.files)]
        body = json.dumps({"id": "some/model", "sha": COMMIT, "siblings": names}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving_files() -> Iterator[Hub]:
    """The server, for as long as it is needed."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
