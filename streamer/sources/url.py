"""Whatever FFmpeg opens: how it is read, and when it is tried again. What an address means is in address.py."""

from __future__ import annotations

import errno
import logging
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from streamer.frame import Frame
from streamer.sources import hardware, http, usb
from streamer.sources.base import FINISHED, Out, State, Tell
from streamer.sources.pace import Pace
from streamer.sources.schemes import Address, read_address
from streamer.sources.thread import Outlet, pump

DECODER_THREADS = 2  # of one stream; FFmpeg's own choice would be every core for each
MAX_PIXELS = 7680 * 4320  # of one picture
MAX_DAMAGE = 100  # packets in a row that cannot be decoded
BLIND = 15.0  # seconds that a live stream may send packets without a picture in them
FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0  # seconds between tries: doubled from the one to the other
REFUSED_WAIT = 30.0  # seconds after wrong credentials: cameras lock out those who knock on
SETTLED = 10.0  # seconds of pictures after which the next trouble is a new one
BACKWARDS = 0.5  # seconds that pts must fall by to have started again
REFUSALS = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)

log = logging.getLogger(__name__)


class _Trouble(Exception):
    """Something that FFmpeg has no error for; the message says what."""


class _Hopeless(_Trouble):
    """Trying again would not help."""


class UrlSource:
    """
    One address, read by a thread of its own that alone opens, reads and closes its container.

    A live one is tried again for ever, with growing waits, whatever went wrong and from the first time on; what can be
    seen to stay wrong (no video in it, a codec nobody decodes) ends it. A recording ends at its end or first trouble.
    What comes in bursts (HLS) and what is to be paced is played by its own clock, whole frames apart.

    ``hwaccel``: hardware to decode with; where it does not work, software does, and the reason of LIVE says so.
    """

    kind = "url"

    def __init__(
        self, address: str, *, open_timeout: float = 10.0, read_timeout: float = 10.0, hwaccel: str | None = None
    ) -> None:
        """Raises BadSource when the address can be seen to be wrong without opening it."""
        self._address: Address = read_address(address)
        self.name = self._address.shown
        self.live = self._address.live is not False or self._address.paced
        self._lasting = self._address.live  # whether it is tried again; None: opening it will tell
        self._clock = True  # whether its pts are its own
        self._timeout = (open_timeout, read_timeout)
        self._hwaccel = hwaccel
        self._index = 0
        self._epoch = -1
        self._last_pts: float | None = None  # in seconds, of this epoch
        self._damaged = 0  # packets that could not be decoded, all told

    async def run(self, out: Out, state: Tell) -> None:
        """Read until the recording ends, or for ever."""
        await pump(self._read_on, out, state, name=self.name)

    def _read_on(self, outlet: Outlet) -> None:
        outlet.state(State.CONNECTING)
        tries = 0
        while True:
            began = time.monotonic()
            try:
                self._read(outlet)
                reason, wait = "The other side closed the stream.", 0.0
            except _Hopeless as error:
                return outlet.state(State.ENDED, str(error))
            except av.error.ProtocolNotFoundError:
                return outlet.state(State.ENDED, f"The FFmpeg of this server does not speak {self._address.scheme}.")
            except (av.FFmpegError, OSError, ValueError, _Trouble) as error:
                reason, wait = (
                    self._words(error, time.monotonic() - began),
                    REFUSED_WAIT if isinstance(error, REFUSALS) else 0.0,
                )
                if self._lasting is False:
                    return outlet.state(State.ENDED, reason)
            if self._lasting is False:
                return outlet.state(State.ENDED, self._finished())
            tries = 0 if time.monotonic() - began > self._timeout[0] + SETTLED else tries + 1
            wait = max(wait, backoff(tries))
            outlet.state(State.RECONNECTING, f"{reason} Trying again in {wait:.1f} s.")
            outlet.pause(wait)

    def _read(self, outlet: Outlet) -> None:
        """Open, read to the end, close."""
        with self._open() as (container, software):
            pace = self._learn(container)
            stream = _video(container, live=self._lasting is not False)
            if software is not None and not stream.codec_context.is_hwaccel:
                software = self._told(software or f"the hardware does not decode {stream.codec_context.name}")
            self._epoch += 1
            self._last_pts = None
            first = True
            for picture in self._pictures(container, stream, outlet):
                if first:
                    outlet.state(State.LIVE, software or "")
                    first = False
                if pace is not None and picture.time is not None:
                    outlet.pause(pace.wait(picture.time, time.monotonic()))
                outlet.frame(self._frame(picture), wait=not self.live)
            if first:
                raise _Trouble("It ended before its first picture.")

    @contextmanager
    def _open(self) -> Iterator[tuple[InputContainer, str | None]]:
        """The container, and why it is decoded in software: None where nothing else was asked for, or "" where not."""
        address, chosen, why = self._address, None, None
        if self._hwaccel is not None:
            name, why = hardware.choose(self._hwaccel)
            chosen = hardware.accelerator(name) if name else None
        with av.open(
            address.url, format=address.format, options=address.options, timeout=self._timeout, hwaccel=chosen
        ) as container:
            yield container, why

    def _told(self, why: str) -> str:
        words = f"It is decoded in software: {why}."
        log.warning("%s: %s", self.name, words)
        return words

    def _learn(self, container: InputContainer) -> Pace | None:
        """What only opening it tells; returns how it is to be paced, if it is. Raises _Hopeless."""
        name = container.format.name
        self._clock = name not in http.WITHOUT_CLOCK
        if self._address.live is None:
            lasts = container.duration is None
            if self._lasting and not lasts:
                raise _Hopeless("The broadcast has ended; what is left at that address is a recording of it.")
            self._lasting = self.live = lasts
        if self._address.paced:
            return Pace()
        return Pace(http.CATCHING_UP) if self._lasting and name in http.IN_BURSTS else None

    def _frame(self, picture: av.VideoFrame) -> Frame:
        arrived = time.monotonic()
        time_base = picture.time_base or Fraction(1)
        pts = picture.pts if self._clock else None
        if pts is not None:
            seconds = float(pts * time_base)
            if self._last_pts is not None and seconds < self._last_pts - BACKWARDS:
                self._epoch += 1
            self._last_pts = seconds
        index, self._index = self._index, self._index + 1
        return Frame(index, self._epoch, pts, time_base, None, arrived, picture)

    def _pictures(self, container: InputContainer, stream: VideoStream, outlet: Outlet) -> Iterator[av.VideoFrame]:
        """Decode to the end; damaged packets are left out, until there are only those."""
        damaged, last = 0, time.monotonic()
        for packet in self._packets(container, stream):
            outlet.check()
            if self._lasting and time.monotonic() - last > BLIND:
                raise _Trouble(f"For {BLIND:.0f} s nothing it sends could be decoded.")
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError:
                damaged += 1
                self._damaged += 1
                if self._damaged.bit_count() == 1:  # 1, 2, 4, 8, …
                    log.warning("%s: %d damaged packets were left out so far", self.name, self._damaged)
                if damaged > MAX_DAMAGE:
                    raise
                continue
            for picture in pictures:
                damaged, last = 0, time.monotonic()
                if isinstance(picture, av.VideoFrame):
                    yield picture

    def _packets(self, container: InputContainer, stream: VideoStream) -> Iterator[av.Packet[VideoStream]]:
        """Read to the end. FFmpeg answers a timeout with what it has left, and would then wait as long again."""
        asked = time.monotonic()
        for packet in container.demux(stream):
            if self._lasting and time.monotonic() - asked > self._timeout[1]:
                raise _Trouble(f"{self._address.host or 'The other side'} did not answer in time.")
            yield packet
            asked = time.monotonic()

    def _finished(self) -> str:
        if not self._damaged:
            return FINISHED
        return f"{FINISHED[:-1]}; damaged packets in it were left out: {self._damaged}."

    def _words(self, error: Exception, after: float) -> str:
        """What went wrong, for people. FFmpeg's whole text is not used: it repeats the address, password and all."""
        host = self._address.host
        if self._address.scheme == "v4l2" and (known := usb.words(error)) is not None:
            return known
        if host and isinstance(error, av.error.InvalidDataError) and after >= self._timeout[0]:
            return f"{host} did not answer in time."  # what FFmpeg makes of an RTSP server that says nothing
        match error:
            case _Trouble():
                return str(error)
            case av.error.HTTPUnauthorizedError() if self._address.login:
                return "The user name or password is wrong (401)."
            case av.error.HTTPUnauthorizedError():
                return (
                    f"It wants a user name and a password (401): write {self._address.scheme}://name:password@{host}."
                )
            case av.error.HTTPForbiddenError():
                return "Access is forbidden (403)."
            case av.error.HTTPNotFoundError():
                return "There is no such stream at that address (404)."
            case av.error.HTTPError():
                return f"The server answered with an error: {error.strerror}."
            case av.error.ConnectionRefusedError():
                return f"{host} refuses connections on that port."
            case av.error.TimeoutError() | av.error.ExitError():
                return f"{host or 'The other side'} did not answer in time."
            case av.error.InvalidDataError():
                return "It sends no video that can be read."
            case av.error.DecoderNotFoundError():
                return "Nothing here decodes its codec."
        if isinstance(error, OSError) and error.errno == errno.EIO and host:
            return f"{host} broke off the connection." if _resolves(host) else f"The name {host} cannot be resolved."
        return f"{getattr(error, 'strerror', None) or type(error).__name__}."


def backoff(tries: int) -> float:
    """Seconds to wait after that many failures in a row, jittered so that many cameras do not come at once."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries - 1, 10)) if tries > 0 else FIRST_WAIT
    return wait * random.uniform(0.75, 1.25)  # noqa: S311 (no secret)


def _video(container: InputContainer, *, live: bool) -> VideoStream:
    """The video stream, ready to decode with few threads. Raises _Hopeless."""
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream):
        raise _Hopeless("There is no video in it.")
    context = stream.codec_context
    if context is None:
        raise _Hopeless("Nothing here decodes its video codec.")
    if context.width * context.height > MAX_PIXELS:
        raise _Hopeless(f"Its picture of {context.width}×{context.height} pixels is over the limit of {MAX_PIXELS}.")
    context.thread_count = DECODER_THREADS
    context.thread_type = "SLICE" if live else "AUTO"  # frame threads hold pictures back, one for each thread
    return stream


def _resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False
