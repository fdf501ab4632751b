"""streamer.webrtc.simulcast: of an offer with several layers one is taken."""

from __future__ import annotations

import re

import pytest

from streamer.errors import BadRequest
from streamer.webrtc import simulcast
from streamer.webrtc.camera import CameraConnection
from streamer.webrtc.sdp import read_offer

# As OBS 32 writes it, with three layers.
OBS = """v=0
o=rtc 3767197920 0 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=group:LS 0 1
a=msid-semantic:WMS *
a=setup:actpass
a=ice-ufrag:jQZv
a=ice-pwd:8Dk8nSO/kXFtlVUsxZH1gY
a=ice-options:ice2,trickle
a=fingerprint:sha-256 A0:0B:77:67:00:28:6C:D3:6A:5A:9A:7F:FF:2C:51:3F:66:40:FF:1D:1A:57:E8:77:D7:3C:7B:79:19:38:84:A1
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=ssrc:1185222103 cname:TTOmjeGEbJtBYXwe
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=sendonly
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=ssrc:1185222104 cname:TTOmjeGEbJtBYXwe
a=rtcp-mux
a=rid:0 send
a=rid:1 send
a=rid:2 send
a=simulcast:send 0;1;2
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 goog-remb
a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1
"""


def named(answer: str) -> list[str]:
    """What an answer says of layers."""
    return re.findall(r"(?m)^a=((?:rid|simulcast):.*|extmap:.*sdes:rtp-stream-id)\s*$", answer.replace("\r", ""))


async def test_of_three_layers_of_obs_the_first_is_taken() -> None:
    near = CameraConnection()
    answer = await near.answer(read_offer(OBS))
    await near.close()
    audio, video = answer.split("m=audio")[1].split("m=video")
    assert named(video) == ["extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", "rid:0 recv", "simulcast:recv 0"]
    assert named(audio) == []
    assert all(line.endswith("\r\n") for line in answer.splitlines(keepends=True))


async def test_an_offer_of_one_layer_is_answered_as_ever() -> None:
    near = CameraConnection()
    one = re.sub(r"(?m)^a=(rid|simulcast|extmap:2).*\n", "", OBS)
    assert named(await near.answer(read_offer(one))) == []
    await near.close()


async def test_layers_that_no_answer_could_choose_from_are_refused_in_words() -> None:
    near = CameraConnection()
    old = OBS.replace("a=rid:0 send", "a=ssrc-group:SIM 1185222104 1185222105 1185222106")
    with pytest.raises(BadRequest, match="several pictures in one video") as refused:
        await near.answer(read_offer(old))
    assert "simulcast" in refused.value.detail
    await near.close()


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("a=rid:h send\na=rid:l send\na=simulcast:send ~h;l\n", ["rid:l recv", "simulcast:recv l"]),  # h is paused
        ("a=rid:h send\na=simulcast:send ~h\n", ["rid:h recv", "simulcast:recv h"]),
        ("a=rid:1 send\na=rid:2 send\na=simulcast:send 1,2\n", ["rid:1 recv", "simulcast:recv 1"]),  # alternatives
        ("a=rid:1 send\na=rid:2 recv\na=simulcast:recv 2 send 1\n", ["rid:1 recv", "simulcast:recv 1"]),
        (
            "a=rid:1 send pt=97\na=rid:2 send pt=98,96;max-width=640\na=simulcast:send 1;2\n",
            ["rid:2 recv pt=96;max-width=640", "simulcast:recv 2"],
        ),  # 97 and 98 are codecs that were not agreed to
        ("a=rid:1 send\na=simulcast: send rid=1;2\n", ["rid:1 recv", "simulcast:recv 1"]),  # an older draft
        ("a=simulcast:send 1;2\n", []),  # names nothing
        ("a=rid:1 recv\na=simulcast:recv 1\n", []),
    ],
)
def test_the_layer_taken_is_the_best_that_can_be_had(lines: str, told: list[str]) -> None:
    answer = "v=0\r\nm=video 9 X 96\r\na=recvonly\r\n"
    assert named(simulcast.answered(f"v=0\nm=video 9 X 97 98 96\na=sendonly\n{lines}", answer)) == told


def test_a_section_that_was_switched_off_names_no_layer() -> None:
    offer = "v=0\nm=video 9 X 96\na=rid:1 send\na=rid:2 send\na=simulcast:send 1;2\n"
    answer = "v=0\r\nm=video 9 X 96\r\na=inactive\r\n"
    assert simulcast.answered(offer, answer) == answer
