"""streamer.fetch: real servers on this machine, and every way that a URL may lead where it should not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.errors import BadRequest
from streamer.hosted import fetch as module
from streamer.hosted.fetch import MAX_ADDRESSES, MAX_REDIRECTS, MAX_URL, Resolve, Rules, fetch, resolve
from tests.support.certificates import NAME, write_certificate

HERE = Rules(http=True, networks=("127.0.0.0/8",), seconds=60)  # a busy machine is no slow server
TRUST = ssl.create_default_context()
PICTURE = b"\xff\xd8 a picture \xff\xd9"

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A server on 127.0.0.1 that remembers what it was asked, and by which name TLS asked for it."""

    port: int = 0
    requests: list[str] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    def url(self, path: str = "/a.jpg", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [request.split()[1] for request in self.requests]


@contextlib.asynccontextmanager
async def listening(act: Act, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Do this for every connection; the port. The block ends when every client has been served or has left."""
    tasks: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await act(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*tasks)


@contextlib.asynccontextmanager
async def serving(answer: bytes | dict[str, bytes] | Act, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Answer every request with these bytes, those of its path, or by what the function does."""
    server = Server()

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.requests.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        if callable(answer):
            return await answer(reader, writer)
        writer.write(answer[server.paths[-1]] if isinstance(answer, dict) else answer)
        return await writer.drain()

    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: server.names.append(name)
    async with listening(act, tls) as server.port:
        yield server


async def get(url: str, rules: Rules = HERE, **options: Any) -> bytes:
    """Fetch from here, without reading the world's certificates each time."""
    return await fetch(url, rules, **{"context": TRUST} | options)


def http(body: bytes = PICTURE, status: str = "200 OK", **headers: Any) -> bytes:
    """An answer as it goes over the wire. A header that is None is left out."""
    headers = {"content_length": len(body), "connection": "close"} | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body


def redirect(location: str, status: str = "302 Found", **headers: Any) -> bytes:
    return http(b"<p>elsewhere</p>", status, location=location, **headers)


def always(*addresses: str) -> Resolve:
    """Resolve every name to these addresses, or to none."""

    async def answer(host: str, port: int) -> list[str]:
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return list(addresses)

    return answer


@dataclass(frozen=True)
class Certificate:
    server: ssl.SSLContext
    client: ssl.SSLContext  # trusts it


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A throw-away certificate for NAME and 127.0.0.1."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    write_certificate(path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return Certificate(server, ssl.create_default_context(cafile=str(path)))


# What is fetched


async def test_the_bytes_behind_a_url_are_fetched_as_they_are() -> None:
    async with serving(http(content_type="text/plain")) as server:
        assert await get(server.url("/a%20b.jpg?size=1#part")) == PICTURE
    assert server.paths == ["/a%20b.jpg?size=1"]


async def test_an_https_url_is_fetched_by_name_from_the_address_that_was_checked(certificate: Certificate) -> None:
    async with serving(http(), certificate.server) as server:
        url = server.url(host=NAME, scheme="https")
        rules = replace(HERE, http=False)
        assert await get(url, rules, context=certificate.client, resolve=always("127.0.0.1")) == PICTURE
    assert server.names == [NAME]
    assert f"Host: {NAME}:{server.port}\r\n" in server.requests[0]


async def test_https_by_address_needs_a_certificate_of_that_address(certificate: Certificate) -> None:
    async with serving(http(), certificate.server) as server:
        assert await get(server.url(scheme="https"), context=certificate.client) == PICTURE


async def test_a_final_dot_is_part_of_the_name_but_not_of_the_certificate(certificate: Certificate) -> None:
    async with serving(http(), certificate.server) as server:
        url = server.url(host=f"{NAME}.", scheme="https")
        assert await get(url, context=certificate.client, resolve=always("127.0.0.1")) == PICTURE


async def test_nothing_but_what_is_needed_is_sent() -> None:
    async with serving(http()) as server:
        await get(server.url())
    assert server.requests[0].split("\r\n") == [
        "GET /a.jpg HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "User-Agent: sam3-streamer",
        "Accept-Encoding: identity",
        "Connection: close",
        "",
        "",
    ]


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async with serving(http(content_length=None)) as server:
        assert await get(server.url()) == PICTURE


async def test_a_body_in_chunks_is_put_together() -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in PICTURE) + b"0\r\n\r\n"
    async with serving(http(chunks, content_length=None, transfer_encoding="chunked")) as server:
        assert await get(server.url()) == PICTURE


async def test_a_body_of_just_the_limit_is_taken() -> None:
    async with serving(http(bytes(1000))) as server:
        rules = replace(HERE, max_bytes=1000)
        assert await get(server.url(), rules) == bytes(1000)


async def test_the_next_address_is_asked_when_one_takes_no_connection() -> None:
    async with serving(http()) as server:
        assert await get(server.url(host=NAME), resolve=always("127.0.0.2", "127.0.0.1")) == PICTURE


async def test_only_the_first_few_of_many_addresses_are_tried() -> None:
    async with serving(http()) as server:
        many = always(*["127.0.0.2"] * MAX_ADDRESSES, "127.0.0.1")
        with pytest.raises(BadRequest, match="could not be reached"):
            await get(server.url(host=NAME), resolve=many)
    assert server.requests == []


async def test_proxies_and_passwords_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with serving(http()) as server:
        assert await get(server.url()) == PICTURE
    assert "authorization" not in server.requests[0].lower()


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
        ("https://host\\.elsewhere/a.jpg", "no host name"),
        ("https://%31%32%37.0.0.1/", "no host name"),
        ("https://a..b/", "no host name"),
        ("https://xn--/", "no host name"),
        ("https://-a.b/", "no host name"),
        ("https://.a.b/", "no host name"),
        (f"https://{'a' * 64}.b/", "no host name"),
        (f"https://{'a.' * 127}bc/", "no host name"),
        ("https://ho st/", "no host name"),
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


# How much, how long


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    rules = replace(HERE, max_bytes=1000)
    async with serving(http(b"", content_length=1001)) as server:
        with pytest.raises(BadRequest, match="more than"):
            await get(server.url(), rules)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_turns_out_too_large_is_cut_off(chunked: bool) -> None:
    """The server would never end."""

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(http(b"", content_length=None, transfer_encoding="chunked" if chunked else None))
        part = bytes(4096)
        while True:
            writer.write(b"1000\r\n" + part + b"\r\n" if chunked else part)
            await writer.drain()

    async with serving(flood) as server:
        with pytest.raises(BadRequest, match="more than 1 MiB"):
            await get(server.url(), replace(HERE, max_bytes=2**20))


async def until_left(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing more for as long as the client stays."""
    await reader.read()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a byte every now and then for as long as the client stays."""
    writer.write(http(b"", content_length=10**6))
    while not reader.at_eof():
        writer.write(b".")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.01)


@pytest.mark.parametrize("slow", [until_left, drip])
async def test_a_server_that_takes_too_long_is_left(slow: Act) -> None:
    async with serving(slow) as server:
        with pytest.raises(BadRequest, match=r"within 0\.3 seconds"):
            await get(server.url(), replace(HERE, seconds=0.3))


async def test_a_tls_handshake_that_is_never_answered_is_left() -> None:
    """The server's block ends: the connection is closed, too."""
    async with listening(until_left) as port:
        with pytest.raises(BadRequest, match="within"):
            await get(f"https://127.0.0.1:{port}/", replace(HERE, seconds=0.3))


async def test_a_name_that_takes_too_long_is_left() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(BadRequest, match="within"):
        await get("https://host.example/", Rules(seconds=0.01), resolve=never)


async def test_a_fetch_that_is_cancelled_is_no_bad_request() -> None:
    asked = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()

    async with serving(wait) as server:
        task = asyncio.create_task(get(server.url()))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# What answers


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http(status="404 Not Here"), "answered 404 Not Found"),
        (http(status="403 No"), "answered 403 Forbidden"),
        (http(status="500 Oh"), "answered 500 Internal Server Error"),
        (http(status="206 Partial Content"), "answered 206"),
        (http(status="204 No Content", content_length=None, body=b""), "answered 204"),
        (http(status="304 Not Modified"), "answered 304"),
        (http(status="799 What"), r"answered 799\."),
        (http(status="101 Switching", upgrade="websocket", connection="upgrade"), "no HTTP"),  # not asked for
        (http(content_encoding="gzip"), "compressed: 'gzip'"),
        (http(content_encoding="identity, br"), "compressed"),
        (http(content_type="text/html; charset=utf-8"), "web page, no picture"),
        (http(content_type="TEXT/HTML"), "web page, no picture"),
        (http(content_length=1000), "broke off"),
        (http(content_length="many"), "no HTTP"),
        (http(content_length="9" * 5000), "no HTTP"),
        (http(transfer_encoding="gzip", content_length=None), "no HTTP"),
        (http(b"zz\r\n", transfer_encoding="chunked", content_length=None), "no HTTP"),
        (http(padding="x" * 200_000), "no HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP"),
        (b"", "broke off"),
    ],
)
async def test_an_answer_that_is_no_picture_is_refused_in_words(answer: bytes, words: str) -> None:
    async with serving(answer) as server:
        with pytest.raises(BadRequest, match=words) as refusal:
            await get(server.url())
    assert refusal.value.status == 400
    assert refusal.value.detail != refusal.value.message


