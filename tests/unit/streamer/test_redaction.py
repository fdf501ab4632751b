"""streamer.redaction: passwords as people type them, and nothing of them to be seen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from streamer.redaction import HIDDEN, address, hide, in_text, printable, reads_like_words, secrets, split

PASSWORDS = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn"]), min_size=1, max_size=40)
LONG = st.text(st.sampled_from("abcXYZ019!#%&'()*+,/:;=?@[]~ ä€$"), min_size=6, max_size=30)
HOSTS = st.sampled_from(["192.0.2.7", "cam.example:554", "[2001:db8::7]:8554", "localhost"])


@given(PASSWORDS, HOSTS, st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_password_of_any_characters_is_read_as_it_is_or_percent_encoded(
    password: str, place: str, encoded: bool
) -> None:
    typed = quote(password, safe="") if encoded else password
    if not encoded:  # what looks like an escape is one; an @ in front of a host ends the password
        assume(re.search("%[0-9A-Fa-f]{2}", password) is None)
        assume(re.search(r"@(\[|localhost|[\w-]+\.)", password) is None)
    parts = split(f"rtsp://admin:{typed}@{place}/Streaming/101?channel=1")
    assert (parts.user, parts.password, parts.place) == ("admin", password, place)
    assert (parts.path, parts.query) == ("/Streaming/101", "channel=1")
    assert split(parts.url) == parts


@given(LONG, HOSTS, st.sampled_from(["rtsp", "http", "rtmp"]))
@settings(max_examples=200, deadline=None)
def test_a_password_is_not_shown(password: str, place: str, scheme: str) -> None:
    text = f"{scheme}://admin:{password}@{place}/live/camera"
    assert password not in address(text)
    message = hide(f"{text}: Connection to {text} failed", secrets(text))
    assert password not in message
    assert password not in in_text(f"[Errno 5] Input/output error: '{text}'")


@given(st.text(st.sampled_from("abcdefghijkXYZ0123456789._~-"), min_size=12, max_size=40), HOSTS)
@settings(max_examples=200, deadline=None)
def test_values_of_queries_and_keys_of_streams_are_not_shown(secret: str, place: str) -> None:
    assume(secret.strip("."))
    for text in (
        f"http://{place}/videostream.cgi?loginuse=me&loginpas={secret}",
        f"rtsp://{place}/user=admin&password={secret}&channel=1&stream=0.sdp?real_stream",
        f"rtsp://{place}/user=admin_password={secret}_channel=1_stream=0.sdp",
        f"rtmp://{place}/app/{secret}",
        f"https://{place}/live.m3u8?anything={secret}",
        f"https://{place}/live.m3u8#{secret}",
        f"srt://{place}?passphrase={secret}",
    ):
        assert secret not in address(text)
        assert secret not in hide(f"cannot open {text}", secrets(text))
        assert secret not in in_text(f"cannot open {text}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:12#34@host/1", "rtsp://admin:***@host/1"),
        ("rtsp://admin:12/34@192.0.2.9/1", "rtsp://admin:***@192.0.2.9/1"),
        ("rtsp://me:a/b@camera/1", "rtsp://me:***@camera/1"),
        ("rtsp://me:p@ss/w0rd@192.0.2.9/1", "rtsp://me:***@192.0.2.9/1"),
        ("rtsp://me:se@cr.et/x@192.0.2.9/1", "rtsp://me:***@***"),
        ("rtsp://cam:554/p@th", "rtsp://***"),
        ("http://media.example:8080/@cam/x", "http://media.example:8080/***/x"),
        ("rtsps://192.0.2.1:7441/abcdEF12gHijkLmN?enableSrtp", "rtsps://192.0.2.1:7441/***?enableSrtp"),
        ("https://h.example/live/eyJhbGciOi.abc.def/index.m3u8", "https://h.example/live/***/index.m3u8"),
        ("rtsp://192.0.2.4/h264Preview_01_main", "rtsp://192.0.2.4/h264Preview_01_main"),
        (
            "rtsp://192.0.2.4/cam/realmonitor?channel=1&subtype=0",
            "rtsp://192.0.2.4/cam/realmonitor?channel=1&subtype=0",
        ),
        ("rtsp://eyJhbGciOiJIUzI1NiJ9@camera/1", "rtsp://***@camera/1"),
        ("rtsp://me:secret@cam:port/1", "rtsp://***"),
        ("//me:secret@host/x", "//me:***@host/x"),
        ("192.0.2.4:554/user=admin&password=secret", "192.0.2.4:554/user=admin&password=***"),
        ("/films/street.mp4", "/films/street.mp4"),
        ("/films/\x1b[2Jred\u202e\n.mp4", "/films/\\x1b[2Jred\\u202e\\n.mp4"),
        ("rtmp://h.example/app/", "rtmp://h.example/app/"),
    ],
)
def test_what_is_shown_of_an_address(text: str, shown: str) -> None:
    assert address(text) == shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no scheme", "it has no scheme"),
        ("rtsp://", "it has no host"),
        ("rtsp://me:secret@", "it has no host"),
        ("rtsp://camera:99999/1", "its port is not a number"),
        ("rtsp://cam:554/p@th", "in two ways"),
    ],
)
def test_what_cannot_be_taken_apart_is_said_without_repeating_it(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        split(text)
    assert "secret" not in str(refused.value)


def test_a_line_of_a_log_keeps_what_is_no_secret() -> None:
    line = "cam1: rtsp://cam.example/1 broke off, http://192.0.2.1/a?token=secret too"
    assert in_text(line) == f"cam1: rtsp://cam.example/1 broke off, http://192.0.2.1/a?token={HIDDEN} too"
    assert in_text("open 'rtsp://me:pa ss'word@host/1'") == "open 'rtsp://me:***@host/1'"
    assert in_text("nothing to hide: 12:30, a@b") == "nothing to hide: 12:30, a@b"
    assert (
        in_text("session 1 (rtmp://cam.example/live/key): ended.")
        == f"session 1 (rtmp://cam.example/live/{HIDDEN}): ended."
    )


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "> GET /sessions/84/results?api_key=secret&size=3 HTTP/1.1",
            "> GET /sessions/84/results?api_key=***&size=3 HTTP/1.1",
        ),
        (
            '1.2.3.4:5 - "WebSocket /sessions/84?api_key=secret" [accepted]',
            '1.2.3.4:5 - "WebSocket /sessions/84?api_key=***" [accepted]',
        ),
        ("< Authorization: Bearer secret", "< Authorization: ***"),
        ("[(b'Location', b'/secret/1'), (b'Server', b'x')]", "[(b'Location', ***), (b'Server', b'x')]"),
        ("[(b'Location', b\"/a?sig='secret\"), (b'Server', b'x')]", "[(b'Location', ***), (b'Server', b'x')]"),
        ("{'api_key': 'secret', 'at': 1}", "{'api_key': '***', 'at': 1}"),
        (
            "Keyword(password='secret', token=secret, key=lambda: 1)",
            "Keyword(password='***', token=***, key=lambda: 1)",
        ),
        ('GET http://cam.example/1?a=secret\'secret "200 OK"', 'GET http://cam.example/1?a=*** "200 OK"'),
        ("'http://cam.example/1?a=secret secret' cannot", "'http://cam.example/1?a=***' cannot"),
        (r"'http://cam.example/1?a=secret\' secret' cannot", "'http://cam.example/1?a=***' cannot"),
        ('File "/usr/lib/python3/key.py", line 1, in <module>', 'File "/usr/lib/python3/key.py", line 1, in <module>'),
    ],
)
def test_of_what_libraries_log_the_secrets_are_hidden_and_the_rest_is_left(line: str, shown: str) -> None:
    assert in_text(line) == shown
    assert in_text(shown) == shown


def test_words_are_told_from_tokens() -> None:
    for words in ("Streaming", "101", "cam-1_sub", "index.m3u8", "axis-media", "media.amp", "640x480", "Türkamera"):
        assert reads_like_words(words), words
    for token in ("abcdEF12gHijkLmN", "3f2a9c0d11e84b7e", "AKIAIOSFODNN7EXAMPLE1234XYZ", "a=b", "eyJhbGciOiJIUzI1NiJ9"):
        assert not reads_like_words(token), token


def test_a_lone_surrogate_can_be_printed() -> None:
    printable("a\ud800b").encode()


@pytest.mark.parametrize("read", [split, address, in_text])
@pytest.mark.parametrize("part", ["@", "@a", "a.b@", "a@[:"])
def test_an_address_of_many_at_signs_takes_as_long_as_it_is_long(read: Callable[[str], object], part: str) -> None:
    def seconds(count: int) -> float:
        text, spent = f"rtsp://user:pass/word{part * count}", []
        for _ in range(3):
            began = time.thread_time()
            try:
                read(text)
            except ValueError:
                assert read is split
            spent.append(time.thread_time() - began)
        return min(spent)

    assert seconds(3200) < 64 * max(seconds(200), 0.0001)  # 16 times as long; in the square of that it would be 256
