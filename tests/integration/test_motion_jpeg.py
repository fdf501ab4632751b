"""Motion JPEG as others read it: ffmpeg, OpenCV and a browser."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import av
import cv2
import pytest
from playwright.sync_api import sync_playwright

from streamer.http import motion_jpeg
from tests.support.browser import PATIENCE, chromium
from tests.support.models import untrained
from tests.support.serving import Served, serving

SOURCE = "demo:?size=160x120&fps=10"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(untrained()) as served:
        yield served


@pytest.fixture(scope="module")
def address(served: Served) -> str:
    return f"http://{served.address}/sessions/{served.start(SOURCE, 'circle')}/live.mjpg"


def test_ffmpeg_reads_it(address: str) -> None:
    with av.open(address) as container:
        assert container.format.name == "mpjpeg"
        pictures = [
            frame.to_ndarray(format="rgb24") for _, frame in zip(range(5), container.decode(video=0), strict=False)
        ]
    assert [picture.shape for picture in pictures] == [(120, 160, 3)] * 5
    assert (pictures[0] != pictures[4]).any()


def test_opencv_reads_it(address: str) -> None:
    capture = cv2.VideoCapture(f"{address}?picture_width=80", cv2.CAP_FFMPEG)
    try:
        pictures = [capture.read()[1] for _ in range(3)]
    finally:
        capture.release()
    assert [picture.shape for picture in pictures] == [(60, 80, 3)] * 3
    assert (pictures[0] != pictures[2]).any()


def test_one_who_does_not_read_it_is_cut_off_and_that_is_no_error(
    served: Served, address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motion_jpeg, "STALLED", 0.2)
    place, session = urlsplit(address), address.split("/")[4]
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((place.hostname, place.port))
        reader.sendall(f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
        assert reader.recv(4)  # it is a viewer, and reads nothing more
        while served.http.get(f"/sessions/{session}").json()["viewers"]:
            time.sleep(0.05)
    assert served.http.get("/healthz").is_success
    assert [each.message for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_a_browser_shows_it_and_goes_on_showing_it(served: Served, address: str) -> None:
    """As an <img>, and picture after picture: what is drawn from it changes."""
    pixels = "() => { const c = document.createElement('canvas'); const i = document.images[0]; c.width = 160;"
    pixels += " c.height = 120; c.getContext('2d').drawImage(i, 0, 0); return c.toDataURL(); }"
    with sync_playwright() as playwright, chromium(playwright) as browser:
        page = browser.new_page()
        page.goto(f"http://{served.address}/healthz")
        page.evaluate("address => { document.body.innerHTML = `<img src='${address}'>`; }", address)
        page.wait_for_function("() => document.images[0].naturalWidth === 160", timeout=PATIENCE)
        first = page.evaluate(pixels)
        page.wait_for_function(f"first => ({pixels})() !== first", arg=first, timeout=PATIENCE)
