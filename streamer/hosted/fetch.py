"""Pictures by URL: a stranger names an address and this server asks it, so where, how much and how long have bounds."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpcore
import httpx

from streamer import limits
from streamer.access import IP, MAX_ADDRESSES, addresses_of, carried, inside
from streamer.errors import BadRequest
from streamer.sources.web import REDIRECTS, USER_AGENT

log = logging.getLogger(__name__)

Resolve = Callable[[str, int], Awaitable[list[str]]]  # host name and port to every address that the name has

MAX_URL = 2048  # characters; what browsers and proxies agree to carry
MAX_REDIRECTS = 3  # a link shortener, http to https, the host's other name
CONNECT_SECONDS = 3.0  # for one address until the next is tried; another continent answers within one

PORTS = {"http": 80, "https": 443}

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)

_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA gives out; the rest is link-local, site-local or nothing
# Python's is_global calls these public, or did in some release of 3.11 to 3.13.
_NOT_PUBLIC = (
    ipaddress.ip_network("192.0.0.0/24"),  # RFC 6890; 192.0.0.192 is a cloud's metadata service
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's, which every machine there sees and no one else
    ipaddress.ip_network("3fff::/20"),  # RFC 9637, documentation
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be fetched. Raises ValueError for a network that is not in CIDR notation."""

    http: bool = False  # also plain http
    networks: tuple[str, ...] = ()  # private networks that are allowed, in CIDR notation
    max_bytes: int = limits.MAX_PICTURE_BYTES  # of a body
    seconds: float = 10.0  # for all of it: names, redirects, the whole body

    def __post_init__(self) -> None:
        for network in self.networks:
            ipaddress.ip_network(network)

    def allow(self, address: str) -> bool:
        """Whether this address may be connected to: a public unicast one, or one inside ``networks``."""
        judged = carried(ipaddress.ip_address(address))
        return all(_is_public(each) or inside(each, self.networks) for each in judged)


PUBLIC = Rules()


async def resolve(host: str, port: int) -> list[str]:
    """
    Ask the system for every address of a host name (or of an IP address in any notation), in order of preference.

    Raises OSError where there is none.
    """
    # A thread of its own: asyncio's are few and decode the pictures, and a name may take a minute to fail.
    thread = ThreadPoolExecutor(1, "resolve")
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(thread, addresses_of, host, port)
    finally:
        thread.shutdown(wait=False)


async def fetch(
    url: str, rules: Rules = PUBLIC, *, context: ssl.SSLContext | None = None, resolve: Resolve = resolve
) -> bytes:
    """
    Get the bytes behind a URL that a client named; whether they are a picture, the decoder says.

    Every name is resolved once, every address it has is checked, and the connection goes to a checked address itself:
    a name that changes its mind in between (DNS rebinding) is not asked again. Redirects are checked the same way.
    Nothing is taken from the environment but where certificates lie, and nothing is kept or sent along: no proxy, no
    cookie, no password.

    ``context`` says which certificates to trust, certifi's if None; reading those takes 0.1 s, so share one between
    calls. Raises BadRequest saying what was wrong. Host names that are unknown and those that are private are refused
    in the same words, for a client is not told what our own network holds.
    """
    guard = _Guard(rules, resolve)
    try:
        async with asyncio.timeout(rules.seconds):
            target = await guard.target(url)
            if context is None:
                context = await asyncio.to_thread(httpx.create_ssl_context)
            for _ in range(MAX_REDIRECTS + 1):
                async with _answer(target, context) as answer:
                    if answer.status not in REDIRECTS:
                        return await _body(answer, rules.max_bytes)
                    target = await guard.redirected(target, answer)
    except TimeoutError:
        raise BadRequest(
            f"The URL was not fetched within {rules.seconds:g} seconds.", detail="Its host must answer faster."
        ) from None
    except (httpcore.ProtocolError, OSError):
        raise BadRequest(
            "The URL's host broke off, or answered no HTTP.", detail="It must answer 200 OK, with a picture."
        ) from None
    raise BadRequest(
        f"The URL redirects more than {MAX_REDIRECTS} times.", detail="Give the address where it leads to."
    )


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL that may be fetched, and the addresses that were checked: nothing else is connected to."""

    url: httpx.URL
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Guard:
    """Turns text into targets, or refuses it."""

    rules: Rules
    resolve: Resolve

    async def target(self, text: str) -> _Target:
        return await self._checked(_parsed(text))

    async def redirected(self, start: _Target, answer: httpcore.Response) -> _Target:
        """Where this answer leads to; one without a Location leads to itself, until there were too many."""
        try:
            url = _parsed(httpx.Headers(answer.headers).get("location", ""), start.url)
            if start.url.scheme == "https" and url.scheme == "http":
                raise BadRequest("It leads from https to http.", detail="An encrypted way must stay encrypted.")
            return await self._checked(url)
        except BadRequest as error:
            raise BadRequest(f"After a redirect: {error.message}", detail=error.detail) from None

    async def _checked(self, url: httpx.URL) -> _Target:
        self._check_scheme(url)
        _check_host(url)
        return _Target(url, await self._addresses(*_host_and_port(url)))

    def _check_scheme(self, url: httpx.URL) -> None:
        schemes = ("https", "http") if self.rules.http else ("https",)
        if url.scheme not in schemes:
            raise BadRequest(
                f"URLs of scheme {url.scheme[:40]!r} are not fetched." if url.scheme else "The URL has no scheme.",
                detail=f"It must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.",
            )

    async def _addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Every address of a host, all of them allowed."""
        try:
            addresses = await self.resolve(host, port)
        except OSError:
            addresses = []
        if not addresses or not all(map(self.rules.allow, addresses)):
            log.info("A picture was to be fetched from %s: %s.", host, ", ".join(addresses) or "no such host")
            raise BadRequest(
                "The URL's host is not a public address.",
                detail="Its name must be known, and every address that the name has must be public.",
            )
        return tuple(addresses)