async def test_a_connection_that_is_reset_broke_off() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        linger = struct.pack("ii", 1, 0)  # on, for no time at all: closing sends a reset
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    async with serving(reset) as server:
        with pytest.raises(BadRequest, match="broke off"):
            await get(server.url())


async def test_identity_is_no_compression() -> None:
    async with serving(http(content_encoding="Identity")) as server:
        assert await get(server.url()) == PICTURE


@settings(max_examples=50)
@given(
    st.binary(),
    st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]),
)
async def test_any_answer_is_bytes_or_refused(noise: bytes, start: bytes) -> None:
    async with serving(start + noise) as server:
        with contextlib.suppress(BadRequest):
            assert isinstance(await get(server.url()), bytes)


async def test_a_port_that_nobody_listens_at_could_not_be_reached() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(BadRequest, match="could not be reached"):
            await get(f"http://127.0.0.1:{taken.getsockname()[1]}/")


# TLS


async def test_a_certificate_of_another_name_is_refused(certificate: Certificate) -> None:
    async with serving(http(), certificate.server) as server:
        url = server.url(host="other.example", scheme="https")
        with pytest.raises(BadRequest, match="no valid certificate") as refusal:
            await get(url, context=certificate.client, resolve=always("127.0.0.1"))
    assert "other.example" in refusal.value.detail
    assert server.requests == []


