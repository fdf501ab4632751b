"""
The README's animation of the page: ``python -m benchmarks.page_picture``.

It starts the real server with nano, opens the page in the system's Chromium, opens a synthetic camera there, asks for a
few concepts as a person does, waits until enough things have a mask, and records some seconds at the pace at which they
were shown. ``--picture page.jpg`` also takes a still. ``--server http://localhost:8000`` takes a server that is running
already.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.support.debian import Missing
from benchmarks.support.rtsp import free_port

ANIMATION = Path(__file__).resolve().parents[1] / "docs" / "page.webp"
VIEW = (1280, 800)  # CSS pixels of the browser's window
LARGEST = 390_000  # bytes of the animation: a README loads quickly
QUALITIES = range(80, 5, -5)  # of WebP, the best first
PATIENCE = 120.0  # seconds for the model to load and for things to be found on a busy machine
ANIMATION_SIZE, ANIMATION_FPS = (800, 500), 12
CHROMIUM_FLAGS = ("--no-sandbox", "--no-first-run", "--disable-background-networking", "--hide-scrollbars")


@dataclass(frozen=True, slots=True)
class Scene:
    """What to show: a camera's address, what to look for in it, how many things have a mask, and when to look."""

    source: str = "demo:?seed=8&things=50&objects=5&speed=10"  # a world in which nano finds all five
    concepts: tuple[str, ...] = ("pizza", "grape", "red triangle", "blue circle", "green triangle")
    objects: int = 5
    settle: float = 10.0  # seconds before it is recorded, which fill the timeline


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Start ``streamer serve`` on a free port; its address, once the model is ready."""
    address = f"http://localhost:{(port := free_port())}"
    process = subprocess.Popen([sys.executable, "-m", "streamer", "serve", "--port", str(port)])
    try:
        _until_ready(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        time.sleep(0.2)
    raise SystemExit("The server did not become ready.")


@contextlib.contextmanager
def page(address: str) -> Iterator[Page]:
    """Open the page in a browser of its own, which is closed at the end."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise Missing("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        opened = browser.new_page(viewport={"width": VIEW[0], "height": VIEW[1]})
        opened.set_default_timeout(1000 * PATIENCE)
        opened.goto(address)
        yield opened
        browser.close()


def stage(page: Page, scene: Scene) -> None:
    """Ask for the concepts, open the camera, and wait until it is the scene that was asked for."""
    chips = page.locator("#prompts button")
    while chips.count():  # the page begins with examples
        chips.first.click()
    for concept in scene.concepts:
        page.fill("#concept", concept)
        page.press("#concept", "Enter")
    page.fill("#url", scene.source)
    page.click("#address button")
    _until_found(page, scene)
    page.wait_for_timeout(1000 * scene.settle)
    _until_found(page, scene)


def _until_found(page: Page, scene: Scene) -> None:
    page.wait_for_selector(f'#screen[data-objects="{scene.objects}"]')


def record(page: Page, seconds: float) -> list[tuple[Image.Image, float]]:
    """
    Pictures of the window, ANIMATION_FPS a second at most, each with the moment in seconds at which it was shown.

    The browser sends a picture when something has changed, which costs it far less than a screenshot.
    """
    sent: list[tuple[bytes, float]] = []
    browser = page.context.new_cdp_session(page)

    def keep(frame: dict[str, Any]) -> None:
        browser.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})
        moment = frame["metadata"]["timestamp"]
        if not sent or moment - sent[-1][1] >= 1 / ANIMATION_FPS:
            sent.append((base64.b64decode(frame["data"]), moment))

    browser.on("Page.screencastFrame", keep)
    browser.send("Page.startScreencast", {"format": "jpeg", "quality": 90})
    page.wait_for_timeout(1000 * seconds)
    browser.send("Page.stopScreencast")
    browser.detach()
    return [(Image.open(io.BytesIO(data)).convert("RGB"), moment) for data, moment in sent]


def save_animation(pictures: Sequence[tuple[Image.Image, float]], path: Path) -> None:
    """Write an endless WebP, as good as the bound on its size allows. Raises ValueError when none is small enough."""
    first, *others = [picture.resize(ANIMATION_SIZE, Image.Resampling.LANCZOS) for picture, _ in pictures]
    moments = [moment for _, moment in pictures]
    durations = [round(1000 * (after - before)) for before, after in pairwise(moments)] + [1000 // ANIMATION_FPS]
    for quality in QUALITIES:
        data = io.BytesIO()
        first.save(data, "WEBP", save_all=True, append_images=others, duration=durations, quality=quality, method=4)
        if data.tell() <= LARGEST:
            path.write_bytes(data.getvalue())
            return
    raise ValueError(f"{path.name} does not fit into {LARGEST} bytes")


def main(arguments: Sequence[str] | None = None, scene: Scene | None = None) -> None:
    """Record the page; a scene that is given stands in for the README's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_picture", description=__doc__)
    parser.add_argument("--animation", type=Path, default=ANIMATION, metavar="FILE", help="where it goes (.webp)")
    parser.add_argument("--seconds", type=float, default=5.0, help="its length")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="where a still goes too (.jpg)")
    parser.add_argument("--server", metavar="ADDRESS", help="take this server; without it one is started")
    options = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        address = options.server or stack.enter_context(server())
        opened = stack.enter_context(page(address))
        stage(opened, scene or Scene())
        if options.picture is not None:
            opened.screenshot(path=options.picture, type="jpeg", quality=85)
        pictures = record(opened, options.seconds)
        opened.click("#stop")
    save_animation(pictures, options.animation)
    print(f"{options.animation}: {len(pictures)} pictures, {options.animation.stat().st_size} bytes")


if __name__ == "__main__":
    main()
