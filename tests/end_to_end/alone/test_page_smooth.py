"""Twenty objects at 720p and thirty results a second: the page's own thread stays free."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from pycocotools import mask as coco

from tests.support.browser import Visit

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)

WIDTH, HEIGHT = 1280, 720
OBJECTS = 20
RESULTS = 16  # different ones, shown again and again

# Shows `seconds` of results at `rate`, as the page does; tells what the screen's refreshes saw of it.
_PLAY = """async ({ messages, jpeg, rate, seconds, here }) => {
  const { Player } = await import("/static/player.js");
  const { Screen } = await import("/static/screen.js");
  const { Painter } = await import("/static/painter.js");
  const { Minute } = await import("/static/minute.js");
  const panel = await import("/static/panel.js");
  const picture = Uint8Array.from(atob(jpeg), (each) => each.charCodeAt(0));
  const canvas = document.getElementById("screen");
  panel.started("Synthetic results", { video: null });
  panel.state("live");
  const saved = window.OffscreenCanvas;
  if (here) delete window.OffscreenCanvas;
  const painter = new Painter();
  const where = await painter.where;
  window.OffscreenCanvas = saved;
  const minute = new Minute();
  let shown = 0;
  const on = {
    look: () => ({ color: "#56c7f2", label: "thing" }),
    shown(result, found, how) {
      shown++;
      minute.add(result, found);
      panel.figures(result, 30, how, 0);
      panel.objects(found, null);
    },
  };
  const screen = new Screen(canvas);
  const player = new Player(screen, painter, { video: null, matcher: null }, on);
  let [refreshes, late, busy, worst, running] = [0, 0, 0, 0, true];
  const refresh = (at, before) => {
    refreshes++;
    if (before) worst = Math.max(worst, at - before);
    if (before && at - before > 1.5 * (1000 / 60)) late++;
    if (running) requestAnimationFrame((next) => refresh(next, at));
  };
  const long = new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => (busy += duration)));
  long.observe({ type: "longtask" });
  requestAnimationFrame((at) => refresh(at, 0));
  const began = performance.now();
  let sent = 0;
  while (performance.now() - began < seconds * 1000) {
    const text = messages[sent % messages.length];
    const result = JSON.parse(text);
    result.frame.index = sent++;
    player.put(result, new Blob([picture], { type: "image/jpeg" }));
    await new Promise((resolve) => setTimeout(resolve, began + (sent * 1000) / rate - performance.now()));
  }
  running = false;
  while (shown + player.skipped < sent) await new Promise((resolve) => setTimeout(resolve, 5));
  long.disconnect();
  const share = busy / (seconds * 1000);
  return { where, sent, shown, skipped: player.skipped, refreshes, late, worst, share, bytes: minute.bytes };
}"""


def _message(index: int) -> str:
    """A result with twenty blobs that move."""
    predictions = []
    for number in range(OBJECTS):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        x, y = 130 + 250 * (number % 5) + 4 * index, 100 + 170 * (number // 5)
        cv2.ellipse(mask, (x, y), (85, 60), 12 * number + 3 * index, 0, 360, 1, -1)
        coded = coco.encode(np.asfortranarray(mask))
        x0, y0, width, height = coco.toBbox(coded)
        predictions.append(
            {
                "format": "rle",
                "confidence": 0.9,
                "masks": {"size": [HEIGHT, WIDTH], "counts": coded["counts"].decode()},
                "object_id": number,
                "box": [x0, y0, x0 + width, y0 + height],
                "stage": "refine",
                "tentative": False,
            }
        )
    frame = {"index": index, "epoch": 0, "pts": 0, "time_base": [1, 90000], "rtp_timestamp": None}
    echo = {"prompt_index": 0, "type": "text", "text": "thing", "num_boxes": 0}
    message: dict[str, Any] = {
        "type": "result",
        "frame": {**frame, "width": WIDTH, "height": HEIGHT},
        "stage": "refine",
        "age_ms": 20.0,
        "dropped": {"source": 0, "subscriber": 0},
        "prompt_results": [{"prompt_index": 0, "echo": echo, "predictions": predictions}],
    }
    return json.dumps(message)


def _jpeg() -> str:
    out = io.BytesIO()
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.stack([rows % 256, columns % 256, (rows + columns) % 256], -1).astype(np.uint8)
    Image.fromarray(picture).save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


def _play(page: Visit, *, here: bool) -> dict[str, Any]:
    told = {"messages": [_message(i) for i in range(RESULTS)], "jpeg": _jpeg(), "rate": 30, "seconds": 3, "here": here}
    figures: dict[str, Any] = page.page.evaluate(_PLAY, told)
    print({name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()})
    return figures


def test_twenty_objects_thirty_times_a_second_leave_the_page_its_own_thread(page: Visit) -> None:
    away = _play(page, here=False)
    page.page.reload()
    expect(page.page.locator("#start")).to_be_visible()
    here = _play(page, here=True)
    assert (away["where"], here["where"]) == ("worker", "page")
    assert away["sent"] == away["shown"] + away["skipped"]  # what is not drawn is counted
    slack = 0.05  # another program on the machine may hold up either
    assert away["share"] <= here["share"] + slack  # of the time in tasks that hold up the page
    assert away["late"] / away["refreshes"] <= here["late"] / here["refreshes"] + slack