@pytest.mark.parametrize("host", ["xn--0", "xn--a.example", "bücher.example", "_a_.b-c", "a" * 63, "1.2.3", "0x1"])
async def test_every_name_that_is_taken_can_be_asked_for_by_tls(certificate: Certificate, host: str) -> None:
    async with serving(http(), certificate.server) as server:
        with pytest.raises(BadRequest, match="no valid certificate"):
            await get(server.url(host=host, scheme="https"), resolve=always("127.0.0.1"))


async def test_a_certificate_of_nobody_we_trust_is_refused(certificate: Certificate) -> None:
    """The context that is used when none is given."""
    async with serving(http(), certificate.server) as server:
        with pytest.raises(BadRequest, match="no valid certificate"):
            await get(server.url(scheme="https"), context=None)
    assert server.requests == []


async def test_another_name_at_the_same_address_needs_a_certificate_of_its_own(certificate: Certificate) -> None:
    """A redirect does not go on over the connection that the first name has opened."""
    async with serving(http(), certificate.server) as server:
        elsewhere = redirect(server.url(host="other.example", scheme="https"), connection="keep-alive")
        async with serving(elsewhere, certificate.server) as first:
            with pytest.raises(BadRequest, match="no valid certificate"):
                await get(
                    first.url(host=NAME, scheme="https"),
                    context=certificate.client,
                    resolve=always("127.0.0.1"),
                )
    assert server.requests == []


async def test_https_from_a_server_without_tls_could_not_be_reached() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(http())
        await reader.read()

    async with listening(plain) as port:
        with pytest.raises(BadRequest, match="could not be reached"):
            await get(f"https://127.0.0.1:{port}/")


def test_the_defaults_are_the_pictures_limit_and_the_public_network() -> None:
    assert Rules() == module.PUBLIC == Rules(False, (), 20 * 2**20, 10.0)
