"""WHIP and WHEP clients that nobody here wrote, from npm: they publish and play as they are."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.async_api import Page, async_playwright

from benchmarks.support.fake_model import FakeModel, picture
from streamer.sources.base import Out, State, Tell
from tests.support import needs
from tests.support.browser import PATIENCE, QUIET
from tests.support.sources import HandSource
from tests.support.whip import WAIT, Service, serving
from tracker import Prompt, Sam3

CLIENTS = ("@eyevinn/whip-web-client@1.1.7", "@eyevinn/webrtc-player@0.13.0", "esbuild@0.28.2")
ENTRY = """
export { WHIPClient } from "@eyevinn/whip-web-client";
export { WebRTCPlayer } from "@eyevinn/webrtc-player";
"""
PUBLISH = """async (endpoint) => {
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  window.client = new clients.WHIPClient({ endpoint, opts: { iceServers: [] } });
  await window.client.ingest(stream);
}"""
PLAY = """async (address) => {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, autoplay: true });
  document.body.append(video);
  window.player = new clients.WebRTCPlayer({ video, type: "whep", iceServers: [] });
  await window.player.load(new URL(address));
}"""
PLAYED = """([frames, seconds]) => {
  const video = document.querySelector("video");
  return video.getVideoPlaybackQuality().totalVideoFrames >= frames && video.currentTime >= seconds;
}"""
PIXEL = """([x, y]) => {
  const video = document.querySelector("video");
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight).getContext("2d");
  canvas.drawImage(video, 0, 0);
  return [video.videoWidth, video.videoHeight, ...canvas.getImageData(x, y, 1, 1).data.slice(0, 3)];
}"""

CONSENT = 0.5  # seconds between two questions whether a browser still wants its pictures; six without an answer end it

pytestmark = pytest.mark.timeout(240)


class RedSquare(HandSource):
    """A live picture of a red square, fifteen times a second."""

    async def run(self, out: Out, state: Tell) -> None:
        state(State.LIVE, "")
        while True:
            await out(self._frame())
            await asyncio.sleep(1 / 15)

    def picture(self, index: int) -> Any:
        return picture(("red", 80, 60, 80), width=320, height=240)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients as one script for a page, made in a folder of its own."""
    folder = tmp_path_factory.mktemp("npm")
    (folder / "entry.js").write_text(ENTRY)
    quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts", f"--prefix={folder}"]
    _run([needs.program("npm", "npm"), "install", *quiet, *CLIENTS], folder)
    made = folder / "bundle.js"
    options = ["--bundle", "--format=iife", "--global-name=clients", "--define:global=window", f"--outfile={made}"]
    _run([str(folder / "node_modules/.bin/esbuild"), "entry.js", *options], folder)
    return made


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        needs.absent(f"the clients cannot be installed: {done.stderr[-400:]}")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """The stand-in for the model finds exactly what is red: what is tested is how it gets to the browser."""
    async with serving(cast(Sam3, FakeModel())) as service:
        yield service


@asynccontextmanager
async def page(service: Service, bundle: Path) -> AsyncIterator[Page]:
    """A page of a real browser with a webcam, and the clients in it."""
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=needs.chromium(), args=[*QUIET, *camera])
        page = await browser.new_page(bypass_csp=True)  # it stands for a page of somebody else
        page.set_default_timeout(PATIENCE)
        await page.goto(f"{service.http.base_url}/healthz")
        await page.add_script_tag(path=bundle)
        yield page
        await browser.close()


async def test_the_whip_client_publishes_a_browsers_camera(service: Service, bundle: Path) -> None:
    async with page(service, bundle) as opened:
        await opened.evaluate(PUBLISH, f"{service.http.base_url}/whip?prompt=red")
        async with asyncio.timeout(WAIT):  # it offers only once it has gathered its candidates
            while not (sessions := (await service.http.get("/sessions")).json()["sessions"]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        (made,) = sessions
        live = await service.until(made["id"], State.LIVE, looked_at=3)
        assert [prompt["text"] for prompt in live["prompts"]] == ["red"]
        assert live["frame"]["rtp_timestamp"] is not None
        await opened.evaluate("window.client.destroy()")
        async with asyncio.timeout(WAIT):
            while (await service.http.get(f"/sessions/{made['id']}")).status_code != 404:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_the_whep_player_shows_the_picture_with_its_masks(
    service: Service, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its browser goes without a word: that it is gone is known when it consents no more (RFC 7675)."""
    monkeypatch.setattr("aioice.ice.CONSENT_INTERVAL", CONSENT)
    session = service.app.state.sessions.create(RedSquare(width=320, height=240), [Prompt("red")])
    await service.until(session.id, State.LIVE, looked_at=1)
    async with page(service, bundle) as opened:
        await opened.evaluate(PLAY, f"{service.http.base_url}/whep/{session.id}")
        await opened.wait_for_function(PLAYED, arg=[30, 1.0])
        width, height, red, green, blue = await opened.evaluate(PIXEL, [140, 120])
        assert (width, height) == (320, 240)
        # Red alone is (255, 0, 0); the mask of the first object adds nearly half of a colour that is mostly blue.
        assert red > 100
        assert green + blue > 80
        *_, red, green, blue = await opened.evaluate(PIXEL, [280, 40])
        assert max(red, green, blue) < 60  # nothing is there
    async with asyncio.timeout(WAIT):
        while session.playback.viewers:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
