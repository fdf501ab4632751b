"""streamer.webrtc.ice: STUN and TURN servers as settings write them and as clients are told of them."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from streamer.config import Config
from streamer.webrtc import ice


@pytest.mark.parametrize(
    ("server", "link"),
    [
        ("stun:stun.example.net:3478", '<stun:stun.example.net:3478>; rel="ice-server"'),
        (
            "turn:joe:p@ss@turn.example.net:3478?transport=udp",
            '<turn:turn.example.net:3478?transport=udp>; rel="ice-server"; username="joe"; credential="p@ss"; '
            'credential-type="password"',
        ),
        (
            'turn:joe:p"a\\ss@turn.example.net',
            '<turn:turn.example.net>; rel="ice-server"; username="joe"; credential="p\\"a\\\\ss"; '
            'credential-type="password"',
        ),
    ],
)
def test_an_ice_server_is_written_as_a_link(server: str, link: str) -> None:
    assert ice.link(server) == link


@pytest.mark.parametrize(
    "server", ["http://example.net", "stun:", "example.net:3478", "turn//me:secret@host", "me:secret@"]
)
def test_what_is_no_ice_server_is_refused_without_its_password(server: str) -> None:
    with pytest.raises(ValueError, match="not an ICE server") as refused:
        ice.split(server)
    assert "secret" not in str(refused.value)


def test_a_turn_server_without_a_login_gets_one_that_ends_in_an_hour() -> None:
    servers = ("stun:a.example:1", "turn:b.example:2", "turns:c.example?transport=tcp", "turn:me:word@d.example")
    name = str(1_000_000 + ice.LASTS)
    word = base64.b64encode(hmac.digest(b"shared", name.encode(), hashlib.sha1)).decode()
    assert ice.fresh(servers, "shared", 1_000_000.5) == [
        "stun:a.example:1",
        f"turn:{name}:{word}@b.example:2",
        f"turns:{name}:{word}@c.example?transport=tcp",
        "turn:me:word@d.example",
    ]
    assert ice.fresh(servers, None) == list(servers)


def test_each_call_has_credentials_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = ice.of(Config(ice_servers=("turn:b.example",), turn_secret="shared"))
    told: list[str] = []
    for now in (0.0, 10.0):
        monkeypatch.setattr("time.time", lambda now=now: now)
        told += servers()
    assert [ice.split(server)[1] for server in told] == ["3600", "3610"]
    assert "shared" not in repr(Config(turn_secret="shared")) + "".join(told)
