"""streamer.commands.logs: what a command tells of itself, whoever says it."""

from __future__ import annotations

import gc
import io
import logging
import threading

import pytest

from streamer import cli
from streamer.commands import logs

ADDRESS = "rtsp://me:hunTr2@camera/1"


@pytest.mark.parametrize(
    ("name", "line", "shown"),
    [
        ("uvicorn.access", '1.2.3.4:5 - "GET /sessions?api_key=secret HTTP/1.1" 200', "/sessions?api_key=*** HTTP"),
        ("libav.rtmp", "Proto = rtmp, path = /live/secret, app = live, fname = secret", "fname = ***"),
        ("libav.rtmp", "Sending play command for 'secret'", "Sending play command for '***'"),
        ("libav.rtsp", f"method DESCRIBE of {ADDRESS} failed: 401", "rtsp://me:***@camera/1 failed: 401"),
        ("streamer.x", "frame = 3 of 'a film'", "frame = 3 of 'a film'"),
    ],
)
def test_lines_of_every_logger_are_written_without_secrets(
    monkeypatch: pytest.MonkeyPatch, name: str, line: str, shown: str
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(logging.getLogger(name), "propagate", True)  # a server of another test may have kept it apart
    logs.log_to(logging.StreamHandler(out), verbose=True, states=True)
    logging.getLogger(name).warning("%s", line)
    assert shown in out.getvalue()
    assert "secret" not in out.getvalue()


def test_what_nobody_caught_is_printed_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(given: object) -> int:
        raise RuntimeError(ADDRESS)

    monkeypatch.setattr(cli, "_doctor", broken)
    assert cli.main(["doctor"]) == 1
    said = capsys.readouterr().err
    assert said.endswith("RuntimeError: rtsp://me:***@camera/1\n")
    assert "Traceback" in said and "hunTr2" not in said


class Unraisable:
    """Fails where Python has nobody to tell."""

    def __del__(self) -> None:
        raise RuntimeError(ADDRESS)


def test_so_is_what_ends_a_thread_and_what_cannot_be_raised(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise RuntimeError(ADDRESS)

    before = threading.excepthook
    with logs.tracebacks():
        thread = threading.Thread(target=broken, name="reader")
        thread.start()
        thread.join()
        Unraisable()
        gc.collect()
    assert threading.excepthook is before
    said = capsys.readouterr().err
    assert "Exception in thread reader:\nTraceback" in said
    assert said.count("RuntimeError: rtsp://me:***@camera/1\n") == 2
    assert "hunTr2" not in said
