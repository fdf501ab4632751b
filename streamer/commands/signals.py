"""Being told to stop: by Ctrl-C, or by whoever manages the process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def signals(told: Callable[[], None]) -> Iterator[None]:
    """Call ``told`` on SIGINT and SIGTERM, on the running loop, for the length of a ``with`` block."""
    loop = asyncio.get_running_loop()
    known = (signal.SIGINT, signal.SIGTERM)
    for each in known:
        loop.add_signal_handler(each, told)
    try:
        yield
    finally:
        for each in known:
            loop.remove_signal_handler(each)
