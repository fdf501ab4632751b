"""Why a source gives no pictures, in words: for who may manage the server, and for who may not."""

from __future__ import annotations

import errno
import socket
import ssl

import av

from streamer.access import NotAllowed
from streamer.sources import usb
from streamer.sources.address import Address
from streamer.sources.base import FINISHED, State
from streamer.sources.headers import PictureTooLarge
from streamer.sources.opening import TLS
from streamer.sources.web import WebError

WAITING = "waiting for a keyframe"
REFUSED = (401, 403)  # HTTP's for wrong credentials


class Trouble(Exception):
    """Something that FFmpeg has no error for; the message says what."""


class Hopeless(Trouble):
    """Trying again would not help."""


# Told where a reason would say what is on the disk, or which machines and ports answer.
_IN_GENERAL = {
    State.CONNECTING: "",
    State.LIVE: "",
    State.RECONNECTING: "The source gives no pictures. It is tried again.",
    State.ENDED: "The source has ended, or could not be opened.",
}


def in_general(state: State, reason: str) -> str:
    """What of a reason is told to those who may look at a session, but not manage the server."""
    if reason.startswith((FINISHED[:-1], WAITING)) or not reason:
        return reason
    return _IN_GENERAL.get(state, reason)  # a model that hangs is no secret


def refused(error: Exception) -> bool:
    """Whether the user name or the password was wrong: cameras lock out those who knock on."""
    if isinstance(error, WebError):
        return error.status in REFUSED
    return isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError)


def hopeless(error: Exception) -> bool:
    """Whether trying again would not help."""
    return isinstance(error, Hopeless | NotAllowed | PictureTooLarge)


def words(error: Exception, address: Address, *, after: float, patience: float) -> str:
    """
    What went wrong. FFmpeg's whole text is not used: it repeats the address, password and all.

    ``after``: seconds that it took; ``patience``: those that the other side had.
    """
    host = address.host
    if address.scheme == "v4l2" and (known := usb.words(error)) is not None:
        return known
    if host and isinstance(error, av.error.InvalidDataError) and after >= patience:
        return f"{host} did not answer in time."  # what FFmpeg makes of an RTSP server that says nothing
    match error:
        case NotAllowed():
            return error.message
        case Trouble() | PictureTooLarge():
            return str(error)
        case WebError():
            return _of_web(error, address)
        case ssl.SSLCertVerificationError():
            return f"The certificate of {host} is not one that is trusted."
        case ssl.SSLError():
            return f"{host} does not speak TLS on that port."
        case ConnectionRefusedError():
            return f"{host} refuses connections on that port."
        case socket.gaierror():
            return f"The name {host} cannot be resolved."
        case TimeoutError():
            return f"{host or 'The other side'} did not answer in time."
    return _of_ffmpeg(error, address)


def _of_web(error: WebError, address: Address) -> str:
    codes = {401: _unauthorized(address), 403: "Access is forbidden (403).", 404: _MISSING}
    return codes.get(error.status) or str(error)


def _of_ffmpeg(error: Exception, address: Address) -> str:
    host = address.host
    match error:
        case av.error.HTTPUnauthorizedError():
            return _unauthorized(address)
        case av.error.HTTPForbiddenError():
            return "Access is forbidden (403)."
        case av.error.HTTPNotFoundError():
            return _MISSING
        case av.error.HTTPError():
            return f"The server answered with an error: {error.strerror}."
        case av.error.ConnectionRefusedError():
            return f"{host} refuses connections on that port."
        case av.error.TimeoutError() | av.error.ExitError():
            return f"{host or 'The other side'} did not answer in time."
        case av.error.InvalidDataError() | av.error.ArgumentError():
            return "It sends no video that can be read."
        case av.error.DecoderNotFoundError():
            return "Nothing here decodes its codec."
        case EOFError():
            return "It ended before its first picture."
    if isinstance(error, OSError) and error.errno == errno.EIO and host:
        if not _resolves(host):
            return f"The name {host} cannot be resolved."
        may = ", or its certificate is not one that is trusted" if address.scheme in TLS else ""
        return f"{host} broke off the connection{may}."
    return f"{getattr(error, 'strerror', None) or type(error).__name__}."


_MISSING = "There is no such stream at that address (404)."


def _unauthorized(address: Address) -> str:
    if address.login:
        return "The user name or password is wrong (401)."
    return f"It wants a user name and a password (401): write {address.scheme}://name:password@{address.host}."


def _resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False
