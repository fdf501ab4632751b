"""What WHIP and WHEP share: bodies, the 201 answer, and trickled candidates."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.requests import Request
from starlette.types import Message

from streamer.config import Config
from streamer.errors import BadRequest, NotFound, StreamerError, TooLarge, UnsupportedMedia
from streamer.http import signalling
from streamer.http.signalling import FRAGMENT, SDP
from streamer.webrtc import sdp
from streamer.webrtc.connection import Connection

RESTART = "a=ice-ufrag:new1\r\na=ice-pwd:" + "x" * 22


class Near:
    """A connection as far as signalling sees it."""

    etag, ufrag = "tag", "near"

    def __init__(self) -> None:
        self.added: list[sdp.Fragment] = []

    async def add(self, ice: sdp.Fragment) -> None:
        self.added.append(ice)


def request(body: bytes = b"", headers: dict[str, str] | None = None, config: Config | None = None) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    app = SimpleNamespace(state=SimpleNamespace(config=config or Config()))
    named = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "method": "PATCH", "path": "/", "headers": named, "app": app}
    return Request(scope, receive)


async def test_a_body_is_text_of_the_kind_that_is_taken() -> None:
    assert await signalling.read_body(request(b"v=0", {"Content-Type": "application/SDP; charset=utf-8"}), SDP) == "v=0"


@pytest.mark.parametrize(
    ("kind", "body", "refused", "words"),
    [
        ("", b"v=0", UnsupportedMedia, "of no content type; it must be application/sdp"),
        ("text/plain", b"v=0", UnsupportedMedia, "text/plain; it must be application/sdp"),
        (SDP, b"\xff\xfe\x00", BadRequest, "not UTF-8"),
        (SDP, b"a" * (sdp.MAX_BYTES + 1), TooLarge, f"more than {sdp.MAX_BYTES} bytes"),
    ],
)
async def test_another_body_is_refused(kind: str, body: bytes, refused: type[StreamerError], words: str) -> None:
    with pytest.raises(refused, match=words):
        await signalling.read_body(request(body, {"Content-Type": kind}), SDP)


def test_the_answer_to_an_offer_says_where_and_how_to_go_on() -> None:
    config = Config(ice_servers=("stun:one.example:3478", "turn:me:word@two.example:3478"))
    near = cast(Connection, Near())
    answer = signalling.created(request(config=config), "/whip/x", "v=0", near)
    assert (answer.status_code, answer.body, answer.media_type) == (201, b"v=0", SDP)
    assert (answer.headers["Location"], answer.headers["ETag"]) == ("/whip/x", '"tag"')
    assert answer.headers["Accept-Patch"] == FRAGMENT
    links = answer.headers.getlist("Link")
    assert [link.partition(">")[0] for link in links] == ["<stun:one.example:3478", "<turn:two.example:3478"]
    assert "ETag" not in signalling.created(request(), "/whip/x", "v=0", None).headers


async def trickle(near: Near | None, body: str, **headers: str) -> int:
    given = {"Content-Type": headers.pop("kind", FRAGMENT), **{k.replace("_", "-"): v for k, v in headers.items()}}
    asked = request(body.encode(), given)
    return (await signalling.trickle(asked, lambda: cast(Any, near), "Post anew.")).status_code


@pytest.mark.parametrize("tag", ['"tag"', '"other", "tag"'])
async def test_candidates_are_added_to_the_connection_that_the_tag_names(tag: str) -> None:
    near = Near()
    candidate = "a=candidate:1 1 udp 5 192.0.2.1 9 typ host\r\na=end-of-candidates"
    assert await trickle(near, candidate, If_Match=tag) == 204
    (added,) = near.added
    assert (len(added.candidates), added.end) == (1, True)


@pytest.mark.parametrize(
    ("headers", "body", "status", "words"),
    [
        ({"kind": SDP, "If_Match": '"tag"'}, "", 415, "trickle-ice-sdpfrag"),
        ({}, "a=end-of-candidates", 428, "If-Match"),
        ({"If_Match": '"other"'}, "a=end-of-candidates", 412, "another ICE session"),
        ({"If_Match": "*"}, RESTART, 422, "ICE restarts"),
        ({"If_Match": '"tag"'}, RESTART, 422, "ICE restarts"),
        ({"If_Match": '"tag"'}, "what is this", 400, "not a line of SDP"),
        ({"If_Match": '"tag"'}, "a=candidate:1 1 udp x", 400, "not an ICE candidate"),
    ],
    ids=["type", "no tag", "other tag", "restart", "restart by ufrag", "no sdp", "no candidate"],
)
async def test_a_patch_is_refused_as_the_rfc_says(headers: dict[str, str], body: str, status: int, words: str) -> None:
    near = Near()
    with pytest.raises(StreamerError, match=words) as refused:
        await trickle(near, body, **headers)
    assert refused.value.status == status
    assert near.added == []


async def test_where_no_connection_is_made_yet_no_tag_fits() -> None:
    with pytest.raises(StreamerError, match="another ICE session") as refused:
        await trickle(None, "a=end-of-candidates", If_Match='"tag"')
    assert refused.value.status == 412


async def test_what_is_not_found_is_told_before_the_body_is_read() -> None:
    def find() -> Connection:
        raise NotFound("There is no such session.")

    with pytest.raises(NotFound):
        await signalling.trickle(request(b"", {}), find, "")
