"""huggingface_hub keeps files where we put them, and has the names that we use beyond its documented face."""

from __future__ import annotations

import http.server
import inspect
import threading
from pathlib import Path

import filelock
import huggingface_hub
import pytest
from huggingface_hub import constants, file_download

from tracker.checkpoints.hub import WeakFileLock, blobs, build_hf_headers

TAG = "a1b2c3"


class Described(http.server.BaseHTTPRequestHandler):
    """A Hugging Face server that says what a file is, and has none to give."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("ETag", f'"{TAG}"')
        self.send_header("Content-Length", "5")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_error(500)

    def log_message(self, *_: object) -> None:
        pass


def test_a_file_that_lies_among_the_blobs_is_not_fetched_again(tmp_path: Path) -> None:
    folder = blobs("some/model", tmp_path)
    folder.mkdir(parents=True)
    (folder / TAG).write_bytes(b"whole")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Described) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        path = huggingface_hub.hf_hub_download("some/model", "file.bin", endpoint=url, cache_dir=tmp_path)
        server.shutdown()
        thread.join()
    assert Path(path).read_bytes() == b"whole"


def test_the_cache_is_where_huggingface_hub_says() -> None:
    assert blobs("some/model", None).is_relative_to(constants.HF_HUB_CACHE)


def test_the_private_names_are_still_there() -> None:
    assert list(inspect.signature(file_download.repo_folder_name).parameters) == ["repo_id", "repo_type"]
    assert next(iter(inspect.signature(WeakFileLock).parameters)) == "lock_file"
    assert "token" in inspect.signature(build_hf_headers).parameters


def test_two_do_not_write_one_file_at_once(tmp_path: Path) -> None:
    with (
        WeakFileLock(tmp_path / "lock"),
        pytest.raises(filelock.Timeout),
        WeakFileLock(tmp_path / "lock", timeout=0.01),
    ):
        raise AssertionError("both have it")


def test_the_token_is_sent_and_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_told")
    headers = build_hf_headers()
    assert headers["authorization"] == "Bearer hf_told"
    assert headers["user-agent"]
