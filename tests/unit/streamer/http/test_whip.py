"""WHIP, as far as no camera is needed: what is refused, with what, and that it makes no session."""

from __future__ import annotations

import httpx
import pytest

from streamer.webrtc import ice, sdp
from tests.support.asgi import Asked, Live, asking

# Enough of an offer to be read; no peer connection answers it.
OFFER = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=fingerprint:sha-256 AA\r\n"
TYPE = {"Content-Type": "application/sdp"}


async def post(here: Asked, body: str | bytes, query: str = "") -> httpx.Response:
    return await here.http.post(f"/whip{query}", content=body, headers=TYPE)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", None])
async def test_another_content_type_is_refused_with_415(here: Asked, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    answer = await here.http.post("/whip", content="v=0\r\n", headers=headers)
    assert answer.status_code == 415
    assert "application/sdp" in answer.json()["message"]


@pytest.mark.parametrize(
    "body", [b"", b"garbage", b"\xff\xfe\x00", b"v=0\r\n", b"v=0\r\nm=video\r\na=fingerprint:x\r\n", OFFER.encode()]
)
async def test_a_body_that_is_no_offer_is_refused_with_400_and_makes_no_session(here: Asked, body: bytes) -> None:
    answer = await post(here, body)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert (await here.http.get("/sessions")).json() == {"sessions": []}


async def test_an_offer_too_long_is_refused_with_413(here: Asked) -> None:
    assert (await post(here, "v=0\r\n" + "a=x\r\n" * (sdp.MAX_BYTES // 5))).status_code == 413


async def test_too_many_prompts_are_refused_with_400(here: Asked) -> None:
    query = "?" + "&".join(f"prompt=p{number}" for number in range(17))
    assert (await post(here, OFFER, query)).status_code == 400


async def test_one_session_more_than_the_limit_is_refused_with_a_time_to_come_back(here: Asked) -> None:
    for _ in range(4):
        await here.start()
    refused = await post(here, OFFER)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


async def test_sessions_that_no_camera_sends_to_are_none_of_whips(here: Asked, live: Live) -> None:
    for id in (live.session.id, "nobody"):  # noqa: A001
        assert (await post(here, OFFER, f"?session={id}")).status_code == 404
        assert (await here.http.delete(f"/whip/{id}")).status_code == 404
        assert (await here.http.patch(f"/whip/{id}", content="")).status_code == 404


async def test_options_tell_what_is_taken_and_other_methods_are_refused(here: Asked) -> None:
    endpoint, session = await here.http.options("/whip"), await here.http.options("/whip/x")
    assert (endpoint.headers["accept-post"], endpoint.headers["allow"]) == ("application/sdp", "OPTIONS, POST")
    assert session.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    assert session.headers["allow"] == "DELETE, OPTIONS, PATCH"
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        refused = await here.http.request(method, "/whip")
        assert (refused.status_code, refused.headers["allow"]) == (405, "OPTIONS, POST"), method
    for method in ("GET", "HEAD", "PUT", "POST"):
        refused = await here.http.request(method, "/whip/x")
        assert (refused.status_code, refused.headers["allow"]) == (405, "DELETE, OPTIONS, PATCH"), method


async def test_options_name_the_ice_servers_to_who_has_the_key() -> None:
    """A browser's connection wants them before it makes its offer."""
    stun, turn = "stun:192.0.2.1:3478", "turn:joe:wörd€@192.0.2.1:3478?transport=tcp"
    async with asking(api_keys=("secret",), ice_servers=(stun, turn)) as here:
        live = await here.start()
        for address in ("/whip", f"/whep/{live.session.id}"):
            assert (await here.http.options(address)).status_code == 401
            told = await here.http.options(address, headers={"Authorization": "Bearer secret"})
            links = [value.decode() for name, value in told.headers.raw if name.lower() == b"link"]
            assert links == [ice.link(stun), ice.link(turn)]
            assert told.headers["allow"] == "OPTIONS, POST"


async def test_while_there_is_no_model_the_answer_is_503(here: Asked) -> None:
    here.app.state.engines.all[0].model = None
    answer = await post(here, OFFER)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


async def test_where_the_server_has_keys_one_is_needed() -> None:
    async with asking(api_keys=("secret",)) as here:
        assert (await post(here, OFFER)).status_code == 401
        assert (await here.http.patch("/whip/x")).status_code == 401
        assert (await here.http.delete("/whip/x")).status_code == 401
        assert (await post(here, "no offer", "?api_key=secret")).status_code == 400
