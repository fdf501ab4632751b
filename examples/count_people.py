"""
Count people, or anything else that has a name: how many are here, were here, and went across a line.

    python examples/count_people.py rtsp://user:password@192.0.2.10/stream1
    python examples/count_people.py demo: --concept circle --every 2

An object keeps its id for as long as it is followed, so ids are what is counted. The line stands upright in the
picture, in its middle unless --line says otherwise; who is followed from one side of it to the other has crossed it.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time

from streamer.client import Client, ClientError, Result

BAND = 0.02  # of the picture's width, to both sides of the line: who stands on it does not cross it at each breath


class Count:
    """Who is here, who was here, and who went across the line, by their ids."""

    def __init__(self, line: float) -> None:
        self.line = line
        self.here: set[int] = set()
        self.seen: set[int] = set()
        self.right = self.left = 0
        self._sides: dict[int, bool] = {}  # by id: was it last seen to the right of the line?

    def add(self, result: Result) -> None:
        """Take in one result. What was seen once and is not confirmed yet does not count."""
        things = [thing for thing in result.objects if not thing.tentative]
        self.here = {thing.id for thing in things}
        self.seen |= self.here
        for thing in things:
            beyond = (thing.box.x0 + thing.box.x1) / 2 / result.frame.width - self.line
            if abs(beyond) > BAND:
                before, now = self._sides.get(thing.id), beyond > 0
                self._sides[thing.id] = now
                self.right += before is False and now
                self.left += before is True and not now

    def __str__(self) -> str:
        return f"here {len(self.here)}, seen {len(self.seen)}, to the right {self.right}, to the left {self.left}"


def main() -> None:
    """Count until the camera ends, or time is up."""
    parser = argparse.ArgumentParser(description="Count the objects of a concept.")
    parser.add_argument("source", nargs="?", default="demo:", help="the camera's address")
    parser.add_argument("--concept", default="person")
    parser.add_argument("--line", type=float, default=0.5, help="where the line is: a share of the picture's width")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two lines of output")
    parser.add_argument("--server", default="http://localhost:8000")
    parser.add_argument("--key", help="API key, if the server has keys")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    args = parser.parse_args()
    count, due = Count(args.line), time.monotonic()
    with (
        contextlib.suppress(KeyboardInterrupt),  # Ctrl+C ends the session
        Client(args.server, api_key=args.key) as client,
        client.start(args.source, args.concept) as session,
    ):
        if session.hint:
            print(session.hint, file=sys.stderr)  # the model was never taught this word
        session.options(form="none")  # boxes are enough
        for result in session.results(seconds=args.seconds):
            count.add(result)
            if time.monotonic() >= due:
                print(f"{args.concept}: {count}", flush=True)
                due = time.monotonic() + args.every
        print(f"The session is {session.state}. {session.reason}", file=sys.stderr)
    print(f"{args.concept} in all: {count}")


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(str(error))
