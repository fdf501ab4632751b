"""Session descriptions as text (RFC 8866, RFC 8839, RFC 8840): what is needed of them beside aiortc."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from streamer.errors import BadRequest

MAX_BYTES = 64 * 1024  # of an offer or fragment; a browser's offer with every codec has 8 kB
START_KBPS = 1000  # where a browser's encoder starts; left alone it starts at 300 and blurs the first seconds
MAX_KBPS = 4000  # what a browser may send us; more makes pictures no better for the model

NO_PROFILES: Mapping[str, str] = MappingProxyType({})

_BASELINE = "42e01f"  # H.264 constrained baseline, level 3.1
_PROFILE = re.compile(r"(?i)(profile-level-id=)[0-9a-f]{6}")
_CANDIDATE = re.compile(
    r"(?P<foundation>\S{1,32}) (?P<component>\d{1,3}) (?P<transport>\S+) (?P<priority>\d{1,10}) "
    r"(?P<host>\S{1,255}) (?P<port>\d{1,5}) typ (?P<type>\S+)"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An ICE candidate of the far side: the text after ``a=candidate:``, where it belongs, and its address."""

    text: str
    mid: str | None
    index: int
    host: str

    @property
    def named(self) -> bool:
        """Whether the address is an mDNS name, behind which browsers hide local ones."""
        return self.host.lower().endswith(".local")


@dataclass(frozen=True, slots=True)
class Fragment:
    """What an offer or a trickled fragment says about ICE. ``end``: no more candidates will come."""

    ufrag: str | None
    password: str | None
    candidates: tuple[Candidate, ...]
    end: bool