def _parsed(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """Read a URL, or what a redirect from ``base`` says."""
    if len(text) > MAX_URL:
        raise BadRequest(f"The URL has {len(text)} characters.", detail=f"At most {MAX_URL} are taken.")
    try:
        return httpx.URL(text) if base is None else base.join(text)
    except (httpx.InvalidURL, ValueError):
        raise BadRequest("The URL cannot be read.", detail="It must look like https://host/path.") from None


def _check_host(url: httpx.URL) -> None:
    if url.userinfo:
        raise BadRequest("The URL holds a user name or password.", detail="None is ever sent: leave it out.")
    host = url.raw_host.decode("ascii")  # url.host decodes xn--, and raises what is no InvalidURL
    if not host:
        raise BadRequest("The URL names no host.", detail="It must look like https://host/path.")
    if ":" not in host and not _NAME.fullmatch(host):
        raise BadRequest("The URL's host is not a host name.", detail="It must look like https://host/path.")
    if url.port is not None and not 0 < url.port < 2**16:
        raise BadRequest("The URL's port does not exist.", detail="Ports go from 1 to 65535.")


def _host_and_port(url: httpx.URL) -> tuple[str, int]:
    """Give the host in ASCII (IPv6 without brackets), and the port."""
    return url.raw_host.decode("ascii"), url.port or PORTS[url.scheme]


def _is_public(address: IP) -> bool:
    if address.is_multicast or not address.is_global:
        return False
    if address.version == 6 and address not in _UNICAST:
        return False
    return not any(address in network for network in _NOT_PUBLIC)


@contextlib.asynccontextmanager
async def _answer(target: _Target, context: ssl.SSLContext) -> AsyncIterator[httpcore.Response]:
    """Ask for a URL over a connection of its own, so that its certificate has been checked for this very name."""
    reader, writer = await _connected(target, context)
    try:
        request = _request(target.url)
        connection = httpcore.AsyncHTTP11Connection(request.url.origin, _Stream(reader, writer))
        yield await connection.handle_async_request(request)
    finally:
        writer.transport.abort()  # a polite end would wait for the other side's


async def _connected(target: _Target, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first of the addresses that answers; the name is for TLS, which holds no final dot."""
    host, port = _host_and_port(target.url)
    tls, name = (context, host.removesuffix(".")) if target.url.scheme == "https" else (None, None)
    for address in target.addresses[:MAX_ADDRESSES]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await asyncio.open_connection(address, port, ssl=tls, server_hostname=name)
        except ssl.SSLCertVerificationError as error:
            raise BadRequest("The URL's host has no valid certificate.", detail=f"{error.verify_message}.") from None
        except OSError as error:
            log.debug("%s could not be reached at %s: %s", host, address, error)
    raise BadRequest(
        "The URL's host could not be reached.", detail="It must take connections at that port, for https by TLS."
    )


class _Stream(httpcore.AsyncNetworkStream):
    """
    An open connection in the form that httpcore wants it. It raises OSError.

    Not httpcore's own: when that is cancelled while it connects or shakes hands, the socket stays open.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._writer.write(buffer)
        await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.transport.abort()


def _request(url: httpx.URL) -> httpcore.Request:
    return httpcore.Request(
        "GET",
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers={
            "Host": url.netloc,
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            "Connection": "close",
        },
    )


async def _body(answer: httpcore.Response, max_bytes: int) -> bytes:
    """Read an answer's body as it was sent, and no further than ``max_bytes``."""
    _check_head(answer.status, httpx.Headers(answer.headers), max_bytes)
    body = bytearray()
    async for part in answer.aiter_stream():
        body += part
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        await asyncio.sleep(0)  # ten thousand parts of one byte arrive at once; others want to run in between
    return bytes(body)


def _check_head(status: int, headers: httpx.Headers, max_bytes: int) -> None:
    if status != httpx.codes.OK:
        named = f"{status} {httpx.codes.get_reason_phrase(status)}".strip()
        raise BadRequest(f"The URL answered {named}.", detail="It must answer 200 OK, with a picture.")
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise BadRequest(
            f"The URL's answer is compressed: {encoding[:40]!r}.", detail="It must honour Accept-Encoding: identity."
        )
    if headers.get("content-type", "").strip().lower().startswith("text/html"):
        raise BadRequest("That is a web page, not a picture.", detail="Give the address of the picture itself.")
    if int(headers.get("content-length", 0)) > max_bytes:  # h11 has refused what is no number
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> BadRequest:
    return BadRequest(f"The picture has more than {max_bytes / 2**20:.3g} MiB.", detail="Give a smaller one.")
