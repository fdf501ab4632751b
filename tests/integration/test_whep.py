"""WHEP over real HTTP, with real aiortc players: what is offered, what is shown, and to whom."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from streamer.video.encoder import Coded, Encoder
from streamer.webrtc import player
from tests.support.camera import number_of
from tests.support.models import untrained
from tests.support.playback import Compositions
from tests.support.whep import BEGINNING, Cinema, until
from tests.support.whip import FRAGMENT, SDP, WAIT, serving


@pytest.fixture
def compositions(monkeypatch: pytest.MonkeyPatch) -> Compositions:
    return Compositions(monkeypatch)


@pytest.fixture
async def cinema(compositions: Compositions) -> AsyncIterator[Cinema]:
    async with serving(untrained(), max_viewers=2, allow_origins=("https://elsewhere.example",)) as service:
        cinema = Cinema(service, compositions)
        await until(lambda: cinema.source.running.is_set())
        yield cinema
        for viewer in cinema.viewers:
            await viewer.close()


def codecs(answer: str) -> list[str]:
    """What the answer's video section names, without the repairs of it."""
    video = answer[answer.index("m=video") :]
    return [name for name in re.findall(r"a=rtpmap:\d+ (\S+)/", video) if name != "rtx"]


def without(offer: str, *starts: str) -> str:
    return "".join(f"{line}\r\n" for line in offer.splitlines() if not line.startswith(starts))


async def test_a_player_posts_an_offer_and_is_shown_the_picture_in_one_codec(cinema: Cinema) -> None:
    viewer, answer = await cinema.join(audio=True)
    assert codecs(answer.text) == ["VP8"]
    assert answer.headers["content-type"] == "application/sdp"
    assert re.fullmatch(rf"/whep/{cinema.session.id}/\w+", answer.headers["location"])
    assert answer.headers["etag"].startswith('"')
    assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    assert number_of(await cinema.shown_to(viewer, 3)) == 0
    assert (await cinema.service.http.get(f"/sessions/{cinema.session.id}")).json()["viewers"] == 1