def read_fragment(text: str) -> Fragment:
    """
    Read an SDP fragment (RFC 8840, section 9). Raises BadRequest for lines that are no SDP and malformed candidates.

    Candidates that ICE over UDP cannot use (TCP, RTCP's component, host names other than mDNS) are left out.
    """
    found = _Reader()
    for line in text.splitlines():
        if line.strip():
            found.read(line.strip())
    return Fragment(found.ufrag, found.password, tuple(found.candidates), found.end)


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that was read: its text without the candidates, and what it says about ICE."""

    text: str
    ice: Fragment


def read_offer(offer: str) -> Offer:
    """Read an offer of video. Raises BadRequest for what is none."""
    if not offer.lstrip().startswith("v=0"):
        raise BadRequest("The body is not SDP: it does not begin with v=0.")
    if not any(line.startswith("m=video ") for line in offer.splitlines()):
        raise BadRequest("The offer has no video section.", detail="WebRTC carries one video here: m=video.")
    if "a=fingerprint:" not in offer:
        raise BadRequest("The offer has no DTLS fingerprint.", detail="WebRTC media is always encrypted: RFC 8827.")
    _check_bundle(offer)
    fragment = read_fragment(offer)
    lines = [line for line in offer.splitlines() if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    return Offer("\r\n".join(lines) + "\r\n", fragment)


def _check_bundle(offer: str) -> None:
    """Each section has a name of its own, and the bundle holds no other names: RFC 9143. aiortc trusts in it."""
    mids = re.findall(r"(?m)^a=mid:(\S*)\s*$", offer)
    if len(set(mids)) < len(mids):
        raise BadRequest("Two sections of the offer have the same a=mid.")
    for group in re.findall(r"(?m)^a=group:BUNDLE(.*)$", offer):
        unknown = set(group.split()) - set(mids)
        if unknown or not group.split():
            named = f"names sections that are not there: {', '.join(sorted(unknown))[:60]}" if unknown else "is empty"
            raise BadRequest(f"The offer's BUNDLE group {named}.")


def allow_profiles(offer: str) -> tuple[str, dict[str, str]]:
    """
    Write baseline over the profiles of an offer whose video is nothing but H.264 of other ones.

    aiortc agrees to baseline only, though the decoder behind it (FFmpeg's) decodes every profile. Returns the offer to
    give to it, and the true profile-level-id of each payload type, which the answer must repeat (RFC 6184, 8.2.2).
    """
    if re.search(r"(?im)^a=rtpmap:\d+ VP8/|profile-level-id=42", offer):
        return offer, {}
    profiles = dict(re.findall(r"(?im)^a=fmtp:(\d+) .*?profile-level-id=([0-9a-f]{6})", offer))
    return _PROFILE.sub(rf"\g<1>{_BASELINE}", offer), profiles


def dress_answer(answer: str, announce: Sequence[str] = (), profiles: Mapping[str, str] = NO_PROFILES) -> str:
    """
    Add to an answer what the far side should know: further addresses of ours, and bitrates for its encoder.

    ``announce`` holds IP addresses under which our UDP ports can be reached from outside (a container's host, a NAT
    that keeps ports); each host candidate is repeated for each of them. ``profiles`` is what :func:`allow_profiles`
    took out of the offer.
    """
    lines: list[str] = []
    video = False
    for line in announced(with_profiles(answer, profiles), announce).splitlines():
        if line.startswith("m="):
            video = line.startswith("m=video ")
        lines.append(line)
        if video and line.startswith("c="):
            lines.append(f"b=AS:{MAX_KBPS}")
        elif video and (coded := re.match(r"a=rtpmap:(\d+) (?:VP8|H264)/", line)):
            lines.append(f"a=fmtp:{coded[1]} x-google-start-bitrate={START_KBPS}")
    return "\r\n".join(_one_fmtp(lines)) + "\r\n"


def with_profiles(answer: str, profiles: Mapping[str, str]) -> str:
    """An answer with the profiles in it that :func:`allow_profiles` took out of the offer."""
    lines: list[str] = []
    for line in answer.splitlines():
        told = re.match(r"a=fmtp:(\d+) ", line)
        lines.append(_PROFILE.sub(rf"\g<1>{profiles[told[1]]}", line) if told and told[1] in profiles else line)
    return "\r\n".join(lines) + "\r\n"


def announced(answer: str, announce: Sequence[str]) -> str:
    """Add to an answer the addresses that :func:`dress_answer` adds, and nothing else."""
    lines: list[str] = []
    for line in answer.splitlines():
        lines.append(line)
        if line.startswith("a=candidate:"):
            lines.extend(_announced(line, announce))
    return "\r\n".join(lines) + "\r\n"


class _Reader:
    """Reads line by line; knows which media section it is in."""

    def __init__(self) -> None:
        self.ufrag: str | None = None
        self.password: str | None = None
        self.candidates: list[Candidate] = []
        self.end = False
        self._index = -1
        self._mid: str | None = None
        self._first = 0  # candidates before this one have got their mid

    def read(self, line: str) -> None:
        if len(line) < 2 or line[1] != "=":
            raise BadRequest(f"This is not a line of SDP: {line[:60]!r}.")
        attribute, _, value = line.removeprefix("a=").partition(":")
        if line.startswith("m="):
            self._index += 1
            self._mid = None
            self._first = len(self.candidates)
        elif not line.startswith("a="):
            return
        elif attribute == "mid":
            self._mid = value
            section = self.candidates[self._first :]
            self.candidates[self._first :] = [replace(candidate, mid=value) for candidate in section]
        elif attribute == "ice-ufrag":
            self.ufrag = self.ufrag or value
        elif attribute == "ice-pwd":
            self.password = self.password or value
        elif attribute == "end-of-candidates":
            self.end = True
        elif attribute == "candidate":
            self._candidate(value)

    def _candidate(self, text: str) -> None:
        parts = _CANDIDATE.match(text)
        if parts is None or not 0 <= int(parts["port"]) < 2**16 or not int(parts["priority"]) < 2**32:
            raise BadRequest(f"This is not an ICE candidate: {text[:80]!r}.")
        usable = parts["transport"].lower() == "udp" and parts["component"] == "1"
        candidate = Candidate(parts[0], self._mid, max(self._index, 0), parts["host"])
        if usable and (candidate.named or _is_address(candidate.host)):
            self.candidates.append(candidate)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _announced(line: str, announce: Sequence[str]) -> Iterable[str]:
    """The same host candidate at the announced addresses, a little less preferred than itself."""
    words = line.split()
    if "host" not in words[7:8]:
        return
    for count, address in enumerate(announce, start=1):
        if ipaddress.ip_address(address).version == ipaddress.ip_address(words[4]).version and address != words[4]:
            foundation = f"{words[0]}{count}"
            yield " ".join([foundation, *words[1:3], str(int(words[3]) - count), address, *words[5:]])


def _one_fmtp(lines: list[str]) -> list[str]:
    """Join the a=fmtp lines of one payload type into one, as the grammar wants it."""
    joined: list[str] = []
    places: dict[str, int] = {}
    for line in lines:
        if line.startswith("m="):
            places = {}
        if line.startswith("a=fmtp:"):
            key, _, parameters = line.partition(" ")
            if key in places:
                joined[places[key]] += f";{parameters}"
                continue
            places[key] = len(joined)
        joined.append(line)
    return joined
