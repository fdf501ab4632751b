"""Whatever FFmpeg opens: how it is read, and when it is tried again. What an address means is in address.py."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from streamer.access import ANY, Access, NotAllowed
from streamer.frame import Frame, LeftOut
from streamer.sources import datagrams, formats, hardware, headers, http, login, reasons, srt
from streamer.sources.ahead import Arrived, Counts, Line, Packet, reading
from streamer.sources.base import FINISHED, Out, State, Tell
from streamer.sources.clock import AHEAD, LEAP, Clock, utc
from streamer.sources.decoding import Decoded, Decoding
from streamer.sources.headers import PictureTooLarge
from streamer.sources.opening import Opened, Opening, opened
from streamer.sources.pace import Pace
from streamer.sources.reasons import Hopeless, Trouble
from streamer.sources.schemes import Address, read_address
from streamer.sources.thread import Outlet, pump
from streamer.sources.trust import Trusted

DECODER_THREADS = 2  # of one stream; FFmpeg's own choice would be every core for each
BLIND = 15.0  # seconds that a live stream may send packets, a keyframe among them, without a picture in them
FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0  # seconds between tries: doubled from the one to the other
REFUSED_WAIT = 30.0  # seconds after wrong credentials: cameras lock out those who knock on
SETTLED = 10.0  # seconds of pictures after which the next trouble is a new one
LOSSY = datagrams.SCHEMES | srt.SCHEMES
SLACK = 30.0  # seconds over the two time limits in which a thread may say nothing: names are resolved without a limit

log = logging.getLogger(__name__)


class UrlSource:
    """
    One address, read by a thread of its own that alone opens, reads and closes its container.

    A live one is tried again for ever, with growing waits, whatever went wrong and from the first time on: one that
    sends sound alone may be a camera whose picture comes later. What can be seen to stay wrong (a codec nobody decodes)
    ends it. A recording ends at its end or first trouble. One that nothing says to be one is read like a camera, until
    it begins anew: then once more, every frame of it.
    What comes in bursts (HLS) and what is to be paced is played by its own clock, whole frames apart.

    ``hwaccel``: hardware to decode with; where it does not work, software does, and the reason of LIVE says so.
    """

    kind = "url"

    def __init__(
        self,
        address: str,
        *,
        open_timeout: float = 10.0,
        read_timeout: float = 10.0,
        hwaccel: str | None = None,
        access: Access = ANY,
    ) -> None:
        """Raises BadSource when the address can be seen to be wrong without opening it."""
        self._address: Address = read_address(address, access)
        self._access = access
        self._trusted = Trusted(access)
        self.name = self._address.shown
        self.live = self._address.live is not False or self._address.paced
        self._lasting = self._address.live  # whether it is tried again; None: opening it will tell
        self._timed = True  # whether its pts are its own
        self._bursts = False  # whether whole segments come at once
        self._replayable = False  # whether it may be a recording, though nothing says so
        self._replayed = False  # whether it was seen to be one
        self._begins: tuple[int | None, bytes] | None = None  # what the last connection of such a one began with
        self._timeout = (open_timeout, read_timeout)
        self._hwaccel = hwaccel
        self._index = 0
        self._clock = Clock()
        self._counts = Counts()

    async def run(self, out: Out, state: Tell) -> None:
        """Read until the recording ends, or for ever."""
        await pump(
            self._read_on,
            out,
            state,
            name=self.name,
            patience=sum(self._timeout) + SLACK,
            again=lambda: self._lasting is not False,
        )

    def _read_on(self, outlet: Outlet) -> None:
        outlet.state(State.CONNECTING)
        tries = 0
        while True:
            began = time.monotonic()
            try:
                self._read(outlet)
                reason, wait = "The other side closed the stream.", 0.0
            except _Replayed:
                self._lasting, self._replayed = None, True
                continue
            except av.error.ProtocolNotFoundError:
                return outlet.state(State.ENDED, f"The FFmpeg of this server does not speak {self._address.scheme}.")
            except (av.FFmpegError, OSError, ValueError, Trouble, PictureTooLarge, NotAllowed) as failure:
                after = time.monotonic() - began
                error = login.explained(failure, self._address, self._access, self._timeout[0])
                reason = reasons.words(error, self._address, after=after, patience=self._timeout[0])
                wait = REFUSED_WAIT if reasons.refused(error) else 0.0
                if self._lasting is False or reasons.hopeless(error):
                    return outlet.state(State.ENDED, reason)
            if self._lasting is False:
                return outlet.state(State.ENDED, self._finished())
            tries = 0 if time.monotonic() - began > self._timeout[0] + SETTLED else tries + 1
            wait = max(wait, backoff(tries))
            outlet.state(State.RECONNECTING, f"{reason} Trying again in {wait:.1f} s.")
            outlet.pause(wait)

    def _read(self, outlet: Outlet) -> None:
        """Open, read to the end, close."""
        with self._open(outlet) as (source, software):
            container = source.container
            outlet.check()  # another thread may do this by now
            pace = self._learn(source)
            stream = _video(container, live=self._lasting is not False)
            if software is not None and not stream.codec_context.is_hwaccel:
                software = self._told(software or f"the hardware does not decode {stream.codec_context.name}")
            self._clock.connected()
            telling, ahead = _Telling(outlet, software or ""), bool(self._lasting) and pace is None
            decoding = Decoding(
                stream,
                self._counts,
                self.name,
                telling.waits,
                lasting=self._lasting is not False,
                blind=BLIND,
                careful=self.live,
                lossy=self._address.scheme in LOSSY,
            )
            with self._arriving(source, stream, outlet, telling, ahead=ahead) as packets:
                for decoded, following in _with_next(decoding.pictures(packets), wait=not self._arrives):
                    outlet.check()
                    self._give(outlet, decoded, following, pace, telling)
            if not telling.begun:
                raise Trouble("It ended before its first picture.")

    @contextmanager
    def _open(self, outlet: Outlet) -> Iterator[tuple[Opened, str | None]]:
        """The container, and why it is decoded in software: None where nothing else was asked for, or "" where not."""
        chosen, why = None, None
        if self._hwaccel is not None:
            name, why = hardware.choose(self._hwaccel)
            chosen = hardware.accelerator(name) if name else None
        how = Opening(self._access, self._timeout, outlet.check, chosen, self._trusted)
        with opened(self._address, how) as source:
            yield source, why

    def _told(self, why: str) -> str:
        words = f"It is decoded in software: {why}."
        log.warning("%s: %s", self.name, words)
        return words

    def _learn(self, source: Opened) -> Pace | None:
        """What only opening it tells; returns how it is to be paced, if it is. Raises Hopeless."""
        name, self._bursts = source.container.format.name, False
        self._timed = name not in http.WITHOUT_CLOCK
        if self._address.live is None:
            self._bursts = name in http.IN_BURSTS
            ends = source.length is not None and self._timed and not self._bursts
            lasts = source.container.duration is None and not ends and not self._replayed
            if self._lasting and not lasts:
                raise Hopeless("The broadcast has ended; what is left at that address is a recording of it.")
            self._lasting = self.live = lasts
            self._replayable = lasts and self._timed and not self._bursts
        if self._address.paced:
            return Pace()
        return Pace(http.CATCHING_UP) if self._lasting and self._bursts else None

    @property
    def _arrives(self) -> bool:
        """Whether pictures come at times of their own, and none is held back to see the time of the next."""
        return self.live and not self._address.paced

    def _give(
        self, outlet: Outlet, decoded: Decoded, following: float | None, pace: Pace | None, telling: _Telling
    ) -> None:
        """Hand a picture over, when it is due; ``following``: the time of the next one, where that is known."""
        frame, seconds = self._frame(decoded, following), decoded.picture.time
        if not decoded.good:
            return
        telling.picture()
        if pace is not None and frame.pts is not None and seconds is not None:
            outlet.pause(pace.wait(seconds, time.monotonic()))
            frame.arrived = time.monotonic()
        outlet.frame(frame, wait=not self.live)

    def _frame(self, decoded: Decoded, following: float | None = None) -> Frame:
        arrived, picture, counts = time.monotonic(), decoded.picture, self._counts
        pts = picture.pts if self._timed else None
        time_base = picture.time_base or Fraction(1)
        if pts is not None:
            seconds = float(pts * time_base)
            believed = (
                self._clock.believes_live(seconds, decoded.received, LEAP if self._bursts else AHEAD)
                if self._arrives
                else self._clock.believes(seconds, following)
            )
            pts = pts if believed else None
        index, self._index = self._index, self._index + 1
        lost = LeftOut(counts.left_out + counts.skipped, counts.corrupt)
        return Frame(index, self._clock.epoch, pts, time_base, None, arrived, picture, decoded.received, lost)

    @contextmanager
    def _arriving(
        self, source: Opened, stream: VideoStream, outlet: Outlet, telling: _Telling, *, ahead: bool
    ) -> Iterator[Iterator[Arrived]]:
        """The packets to decode; with ``ahead`` they are read in another thread, when they come."""
        packets = self._packets(source, stream)
        if not ahead:
            yield _heard((Arrived(packet, time.monotonic()) for packet in packets), outlet)
            return
        with reading(packets, self._counts, self.name) as line:
            yield _heard(_taken(line, outlet, telling), outlet)

    def _packets(self, source: Opened, stream: VideoStream) -> Generator[Packet]:
        """Read to the end. FFmpeg answers a timeout with what it has left, and would then wait as long again."""
        asked = time.monotonic()
        source.expect(self._timeout[1])
        first = self._replayable
        for packet in source.container.demux(stream):
            source.raise_failure()
            if first:
                self._notice(packet)
                first = False
            if self._lasting and time.monotonic() - asked > self._timeout[1]:
                raise Trouble(f"{self._address.host or 'The other side'} did not answer in time.")
            yield packet
            asked = time.monotonic()
            source.expect(self._timeout[1])

    def _notice(self, packet: Packet) -> None:
        """Raise _Replayed where a connection begins with the very packet that the last one began with."""
        begins = (packet.pts, bytes(memoryview(packet)) if packet.size else b"")
        if self._begins == begins:
            raise _Replayed
        self._begins = begins

    def _finished(self) -> str:
        if not self._counts.damaged:
            return FINISHED
        return f"{FINISHED[:-1]}; damaged packets in it were left out: {self._counts.damaged}."


class _Replayed(Exception):
    """What was read like a camera is a recording: it begins anew with each connection."""


class _Telling:
    """Tells that the pictures of one connection come, and that they are waited for."""

    def __init__(self, outlet: Outlet, words: str) -> None:
        """``words``: the reason of LIVE."""
        self.begun = False
        self._outlet, self._words, self._live = outlet, words, False

    def picture(self) -> None:
        """One has come."""
        if not self._live:
            self._outlet.state(State.LIVE, self._words)
        self.begun = self._live = True

    def waits(self, words: str) -> None:
        """None comes, for this reason."""
        self._outlet.state(State.RECONNECTING if self.begun else State.CONNECTING, words)
        self._live = False

    def starves(self) -> None:
        """Packets come, and were left out because decoding was behind; a word of the thread."""
        self._outlet.check()
        if self._live:
            self.waits(f"{reasons.WAITING} since {utc(time.monotonic())}: decoding was behind")


def _taken(line: Line, outlet: Outlet, telling: _Telling) -> Iterator[Arrived]:
    while (arrived := line.take(outlet.wanted, telling.starves)) is not None:
        yield arrived


def _heard(packets: Iterator[Arrived], outlet: Outlet) -> Iterator[Arrived]:
    """Each packet is a word of the thread, which may have to wait long for a picture."""
    for arrived in packets:
        outlet.check()
        yield arrived


def _with_next(pictures: Iterator[Decoded], *, wait: bool) -> Iterator[tuple[Decoded, float | None]]:
    """Each picture with the time of the one behind it, in seconds; None where that is not waited for, or is none."""
    if not wait:
        yield from ((each, None) for each in pictures)
        return
    before = None
    for each in pictures:
        if before is not None:
            yield before, each.picture.time
        before = each
    if before is not None:
        yield before, None


def backoff(tries: int) -> float:
    """Seconds to wait after that many failures in a row, jittered so that many cameras do not come at once."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries - 1, 10)) if tries > 0 else FIRST_WAIT
    return wait * random.uniform(0.75, 1.25)  # noqa: S311 (no secret)


def _video(container: InputContainer, *, live: bool) -> VideoStream:
    """The video stream, ready to decode with few threads. Raises Hopeless, Trouble, PictureTooLarge."""
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream):
        only = "; there is sound" if container.streams.best("audio") is not None else ""
        raise Trouble(f"It sends no video{only}.") if live else Hopeless(f"There is no video in it{only}.")
    context = stream.codec_context
    if context is None:
        raise Hopeless("Nothing here decodes its video codec.")
    headers.check(context.width, context.height, context.format)
    context.options = formats.decoding()
    context.thread_count = DECODER_THREADS
    context.thread_type = "SLICE" if live else "AUTO"  # frame threads hold pictures back, one for each thread
    return stream
