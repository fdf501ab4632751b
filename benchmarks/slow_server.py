"""
The real server with a slower model: ``python -m benchmarks.slow_server 10 serve --port 8000``.

Every operation of the model is computed as many times as the first word says, and its last answer is taken: that takes
so many times as long, and so many times as much of the processor, as a larger model would. What follows is the command
line of ``streamer``. Nothing else of the server is changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from streamer import cli
from streamer.engine import Engine
from tracker import Sam3

P = ParamSpec("P")
R = TypeVar("R")


def repeated(call: Callable[P, R], times: int) -> Callable[P, R]:
    """The same call, made so many times."""

    @wraps(call)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(times - 1):
            call(*args, **kwargs)
        return call(*args, **kwargs)

    return run


def slow(model: Sam3, times: int) -> Sam3:
    """
    Have a model compute everything so many times; its answers stay the same.

    These are the parts behind ``embed``, ``detect``, ``segment``, ``propagate`` and ``memorize``, and not those methods
    themselves: the detector's features are kept from call to call, and would be computed once.
    """
    parts = (
        (model, ("_square", "_encoded")),
        (model.detector, ("detect",)),
        (model.segmenter, ("segment",)),
        (model.memory, ("propagate", "encode", "memorize")),
    )
    for part, names in parts:
        for name in names:
            setattr(part, name, repeated(getattr(part, name), times))
    return model


def main(times: int, command: list[str]) -> int:
    """Run a command of ``streamer``; the model is slowed once it is loaded and warmed up."""
    load = Engine.load

    async def loaded(self: Engine) -> None:
        await load(self)
        slow(self.need_model(), times)

    Engine.load = loaded  # type: ignore[method-assign]
    return cli.main(command)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
