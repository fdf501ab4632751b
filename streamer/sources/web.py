"""
What HTTP servers answer, in the shape of files: the part of FFmpeg's own HTTP that is done here.

FFmpeg would ask the system for a name's address itself, follow redirects wherever they lead, and check no certificate.
Here each name is resolved once for each connection, every address it has is judged, and the connection goes to a judged
address itself; redirects, and what playlists name, are judged the same way.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from streamer.access import Access
from streamer.redaction import Parts, split
from streamer.sources.trust import ssl_context

MAX_REDIRECTS = 5
MAX_CONNECTIONS = 4  # of one source at a time: playlists of picture and sound, a segment of each
KEPT = 30.0  # seconds that a connection without a request is kept; the segments of a playlist come every few seconds
USER_AGENT = "sam3-streamer"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PARTIAL = 206


class WebError(OSError):
    """An answer that is none: ``status`` is HTTP's, 0 where there was no answer; the message is for people."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect, and from one byte to the next; ``check`` is called before each of these, and may raise."""

    connect: float
    read: float
    check: Callable[[], None] = lambda: None


class Web:
    """One source's connections, kept for as long as it asks. Not thread-safe. Ended with :meth:`close`."""

    def __init__(self, access: Access, limits: Limits, context: ssl.SSLContext | None = None) -> None:
        """``context``: one made of ``access``, to be used again."""
        self.limits = limits
        self._client = httpx.Client(
            transport=_Transport(access, context or ssl_context(access)),
            timeout=httpx.Timeout(limits.read, connect=limits.connect),
            headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
            trust_env=False,  # no proxy and no .netrc: they would lead past the rule
        )
        self._login: tuple[str, str, str] | None = None  # place, user and password of the first address

    def open(self, url: str, first: int = 0, end: int | None = None) -> WebFile:
        """What is at an address, from byte ``first`` on, up to before ``end``. Raises WebError, NotAllowed."""
        return WebFile(self, url, first, end)

    def ask(self, url: str, first: int, end: int | None) -> httpx.Response:
        """The answer to a GET, behind all redirects, its body not read yet. Raises WebError, NotAllowed."""
        for hops in range(MAX_REDIRECTS + 1):
            parts = _parts(url)
            answer = self._send(parts, {"Range": f"bytes={first}-{'' if end is None else end - 1}"})
            if answer.status_code not in REDIRECTS:
                answer.extensions["redirected"] = hops > 0
                return _checked(answer)
            target = answer.headers.get("location", "")
            answer.close()
            try:
                url = str(answer.url.join(target))
            except (httpx.InvalidURL, ValueError):
                raise WebError("It redirects to what is no address.") from None
            if parts.scheme == "https" and url.startswith("http:"):
                raise WebError("It redirects from https to http: an encrypted way must stay encrypted.")
        raise WebError(f"It redirects more than {MAX_REDIRECTS} times.")

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _send(self, parts: Parts, headers: dict[str, str]) -> httpx.Response:
        self.limits.check()
        credentials = self._credentials(parts)
        auth = None if credentials is None else _Login(*credentials)
        try:
            request = self._client.build_request("GET", f"{parts.scheme}://{parts.place}{parts.tail}", headers=headers)
            return self._client.send(request, stream=True, auth=auth)
        except (httpx.InvalidURL, ValueError):
            raise WebError("The address cannot be read.") from None
        except _FAILURES as error:
            raise _trouble(error) from None

    def _credentials(self, parts: Parts) -> tuple[str, str] | None:
        """Those of the address itself, else those of the source's first one if it is the same place."""
        place = f"{parts.scheme}://{parts.place}"
        if parts.user is not None:
            self._login = self._login or (place, parts.user, parts.password or "")
            return parts.user, parts.password or ""
        return self._login[1:] if self._login is not None and self._login[0] == place else None


