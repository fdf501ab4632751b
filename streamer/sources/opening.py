"""One address opened for FFmpeg, as the rule for files and addresses allows it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer

from streamer.access import Access, NotAllowed
from streamer.redaction import Parts, split
from streamer.sources import formats, gate, reading, trust
from streamer.sources.address import Address
from streamer.sources.reading import Deadline, Reading
from streamer.sources.web import MAX_REDIRECTS, Limits, Web, WebError

# Of HLS: its own keeping of connections takes every file for one of FFmpeg's, and reads what is behind ours.
# A key in a file may have any ending: what may be opened is judged here.
PLAIN_HLS = {"http_persistent": "0", "http_multiple": "0", "allowed_extensions": "ALL"}
BUFFER = 128 * 1024  # bytes that FFmpeg asks a file of ours for at a time
PORTS = {"rtsp": 554, "rtsps": 322, "rtmp": 1935, "rtmps": 443}
TLS = frozenset({"rtsps", "rtmps"})


@dataclass(frozen=True, slots=True)
class Opening:
    """
    How an address is opened. ``timeout``: seconds until it must have opened, and until it must have sent more.

    ``trusted``: the source's own TLS context, kept from one opening to the next.
    """

    access: Access
    timeout: tuple[float, float]
    check: Callable[[], None]  # raises when nobody wants it any more
    hwaccel: HWAccel | None = None
    trusted: trust.Trusted | None = None

    def context(self) -> ssl.SSLContext:
        """What Python speaks TLS with. Raises OSError."""
        return (self.trusted or trust.Trusted(self.access)).context()


class Opened:
    """
    An open container. Between packets :meth:`raise_failure` says what went wrong while FFmpeg read.

    ``length``: its bytes, None where it is no file, or a web server does not say.
    """

    def __init__(self, container: InputContainer, deadline: Deadline, reading: Reading | None) -> None:
        self.container = container
        self.length = None if reading is None else reading.length
        self._deadline, self._reading = deadline, reading

    def expect(self, seconds: float) -> None:
        """The next bytes must come within that time."""
        self._deadline.within(seconds)

    def raise_failure(self) -> None:
        """Raise what went wrong while FFmpeg read, if anything did."""
        if self._reading is not None:
            self._reading.raise_failure()


@contextmanager
def opened(address: Address, how: Opening) -> Iterator[Opened]:
    """
    Open an address. Raises NotAllowed, OSError (WebError among them) and FFmpeg's errors.

    Files and HTTP are read for FFmpeg. Where not every address may be opened, RTSP goes through a gate, and the others
    get the address that was judged in place of the name.
    """
    deadline = Deadline(how.check)
    deadline.within(how.timeout[0])
    with ExitStack() as held:
        if address.scheme == "file" and address.path is not None:
            yield _read(held, address, how, deadline, reading.file_reading(address.path, how.access, how.check), None)
        elif address.scheme in ("http", "https") and address.parts is not None:
            web = Web(how.access, Limits(*how.timeout, deadline), how.context())
            held.callback(web.close)
            source, kind = reading.web_reading(address.parts.url, web, deadline)
            yield _read(held, address, how, deadline, source, formats.BY_KIND.get(kind))
        elif address.scheme in ("rtsp", "rtsps") and how.access.networks is not None:
            yield Opened(_through_gates(held, address, how), deadline, None)
        else:
            yield Opened(held.enter_context(_direct(address, how)), deadline, None)


def _read(
    held: ExitStack, address: Address, how: Opening, deadline: Deadline, source: Reading, kind: str | None
) -> Opened:
    """What is read for FFmpeg. It knows the address without the login: the rest it needs for what stands beside it."""
    held.callback(source.close)
    parts = address.parts
    name = address.url if parts is None else replace(parts, user=None, password=None).url
    try:
        container = held.enter_context(
            av.open(
                name,
                format=kind,
                options={**formats.reading(address.scheme), **address.options, **PLAIN_HLS},
                timeout=how.timeout,
                buffer_size=BUFFER,
                io_open=source.open,
                hwaccel=how.hwaccel,
            )
        )
    except av.FFmpegError:
        source.raise_failure()
        source.raise_missing()
        raise
    source.raise_failure()
    return Opened(container, deadline, source)


def _direct(address: Address, how: Opening) -> InputContainer:
    """What FFmpeg opens itself."""
    url, options = address.url, {**formats.reading(address.scheme), **address.options}
    parts = address.parts
    if parts is not None and address.scheme in TLS:
        options |= trust.ffmpeg_options(how.access, parts.host)
    if parts is not None and how.access.networks is not None:
        judged = how.access.resolve(parts.host, parts.port or PORTS.get(parts.scheme, 0))[0]
        url = _placed(url, parts, replace(parts, host=judged))
        if address.scheme.startswith("rtmp"):
            options["rtmp_tcurl"] = f"{parts.scheme}://{parts.place}{parts.path.rpartition('/')[0]}"
    return av.open(
        url, format=address.format, options=options, timeout=how.timeout, hwaccel=how.hwaccel, buffer_size=BUFFER
    )


def _placed(url: str, parts: Parts, other: Parts) -> str:
    """The same with another host, whatever the spelling of the login."""
    return f"{url.removesuffix(parts.place + parts.tail)}{other.place}{other.tail}"


def _through_gates(held: ExitStack, address: Address, how: Opening) -> InputContainer:
    """An RTSP server behind a gate, or where that one redirects to. Raises OSError, NotAllowed, FFmpeg's errors."""
    parts = address.parts
    assert parts is not None
    options = {**formats.reading("rtsp"), **address.options}
    if options["rtsp_transport"] != "tcp":
        raise NotAllowed("With transport=udp the server cannot keep to the networks that it may open sources from.")
    for _ in range(MAX_REDIRECTS + 1):
        how.check()
        port = parts.port or PORTS[parts.scheme]
        judged = how.access.resolve(parts.host, port)
        context = how.context() if parts.scheme == "rtsps" else None
        one = held.enter_context(ExitStack())
        made = one.enter_context(gate.gate(judged, port, how.timeout[0], context, parts.host))
        url = f"rtsp://{parts.login}{made.place}{parts.tail}"
        try:
            return held.enter_context(av.open(url, options=options, timeout=how.timeout, hwaccel=how.hwaccel))
        except av.FFmpegError:
            if made.redirect is None:
                raise
            parts = _redirected(parts, made.redirect)
            one.close()
    raise WebError(f"It redirects more than {MAX_REDIRECTS} times.")


def _redirected(parts: Parts, target: str) -> Parts:
    """Where a redirect leads; the login goes along to the same host only."""
    try:
        leads = replace(parts, path=target, query="") if target.startswith("/") else split(target)
    except ValueError:
        raise WebError("It redirects to what is no address.") from None
    if leads.scheme not in ("rtsp", "rtsps") or (parts.scheme == "rtsps" and leads.scheme == "rtsp"):
        raise WebError("It redirects to what is not followed.")
    if leads.user is None and leads.host == parts.host:
        leads = replace(leads, user=parts.user, password=parts.password)
    return leads
