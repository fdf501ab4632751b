"""
The page's picture in the README, and an animation of the page: ``python -m benchmarks.page_picture``.

It starts the real server with nano, opens the page in the system's Chromium, opens a synthetic camera there, asks for a
few concepts as a person does, and waits until enough things have a mask. ``--animation page.webp`` also records some
seconds. ``--server http://localhost:8000`` takes a server that is running already.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.support.debian import Missing
from benchmarks.support.rtsp import free_port

PICTURE = Path(__file__).resolve().parents[1] / "web" / "screenshot.jpg"
VIEW = (1280, 800)  # CSS pixels of the browser's window
LARGEST = 150_000  # bytes of the picture: a README loads quickly
QUALITIES = range(90, 40, -5)  # of JPEG, the best first
PATIENCE = 120.0  # seconds for the model to load and for things to be found on a busy machine
ANIMATION_WIDTH, ANIMATION_FPS = 960, 8
CHROMIUM_FLAGS = ("--no-sandbox", "--no-first-run", "--disable-background-networking", "--hide-scrollbars")


@dataclass(frozen=True, slots=True)
class Scene:
    """What to show: a camera's address, what to look for in it, how many things have a mask, and when to look."""

    source: str = "demo:?seed=106&things=50&objects=5&speed=5"  # a world in which nano finds all five
    concepts: tuple[str, ...] = ("turtle", "orange star", "blue circle", "yellow square", "orange square")
    objects: int = 5
    settle: float = 10.0  # seconds before the picture, which fill the timeline


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


def shot(page: Page) -> Image.Image:
    """What the window shows."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a JPEG, as good as the bound on its size allows. Raises ValueError when none is small enough."""
    for quality in QUALITIES:
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=quality, optimize=True, progressive=True)
        if data.tell() <= LARGEST:
            path.write_bytes(data.getvalue())
            return
    raise ValueError(f"{path.name} does not fit into {LARGEST} bytes")


def record(page: Page, seconds: float) -> list[tuple[Image.Image, float]]:
    """Pictures of the window, each with the seconds for which it was shown."""
    pictures: list[tuple[Image.Image, float]] = []
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        picture = shot(page)
        page.wait_for_timeout(max(0.0, 1000 * (now + 1 / ANIMATION_FPS - time.monotonic())))
        pictures.append((picture, time.monotonic() - now))
    return pictures


def save_animation(pictures: Sequence[tuple[Image.Image, float]], path: Path) -> None:
    """Write an endless animation; the name's ending says as what (.webp, .gif)."""
    size = (ANIMATION_WIDTH, round(ANIMATION_WIDTH * VIEW[1] / VIEW[0]))
    first, *others = [picture.resize(size, Image.Resampling.LANCZOS) for picture, _ in pictures]
    durations = [round(1000 * shown) for _, shown in pictures]
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0, quality=70, method=4)


def main(arguments: Sequence[str] | None = None, scene: Scene | None = None) -> None:
    """Take the pictures; a scene that is given stands in for the README's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_picture", description=__doc__)
    parser.add_argument("--picture", type=Path, default=PICTURE, metavar="FILE", help="where the picture goes (JPEG)")
    parser.add_argument("--animation", type=Path, metavar="FILE", help="where an animation goes (.webp or .gif)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of the animation")
    parser.add_argument("--server", metavar="ADDRESS", help="take this server; without it one is started")
    options = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        address = options.server or stack.enter_context(server())
        opened = stack.enter_context(page(address))
        stage(opened, scene or Scene())
        save_picture(shot(opened), options.picture)
        print(f"{options.picture}: {options.picture.stat().st_size} bytes")
        if options.animation is not None:
            save_animation(record(opened, options.seconds), options.animation)
            print(f"{options.animation}: {options.animation.stat().st_size} bytes")
        opened.click("#stop")


if __name__ == "__main__":
    main()
