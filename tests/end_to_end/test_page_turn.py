"""The page where little gets out: a real Chromium finds a real TURN server by itself, over UDP, TCP or TLS."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Playwright

from tests.support.browser import Camera, chromium, visit
from tests.support.models import untrained
from tests.support.page import port
from tests.support.serving import serving
from tests.support.turn import PASSWORD, USER, coturn

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)

OTHER = "turn:joe:wörd€@127.0.0.1:9?transport=tcp"  # nobody listens there
NO_UDP = "--webrtc-ip-handling-policy=disable_non_proxied_udp"  # Chromium sends none, to whomever

_KEEP = """() => {
  const { RTCPeerConnection } = window;
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) { super(...given); window.kept = this; }
  };
}"""
_RELAYS = """async () => [...(await window.kept.getStats()).values()]
  .filter((each) => each.type === "local-candidate" && each.candidateType === "relay")
  .map((each) => each.relayProtocol)"""
_PATH = """async () => {
  const stats = await window.kept.getStats();
  const used = [...stats.values()].find((each) => each.type === "candidate-pair" && each.nominated);
  const { candidateType, relayProtocol } = stats.get(used.localCandidateId);
  return [candidateType, relayProtocol];
}"""


def trusting(certificate: Path) -> str:
    """The option that lets Chromium take this certificate, whoever signed it."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return f"--ignore-certificate-errors-spki-list={base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("only", "address"),
    [("tcp", "turn:{}?transport=tcp"), ("tls", "turns:{}?transport=tcp"), ("udp", "turn:{}")],
)
def test_a_webcam_finds_the_turn_server_and_needs_no_udp_to_reach_it(
    playwright: Playwright, camera: Camera, tmp_path: Path, only: Literal["udp", "tcp", "tls"], address: str
) -> None:
    with coturn(tmp_path, only=only) as turn:
        options: Sequence[str] = [] if only == "udp" else [NO_UDP]
        if only == "tls":
            options = [NO_UDP, trusting(tmp_path / "turn.pem")]
        server = address.format(f"{USER}:{PASSWORD}@{turn}")
        with (
            serving(untrained(), threads=1, ice_servers=(server, "turn:without.login.example", OTHER)) as served,
            chromium(playwright, camera.path, *options) as browser,
            visit(browser, f"http://localhost:{port(served)}/") as page,
        ):
            page.page.evaluate(_KEEP)
            page.page.click("#webcam")
            page.showing()
            assert page.page.evaluate(_RELAYS) == [only]
            if only != "udp":
                assert page.page.evaluate(_PATH) == ["relay", only]
            read = 'async () => (await import("/static/ice.js")).iceServers("/whip", true)'
            assert page.page.evaluate(read)[-1]["credential"] == "wörd€"
