"""streamer.webrtc.sdp: offers taken apart, fragments read, answers dressed."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import BadRequest
from streamer.webrtc import sdp

FRAGMENT = """a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
m=audio 9 UDP/TLS/RTP/SAVPF 0
a=mid:0
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1
a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0
a=candidate:473322823 2 udp 1518280447 192.0.2.1 61765 typ host
a=candidate:1 1 UDP 2122260222 c63e2b2f-9ecb-4b3a-a1e7-3ee2cd5d7f2b.local 50000 typ host
a=candidate:2 1 udp 2122260221 some.host.example 50000 typ host
a=end-of-candidates
"""

ANSWER = """v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
m=video 40000 UDP/TLS/RTP/SAVPF 97 99
c=IN IP4 10.0.0.5
a=mid:0
a=rtpmap:97 VP8/90000
a=rtpmap:98 rtx/90000
a=fmtp:98 apt=97
a=rtpmap:99 H264/90000
a=fmtp:99 packetization-mode=1;profile-level-id=42e01f
a=candidate:abc 1 udp 2130706431 10.0.0.5 40000 typ host
a=candidate:def 1 udp 1694498815 203.0.113.9 40000 typ srflx raddr 10.0.0.5 rport 40000
a=candidate:ghi 1 udp 2130706431 fd00::5 40001 typ host
m=application 40000 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 10.0.0.5
"""


def test_a_fragment_gives_the_candidates_that_can_be_used_and_where_they_belong() -> None:
    read = sdp.read_fragment(FRAGMENT)
    assert (read.ufrag, read.password, read.end) == ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1", True)
    assert [(each.host, each.mid, each.index, each.named) for each in read.candidates] == [
        ("192.0.2.1", "0", 0, False),
        ("c63e2b2f-9ecb-4b3a-a1e7-3ee2cd5d7f2b.local", "0", 0, True),
    ]


def test_a_candidate_before_its_sections_mid_gets_it_all_the_same() -> None:
    text = "m=video 9 X 0\na=candidate:1 1 udp 1 192.0.2.1 5 typ host\na=mid:v\nm=audio 9 X 0\na=mid:a\n"
    assert [each.mid for each in sdp.read_fragment(text).candidates] == ["v"]


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "a=candidate:",
        "a=candidate:1 1 udp many 192.0.2.1 5 typ host",
        "a=candidate:1 1 udp 1 192.0.2.1 65536 typ host",
        "a=candidate:1 1 udp 4294967296 192.0.2.1 5 typ host",
    ],
)
def test_a_malformed_line_is_refused_and_named(line: str) -> None:
    with pytest.raises(BadRequest, match="This is no"):
        sdp.read_fragment(line)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadRequest):
        sdp.read_fragment(text)


@pytest.mark.parametrize(
    ("offer", "words"),
    [
        ("", "not SDP"),
        ("hello", "not SDP"),
        ("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "no video"),
        ("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", "fingerprint"),
        ("v=0\r\na=group:BUNDLE 0 7\r\nm=video 9 X 96\r\na=mid:0\r\na=fingerprint:x\r\n", "not there: 7"),
        ("v=0\r\na=group:BUNDLE\r\nm=video 9 X 96\r\na=mid:0\r\na=fingerprint:x\r\n", "BUNDLE group is empty"),
        ("v=0\r\nm=video 9 X 96\r\na=mid:0\r\nm=audio 9 X 0\r\na=mid:0\r\na=fingerprint:x\r\n", "same a=mid"),
    ],
)
def test_what_is_no_offer_of_video_is_refused_in_words(offer: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        sdp.read_offer(offer)


def test_an_offer_comes_apart_into_description_and_candidates() -> None:
    offer = "v=0\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=fingerprint:sha-256 AA\n" + FRAGMENT.replace("m=audio", "m=video")
    read = sdp.read_offer(offer)
    assert "candidate" not in read.text
    assert read.text.startswith("v=0\r\n")
    assert len(read.ice.candidates) == 2


HIGH = """m=video 9 UDP/TLS/RTP/SAVPF 96 97
a=rtpmap:96 H264/90000
a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001F
a=rtpmap:97 H264/90000
a=fmtp:97 packetization-mode=1;profile-level-id=4d001f
"""


def test_h264_of_another_profile_is_taken_for_baseline_and_answered_as_what_it_is() -> None:
    """aiortc itself agrees to baseline alone, and its decoder decodes them all."""
    offer, profiles = sdp.allow_profiles(HIGH)
    assert profiles == {"96": "64001F", "97": "4d001f"}
    assert offer == HIGH.replace("64001F", "42e01f").replace("4d001f", "42e01f")
    answer = sdp.dress_answer(offer, profiles=profiles).splitlines()
    found = [line.split("profile-level-id=")[1][:6] for line in answer if line.startswith("a=fmtp:")]
    assert found == ["64001F", "4d001f"]


@pytest.mark.parametrize(
    "other", ["a=rtpmap:98 VP8/90000\n", "a=fmtp:98 packetization-mode=1;profile-level-id=42001f\n"]
)
def test_an_offer_with_a_codec_that_is_agreed_to_stays_as_it_is(other: str) -> None:
    assert sdp.allow_profiles(HIGH + other) == (HIGH + other, {})


def test_an_answer_names_the_announced_addresses_beside_our_own() -> None:
    lines = sdp.dress_answer(ANSWER, ["198.51.100.7", "10.0.0.5"]).splitlines()
    announced = [line for line in lines if "198.51.100.7" in line]
    assert announced == ["a=candidate:abc1 1 udp 2130706430 198.51.100.7 40000 typ host"]
    assert sum("10.0.0.5 40000 typ host" in line for line in lines) == 1


def test_an_answer_tells_browsers_where_to_start_and_where_to_stop() -> None:
    lines = sdp.dress_answer(ANSWER).splitlines()
    assert lines.count(f"b=AS:{sdp.MAX_KBPS}") == 1
    assert lines.index(f"b=AS:{sdp.MAX_KBPS}") == lines.index("c=IN IP4 10.0.0.5") + 1
    assert f"a=fmtp:97 x-google-start-bitrate={sdp.START_KBPS}" in lines
    h264 = [line for line in lines if line.startswith("a=fmtp:99 ")]
    assert len(h264) == 1
    assert "profile-level-id=42e01f" in h264[0]
    assert "x-google-start-bitrate" in h264[0]
