"""streamer.hosted.fetch: every way that a URL may lead where it should not, by redirects too."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.errors import BadRequest
from streamer.hosted.fetch import MAX_REDIRECTS, MAX_URL, Rules, resolve
from tests.support.certificates import NAME
from tests.support.picture_server import HERE, PICTURE, Certificate, always, get, http, redirect, serving

# Which URLs


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "no scheme"),
        ("a.jpg", "no scheme"),
        ("//host/a.jpg", "no scheme"),
        ("http://host/a.jpg", "scheme 'http'"),
        ("file:///etc/passwd", "scheme 'file'"),
        ("ftp://host/a.jpg", "scheme 'ftp'"),
        ("gopher://host/_x", "scheme 'gopher'"),
        ("data:image/png;base64,AAAA", "scheme 'data'"),
        ("javascript:alert(1)", "scheme 'javascript'"),
        ("https:", "names no host"),
        ("https:///a.jpg", "names no host"),
        ("https:host/a.jpg", "names no host"),
        ("https://:443/a.jpg", "names no host"),
        ("https://user@host/a.jpg", "user name or password"),
        ("https://user:password@host/a.jpg", "user name or password"),
        ("https://host\\@elsewhere/a.jpg", "user name or password"),
        ("https://host\\.elsewhere/a.jpg", "not a host name"),
        ("https://%31%32%37.0.0.1/", "not a host name"),
        ("https://a..b/", "not a host name"),
        ("https://xn--/", "not a host name"),
        ("https://-a.b/", "not a host name"),
        ("https://.a.b/", "not a host name"),
        (f"https://{'a' * 64}.b/", "not a host name"),
        (f"https://{'a.' * 127}bc/", "not a host name"),
        ("https://ho st/", "not a host name"),
        ("https://host:0/", "port does not exist"),
        ("https://host:65536/", "port does not exist"),
        ("https://host:-1/", "port does not exist"),
        ("https://host:https/", "cannot be read"),
        ("https://0177.0.0.1/", "cannot be read"),
        ("https://1.2.3.256/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://[1.2.3.4]/", "cannot be read"),
        ("https://ho\nst/", "cannot be read"),
        ("https://host/\r\nX-Header: 1", "cannot be read"),
        ("https://host/\udcff", "cannot be read"),
        ("https://①②⑦.0.0.1/", "cannot be read"),
        ("https://host/".ljust(MAX_URL + 1, "a"), f"{MAX_URL + 1} characters"),
    ],
)
async def test_what_is_no_https_url_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words) as refusal:
        await get(url, Rules(), resolve=always("127.0.0.1"))
    assert refusal.value.detail != refusal.value.message


async def test_the_schemes_that_would_be_right_are_named() -> None:
    for rules, right in [(Rules(), "It must begin with https://."), (HERE, "It must begin with https:// or http://.")]:
        with pytest.raises(BadRequest) as refusal:
            await get("file:///etc/passwd", rules)
        assert refusal.value.detail == right


@given(st.text(st.characters()), st.sampled_from(["", "https://", "https://xn--", "https://[", "http://host:"]))
async def test_any_text_is_refused_and_breaks_nothing(text: str, start: str) -> None:
    with pytest.raises(BadRequest):
        await get(start + text, Rules(http=True), resolve=always())


# Which addresses

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",  # carrier-grade NAT
    "100.100.100.200",  # a cloud's metadata
    "168.63.129.16",  # another's
    "169.254.0.1",
    "169.254.169.254",  # the usual one's
    "172.16.0.1",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",  # multicast
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:7f00:1",
    "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",  # NAT64 inside somebody's network
    "100::1",
    "2001:0:808:808::8080:80fe",  # Teredo of 127.127.127.1
    "2001:0:a00:1::f7f7:f7f7",  # Teredo by the relay 10.0.0.1
    "2001:db8::1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%2",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "172.32.0.1",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
    "2001:0:808:808::f7f7:f7f7",
]


@pytest.mark.parametrize("address", PRIVATE)
async def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not Rules().allow(address)
    with pytest.raises(BadRequest, match="not a public address"):
        await get("https://host.example/", Rules(), resolve=always(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert Rules().allow(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "2002:a01:203::", "64:ff9b::a01:203", "fd12::1"])
def test_networks_that_are_named_are_allowed_and_no_others(address: str) -> None:
    assert Rules(networks=("10.0.0.0/8", "fd12::/16")).allow(address)
    assert not Rules(networks=("10.128.0.0/9", "fd13::/16")).allow(address)


def test_a_network_of_all_ipv6_lets_no_ipv4_through_in_disguise() -> None:
    rules = Rules(networks=("::/0",))
    assert rules.allow("fe80::1")
    assert not rules.allow("::ffff:127.0.0.1")
    assert not rules.allow("64:ff9b::7f00:1")


@pytest.mark.parametrize("network", ["10.0.0.1/8", "everything", "10.0.0.0/33"])
def test_a_network_that_cannot_be_read_is_a_value_error(network: str) -> None:
    with pytest.raises(ValueError, match=network):
        Rules(networks=("192.168.0.0/16", network))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f000001", "017700000001", "127.1", "0", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_this_machine_is_refused_in_every_notation(host: str) -> None:
    """Resolved for real: the system's resolver reads numbers as the connection would."""
    async with serving(http()) as server:
        with pytest.raises(BadRequest, match="not a public address"):
            await get(server.url(host=host), Rules(http=True))
    assert server.requests == []


