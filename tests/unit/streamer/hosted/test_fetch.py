"""streamer.hosted.fetch: what is fetched, how much and for how long; where from is in test_fetch_addresses.py."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.access import MAX_ADDRESSES
from streamer.errors import BadRequest
from streamer.hosted import fetch as module
from streamer.hosted.fetch import Rules
from tests.support.certificates import NAME
from tests.support.picture_server import (
    HERE,
    PICTURE,
    Act,
    Certificate,
    always,
    get,
    http,
    listening,
    redirect,
    serving,
)

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
        (http(content_type="text/html; charset=utf-8"), "web page, not a picture"),
        (http(content_type="TEXT/HTML"), "web page, not a picture"),
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
