"""Work that may take hours, on a thread that nobody waits for when the server ends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def apart(work: Callable[[], T], name: str) -> T:
    """
    Run blocking work on a thread of its own, called ``name``. Who is cancelled meanwhile leaves it alone.

    The thread is a daemon: unlike those of a pool it holds up neither the end of the event loop nor that of the
    process. Let it be work in Python that may stop anywhere.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()

    def settle(tell: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(lambda: None if ended.done() else tell())

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            failure = error
            settle(lambda: ended.set_exception(failure))
        else:
            settle(lambda: ended.set_result(result))

    threading.Thread(target=run, name=name, daemon=True).start()
    return await ended