async def test_localhost_is_refused() -> None:
    async with serving(http()) as server:
        with pytest.raises(BadRequest, match="not a public address"):
            await get(server.url(host="localhost"), Rules(http=True))
    assert server.requests == []


async def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    async with serving(http()) as server:
        with pytest.raises(BadRequest, match="not a public address"):
            await get(server.url(host=NAME), resolve=always("127.0.0.1", "10.0.0.1"))
    assert server.requests == []


async def test_a_name_that_changes_its_mind_is_asked_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: an allowed address for the check, another for the connection."""
    asked: list[str] = []

    def lookup(host: str, port: int, **options: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async with serving(http()) as server:
        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        assert await get(server.url(host="rebinds.example")) == PICTURE
    assert asked == ["rebinds.example"]


async def test_a_refusal_tells_nothing_about_the_private_network() -> None:
    """A host that listens, one that does not, and a name that nobody knows."""
    told = []
    async with serving(http()) as server:
        for url, lookup in [
            (server.url(host="open.example"), always("127.0.0.1")),
            ("http://closed.example:1/", always("127.0.0.1")),
            ("http://mixed.example/", always("8.8.8.8", "10.0.0.1")),
            ("http://unknown.example/", always()),
        ]:
            with pytest.raises(BadRequest) as refusal:
                await get(url, Rules(http=True), resolve=lookup)
            told.append(refusal.value.body())
    assert all(each == told[0] for each in told)
    assert not any(character.isdigit() for character in str(told))


async def test_the_system_gives_every_address_once() -> None:
    assert await resolve("127.0.0.1", 80) == ["127.0.0.1"]
    assert "127.0.0.1" in await resolve("localhost", 80)


# Redirects


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_followed(status: str) -> None:
    async with serving({"/a.jpg": redirect("b.jpg?c", status), "/b.jpg?c": http()}) as server:
        assert await get(server.url()) == PICTURE
    assert server.paths == ["/a.jpg", "/b.jpg?c"]


async def test_as_many_redirects_as_allowed_are_followed() -> None:
    answers = {f"/{n}": redirect(f"/{n + 1}") for n in range(MAX_REDIRECTS)} | {f"/{MAX_REDIRECTS}": http()}
    async with serving(answers) as server:
        assert await get(server.url("/0")) == PICTURE


@pytest.mark.parametrize("headers", [{"location": "/a.jpg"}, {"location": "/a.jpg#again"}, {}])
async def test_redirects_in_a_circle_end(headers: dict[str, str]) -> None:
    async with serving(http(b"", "302 Found", **headers)) as server:
        with pytest.raises(BadRequest, match="more than 3 times"):
            await get(server.url())
    assert server.paths == ["/a.jpg"] * (1 + MAX_REDIRECTS)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://10.0.0.1/", "not a public address"),
        ("http://169.254.169.254/latest/meta-data/", "not a public address"),
        ("//2852039166/", "not a public address"),
        ("http://[::1]/", "not a public address"),
        ("file:///etc/passwd", "scheme 'file'"),
        ("ftp://127.0.0.1/", "scheme 'ftp'"),
        ("http://user:password@127.0.0.1/", "user name or password"),
        ("http://[::1", "cannot be read"),
        ("http://127.0.0.1:99999/", "port does not exist"),
        ("a" * (MAX_URL + 1), f"{MAX_URL + 1} characters"),
    ],
)
async def test_a_redirect_is_checked_as_the_url_was(location: str, words: str) -> None:
    async with serving(redirect(location)) as server:
        with pytest.raises(BadRequest, match=f"After a redirect: .*{words}"):
            await get(server.url())
    assert server.paths == ["/a.jpg"]


@pytest.mark.parametrize("http_too", [False, True])
async def test_a_redirect_from_https_to_http_is_refused(certificate: Certificate, http_too: bool) -> None:
    async with serving(http()) as plain, serving(redirect(plain.url()), certificate.server) as server:
        rules = replace(HERE, http=http_too)
        with pytest.raises(BadRequest, match="from https to http"):
            await get(server.url(scheme="https"), rules, context=certificate.client)
    assert plain.requests == []


async def test_a_redirect_from_http_to_https_is_followed(certificate: Certificate) -> None:
    async with serving(http(), certificate.server) as safe, serving(redirect(safe.url(scheme="https"))) as server:
        assert await get(server.url(), context=certificate.client) == PICTURE


async def test_cookies_are_not_kept() -> None:
    answers = {"/a.jpg": redirect("/b.jpg", set_cookie="who=you; Path=/"), "/b.jpg": http()}
    async with serving(answers) as server:
        await get(server.url())
    assert "cookie" not in server.requests[1].lower()


@settings(max_examples=50)
@given(st.text(st.characters(codec="latin-1", exclude_characters="\0\r\n"), min_size=1), st.sampled_from(["", "//"]))
async def test_a_redirect_to_any_text_is_refused(text: str, start: str) -> None:
    async with serving(
        http(b"", "302 Found").replace(b"\r\n", b"\r\nLocation: " + (start + text).encode("latin-1") + b"\r\n", 1)
    ) as server:
        with pytest.raises(BadRequest):
            await get(server.url(host=NAME), resolve=only_name)


async def only_name(host: str, port: int) -> list[str]:
    return ["127.0.0.1"] if host == NAME else ["10.0.0.1"]
