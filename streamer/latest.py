"""A one-slot mailbox: the newest item replaces the one nobody took."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """The mailbox was closed; nothing more will arrive."""


class Latest(Generic[T]):
    """
    Hand the newest item to one consumer, and drop the rest.

    It holds one item, whatever the two sides do. ``dropped`` counts the items that were replaced before anybody took
    them. There is one consumer; not thread-safe: other threads go through ``loop.call_soon_threadsafe``.
    """

    def __init__(self) -> None:
        self._item: T | None = None
        self._full = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._put = asyncio.Event()
        self.closed = False
        self.dropped = 0

    @property
    def waiting(self) -> bool:
        """Whether an item lies in the slot."""
        return self._item is not None

    def put(self, item: T) -> None:
        """Lay an item in the slot, in place of one that nobody took. After close() it is ignored."""
        if self.closed:
            return
        if self._item is not None:
            self.dropped += 1
        self._item = item
        self._put.set()
        self._full.set()
        self._free.clear()

    def revise(self, change: Callable[[T], T]) -> None:
        """Put what ``change`` makes of the item that lies in the slot, if one does, in its place; none is dropped."""
        if self._item is not None:
            self._item = change(self._item)

    def close(self) -> None:
        """Let nothing more in. An item already in the slot can still be taken."""
        self.closed = True
        self._full.set()
        self._free.set()

    async def ready(self) -> None:
        """Wait until an item is there; raise :class:`Closed` when none will come."""
        await self._full.wait()
        if self._item is None:
            raise Closed

    async def other(self, than: T | None) -> T:
        """Wait until another item than that one lies in the slot, and leave it there."""
        while self._item is None or self._item is than:
            self._put.clear()
            await self._put.wait()
        return self._item

    async def room(self) -> None:
        """Wait until the slot is empty, so that a put drops nothing; raise :class:`Closed` when it is closed."""
        await self._free.wait()
        if self.closed:
            raise Closed

    def clear(self) -> None:
        """Let go of the item that nobody took, if there is one; it does not count as dropped."""
        self._item = None
        self._free.set()
        if not self.closed:
            self._full.clear()

    def take(self) -> T:
        """Remove and return the item; call it after ready()."""
        if self._item is None:
            raise Closed
        item, self._item = self._item, None
        self._free.set()
        if not self.closed:
            self._full.clear()
        return item