async def test_a_player_that_knows_h264_alone_is_shown_it_and_each_codec_is_encoded_once(
    cinema: Cinema, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[str] = []
    encode = Encoder.encode

    def counted(self: Encoder, *given: Any, **options: Any) -> Coded:
        encoded.append(self._kind)
        return encode(self, *given, **options)

    monkeypatch.setattr(Encoder, "encode", counted)
    viewer, answer = await cinema.join(codec="H264")
    assert set(codecs(answer.text)) == {"H264"}
    assert number_of(await cinema.shown_to(viewer, 3)) == 0
    assert set(encoded) == {"h264"}
    other, _ = await cinema.join()
    await cinema.shown_to(other, BEGINNING)
    encoded.clear()
    await cinema.show()
    assert sorted(encoded) == ["h264", "vp8"]
    await viewer.close()
    await until(lambda: cinema.session.playback.viewers == 1)
    encoded.clear()
    await cinema.show()
    assert encoded == ["vp8"]


async def test_frames_that_were_not_looked_at_are_shown_too(cinema: Cinema) -> None:
    """While the model's turn is held there is no result, and the picture moves on all the same."""
    viewer, _ = await cinema.join()
    async with cinema.service.app.state.engines.all[0].turn:
        for _ in range(12):
            await cinema.show()
        pictures = [await asyncio.wait_for(viewer.picture(), WAIT) for _ in range(10)]
        assert cinema.session.looked == 0
    assert [number_of(np.asarray(each.to_ndarray(format="rgb24"), np.uint8)) for each in pictures] == list(range(10))
    times = [each.pts or 0 for each in pictures]
    assert [time - times[0] for time in times] == [3000 * n for n in range(10)]


async def test_nothing_is_composed_before_the_first_viewer_nor_after_the_last(cinema: Cinema) -> None:
    cinema.source.give(3)
    await until(lambda: cinema.session.looked > 0)
    assert cinema.compositions.count == 0
    viewer, answer = await cinema.join()
    await cinema.shown_to(viewer, 3)
    assert (await cinema.service.http.delete(answer.headers["location"])).status_code == 200
    assert cinema.session.playback.viewers == 0
    await asyncio.wait_for(viewer.hung_up.wait(), WAIT)
    composed, decoded = cinema.compositions.count, cinema.session.decoded
    cinema.source.give(3)
    await until(lambda: cinema.session.decoded == decoded + 3)
    assert cinema.compositions.count == composed
    assert (await cinema.service.http.delete(answer.headers["location"])).status_code == 404


async def test_who_joins_a_running_stream_sees_it_within_a_few_frames(cinema: Cinema) -> None:
    first, _ = await cinema.join()
    await cinema.shown_to(first, 3)
    second, _ = await cinema.join()
    before = cinema.source.given
    assert number_of(await cinema.shown_to(second, BEGINNING)) - before <= BEGINNING


async def test_a_viewer_that_lost_a_picture_gets_a_keyframe(cinema: Cinema) -> None:
    viewer, _ = await cinema.join()
    await cinema.shown_to(viewer, 3)
    for _ in range(BEGINNING):
        await cinema.show()
    line = next(iter(cinema.session.playback._lines))
    assert not line.wants_keyframe
    await viewer.lose_picture()
    await until(lambda: line.wants_keyframe)
    await cinema.show()
    assert not line.wants_keyframe


async def test_the_size_of_the_picture_may_change_in_mid_stream(cinema: Cinema) -> None:
    viewer, _ = await cinema.join()
    await cinema.shown_to(viewer, 3)
    cinema.source.size = (96, 160)
    for _ in range(4):
        await cinema.show()
    async with asyncio.timeout(WAIT):
        while (await viewer.picture()).width != 160:
            pass


async def test_one_viewer_more_than_the_limit_is_refused_with_429(cinema: Cinema) -> None:
    _, first = await cinema.join()
    await cinema.join()
    offer = await cinema.viewer().offer()
    refused = await cinema.post(offer)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert (await cinema.service.http.delete(first.headers["location"])).status_code == 200
    assert (await cinema.post(offer)).status_code == 201


async def test_who_hangs_up_without_a_word_over_http_is_forgotten(cinema: Cinema) -> None:
    viewer, _ = await cinema.join()
    await viewer.close()
    await until(lambda: cinema.session.playback.viewers == 0)


async def test_who_never_connects_keeps_no_place(cinema: Cinema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "CONNECT", 0.2)
    assert (await cinema.post(await cinema.viewer().offer())).status_code == 201
    assert cinema.session.playback.viewers == 1
    await until(lambda: cinema.session.playback.viewers == 0)
    assert cinema.compositions.count == 0


async def test_a_session_that_is_deleted_hangs_up_on_its_viewers(cinema: Cinema) -> None:
    viewer, _ = await cinema.join()
    assert (await cinema.service.http.delete(f"/sessions/{cinema.session.id}")).status_code == 204
    await asyncio.wait_for(viewer.hung_up.wait(), WAIT)


async def test_there_is_nothing_to_watch_of_unknown_and_of_ended_sessions(cinema: Cinema) -> None:
    offer = await cinema.viewer().offer()
    assert (await cinema.service.http.post("/whep/nobody", content=offer, headers=SDP)).status_code == 404
    cinema.source.end()
    await until(lambda: cinema.session.state == "ended")
    ended = await cinema.post(offer)
    assert ended.status_code == 409
    assert "has ended" in ended.json()["message"]


async def test_offers_that_cannot_be_shown_anything_are_refused_with_400_and_told_why(cinema: Cinema) -> None:
    other = (await cinema.viewer("H264").offer()).replace("H264/", "H265/")
    sending = (await cinema.viewer().offer()).replace("a=recvonly", "a=sendonly")
    for offer, words in ((other, "neither VP8 nor H.264"), (sending, "must be recvonly")):
        refused = await cinema.post(offer)
        assert refused.status_code == 400
        assert words in refused.json()["message"]
        assert "VP8" in refused.json()["detail"]
    assert cinema.session.playback.viewers == 0


async def test_candidates_may_trickle_in(cinema: Cinema) -> None:
    """Neither offer nor answer has any; the connection comes up by those that are patched in afterwards."""
    viewer = cinema.viewer()
    offer = await viewer.offer()
    answer = await cinema.post(without(offer, "a=candidate", "a=end-of"))
    kept = ("a=candidate", "a=end-of", "a=mid:0", "a=ice-")
    lines = ["m=video 9 UDP/TLS/RTP/SAVPF 0", *(line for line in offer.splitlines() if line.startswith(kept))]
    headers = {**FRAGMENT, "If-Match": answer.headers["etag"]}
    patched = await cinema.service.http.patch(answer.headers["location"], content="\r\n".join(lines), headers=headers)
    assert (patched.status_code, patched.content) == (204, b"")
    await viewer.accept(without(answer.text, "a=candidate", "a=end-of"))
    await until(lambda: cinema.connected == 1)


async def test_a_patch_is_refused_as_the_draft_says_and_the_viewer_goes_on(cinema: Cinema) -> None:
    viewer, answer = await cinema.join()
    tag, restart = answer.headers["etag"], "a=ice-ufrag:new1\r\na=ice-pwd:" + "x" * 22
    for headers, body, status in (
        ({"Content-Type": "application/sdp", "If-Match": tag}, "", 415),
        (FRAGMENT, "a=end-of-candidates", 428),
        ({**FRAGMENT, "If-Match": '"other"'}, "a=end-of-candidates", 412),
        ({**FRAGMENT, "If-Match": "*"}, restart, 422),
        ({**FRAGMENT, "If-Match": tag}, restart, 422),
        ({**FRAGMENT, "If-Match": tag}, "what is this", 400),
    ):
        refused = await cinema.service.http.patch(answer.headers["location"], content=body, headers=headers)
        assert refused.status_code == status, refused.text
        assert refused.json()["message"]
    nobody = f"/whep/{cinema.session.id}/nobody"
    assert (await cinema.service.http.patch(nobody, content="", headers=FRAGMENT)).status_code == 404
    await cinema.shown_to(viewer, 3)


async def test_browsers_of_other_pages_may_play(cinema: Cinema) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    assert (await cinema.service.http.options("/whep/x", headers=asked)).status_code == 200
    answer = await cinema.post(await cinema.viewer().offer(), **origin)
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert {"location", "etag", "link"} <= exposed


async def test_a_key_is_needed_where_the_server_has_keys_and_ice_servers_are_told(compositions: Compositions) -> None:
    """192.0.2.0/24 is for documentation: nobody answers there."""
    async with serving(untrained(), api_keys=("secret",), ice_servers=("stun:192.0.2.200:3478",)) as service:
        cinema = Cinema(service, compositions)
        await until(lambda: cinema.source.running.is_set())
        offer = await cinema.viewer().offer()
        assert (await cinema.post(offer)).status_code == 401
        answer = await cinema.post(offer, Authorization="Bearer secret")
        assert answer.status_code == 201
        assert answer.headers.get_list("link") == ['<stun:192.0.2.200:3478>; rel="ice-server"']
        assert (await service.http.delete(answer.headers["location"])).status_code == 401
        assert (await service.http.delete(f"{answer.headers['location']}?api_key=secret")).status_code == 200
        await cinema.viewers[0].close()


async def test_the_server_stops_while_somebody_watches(compositions: Compositions) -> None:
    """``serving`` checks that no task is left."""
    async with serving(untrained()) as service:
        cinema = Cinema(service, compositions)
        viewer, _ = await cinema.join()
        assert np.asarray(await cinema.shown_to(viewer, 3)).any()
    await viewer.close()
