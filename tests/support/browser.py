"""A real Chromium with a camera whose every picture is known."""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, WebSocket, expect

from tests.support import needs
from tracker import Mask
from tracker.worlds import worlds

Picture = npt.NDArray[np.uint8]

QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
)
BITS = 10
STRIP = 32  # pixels at the top that hold the number: two macroblocks, so that no codec mixes it with the scene
PATIENCE = 60_000  # ms for anything on a busy machine
expect.set_options(timeout=PATIENCE)


@contextlib.contextmanager
def chromium(playwright: Playwright, camera: Path | None = None, *args: str) -> Iterator[Browser]:
    """Start the system's Chromium, with ``camera`` (.y4m or .mjpeg) as its only webcam, permission given."""
    fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    webcam = (*fake, f"--use-file-for-fake-video-capture={camera}") if camera else ()
    browser = playwright.chromium.launch(executable_path=needs.chromium(), args=[*QUIET, *webcam, *args])
    try:
        yield browser
    finally:
        browser.close()


@dataclass(frozen=True, slots=True)
class Truth:
    """An object of a picture of the fake camera: its name in full, and what can be seen of it."""

    name: str
    mask: Mask


@dataclass(frozen=True, slots=True)
class Camera:
    """A file for the fake webcam, and the truth of each of its pictures, by the number drawn in it."""

    path: Path
    truths: Sequence[Sequence[Truth]]

    @property
    def names(self) -> list[str]:
        """What there is to ask for, in order of appearance."""
        return list(dict.fromkeys(truth.name for truths in self.truths for truth in truths))


def film(
    path: Path, *, seed: int, frames: int = 40, fps: int = 15, objects: int = 3, size: tuple[int, int] = (640, 480)
) -> Camera:
    """
    Film a world into a .y4m file, there and back again, for Chromium plays it in a loop and objects must not jump.

    Each picture has its number drawn along the top; what the strip covers is no part of the truth.
    """
    width, height = size
    world = worlds.Video(seed, width, height, fps=fps, objects=(objects, objects), speed=0.6, damage=0.3)
    coded, truths = [], []
    for number in range(frames):
        drawn = world.next()
        coded.append(_i420(numbered(drawn.image, number)))
        for each in drawn.objects:
            each.mask[:STRIP] = False
        truths.append([Truth(each.name, Mask.from_dense(each.mask)) for each in drawn.objects])
    with path.open("wb") as out:
        out.write(f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420jpeg\n".encode())
        for number in [*range(frames), *range(frames - 2, 0, -1)]:
            out.write(b"FRAME\n" + coded[number])
    return Camera(path, truths)


def _i420(image: Picture) -> bytes:
    return cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420).tobytes()


def numbered(image: Picture, number: int) -> Picture:
    """The picture with ``number`` along its top as black and white blocks, least significant bit first."""
    marked = image.copy()
    for bit, (left, right) in enumerate(_blocks(image.shape[1])):
        marked[:STRIP, left:right] = 255 if number >> bit & 1 else 0
    return marked


def number_of(image: Picture) -> int:
    """Read the number back from a picture of any size, whatever compression and masks did to it."""
    height = image.shape[0]
    rows = slice(int(height * 0.02), int(height * 0.05))  # the middle of the strip
    number = 0
    for bit, (left, right) in enumerate(_blocks(image.shape[1])):
        margin = (right - left) // 4
        if np.median(image[rows, left + margin : right - margin]) > 127:
            number |= 1 << bit
    return number


def _blocks(width: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, width, BITS + 1).astype(int)
    return [(int(left), int(right)) for left, right in itertools.pairwise(edges)]


def decoded(jpeg: bytes) -> Picture:
    """A coded picture as uint8 (height, width, 3) RGB."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), np.uint8)


def iou(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Of two masks of one size; 0 for two empty ones."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 0.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What the canvas showed at one moment: the picture (cut out) and the index of the frame whose masks lie on it."""

    index: int
    picture: Picture
    sync: str


# Index and pixels are read in one task of the page, so they belong together.
_SHOWN = """() => {
  const canvas = document.getElementById("screen");
  const [x, y, w, h] = canvas.dataset.view.split(" ").map(Number);
  const copy = Object.assign(document.createElement("canvas"), { width: w, height: h });
  copy.getContext("2d").drawImage(canvas, x, y, w, h, 0, 0, w, h);
  return [Number(canvas.dataset.index), copy.toDataURL("image/png").split(",")[1], canvas.dataset.sync];
}"""


_WAIT = """async (argument) => {{
  const check = {condition};
  const end = performance.now() + {patience};
  while (!(await check(argument))) {{
    if (performance.now() > end) return "late";
    await new Promise((resolve) => setTimeout(resolve, 15));
  }}
  return "true";
}}"""


@dataclass
class Visit:
    """The service's page, open in a browser, and what it says to and hears from the server."""

    page: Page
    results: dict[int, dict[str, Any]] = field(default_factory=dict)  # by frame index
    sent: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.on("websocket", self._listen)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self._heard(said.text))

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._received)
        socket.on("framesent", lambda text: self.sent.append(json.loads(text)))

    def _heard(self, text: str) -> None:
        if "Content Security Policy" in text:
            self.errors.append(text)

    def _received(self, message: str | bytes) -> None:
        if isinstance(message, str):
            data = json.loads(message)
            if data["type"] == "result":
                self.results[data["frame"]["index"]] = data

    def prompt(self, *texts: str) -> None:
        """Replace the list of concepts, as a person does it."""
        chips = self.page.locator("#prompts button")
        while chips.count():
            chips.first.click()
        for text in texts:
            self.page.fill("#concept", text)
            self.page.press("#concept", "Enter")

    def showing(self, condition: str = "true") -> None:
        """Wait until the picture of a result is on the canvas, and a condition in JavaScript holds as well."""
        self.wait_for(f"() => document.getElementById('screen').dataset.index > '' && ({condition})")

    def wait_for(self, condition: str, argument: Any = None) -> None:
        """Wait until a JavaScript function returns something true. Playwright's own waiting needs ``eval``."""
        told = self.page.evaluate(_WAIT.format(condition=condition, patience=PATIENCE), argument)
        assert told == "true", f"{condition} did not become true"

    def shown(self) -> Shown:
        """Read the canvas."""
        index, png, sync = self.page.evaluate(_SHOWN)
        return Shown(int(index), decoded(base64.b64decode(png)), sync)

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Where on the page a pixel of the shown frame is, given as shares of width and height."""
        left, top, width, height = self.page.evaluate(
            """() => {
              const canvas = document.getElementById("screen");
              const box = canvas.getBoundingClientRect();
              const sharp = canvas.width / box.width;
              const [x, y, w, h] = canvas.dataset.view.split(" ").map((each) => Number(each) / sharp);
              return [box.left + x, box.top + y, w, h];
            }"""
        )
        return left + x * width, top + y * height

    def stop(self) -> None:
        """Press Stop, which also ends the session."""
        self.page.click("#stop")
        self.page.wait_for_selector("#start", state="visible")


@contextlib.contextmanager
def visit(browser: Browser, url: str, **options: Any) -> Iterator[Visit]:
    """Open the page in a context of its own; no script error may have happened when the block ends."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    try:
        visit = Visit(context.new_page())
        visit.page.goto(url)
        visit.page.wait_for_selector("#start", state="visible")
        yield visit
        assert visit.errors == []
    finally:
        context.close()
