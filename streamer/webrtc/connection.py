"""What both kinds of WebRTC connection share: offer and answer, candidates, and an end that ends everything."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InvalidStateError, OperationError
from aiortc.sdp import SessionDescription, candidate_from_sdp

from streamer.errors import BadRequest, TooLarge, TooMany
from streamer.webrtc import ice, patches, ports, sdp

log = logging.getLogger(__name__)

GATHER_SECONDS = 2  # a STUN or TURN server that has not answered by then is left out of the answer
NAME_SECONDS = 3.0  # to look an mDNS name up; aioice gives up after one
MAX_CANDIDATES = 64  # of one far side; each is paired with each of ours and checked
_FINGERPRINT = re.compile(r"([0-9A-Fa-f]{2}:)+[0-9A-Fa-f]{2}")  # RFC 8122, section 5


class Connection(ABC):
    """
    One peer connection that answers an offer.

    ``etag`` identifies its ICE session (RFC 9725, section 4.3.1). Everything of it ends with :meth:`close`.
    """

    wanted = ""  # what an offer should be like
    no_codec = ""  # what is wrong with one that has no codec of ours
    no_port = "Either all of --udp-ports are taken, or it has no network address."

    def __init__(self, ice_servers: Sequence[str] = (), announce: Sequence[str] = ()) -> None:
        patches.install()
        # An explicit list, be it empty: aiortc would else ask a public STUN server.
        servers = [RTCIceServer(*ice.split(server)) for server in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._announce = announce
        self._named: list[sdp.Candidate] = []  # looked up by resolve(); bound: MAX_CANDIDATES
        self._names = asyncio.Event()  # one was added
        self._candidates = 0
        self._ended = False  # the far side has no more candidates
        self.etag = secrets.token_hex(8)
        self.ufrag: str | None = None

    async def answer(self, offer: sdp.Offer) -> str:
        """
        Take an SDP offer and return the SDP answer, with all our candidates in it.

        Raises BadRequest for one that is malformed, has not the video that is wanted, or no codec of ours; TooLarge;
        TooMany where no UDP port is left.
        """
        self.ufrag = offer.ice.ufrag
        try:
            await self._negotiate(offer.text)
        except BadRequest:
            raise
        except Exception as error:  # aiortc reads offers with asserts, indexes and its own errors; all mean this
            log.info("An offer was refused.", exc_info=True)
            words = self.no_codec if isinstance(error, OperationError) else _reason(error)
            raise BadRequest(f"The offer cannot be answered: {words}.", detail=self.wanted) from error
        if "a=candidate:" not in self._connection.localDescription.sdp:
            raise TooMany("No UDP port of this server can be had for another connection.", detail=self.no_port)
        await self.add(offer.ice)
        return self._dress(self._connection.localDescription.sdp)

    async def add(self, fragment: sdp.Fragment) -> None:
        """Add candidates of the far side. Raises TooLarge past MAX_CANDIDATES."""
        if self._candidates + len(fragment.candidates) > MAX_CANDIDATES:
            raise TooLarge(f"More than {MAX_CANDIDATES} ICE candidates for one connection.")
        self._candidates += len(fragment.candidates)
        for candidate in fragment.candidates:
            if candidate.named:
                self._named.append(candidate)
                self._names.set()
            else:
                await self._add(candidate)
        self._ended = self._ended or fragment.end
        await self._end_candidates()

    async def resolve(self) -> None:
        """Look up the mDNS names that came so far (browsers hide local addresses behind them) and add what is found."""
        while self._named:
            candidate = self._named[0]
            try:
                async with asyncio.timeout(NAME_SECONDS):
                    await self._add(candidate)
            except (OSError, TimeoutError) as error:
                log.info("Candidate %s cannot be looked up: %s", candidate.host, _words(error))
            self._named.remove(candidate)
        await self._end_candidates()

    async def resolve_all(self) -> None:
        """Look up the mDNS names that come, until this is cancelled."""
        while True:
            self._names.clear()
            await self.resolve()
            await self._names.wait()

    async def close(self) -> None:
        """Close the connection; cancelling this does not leave it half closed. Does nothing the second time."""
        await asyncio.shield(patches.hang_up(self._connection))

    @abstractmethod
    def _agree(self) -> None:
        """Choose among the sections of the offer. Raises BadRequest."""

    @abstractmethod
    def _dress(self, answer: str) -> str:
        """Add to an answer what the far side should know."""

    @abstractmethod
    def _accept(self, offer: str, description: SessionDescription) -> str:
        """The offer as aiortc is to see it. Raises BadRequest for one that has not what is wanted."""

    async def _negotiate(self, offer: str) -> None:
        description = SessionDescription.parse(offer)
        accepted = self._accept(offer, description)
        _check_encryption(description)
        await self._connection.setRemoteDescription(RTCSessionDescription(accepted, "offer"))
        self._agree()
        patches.bound_gathering(self._connection, GATHER_SECONDS)
        ours = ports.ours.set(True)
        try:
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        finally:
            ports.ours.reset(ours)

    async def _add(self, candidate: sdp.Candidate) -> None:
        parsed = candidate_from_sdp(candidate.text)
        parsed.sdpMid, parsed.sdpMLineIndex = candidate.mid, candidate.index
        await self._connection.addIceCandidate(parsed)

    async def _end_candidates(self) -> None:
        if self._ended and not self._named:
            await self._connection.addIceCandidate(None)


def _check_encryption(offer: SessionDescription) -> None:
    """Every section says whose certificate to expect; aiortc finds out too late, in a task of its own."""
    for media in offer.media:
        if media.dtls is None or not media.dtls.fingerprints:
            raise BadRequest(f"The offer's {media.kind[:20]} section has no DTLS fingerprint.")
        if not all(_FINGERPRINT.fullmatch(each.value) for each in media.dtls.fingerprints):
            raise BadRequest(f"The offer's {media.kind[:20]} section has a malformed DTLS fingerprint.")


def _reason(error: Exception) -> str:
    """What aiortc found wrong with an offer, where it has words for it."""
    if isinstance(error, ValueError | InvalidStateError) and " " in str(error):
        return _words(error)
    return "it is malformed"


def _words(error: BaseException) -> str:
    return str(error).rstrip(".") or type(error).__name__
