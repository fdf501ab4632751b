"""The page's modules, in the browser that runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco

from streamer.live.long_messages import pieces
from tests.support.browser import Visit

API = Path(__file__).parents[2] / "docs" / "api.md"

pytest_plugins = ("tests.support.page_fixtures",)
pytestmark = pytest.mark.timeout(300)


def test_run_lengths_are_decoded_as_pycocotools_does(page: Visit) -> None:
    rng = np.random.default_rng(5)
    masks = [rng.random((height, width)) < share for height, width, share in [(7, 5, 0.5), (1, 9, 0.3), (64, 48, 0.02)]]
    masks += [np.zeros((6, 4), bool), np.ones((6, 4), bool), np.zeros((720, 1280), bool)]
    masks[-1][100:600, 300:900] = True
    coded = [coco.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in masks]
    sent = [{"size": each["size"], "counts": each["counts"].decode()} for each in coded]
    decoded = page.page.evaluate(
        """async (masks) => {
          const { decode } = await import("/static/rle.js");
          return masks.map((mask) => {
            const { bytes, spans } = decode(mask);
            const inside = spans.every(([from, to]) => bytes.subarray(from, to).every((byte) => byte === 1));
            const total = spans.reduce((sum, [from, to]) => sum + to - from, 0);
            const sum = bytes.reduce((one, other) => one + other, 0);
            return { bits: bytes.length < 4000 ? [...bytes] : null, sum, total, inside };
          });
        }""",
        sent,
    )
    for mask, got in zip(masks, decoded, strict=True):
        assert got["sum"] == got["total"] == mask.sum() and got["inside"]
        if got["bits"] is not None:
            assert np.array_equal(np.array(got["bits"]).reshape(mask.shape[::-1]).T, mask)


@pytest.mark.parametrize("counts", ["0", "00000000", "~~~", "é", "PPPPPPPP"])
def test_damaged_run_lengths_are_refused(page: Visit, counts: str) -> None:
    refused = page.page.evaluate(
        """async (counts) => {
          const { decode } = await import("/static/rle.js");
          try { decode({ size: [4, 4], counts }); return false; } catch (error) { return error instanceof RangeError; }
        }""",
        counts,
    )
    assert refused


def test_what_the_document_says_of_pieces_puts_them_together_in_their_order(page: Visit) -> None:
    """Some end in the middle of a letter."""
    sample = re.search(r"```js\n(channel\.binaryType.*?)```", API.read_text(), re.DOTALL)
    assert sample is not None
    messages = [{"number": number, "text": "Käfer → 猫 🐈" * number} for number in (40, 1, 90, 400, 2)]
    sent = [
        each if isinstance(each, str) else list(each)
        for number, message in enumerate(messages)
        for each in pieces(json.dumps(message, ensure_ascii=False), 1024, number)
    ]
    assert 6 < len(sent) < 30 and any(isinstance(each, str) for each in sent)
    shown = page.page.evaluate(
        f"""(sent) => {{
          const channel = {{}}, shown = [], show = (message) => shown.push(message);
          {sample[1]}
          for (const each of sent)
            channel.onmessage({{ data: typeof each === "string" ? each : new Uint8Array(each).buffer }});
          return shown;
        }}""",
        sent,
    )
    assert shown == messages


# A sender's clock: pictures and packets as Chromium gives them, with what goes wrong on a busy machine.
_PAIRING = """async ({ interval, jitter, encode, lost, started }) => {
  const { Clock } = await import("/static/clock.js");
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const clock = new Clock();
  const offset = 2 ** 32 - 90 * 2000;  // wraps around after two seconds
  const events = [];
  const packets = [];
  for (let i = 0; i < 150; i++) {
    const ms = 5e6 + i * interval + jitter * (random() - 0.5);
    const at = ms - 5e6;
    if (random() >= lost) events.push([at + 1 + random(), () => clock.captured(ms, at + 1)]);
    const rtp = (offset + 90 * Math.round(at)) % 2 ** 32;
    const out = Math.max(started, at + encode * (0.7 + 0.6 * random()));
    events.push([out, () => clock.encoded(rtp, out)]);
    packets.push([at, rtp, ms]);
  }
  events.sort((a, b) => a[0] - b[0]);
  let [right, wrong] = [0, 0];
  for (const [now, happen] of events) {
    happen();
    const done = packets.findLast(([at]) => at < now - 80);
    const told = done && clock.capture(done[1]);
    if (typeof told === "number") Math.abs(told - done[2]) < 5 ? right++ : wrong++;
  }
  return { right, wrong };
}"""


@pytest.mark.parametrize(
    "conditions",
    [
        {"interval": 100 / 3, "jitter": 0},
        {"interval": 50 / 3, "jitter": 0},
        {"interval": 200 / 3, "jitter": 3},
        {"interval": 100 / 3, "jitter": 2, "encode": 40},
        {"interval": 100 / 3, "jitter": 2, "lost": 0.15},
        {"interval": 100 / 3, "jitter": 2, "started": 900},
    ],
    ids=["regular", "60 fps", "slow and uneven", "slow encoder", "lost pictures", "late start"],
)
def test_packets_find_the_picture_they_were_made_of(page: Visit, conditions: dict[str, float]) -> None:
    got = page.page.evaluate(_PAIRING, {"encode": 6, "lost": 0, "started": 0, **conditions})
    assert got["wrong"] == 0
    assert got["right"] >= 150


def test_held_back_pictures_are_bounded_by_count_and_by_bytes(page: Visit) -> None:
    got = page.page.evaluate(
        """async () => {
          const { Ring, MAX_PICTURES, MAX_BYTES } = await import("/static/ring.js");
          const fill = (count, width, height) => {
            const ring = new Ring();
            let closed = 0;
            for (let i = 0; i < count; i++) ring.put(i * 33, { width, height, close: () => closed++ }, 0);
            return { ring, closed };
          };
          const small = fill(3 * MAX_PICTURES, 64, 48);
          const large = fill(MAX_PICTURES, 1920, 1080);
          const newest = (3 * MAX_PICTURES - 1) * 33;
          return {
            count: small.ring.length === MAX_PICTURES && small.closed === 2 * MAX_PICTURES,
            bytes: large.ring.bytes <= MAX_BYTES && large.ring.length > 0,
            gone: small.ring.take(0) === null,
            found: small.ring.take(newest - 33 * 3).ms === newest - 33 * 3,
            older: small.ring.length === 3,
          };
        }"""
    )
    assert got == {"count": True, "bytes": True, "gone": True, "found": True, "older": True}


def test_run_lengths_tell_what_is_asked_of_them_without_being_decoded(page: Visit) -> None:
    mask = np.zeros((40, 60), bool)
    mask[5:38, 10:13] = True  # a handle,
    mask[30:40, 5:50] = True  # and a base that goes on into the next column
    coded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    nothing = coco.encode(np.asfortranarray(np.zeros((40, 60), np.uint8)))
    sent = [{"size": each["size"], "counts": each["counts"].decode()} for each in (coded, nothing)]
    got = page.page.evaluate(
        """async ([some, none]) => {
          const { area, covers, empty, inside } = await import("/static/rle.js");
          const covered = [];
          for (let y = 0; y < 40; y++) for (let x = 0; x < 60; x++) covered.push(covers(some, x + 0.5, y + 0.5));
          const outside = [covers(some, -1, 3), covers(some, 60, 3), covers(some, 3, 40)];
          return { covered, outside, area: [area(some), area(none)], empty: [empty(some), empty(none)],
                   inside: [inside(some), inside(none)] };
        }""",
        sent,
    )
    assert np.array_equal(np.array(got["covered"]).reshape(40, 60), mask)
    assert not any(got["outside"])
    assert got["area"] == [int(mask.sum()), 0]
    assert got["empty"] == [False, True]
    point, none = got["inside"]
    assert mask[int(point["y"]), int(point["x"])] and 10 <= point["x"] < 13 and none is None


_AGAIN = """async (masks) => {
  const { Player } = await import("/static/player.js");
  const { Screen } = await import("/static/screen.js");
  const { Painter } = await import("/static/painter.js");
  const bytes = new Uint8ClampedArray(64 * 48 * 4).fill(200).map((value, i) => (i % 4 === 3 ? 255 : value));
  const grey = new ImageData(bytes, 64);
  const pictures = [await createImageBitmap(grey)];
  const [asked, shown] = [[], []];
  const picture = async (rtp) => (asked.push(rtp), pictures.length ? { bitmap: pictures.pop(), held: 0 } : null);
  const source = { video: document.createElement("video"), matcher: { hold() {}, picture } };
  const look = () => ({ color: "#000000", label: "" });
  const on = { look, shown: (_, found, { sync }) => shown.push([found.length, sync]) };
  const canvas = document.getElementById("screen");
  const screen = new Screen(canvas);
  const player = new Player(screen, new Painter(), source, on);
  const thing = { object_id: 1, confidence: 0.9, masks, box: [20, 20, 40, 30], stage: "refine", tentative: false };
  const tell = (index, predictions) => {
    const frame = { index, rtp_timestamp: index, width: 64, height: 48 };
    player.put({ frame, prompt_results: [{ predictions }] }, null);
  };
  const until = async (count) => {
    while (shown.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  tell(5, []);
  await until(1);
  tell(5, [thing]);
  await until(2);
  for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
  const { x, y, w, h } = screen.view;
  const at = (share) => canvas.getContext("2d").getImageData(x + share * w, y + share * h, 1, 1).data[0];
  const [beside, inside] = [at(0.95), at(0.5)];
  tell(6, []); // its picture never comes: it is left out
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { asked, shown, beside, inside };
}"""


def test_a_frame_that_is_told_again_is_drawn_on_its_own_picture(page: Visit) -> None:
    mask = np.zeros((48, 64), np.uint8)
    mask[20:30, 20:40] = 1
    counts = coco.encode(np.asfortranarray(mask))["counts"].decode()
    got = page.page.evaluate(_AGAIN, {"size": [48, 64], "counts": counts})
    assert got["asked"] == [5, 6]
    assert got["shown"] == [[0, "matched"], [1, "matched"]]
    assert got["beside"] == 200 and got["inside"] < 200


def test_the_last_minute_is_bounded_by_time_count_and_bytes(page: Visit) -> None:
    got = page.page.evaluate(
        """async () => {
          const { Minute, MAX_BYTES, MAX_RESULTS, SPAN } = await import("/static/minute.js");
          const fill = (count, pause, size) => {
            const minute = new Minute();
            const counts = "0".repeat(size);
            for (let i = 0; i < count; i++) {
              const look = { index: i - (i % 5), stage: i % 10 < 5 ? "keyframe" : "refine" };
              const result = { stage: "flow", looked_at: look, frame: { index: i } };
              const id = i % 40 < 20 ? 1 : 2;
              minute.add(result, [{ id, color: "#fff", label: "star", masks: { counts } }], i * pause);
            }
            return minute;
          };
          const old = fill(1000, 100, 10);
          const small = fill(10, 100, 10);
          const many = fill(MAX_RESULTS + 500, 1, 10);
          const large = fill(100, 100, MAX_BYTES / 10);
          const { objects, keyframes } = old.spans();
          const [length, size] = [small.entries.length, small.bytes];
          small.add({ frame: { index: 9 } }, [], 1000); // the newest one is told again, with nothing on it
          return {
            time: old.entries.at(-1).at - old.entries[0].at <= SPAN && old.entries.length > 500,
            count: many.entries.length === MAX_RESULTS,
            bytes: large.bytes <= MAX_BYTES && large.entries.length > 5,
            objects: objects.map(({ id, spans }) => [id, spans.length, Math.max(...spans.map(([a, b]) => b - a))]),
            keyframes: keyframes.length,
            again: [small.entries.length - length, size - small.bytes],
            before: old.before(999, 1, 300).result.frame.index,
            nobody: old.before(999, 7, 300),
          };
        }"""
    )
    assert got["time"] and got["count"] and got["bytes"]
    assert sorted(each[0] for each in got["objects"]) == [1, 2]
    assert all(longest == 1900 for _, _, longest in got["objects"])  # twenty results of each, 100 ms apart
    assert got["keyframes"] == 60
    assert got["again"][0] == 0 and got["again"][1] > 10
    assert got["before"] == 979 and got["nobody"] is None


def test_ice_servers_are_read_from_links_as_they_are_written(page: Visit) -> None:
    """RFC 8288: quoted strings with commas, semicolons and escapes in them; other links are left alone."""
    header = (
        '<stun:a.example:1>; rel="ice-server", <turn:b.example?transport=udp>;rel=ice-server ;username="j,o;e";'
        ' credential="p\\"a\\\\s, <x>;rel"; credential-type="password", </docs>; rel="help",'
        ' <turns:c>; Rel="ICE-SERVER"'
    )
    read = 'async (header) => (await import("/static/ice.js")).readLinks(header)'
    assert page.page.evaluate(read, header) == [
        {"urls": "stun:a.example:1"},
        {"urls": "turn:b.example?transport=udp", "username": "j,o;e", "credential": 'p"a\\s, <x>;rel'},
        {"urls": "turns:c"},
    ]
    assert page.page.evaluate(read, "") == page.page.evaluate(read, None) == []


@pytest.mark.parametrize(("status", "threshold"), [(200, 0.2), (500, 0.5)])
def test_prompts_begin_with_the_threshold_of_the_running_model(page: Visit, status: int, threshold: float) -> None:
    told = {"running": {"name": "nano", "threshold": 0.2}, "others": []}
    page.page.route("**/models", lambda route: route.fulfill(status=status, json=told))
    with page.page.expect_response("**/models"):
        page.page.reload()
    page.wait_for(f"() => document.querySelector('#prompts output')?.textContent === '{threshold:.2f}'")
    page.page.click("#shapes")
    page.prompt("star")
    page.showing()
    asked = [each["prompts"] for each in page.sent if each["type"] == "prompts"]
    assert asked[-1][0]["text"] == "star"
    assert {prompt["output_prob_thresh"] for prompts in asked for prompt in prompts} == {threshold}
    page.stop()


def test_a_threshold_that_somebody_has_changed_stays_when_the_models_is_known(page: Visit) -> None:
    thresholds = page.page.evaluate(
        """async () => {
          const { add, change, moved } = await import("/static/prompts.js");
          const list = ["one", "two"].reduce((list, text) => add(list, text, 0.5).list, []);
          return moved(change(list, "two", { threshold: 0.7 }), 0.5, 0.2).map(({ threshold }) => threshold);
        }"""
    )
    assert thresholds == [0.2, 0.7]
