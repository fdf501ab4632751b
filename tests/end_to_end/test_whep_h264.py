"""A real browser that takes no VP8 watches a session."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.support.models import untrained
from tests.support.page import port
from tests.support.serving import serving

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)

_WATCH = """async ([session, frames]) => {
  const connection = new RTCPeerConnection();
  const transceiver = connection.addTransceiver("video", { direction: "recvonly" });
  const known = RTCRtpReceiver.getCapabilities("video").codecs;
  transceiver.setCodecPreferences(known.filter(({ mimeType }) => mimeType === "video/H264"));
  await connection.setLocalDescription();
  while (connection.iceGatheringState !== "complete") await new Promise((resolve) => setTimeout(resolve, 20));
  const headers = { "Content-Type": "application/sdp" };
  const response = await fetch(`/whep/${session}`, { method: "POST", headers, body: connection.localDescription.sdp });
  await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
  for (;;) {
    const stats = await connection.getStats();
    const video = [...stats.values()].find(({ type, kind }) => type === "inbound-rtp" && kind === "video");
    if (video?.framesDecoded >= frames) return [stats.get(video.codecId).mimeType, video.frameWidth, video.frameHeight];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""


def test_it_is_shown_h264(browser: Browser) -> None:
    with serving(untrained(), threads=1) as served:
        session = served.start("demo:?size=640x480")
        page = browser.new_page()
        page.goto(f"http://localhost:{port(served)}/")
        assert page.evaluate(_WATCH, [session, 10]) == ["video/H264", 640, 480]
        page.context.close()
