"""Every refusal of the service: what was wrong, what would be right, and the HTTP status that says so."""

from __future__ import annotations


class StreamerError(Exception):
    """
    Base of the errors a client is told about.

    ``status`` is the HTTP status, ``message`` one sentence for people, ``detail`` what would be right (the message
    again when there is nothing to add), ``code`` a word for programs, ``field`` the part of the input that was wrong.
    """

    status = 500
    code = "error"

    def __init__(self, message: str, *, detail: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail if detail is not None else message
        self.field = field

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the HTTP answer."""
        return {}

    def body(self) -> dict[str, str]:
        """The HTTP answer's JSON."""
        return {"message": self.message, "detail": self.detail}


class BadRequest(StreamerError):
    """The request made no sense."""

    status = 400
    code = "bad_request"


class Unauthorized(StreamerError):
    """No API key, or a wrong one, where the server has keys."""

    status = 401
    code = "unauthorized"


class Forbidden(StreamerError):
    """The API key is one of the server's, and does not open this."""

    status = 403
    code = "forbidden"


class NotFound(StreamerError):
    """No such session, object or picture."""

    status = 404
    code = "not_found"


class FrameGone(NotFound):
    """The frame named is not kept any more. ``available`` is (oldest, newest) frame index, or None."""

    code = "frame_gone"

    def __init__(self, message: str, available: tuple[int, int] | None, *, field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.available = available


class NotAllowed(StreamerError):
    """The address does not take this method; ``allow`` lists those that it takes."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, method: str, allow: str) -> None:
        super().__init__(f"{method} is not what this address takes: {allow}.")
        self.allow = allow

    @property
    def headers(self) -> dict[str, str]:
        """Says which methods are taken."""
        return {"Allow": self.allow}


class Conflict(StreamerError):
    """It exists, but not in a state that allows this."""

    status = 409
    code = "conflict"


class Gone(StreamerError):
    """The client hung up before it was answered: nobody reads this."""

    status = 499  # nginx's, for its log
    code = "gone"


class TooLarge(StreamerError):
    """The input is over a size limit."""

    status = 413
    code = "too_large"


class UnsupportedMedia(StreamerError):
    """The body's content type is not what the route takes."""

    status = 415
    code = "unsupported_media"


class TooMany(StreamerError):
    """Full, or too many wrong keys came from this address; ``retry_after`` is in seconds."""

    status = 429
    code = "too_many"

    def __init__(self, message: str, *, retry_after: int = 5, detail: str | None = None) -> None:
        super().__init__(message, detail=detail)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Says when to come back."""
        return {"Retry-After": str(self.retry_after)}


class NotReady(TooMany):
    """The model is still being loaded, or could not be."""

    status = 503
    code = "not_ready"


class DeviceBroke(NotReady):
    """The device that the model runs on answers nothing any more: the process must be started anew."""

    code = "device_broke"

    def __init__(self, why: str) -> None:
        super().__init__(
            "The device of the model broke.",
            detail=f"{why}. Only a new process can use it: the server ends, for a supervisor to start it again.",
            retry_after=60,
        )


class NotStored(StreamerError):
    """It was done, and the store could not be written: a restart would undo it."""

    status = 507
    code = "not_stored"


class BadSource(BadRequest):
    """The address of a source can be seen to be wrong without opening it."""

    code = "bad_source"
