"""What HTTP requests leave behind for later ones: embeddings of pictures, and logits of earlier answers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from cachetools import FIFOCache, LRUCache

from streamer.engine import Engine
from tracker import Box, Embedding, Logits, Point, SegmentPrompt

OVERHEAD = 1024  # bytes that an entry is counted with beside its tensors: small ones are not free


class Sized(Protocol):
    """Anything that knows what memory it holds."""

    @property
    def nbytes(self) -> int:
        """Bytes."""
        ...


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Sized)


class Cache(Generic[K, V]):
    """
    A dictionary bounded by bytes: the least recently used goes first. Used on the event loop only.

    ``hits`` and ``misses`` count what :meth:`get` was asked, ``evicted`` the entries that had to go. An item larger
    than the bound is not kept.
    """

    def __init__(self, limit: int) -> None:
        self.hits = self.misses = self.evicted = 0
        self._items: LRUCache[K, V] = LRUCache(limit, getsizeof=lambda item: item.nbytes + OVERHEAD)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: K) -> bool:
        return key in self._items

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        return int(self._items.currsize)

    def get(self, key: K) -> V | None:
        """The item under a key, which makes it the most recently used one; None when it is not there."""
        item = self._items.get(key)
        if item is None:
            self.misses += 1
        else:
            self.hits += 1
        return item

    def peek(self, key: K) -> V:
        """The item under a key that is there; not counted."""
        return self._items[key]

    def put(self, key: K, item: V) -> None:
        """Keep an item, in place of one that had the key."""
        self._items.pop(key, None)
        before = len(self._items)
        try:
            self._items[key] = item
        except ValueError:  # larger than the bound
            return
        self.evicted += before + 1 - len(self._items)

    def clear(self) -> None:
        """Drop everything; the counters stay."""
        self._items.clear()

    def figures(self) -> dict[str, int]:
        """The counters, and what it holds."""
        return {
            "entries": len(self),
            "bytes": self.nbytes,
            "limit_bytes": int(self._items.maxsize),
            "hits": self.hits,
            "misses": self.misses,
            "evicted": self.evicted,
        }


@dataclass(frozen=True, slots=True)
class Made:
    """An embedding, and the engine whose model made it and can be asked about it."""

    engine: Engine
    embedding: Embedding

    @property
    def nbytes(self) -> int:
        """Bytes."""
        return self.embedding.nbytes


Account = str  # a digest of the API key, whether or not the server has any: nobody is given what another one left
MAX_IDS = 10_000  # names that clients gave to pictures; about 5 MB


class Caches:
    """
    The two caches of one server, sizes in bytes.

    ``picture`` is the hash of a picture's pixels. An ``image_id`` is a second name of one, for one account.
    """

    def __init__(self, embeddings: int, logits: int) -> None:
        self.embeddings: Cache[tuple[Account, str], Made] = Cache(embeddings)
        self.logits: Cache[tuple[Account, str, Box | None, tuple[Point, ...]], Logits] = Cache(logits)
        self._ids: FIFOCache[tuple[Account, str], str] = FIFOCache(MAX_IDS)

    def named(self, account: Account, image_id: str | None) -> str | None:
        """The picture that has this id and whose embedding is kept, else None."""
        picture = None if image_id is None else self._ids.get((account, image_id))
        return picture if picture is not None and (account, picture) in self.embeddings else None

    def keep(self, account: Account, picture: str, made: Made) -> None:
        """Keep a picture's embedding."""
        self.embeddings.put((account, picture), made)

    def name(self, account: Account, image_id: str, picture: str) -> None:
        """Let an id mean a picture from now on."""
        self._ids[account, image_id] = picture

    def save(self, account: Account, picture: str, prompt: SegmentPrompt, logits: Logits) -> None:
        """Keep the best low-resolution logits (S, S) of a prompt on a picture."""
        self.logits.put((account, picture, prompt.box, prompt.points), logits)

    def load(self, account: Account, picture: str, prompt: SegmentPrompt) -> Logits | None:
        """The logits of the longest saved prompt that this one begins with: the same box, and its first points."""
        least = 1 if prompt.points and prompt.box is None else 0  # what nobody pointed at is no beginning of a click
        for length in range(len(prompt.points), least - 1, -1):
            key = (account, picture, prompt.box, prompt.points[:length])
            if key in self.logits:
                return self.logits.get(key)
        self.logits.misses += 1
        return None

    def clear(self) -> None:
        """Drop everything: it is of a model that answers no more."""
        for cache in (self.embeddings, self.logits):
            cache.clear()
        self._ids.clear()

    def figures(self) -> dict[str, dict[str, int]]:
        """The counters of both."""
        return {"embeddings": self.embeddings.figures(), "logits": self.logits.figures()}
