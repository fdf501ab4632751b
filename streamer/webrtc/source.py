"""A camera that sends to us over WebRTC: one peer connection after the other, as one source."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from fractions import Fraction

import av

from streamer.errors import Conflict
from streamer.frame import Frame, LeftOut
from streamer.sources.base import Out, State, Tell
from streamer.sources.clock import Clock, utc
from streamer.sources.reasons import WAITING
from streamer.webrtc import ice
from streamer.webrtc.camera import CameraConnection, Lost
from streamer.webrtc.channel import Channel
from streamer.webrtc.sdp import Offer

log = logging.getLogger(__name__)

CLOCK = Fraction(1, 90000)  # of video RTP timestamps; aiortc's pts counts in it
TICK = 0.1  # seconds without a picture until lost packets are asked for again, and again after each further tick
GIVE_UP = 0.6  # seconds a lost packet is waited for: two tries on a path of 300 ms there and back; then a keyframe
STILL = 1.0  # seconds without a picture or a lost packet until a keyframe is asked for, and again after each further
QUIET = 3.0  # seconds without a picture until the source says "reconnecting"
CONNECT = 30.0  # seconds from the answer to the first picture

Talk = Callable[[Channel], Awaitable[None]]


class WebRTCSource:
    """
    A camera that sends to us. ``grace`` is how many seconds a lost connection may take to be replaced.

    ``talk`` is called with each data channel that the camera's side opens; the channel is closed when it returns.

    Shutting down: cancelling :meth:`run`, or calling :meth:`close` when it was never run, closes the peer connection,
    which stops aiortc's decoder thread, its tasks and its sockets.
    """

    kind = "webrtc"
    live = True

    def __init__(
        self,
        *,
        name: str = "webrtc",
        grace: float = 30.0,
        ice_servers: ice.Servers = tuple,
        announce: Sequence[str] = (),
        lost: str | None = None,
    ) -> None:
        """``lost``: why the connection that it had elsewhere is lost; None: it never had one."""
        self.name = name
        self.talk: Talk | None = None
        self.peer: CameraConnection | None = None
        self._grace = grace
        self._ice_servers = ice_servers
        self._announce = announce
        self._arrived = asyncio.Event()
        self._closed = False
        self._index = 0
        self._clock = Clock()
        self._reason = lost or "no connection was made"
        self._resumes = lost is not None
        self.lost = False  # its connection is lost, and the camera's side is to make a new one
        self._late = 0  # pictures of earlier connections that were not decoded, because decoding was behind

    async def answer(self, offer: Offer) -> str:
        """
        Connect the camera, or connect it anew: a new connection takes the place of the present one.

        Takes an SDP offer, returns the SDP answer. A refused offer leaves all as it was.
        Raises BadRequest, TooLarge, TooMany, or Conflict when the source has ended.
        """
        peer = CameraConnection(self._ice_servers(), self._announce)
        try:
            answer = await peer.answer(offer)
            if self._closed:
                raise Conflict("This stream has ended.", detail="Start a new one by a POST without ?session=.")
        except BaseException:
            await peer.close()
            raise
        before, self.peer = self.peer, peer
        self._arrived.set()
        if before is not None:
            await before.close()
        return answer

    async def run(self, out: Out, state: Tell) -> None:
        """Give frames until the camera is gone for longer than the grace period."""
        if self._resumes:
            self._wait_for_it(state)
        try:
            while await self._connected(state):
                self._arrived.clear()
                if self.peer is not None:
                    self._reason = await self._follow(self.peer, out, state)
                if not self._arrived.is_set():
                    self._wait_for_it(state)
        finally:
            await self.close()

    def _wait_for_it(self, state: Tell) -> None:
        self.lost = True
        state(State.RECONNECTING, f"{self._reason}; it may come back within {self._grace:.0f} s")

    async def _connected(self, state: Tell) -> bool:
        """Wait for a connection; False when none came in time."""
        try:
            async with asyncio.timeout(self._grace):
                await self._arrived.wait()
                self.lost = False
        except TimeoutError:
            state(State.ENDED, f"{self._reason}; no new connection came within {self._grace:.0f} s")
            return False
        return True

    async def close(self) -> None:
        """Close the present connection and take no new one."""
        self._closed = True
        if self.peer is not None:
            await self.peer.close()

    async def _follow(self, peer: CameraConnection, out: Out, state: Tell) -> str:
        """Give the frames of one connection until it is lost; return why it was."""
        state(State.CONNECTING, "waiting for the first picture")
        try:
            async with asyncio.TaskGroup() as tasks:
                helpers = [tasks.create_task(peer.resolve_all()), tasks.create_task(self._converse(peer))]
                reason = await self._pictures(peer, out, state)
                for helper in helpers:
                    helper.cancel()
        finally:
            self._late += peer.late
            await peer.close()
        return reason

    async def _pictures(self, peer: CameraConnection, out: Out, state: Tell) -> str:
        watch = _Watch(self._grace)
        try:
            while True:
                try:
                    async with asyncio.timeout(TICK):
                        picture, rtp_timestamp = await peer.recv()
                except TimeoutError:
                    peer.check()
                    watch.count(peer.payloads)
                    watch.tick(peer, state)
                    await watch.help(peer)
                    continue
                arrived = time.monotonic()
                if watch.first:
                    self._clock.connected()
                if watch.picture():
                    state(State.LIVE, "")
                await out(self._frame(peer, picture, rtp_timestamp, arrived))
        except Lost as lost:
            return str(lost)

    def _frame(
        self, peer: CameraConnection, picture: av.VideoFrame, rtp_timestamp: int | None, arrived: float
    ) -> Frame:
        base, pts = Fraction(picture.time_base) if picture.time_base else CLOCK, picture.pts
        received = peer.received(rtp_timestamp) or arrived
        if pts is not None and not self._clock.believes_live(float(pts * base), received):
            pts = None
        index, self._index = self._index, self._index + 1
        lost = LeftOut(late=self._late + peer.late)
        return Frame(index, self._clock.epoch, pts, base, rtp_timestamp, arrived, picture, received, lost)

    async def _converse(self, peer: CameraConnection) -> None:
        channel = await peer.channel()
        try:
            if self.talk is not None:
                await self.talk(channel)
        except Exception:
            log.exception("A data channel's conversation failed; the video goes on.")
        finally:
            channel.close()


class _Watch:
    """How long there has been no picture, and when that is too long. In seconds."""

    def __init__(self, grace: float) -> None:
        self.first = True  # no picture has come yet
        self._live = False
        self._grace = grace
        self._since = self._asked = time.monotonic()
        self._payloads = 0  # packets by now
        self._coming: float | None = None  # when the first came
        self._came = self._since  # when the newest came
        self._told = False  # that a keyframe is waited for
        self._gap: tuple[int, float] | None = None  # where a lost packet is waited for, and since when

    def picture(self) -> bool:
        """Note a picture; return whether the source has come alive by it."""
        awoke = not self._live
        self.first, self._live = False, True
        self._since = self._asked = time.monotonic()
        self._gap = None
        return awoke

    def tick(self, peer: CameraConnection, state: Tell) -> None:
        """Note that a tick passed without a picture. Raises Lost when there were too many."""
        now = time.monotonic()
        quiet = now - self._since
        if self.first:
            self._wait(state, now)
        if self.first and now - self._came >= CONNECT:
            raise Lost(f"no picture within {CONNECT:.0f} s: {peer.hint}")
        if not self.first and quiet >= self._grace:
            raise Lost(f"no picture for {quiet:.0f} s")
        if self._live and quiet >= QUIET:
            self._live = False
            state(State.RECONNECTING, f"no picture for {quiet:.0f} s; a keyframe was asked for")

    def count(self, payloads: int) -> None:
        """Note how many packets of pictures have come by now."""
        if payloads != self._payloads:
            self._payloads, self._came = payloads, time.monotonic()
            self._coming = self._coming or self._came

    def _wait(self, state: Tell, now: float) -> None:
        """Before the first picture: say that a keyframe is waited for, once packets come."""
        if self._coming is not None and now - self._coming >= STILL and not self._told:
            self._told = True
            state(State.CONNECTING, f"{WAITING} since {utc(self._coming)}; it was asked for")

    async def help(self, peer: CameraConnection) -> None:
        """After each tick: ask for what was lost, for a while; then, or where nothing comes at all, for a keyframe."""
        now, gap = time.monotonic(), peer.gap
        if gap is None or self._gap is None or gap != self._gap[0]:
            self._gap = None if gap is None else (gap, now)
        if self._gap is not None and now - self._gap[1] < GIVE_UP:
            await peer.repair()
        elif self._gap is not None or now - self._asked >= STILL:
            self._asked, self._gap = now, None
            await peer.unstick()
