"""Being told to stop: by Ctrl-C, or by whoever manages the process."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psutil

ENDING = 9.0  # seconds from being told to the end, whatever hangs: Docker kills after 10
LOCKED = 0.5  # seconds more where Python cannot even look: something holds its lock
JOINING = 1.0  # seconds that threads have to end when everything else has

log = logging.getLogger(__name__)


@contextlib.contextmanager
def signals(*told: Callable[[], None]) -> Iterator[None]:
    """Call each of ``told`` on SIGINT and SIGTERM, on the running loop, for the length of a ``with`` block."""
    loop = asyncio.get_running_loop()
    known = (signal.SIGINT, signal.SIGTERM)
    for each in known:
        loop.add_signal_handler(each, lambda: [call() for call in told])
    try:
        yield
    finally:
        for each in known:
            loop.remove_signal_handler(each)


class Deadline:
    """
    The end of a process that was told to end: in order where that can be done, and else in time.

    A thread that hangs in a library cannot be ended, and Python waits for it at the end of the process. So the process
    then leaves without it.
    """

    def __init__(self) -> None:
        self._begun = False

    def begin(self) -> None:
        """It was told to end: it has ``ENDING`` seconds. Does nothing the second time."""
        if self._begun:
            return
        self._begun = True
        threading.Thread(target=self._wait, name="deadline", daemon=True).start()
        with contextlib.suppress(OSError, AttributeError, ValueError, RuntimeError):  # there is no standard error
            faulthandler.dump_traceback_later(ENDING + LOCKED, exit=True)

    def leave(self, status: int) -> int:
        """All that ends in order has ended. Returns the status, unless it was told to end and a thread hangs."""
        until = time.monotonic() + JOINING
        for thread in threading.enumerate() if self._begun else ():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join(max(0.0, until - time.monotonic()))
                if thread.is_alive():
                    _leave(f"The thread {thread.name} hangs: the process ends without it.", status)
        return status

    def _wait(self) -> None:
        time.sleep(ENDING)
        _leave(f"Not everything ended in {ENDING:.0f} s: the process ends all the same.", 1)


def _leave(words: str, status: int) -> None:
    """End the process and those it started, now."""
    log.error("%s", words)
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            child.kill()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)
