"""
What nobody would send on purpose: offers, messages, run lengths and pictures with something wrong in them.

Each is read or refused in words: no 500, nothing that hangs, nothing that stays. The examples are the same each time
and take seconds. Longer, without the limit of time of a test, and different each time:
``pytest tests/integration/test_fuzz.py --hypothesis-profile=fuzz --timeout=0``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.sync.client import ClientConnection

from streamer.client import Mask
from streamer.errors import BadRequest, TooLarge
from streamer.hosted.decode import FORMATS, decode_picture
from tests.support.camera import Camera
from tests.support.leftovers import as_before
from tests.support.models import untrained
from tests.support.pictures import patches, saved, sent
from tests.support.serving import Served, read, serving

# The server's threads beside the test draw random numbers too; Hypothesis takes them for its strategies'.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module:FutureWarning")

MORE = settings.default.max_examples if settings.default else 100  # of the profile
SLOW = settings(max_examples=max(1, MORE // 4), suppress_health_check=list(HealthCheck))
QUICK = settings(max_examples=MORE, suppress_health_check=list(HealthCheck))

FILLING = 120.0  # megabytes: the session that runs meanwhile fills its bounded rings, some 50 of them

GARBAGE = ("", " ", "a=", "m=video", "m=video 9 UDP/TLS/RTP/SAVPF", "a=mid:", "a=rtpmap:96 VP8/0", "\x00", "é" * 50)
NUMBERS = ("-1", "0", "1", "65536", "4294967296", "99999999999999999999", "NaN", "1e999", "x")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(untrained(), max_sessions=4) as served:
        session = served.start("demo:?size=64x64&fps=5")
        with served.results(session) as socket:
            read(socket, "result")  # the process that presents has been started; it stays
        yield served


# Offers


@pytest.fixture(scope="module")
def offer() -> list[str]:
    """The lines of an offer that would be taken, its candidates left out: nothing is to be connected."""

    async def make() -> str:
        camera = Camera()
        text = await camera.offer()
        await camera.close()
        return text

    lines = asyncio.run(make()).splitlines()
    return [line for line in lines if not line.startswith(("a=candidate", "a=end-of"))]


def spoiled(data: st.DataObject, lines: list[str]) -> list[str]:
    """Some lines gone, doubled, moved, or with another word in them."""
    lines = list(lines)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "move", "word", "cut", "garbage"])):
            case "drop" if len(lines) > 1:
                lines.pop(place)
            case "double":
                lines.insert(place, lines[place])
            case "move":
                lines.insert(data.draw(st.integers(0, len(lines) - 1)), lines.pop(place))
            case "word":
                words = lines[place].replace(":", " : ").split(" ")
                words[data.draw(st.integers(0, len(words) - 1))] = data.draw(
                    st.sampled_from(NUMBERS) | st.text(max_size=9)
                )
                lines[place] = " ".join(words).replace(" : ", ":")
            case "cut":
                lines[place] = lines[place][: data.draw(st.integers(0, len(lines[place])))]
            case _:
                lines.insert(place, data.draw(st.sampled_from(GARBAGE) | st.text(max_size=40)))
    return lines


def post_and_hang_up(http: httpx.Client, lines: list[str]) -> int:
    """The status of the answer. A session that it made is deleted."""
    body = "\r\n".join([*lines, ""]).encode(errors="surrogatepass")
    answer = http.post("/whip", content=body, headers={"Content-Type": "application/sdp"})
    if answer.status_code == 201:
        assert http.delete(answer.headers["Location"]).status_code == 200
    return answer.status_code


def test_any_offer_is_taken_or_refused_and_leaves_nothing(served: Served, offer: list[str]) -> None:
    assert post_and_hang_up(served.http, offer) == 201  # it would be taken as it is

    @SLOW
    @given(st.data())
    def spoil(data: st.DataObject) -> None:
        assert post_and_hang_up(served.http, spoiled(data, offer)) in (201, 400, 413, 422)

    with as_before(megabytes=FILLING):
        spoil()
    assert len(served.http.get("/sessions").json()["sessions"]) == 1


# Messages

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
POINT = st.fixed_dictionaries({"x": st.floats(-1e6, 1e6), "y": st.floats(-1e6, 1e6), "positive": st.booleans()})
BOX = st.fixed_dictionaries({name: st.floats(-100, 100) for name in ("x0", "y0", "x1", "y1")})
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(["prompts", "click", "box", "remove", "options", "results", ""]),
    "prompts": st.lists(
        st.text(max_size=9) | st.fixed_dictionaries({"text": st.text(max_size=9), "boxes": st.lists(BOX)}), max_size=3
    ),
    "points": st.lists(POINT, max_size=3),
    "box": BOX,
    "frame_index": st.integers(-5, 50),
    "rtp_timestamp": st.integers(0, 2**32),
    "object_id": st.integers(-1, 9),
    "format": st.sampled_from(["rle", "polygon", "none", "bmp"]),
    "max_fps": st.floats(),
    "encoding": st.just("json"),
    "id": st.text(max_size=5),
}
MESSAGES = st.fixed_dictionaries(
    {"type": FIELDS["type"] | VALUES}, optional={name: each | VALUES for name, each in FIELDS.items() if name != "type"}
)
TEXTS = MESSAGES.map(json.dumps) | VALUES.map(json.dumps) | st.text(max_size=30) | st.just("[" * 100_000)


def answered(socket: ClientConnection) -> dict[str, Any]:
    while True:
        message = read(socket)
        if message["type"] in ("ack", "error") and "request" in message:
            return message


def test_any_message_is_answered_and_the_connection_stays_open(served: Served) -> None:
    session = served.http.get("/sessions").json()["sessions"][0]["id"]

    with served.results(session) as socket:

        @QUICK
        @given(TEXTS | st.binary(max_size=30))
        def say(message: str | bytes) -> None:
            socket.send(message)
            answer = answered(socket)
            assert answer.get("message") != "Something failed inside the server.", message

        read(socket, "result")
        with as_before(megabytes=FILLING):
            say()
        socket.send('{"type": "prompts", "prompts": ["star"], "request": "the last"}')
        while answered(socket)["request"] != "the last":
            pass


# Run lengths


@QUICK
@given(
    st.fixed_dictionaries(
        {
            "size": st.lists(st.integers(-3, 40) | st.just(10**6), max_size=3) | VALUES,
            "counts": st.binary(max_size=12) | st.text(max_size=12) | VALUES,
        }
    )
    | VALUES
)
def test_any_run_lengths_are_a_mask_or_refused(masks: Any) -> None:
    """A program that reads a server which is none of ours; two huge sides would be a terabyte."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        mask = Mask.read(masks, (8, 8))
        assert mask.dense().shape == (mask.height, mask.width)
        assert mask.area == mask.dense().sum()
        mask.polygons()


# Pictures

WHOLE = {form: saved(patches(24, 16), form) for form in FORMATS}


def spoiled_picture(data: st.DataObject) -> bytes:
    """A picture with some bytes changed, cut off or put in."""
    picture = bytearray(WHOLE[data.draw(st.sampled_from(FORMATS))])
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, max(0, len(picture) - 1)))
        match data.draw(st.sampled_from(["change", "change", "cut", "put in"])):
            case "change" if picture:
                picture[place] = data.draw(st.integers(0, 255))
            case "cut":
                del picture[place : place + data.draw(st.integers(1, 100))]
            case _:
                picture[place:place] = data.draw(st.binary(max_size=20))
    return bytes(picture)


@QUICK
@given(st.data())
def test_any_picture_is_decoded_or_refused(data: st.DataObject) -> None:
    with contextlib.suppress(BadRequest, TooLarge):
        assert decode_picture(spoiled_picture(data)).shape[2] == 3


def test_a_server_answers_any_picture(served: Served) -> None:
    @SLOW
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        body = {"image": sent(spoiled_picture(data))}
        assert served.http.post("/sam3/embed_image", json=body).status_code in (200, 400, 413)

    ask()  # what a picture of every kind leaves for good
    with as_before(megabytes=FILLING):
        ask()
