"""A session's picture with its masks as Motion JPEG, which recorders, browsers and every video library read."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated, Any

from pydantic import Field
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from streamer.http.server import TRANSPORT, hold_little
from streamer.latest import Closed, Latest
from streamer.limits import MAX_FRAME_SIDE
from streamer.video.viewers import Playback
from streamer.wire.fields import Input

BOUNDARY = "frame"
UNSENT = 4096  # bytes that the kernel holds for a reader; what is more waits here, where the newest picture replaces it
STALLED = 30.0  # seconds that a picture may wait to be read before its reader is given up

STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "The pictures", "content": {"multipart/x-mixed-replace": {"schema": {"type": "string"}}}}
}


class MotionIn(Input):
    """The query: pixels across that a picture may have; left out or 0, as the frame has them."""

    picture_width: Annotated[int | None, Field(ge=0, le=MAX_FRAME_SIDE)] = None


class MotionJpeg(Response):
    """
    JPEGs as parts of one ``multipart/x-mixed-replace``, each with its length.

    A slow reader gets the newest picture. One that lets a picture wait for ``STALLED`` seconds is cut off.
    """

    def __init__(self, playback: Playback, width: int | None) -> None:
        super().__init__(media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        del self.headers["content-length"]
        self.headers.update({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._playback, self._width = playback, width

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the session has ended or the reader is gone. Raises Conflict, TooMany before the first byte."""
        transport: asyncio.Transport | None = scope.get(TRANSPORT)
        with self._playback.watch(self._width) as pictures:
            if transport is not None:
                hold_little(transport, UNSENT)
            async with asyncio.TaskGroup() as tasks:
                sides = [tasks.create_task(self._tell(pictures, send)), tasks.create_task(_gone(receive))]
                await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
                for side in sides:
                    side.cancel()
        if transport is not None and not pictures.closed:
            transport.abort()
            await _gone(receive)  # else uvicorn takes it for an answer that was forgotten, and says so

    async def _tell(self, pictures: Latest[bytes], send: Send) -> None:
        with contextlib.suppress(TimeoutError):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            # The line that ends a part comes with it: browsers show a part when they have seen its end.
            await _in_time(send, f"--{BOUNDARY}\r\n".encode())
            with contextlib.suppress(Closed):
                while True:
                    await pictures.ready()
                    jpeg = pictures.take()
                    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    await _in_time(send, head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode())
            await _in_time(send, b"", more=False)


async def _in_time(send: Send, body: bytes, *, more: bool = True) -> None:
    message: Message = {"type": "http.response.body", "body": body, "more_body": more}
    async with asyncio.timeout(STALLED):
        await send(message)


async def _gone(receive: Receive) -> None:
    """Wait until the far side has hung up, or the server wants to."""
    while (await receive())["type"] != "http.disconnect":
        pass
