"""WHEP, as far as no player is needed: what is refused, with what, and that it takes no place."""

from __future__ import annotations

import httpx
import pytest

from streamer.webrtc import sdp
from tests.support.asgi import Asked, Live, asking

# Enough of an offer to be read; no peer connection answers it.
OFFER = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=fingerprint:sha-256 AA\r\n"
TYPE = {"Content-Type": "application/sdp"}


async def post(here: Asked, live: Live, body: str | bytes) -> httpx.Response:
    return await here.http.post(f"/whep/{live.session.id}", content=body, headers=TYPE)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
async def test_another_content_type_is_refused_with_415(here: Asked, live: Live, kind: str) -> None:
    address = f"/whep/{live.session.id}"
    refused = await here.http.post(address, content="v=0\r\n", headers={"Content-Type": kind})
    assert refused.status_code == 415
    assert "application/sdp" in refused.json()["message"]


@pytest.mark.parametrize(
    "body", [b"", b"garbage", b"\xff\xfe\x00", b"v=0\r\n", b"v=0\r\nm=video\r\na=fingerprint:x\r\n", OFFER.encode()]
)
async def test_a_body_that_is_no_offer_is_refused_with_400_and_takes_no_place(
    here: Asked, live: Live, body: bytes
) -> None:
    refused = await post(here, live, body)
    assert refused.status_code == 400
    assert refused.json()["message"]
    assert live.session.playback.viewers == 0


async def test_an_offer_too_long_is_refused_with_413(here: Asked, live: Live) -> None:
    assert (await post(here, live, "v=0\r\n" + "a=x\r\n" * (sdp.MAX_BYTES // 5))).status_code == 413


async def test_who_does_not_watch_cannot_be_sent_away_or_given_candidates(here: Asked, live: Live) -> None:
    for address in (f"/whep/{live.session.id}/nobody", "/whep/nobody/nobody"):
        assert (await here.http.delete(address)).status_code == 404
        assert (await here.http.patch(address, content="")).status_code == 404


async def test_options_tell_what_is_taken_and_other_methods_are_refused(here: Asked) -> None:
    assert (await here.http.options("/whep/x")).headers["accept-post"] == "application/sdp"
    assert (await here.http.options("/whep/x/y")).headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    for address, methods, allow in (
        ("/whep/x", ("GET", "HEAD", "PUT", "PATCH", "DELETE"), "OPTIONS, POST"),
        ("/whep/x/y", ("GET", "HEAD", "PUT", "POST"), "DELETE, OPTIONS, PATCH"),
    ):
        for method in methods:
            refused = await here.http.request(method, address)
            assert (refused.status_code, refused.headers["allow"]) == (405, allow), method


async def test_where_the_server_has_keys_one_is_needed() -> None:
    async with asking(api_keys=("secret",)) as here:
        live = await here.start()
        assert (await post(here, live, OFFER)).status_code == 401
        assert (await here.http.delete(f"/whep/{live.session.id}/x")).status_code == 401
        assert (await here.http.delete(f"/whep/{live.session.id}/x?api_key=secret")).status_code == 404