class WebFile:
    """
    What is at an address, as a file that is read; where the server takes ranges, also as one that is sought in.

    ``kind`` is the content type, ``length`` the number of bytes in all, None where it has no end that is known.
    ``place`` is the address that it came from in the end, behind all redirects; None where there were none.
    """

    def __init__(self, web: Web, url: str, first: int, end: int | None) -> None:
        self._web, self._url, self._base, self._end = web, url, first, end
        self._at = 0
        self._rest = b""
        self._answer: httpx.Response | None = None
        answer = self._open(first)
        self.kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        self.length = _length(answer, first)
        self.place = str(answer.url) if answer.extensions.get("redirected") else None
        ranges = answer.status_code == PARTIAL or "bytes" in answer.headers.get("accept-ranges", "")
        self._seekable = ranges and self.length is not None

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Whether the server takes ranges of it."""
        return self._seekable

    def read(self, size: int) -> bytes:
        """Some bytes, as they come; none at the end. Raises WebError."""
        self._web.limits.check()
        if self.length is not None and self._at >= self.length:
            return b""
        if self._answer is None:
            self._open(self._base + self._at)
        try:
            part = self._rest or next(self._parts, b"")
        except _FAILURES as error:
            raise _trouble(error) from None
        given, self._rest = part[:size], part[size:]
        self._at += len(given)
        return given

    def peek(self, size: int) -> bytes:
        """So many bytes, less where it ends before; they are read again. Raises WebError."""
        parts: list[bytes] = []
        while (left := size - sum(map(len, parts))) > 0 and (part := self.read(left)):
            parts.append(part)
        data = b"".join(parts)
        self._at, self._rest = self._at - len(data), data + self._rest
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go on from another byte; it is asked for when it is read. Raises OSError where that cannot be done."""
        at = offset + (0, self._at, self.length or 0)[whence]
        if not self._seekable or at < 0:
            raise OSError("that cannot be sought")
        if at != self._at:
            self.close()
            self._at = at
        return at

    def tell(self) -> int:
        """Where it is read."""
        return self._at

    def close(self) -> None:
        """Let go of the answer."""
        if self._answer is not None:
            self._answer.close()
            self._answer, self._rest = None, b""

    def _open(self, first: int) -> httpx.Response:
        answer = self._web.ask(self._url, first, self._end)
        if first and answer.status_code != PARTIAL:
            answer.close()
            raise WebError("It does not send the part that was asked for.")
        self._answer = answer
        self._parts = answer.iter_raw()
        return answer


class _Login(httpx.Auth):
    """A user name and a password, sent when they are asked for, in the way that is asked for."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user, password

    def auth_flow(self, request: httpx.Request) -> Any:
        """Ask without; then answer Digest, or Basic."""
        answer = yield request
        asked = answer.headers.get("www-authenticate", "").lower()
        if answer.status_code != 401 or not asked:
            return
        if "digest" in asked:
            flow = httpx.DigestAuth(self._user, self._password).auth_flow(request)
            next(flow)
            try:
                yield flow.send(answer)
            except (httpx.ProtocolError, NotImplementedError, StopIteration, KeyError):
                return
        else:
            yield next(httpx.BasicAuth(self._user, self._password).auth_flow(request))


class _Backend(httpcore.SyncBackend):
    """Connects to judged addresses only."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> httpcore.NetworkStream:
        """The first of the host's addresses that answers. Raises NotAllowed, and httpcore's own."""
        try:
            found = self._access.resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError(_NO_NAME) from error
        for address in found[:-1]:
            try:
                return super().connect_tcp(address, port, *args, **options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return super().connect_tcp(found[-1], port, *args, **options)


class _Transport(httpx.BaseTransport):
    """httpx's way to httpcore, over our backend."""

    def __init__(self, access: Access, context: ssl.SSLContext) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEPT,
            network_backend=_Backend(access),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request without a body."""
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Stream(answer))

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


_NO_NAME = "no such name"
_FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpx.HTTPError,
    httpx.StreamError,
    OSError,
)


def _parts(url: str) -> Parts:
    try:
        parts = split(url)
    except ValueError:
        raise WebError("What it leads to is no address.") from None
    if parts.scheme not in ("http", "https"):
        raise WebError("It leads from HTTP to something else, which is not followed.")
    return parts


def _checked(answer: httpx.Response) -> httpx.Response:
    """The answer, if it is one that can be read. Raises WebError."""
    if answer.status_code not in (200, PARTIAL):
        answer.close()
        reason = f"{answer.status_code} {httpx.codes.get_reason_phrase(answer.status_code)}".strip()
        raise WebError(f"The server answered with an error: {reason}.", answer.status_code)
    if answer.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        answer.close()
        raise WebError("The server sends it compressed, though it was asked not to.")
    return answer


def _length(answer: httpx.Response, first: int) -> int | None:
    """How many bytes there are from the first one that was asked for."""
    whole = answer.headers.get("content-range", "").rpartition("/")[2]
    length = answer.headers.get("content-length", "")
    if length.isdecimal():
        return int(length)
    return int(whole) - first if whole.isdecimal() else None


def _trouble(error: Exception) -> Exception:
    if isinstance(error, httpcore.TimeoutException | httpx.TimeoutException | TimeoutError):
        return TimeoutError()
    text = str(error)
    if text == _NO_NAME:
        return WebError("The name cannot be resolved.")
    match error.__context__:  # httpcore's pool takes the __cause__ away
        case ssl.SSLCertVerificationError():
            return ssl.SSLCertVerificationError(text)
        case ConnectionRefusedError():
            return ConnectionRefusedError()
    return WebError("It broke off, or answered no HTTP.")
