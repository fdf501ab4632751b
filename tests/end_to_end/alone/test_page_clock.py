"""The page's own figure for the time from glass to mask, against a clock in the picture."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.support.browser import BITS, Visit

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)

SHOWN = 24  # pictures with their masks that are timed
SLACK = 150.0  # ms: a picture of this camera lasts 67, and it is seen here a refresh or two after it was taken

# The number drawn in each of the camera's pictures is read twice, by nobody the page knows of: when a plain video of
# the camera shows it first, and when the page shows it under its masks. What passes between the two is the time.
_CLOCK = """async ({ bits, wanted }) => {
  const small = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  const pen = small.getContext("2d", { willReadFrequently: true });
  const number = (from, x, y, w, h) => {
    pen.drawImage(from, x, y, w, h, 0, 0, 640, 480);
    const strip = pen.getImageData(0, 16, 640, 1).data;
    let read = 0;
    for (let bit = 0; bit < bits; bit++) if (strip[4 * Math.floor(((bit + 0.5) * 640) / bits)] > 127) read |= 1 << bit;
    return read;
  };
  const plain = Object.assign(document.createElement("video"), { srcObject: window.camera.clone(), muted: true });
  await plain.play();
  const taken = new Map();
  let last = -1;
  const watch = (now) => {
    const read = number(plain, 0, 0, plain.videoWidth, plain.videoHeight);
    if (read !== last) taken.set((last = read), now);
    plain.requestVideoFrameCallback(watch);
  };
  plain.requestVideoFrameCallback(watch);
  const screen = document.getElementById("screen");
  const told = [];
  const timed = [];
  return new Promise((resolve) => {
    const seen = new MutationObserver(() => {
      if (document.body.dataset.sync !== "matched") return;
      const at = taken.get(number(screen, ...screen.dataset.view.split(" ").map(Number)));
      const says = parseFloat(document.getElementById("delay").textContent);
      if (at === undefined || !(says > 0)) return;
      timed.push(performance.now() - at);
      told.push(says);
      if (timed.length < wanted) return;
      seen.disconnect();
      plain.srcObject.getTracks().forEach((track) => track.stop());
      resolve({ timed, told });
    });
    seen.observe(screen, { attributes: true, attributeFilter: ["data-index"] });  // set when a picture is drawn
  });
}"""


def test_the_time_from_glass_to_mask_agrees_with_a_clock_in_the_picture(page: Visit) -> None:
    page.page.evaluate(
        """() => {
          const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async (wanted) => (window.camera = await open(wanted));
        }"""
    )
    page.prompt()  # no labels over the number
    page.page.click("#webcam")
    page.showing("document.body.dataset.sync === 'matched'")
    expect(page.page.locator("#delay")).to_contain_text("ms")
    got = page.page.evaluate(_CLOCK, {"bits": BITS, "wanted": SHOWN})
    clock, told = float(np.median(got["timed"])), float(np.median(got["told"]))
    print(f"glass to mask: {clock:.0f} ms by the clock in the picture, {told:.0f} ms by the page, medians of {SHOWN}")
    assert clock > 0 and abs(clock - told) <= max(SLACK, 0.3 * clock)
