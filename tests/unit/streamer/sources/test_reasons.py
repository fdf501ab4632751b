"""streamer.sources.reasons: what went wrong in words, for those who may manage and for those who may not."""

from __future__ import annotations

import errno
import ssl

import av
import pytest

from streamer.access import NotAllowed
from streamer.sources import reasons
from streamer.sources.base import FINISHED, State
from streamer.sources.headers import PictureTooLarge
from streamer.sources.reasons import Hopeless, Trouble
from streamer.sources.schemes import read_address
from streamer.sources.web import WebError

SECRET = "rtsp://me:s3cret@127.0.0.1/1"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Trouble("So it is."), "So it is."),
        (NotAllowed("Not there.", detail="x"), "Not there."),
        (PictureTooLarge("Too large."), "Too large."),
        (WebError("It broke off."), "It broke off."),
        (WebError("x", 401), "The user name or password is wrong (401)."),
        (WebError("x", 404), "There is no such stream at that address (404)."),
        (WebError("The server answered with an error: 500.", 500), "The server answered with an error: 500."),
        (ssl.SSLCertVerificationError(SECRET), "The certificate of 127.0.0.1 is not one that is trusted."),
        (ssl.SSLError(SECRET), "127.0.0.1 does not speak TLS on that port."),
        (ConnectionRefusedError(SECRET), "127.0.0.1 refuses connections on that port."),
        (TimeoutError(SECRET), "127.0.0.1 did not answer in time."),
        (
            av.error.ConnectionRefusedError(errno.ECONNREFUSED, "x", SECRET),
            "127.0.0.1 refuses connections on that port.",
        ),
        (av.error.HTTPUnauthorizedError(401, "x", SECRET), "The user name or password is wrong (401)."),
        (av.error.InvalidDataError(1, "x", SECRET), "It sends no video that can be read."),
        (OSError(errno.EIO, SECRET), "127.0.0.1 broke off the connection."),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host."),
    ],
)
def test_each_error_has_words_without_the_address(error: Exception, words: str) -> None:
    assert reasons.words(error, read_address(SECRET), after=0.0, patience=1.0) == words


def test_which_errors_stay_and_which_are_about_the_password() -> None:
    for error in (Hopeless("x"), NotAllowed("x"), PictureTooLarge("x")):
        assert reasons.hopeless(error)
    assert not reasons.hopeless(Trouble("x"))
    assert reasons.refused(WebError("x", 403))
    assert reasons.refused(av.error.HTTPForbiddenError(403, "x", ""))
    assert not reasons.refused(WebError("x", 404))


def test_in_general_nothing_is_said_of_disks_and_ports() -> None:
    told = {
        reasons.in_general(State.ENDED, each) for each in ("There is no file /a.", "It sends no video.", "Not there.")
    }
    assert told == {"The source has ended, or could not be opened."}
    told = {
        reasons.in_general(State.RECONNECTING, each) for each in ("127.0.0.1 refuses connections.", "It broke off.")
    }
    assert told == {"The source gives no pictures. It is tried again."}
    assert reasons.in_general(State.ENDED, FINISHED) == FINISHED
    assert reasons.in_general(State.LIVE, "") == ""
