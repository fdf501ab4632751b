"""What schemathesis does not know of itself: how SDP is sent. It is text."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")  # type: ignore[untyped-decorator]
def text(context: Any, value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else str(value).encode()
