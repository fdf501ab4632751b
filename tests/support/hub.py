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
        super().__init__(("127.0.0.1", 0), _answers())
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

    def content(self, path: str) -> bytes:
        """What is answered to a path: a file, or the list of them."""
        if path.startswith("/api/models/"):
            listed = [{"type": "file", "path": name, "size": 1, "oid": COMMIT} for name in ("README.md", *self.files)]
            return json.dumps(listed).encode()
        return next((each for name, each in self.files.items() if path.endswith(f"/{name}")), CONTENT)

    def about(self, path: str) -> dict[str, str]:
        """What is said of a file before it is fetched, as headers."""
        content = self.content(path)
        tag = self.tag or hashlib.sha256(content).hexdigest()
        return {"X-Repo-Commit": COMMIT, "ETag": f'"{tag}"', "Content-Length": str(self.length or len(content))}


def _answers() -> type[http.server.BaseHTTPRequestHandler]:
    class Answers(http.server.BaseHTTPRequestHandler):
        server: Hub

        def do_HEAD(self) -> None:
            self.server.paths.append(self.path)
            self._head(200, self.server.about(self.path))

        def do_GET(self) -> None:
            hub, asked, start = self.server, self.headers["Range"], 0
            content = hub.content(self.path)
            if self.path.startswith("/api/models/"):
                self._head(200, {"Content-Type": "application/json", "Content-Length": str(len(content))})
                self.wfile.write(content)
                return
            hub.asked.append(asked)
            if hub.busy:
                hub.busy -= 1
                self.send_error(503)
                return
            if hub.ranges and asked:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            part = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
            self._head(206 if start else 200, part | {"Content-Length": str(len(content) - start)})
            self.wfile.write(content[start : start + hub.most])
            self.close_connection = True

        def _head(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Answers


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
