"""A real browser that offers its camera in three sizes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.support.models import untrained
from tests.support.page import port
from tests.support.serving import Served, serving

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)

_PUBLISH = """async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  const connection = new RTCPeerConnection();
  const sendEncodings = ["hi", "mid", "lo"].map((rid, times) => ({ rid, scaleResolutionDownBy: 2 ** times }));
  const { sender } = connection.addTransceiver(stream.getVideoTracks()[0], { direction: "sendonly", sendEncodings });
  await connection.setLocalDescription();
  while (connection.iceGatheringState !== "complete") await new Promise((resolve) => setTimeout(resolve, 20));
  const headers = { "Content-Type": "application/sdp" };
  const response = await fetch("/whip", { method: "POST", headers, body: connection.localDescription.sdp });
  await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
  window.connection = connection; // it lives as long as the page
  return [response.headers.get("Location").split("/").at(-1), sender.getParameters().encodings.map(({ rid }) => rid)];
}"""


def test_one_layer_is_taken_and_looked_at(browser: Browser) -> None:
    with serving(untrained(), threads=1) as served:
        page = browser.new_page()
        page.goto(f"http://localhost:{port(served)}/")
        session, layers = page.evaluate(_PUBLISH)
        assert layers == ["hi"]
        assert width(served, session) > 320  # "mid"; a busy browser makes its pictures a quarter smaller
        page.context.close()


def width(served: Served, session: str) -> int:
    """Of the first picture there is a result of."""
    with served.results(session) as socket:
        while True:
            message = served.http.get(f"/sessions/{session}").json()
            if message["frame"] is not None:
                return int(message["frame"]["width"])
            socket.recv(timeout=60)
