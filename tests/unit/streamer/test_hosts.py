"""Names of hosts, origins, and which names cannot be another's."""

from __future__ import annotations

import pytest

from streamer import hosts


@pytest.mark.parametrize(
    ("text", "name"),
    [("camera.example.org", "camera.example.org"), ("Camera.LOCAL.", "camera.local"), ("streamer_1", "streamer_1")],
)
def test_a_hosts_name_is_read(text: str, name: str) -> None:
    assert hosts.read_host(text) == name


@pytest.mark.parametrize(
    "text", ["", ".", "a..b", "-a", "http://a", "a:80", "a/b", "*", "*.a", "a b", "камера.рф", "[::1]"]
)
def test_what_is_no_name_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="write the name alone"):
        hosts.read_host(text)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://localhost:3000", "http://localhost:3000"),
        ("HTTPS://Example.org", "https://example.org"),
        ("https://example.org:443", "https://example.org"),
        ("http://example.org:80", "http://example.org"),
        ("https://example.org:80", "https://example.org:80"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("chrome-extension://abcdefgh", "chrome-extension://abcdefgh"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(text: str, origin: str) -> None:
    assert hosts.read_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    ["", "*", "null", "example.org", "https://", "https://a/", "https://a/b", "https://*.a", "https://u@a", "a b"],
)
def test_what_is_no_origin_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        hosts.read_origin(text)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost:8000", "localhost"),
        ("LocalHost.", "localhost"),
        ("[::1]:8000", "::1"),
        ("[::1]", "::1"),
        ("10.0.0.1", "10.0.0.1"),
        ("", ""),
        ("[::1]evil.example", ""),
        ("[::1]:80:evil.example", ""),
        ("localhost:evil.example", ""),
        ("localhost:80@evil.example", ""),
        ("[::1", ""),
    ],
)
def test_the_name_is_taken_out_of_a_header(header: str, name: str) -> None:
    assert hosts.name_in(header) == name


@pytest.mark.parametrize(
    "name", ["localhost", "my.localhost", "127.0.0.1", "192.168.1.20", "8.8.8.8", "::1", "fe80::1"]
)
def test_loopback_names_and_addresses_cannot_be_anothers(name: str) -> None:
    assert hosts.no_foreign_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "camera.local", "0x7f.1"],
)
def test_any_other_name_may_be(name: str) -> None:
    assert not hosts.no_foreign_name(name)


def test_an_address_of_this_machine_alone_is_known_in_every_form() -> None:
    for address, alone in (("127.0.0.2", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False)):
        assert hosts.is_loopback(address) == alone
    assert not hosts.is_loopback("")
