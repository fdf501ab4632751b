"""
Record what was seen: keeps a picture, and what was found in it, whenever a concept appears.

    python examples/record_when_seen.py rtsp://user:password@192.0.2.10/stream1 --concept person --every 60
    python examples/record_when_seen.py demo: --concept star --folder stars

A new object is recorded at once, and again every so many seconds while it stays. For each record there are two files:
the JPEG of that very frame, and a JSON file with the object's id, confidence and box.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from streamer.client import Client, ClientError, Picture, Result, Tracked


def main() -> None:
    """Record until the camera ends, or time is up."""
    parser = argparse.ArgumentParser(description="Keep a picture of each object that appears.")
    parser.add_argument("source", nargs="?", default="demo:", help="the camera's address")
    parser.add_argument("--concept", default="person")
    parser.add_argument("--folder", type=Path, default=Path("seen"), help="where the files go")
    parser.add_argument("--every", type=float, default=30.0, help="seconds until an object is recorded again")
    parser.add_argument("--server", default="http://localhost:8000")
    parser.add_argument("--key", help="API key, if the server has keys")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    recorded: dict[int, float] = {}  # when each object was, by its id; seconds of time.monotonic
    with (
        contextlib.suppress(KeyboardInterrupt),  # Ctrl+C ends the session
        Client(args.server, api_key=args.key) as client,
        client.start(args.source, args.concept, pictures=True) as session,
    ):
        if session.hint:
            print(session.hint, file=sys.stderr)  # the model was never taught this word
        for result in session.results(seconds=args.seconds):
            for thing in result.objects:
                due = recorded.get(thing.id, float("-inf")) + args.every
                if result.picture is not None and not thing.tentative and time.monotonic() >= due:
                    recorded[thing.id] = time.monotonic()
                    record(args.folder, result, result.picture, thing)
        print(f"The session is {session.state}. {session.reason}", file=sys.stderr)
    print(f"{len(recorded)} objects were seen.")


def record(folder: Path, result: Result, picture: Picture, thing: Tracked) -> None:
    """Write one object's two files."""
    now = datetime.now(UTC)
    path = folder / f"{now:%Y%m%d-%H%M%S}-{result.frame.index}-{thing.text}-{thing.id}.jpg".replace(" ", "-")
    path.write_bytes(picture.jpeg)
    facts = {"time": now.isoformat(), "frame": result.frame.index, "name": thing.text, "id": thing.id}
    facts |= {"confidence": round(thing.confidence, 3), "box": list(thing.box)}
    path.with_suffix(".json").write_text(json.dumps(facts) + "\n")
    print(path, flush=True)


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(str(error))
