"""
Read along with a webcam that somebody else switched on.

Start this, then open http://localhost:8000 and press *Webcam*. This program waits for the camera, joins its session and
prints what is found. Any other WHIP camera does as well: examples/publish_with_ffmpeg.py is one.

    python examples/webcam_reader.py --server http://localhost:8000

The session is the camera's: it goes on when this program ends.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time

from streamer.client import Client, ClientError, Result

LOOK = 0.5  # seconds between looks at the list of sessions


def main() -> None:
    """Wait for a webcam, then print its results until it goes away."""
    parser = argparse.ArgumentParser(description="Print what is found in a webcam's picture.")
    parser.add_argument("--server", default="http://localhost:8000")
    parser.add_argument("--key", help="API key, if the server has keys")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    args = parser.parse_args()
    end = time.monotonic() + (math.inf if args.seconds is None else args.seconds)
    with contextlib.suppress(KeyboardInterrupt), Client(args.server, api_key=args.key) as client:
        print("Waiting for a webcam ...", flush=True)
        while (id_ := webcam(client)) is None:
            if time.monotonic() > end:
                sys.exit("No webcam came.")
            time.sleep(LOOK)
        with client.attach(id_) as session:
            session.options(form="none")  # boxes are all that is printed: masks need not travel
            print(f"Reading session {session.id}", flush=True)
            left = None if end == math.inf else end - time.monotonic()
            for result in session.results(seconds=left):
                show(result)
            print(f"The session is {session.state}. {session.reason}", file=sys.stderr)


def webcam(client: Client) -> str | None:
    """The id of a session that a camera sends to, if there is one."""
    return next((each.id for each in client.sessions() if each.kind == "webrtc" and each.state == "live"), None)


def show(result: Result) -> None:
    """One line an object: its name, id, confidence, and box in pixels."""
    for thing in result.objects:
        x0, y0, x1, y1 = (round(edge) for edge in thing.box)
        name = thing.text or "clicked object"  # what a click made has no words
        print(
            f"frame {result.frame.index}: {name} {thing.id} ({thing.confidence:.0%}) {x0},{y0} to {x1},{y1}", flush=True
        )


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(str(error))
