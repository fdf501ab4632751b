"""What the tests of the ordinary client ask, and of what."""

from __future__ import annotations

from streamer.client import Prompt, Result, Session
from tests.support.pictures import patches

DEMO = "demo:?seed=5&size=160x120&fps=15&objects=2"
ALL = Prompt("circle", threshold=0)  # of an untrained model: everything it sees
PICTURE = patches(120, 90)
FIRST = 10**9  # no stream is that long


def newest(session: Session) -> Result:
    return next(session.results())
