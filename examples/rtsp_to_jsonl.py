"""
Write what a camera sees, one JSON line for each result.

    python examples/rtsp_to_jsonl.py rtsp://user:password@192.0.2.10/stream1 --prompt person > seen.jsonl

Any address that the server can read will do: rtsp://, http(s)://, rtmp://, a file's path, /dev/video0, demo:.
A camera that goes away is tried again by the server for as long as this runs, and prompts and ids stay. Such changes
are told on standard error. Where two lines are of one frame, the later one has the masks of a look at that very frame.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from datetime import UTC, datetime
from typing import Any

from streamer.client import AsyncClient, AsyncSession, ClientError, Result

LOOK = 0.5  # seconds without a result until the state is looked at: a camera that is gone sends none


async def main() -> None:
    """Start the camera and write until it ends, or time is up."""
    parser = argparse.ArgumentParser(description="One JSON line for each result of a camera.")
    parser.add_argument("source", nargs="?", default="demo:", help="the camera's address")
    parser.add_argument("--prompt", action="append", help="what to look for; may be given several times")
    parser.add_argument("--server", default="http://localhost:8000")
    parser.add_argument("--key", help="API key, if the server has keys")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    args = parser.parse_args()
    async with (
        AsyncClient(args.server, api_key=args.key) as client,
        client.start(args.source, args.prompt or ["person"]) as session,
    ):
        await write(session, args.seconds)


async def write(session: AsyncSession, seconds: float | None) -> None:
    """Write each result; tell each change of the camera's state."""
    results, told = session.results(seconds=seconds), ""
    while True:
        result: Result | None = None
        with contextlib.suppress(TimeoutError):
            if (result := await asyncio.wait_for(anext(results, None), LOOK)) is None:
                break
        if (now := f"{session.state} {session.reason}".strip()) != told:
            print(f"{datetime.now(UTC):%H:%M:%S} {now}", file=sys.stderr, flush=True)
            told = now
        if result is not None:
            print(json.dumps(line(result)), flush=True)


def line(result: Result) -> dict[str, Any]:
    """A result as JSON. Masks are COCO's run lengths, as pycocotools reads them."""
    objects = [
        {"id": thing.id, "name": thing.text, "confidence": round(thing.confidence, 3), "box": list(thing.box)}
        | {"mask": {"size": [thing.mask.height, thing.mask.width], "counts": thing.mask.data.decode()}}
        for thing in result.objects
        if isinstance(thing.mask.data, bytes)
    ]
    place = {"frame": result.frame.index, "epoch": result.frame.epoch, "seconds": result.frame.seconds}
    return {"time": datetime.now(UTC).isoformat(), **place, "objects": objects}


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except ClientError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass  # Ctrl+C ends it, and the session with it
