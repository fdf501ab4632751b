"""What of one session outlives the process: its prompts, the pictures of their examples, and how far its ids are."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from streamer.frame import Picture
from streamer.live import jpegs
from streamer.store import Asked, Drawn, Kept, Store
from streamer.store.records import Share
from tracker import Key, Prompt, Tracker, TrackerError, prompt_keys

BLOCK = (
    1000  # ids that are reserved at a time: one write for so many objects, and a gap of at most as many at a restart
)
MARGIN = 200  # of them that must be left when a look begins: it gives 64 at most, and orders come between

Shown = tuple[Picture, Mapping[int, Sequence[Share]]]  # a picture, and boxes on it by the place of their prompt

log = logging.getLogger(__name__)


class Keeping:
    """
    Keeps one session in the store.

    Ids are reserved there in blocks, ahead of the objects that get them, so that none is given twice whenever the
    process ends, and nothing is written for an object. Where the block runs out because nothing can be written, ids go
    on from the clock (milliseconds since 1970), of which no block will ever have any.
    """

    def __init__(self, store: Store, kept: Kept) -> None:
        """Puts the session into the store, with a block of ids. Raises TooMany."""
        self.returns = store.lasting(kept.id) is not None  # it was there before this process
        self.first_id = kept.next_id
        self._store = store
        self._drawn = {
            key: each.drawn for key, each in zip(prompt_keys(kept.prompts), kept.asked, strict=True) if each.drawn
        }
        self._by_clock = False
        self._pictures: list[Shown] = []  # until they are recalled
        self._kept = replace(kept, next_id=kept.next_id + BLOCK)
        store.put(self._kept)

    @property
    def lasts(self) -> bool:
        """Whether the store has all of it as it is now."""
        return self._store.lasts(self._kept.id)

    async def settled(self) -> bool:
        """Wait until it has; False where the store cannot be written, or takes too long."""
        return await self._store.settled(self._kept.id)

    async def begin(self) -> bool:
        """Wait until no object can get an id that is not reserved; whether :meth:`recall` has something to ask."""
        await self.settled()
        if self.returns:
            self._pictures = await asyncio.to_thread(self.drawn, self._kept.prompts)
        return self.returns

    def recall(self, tracker: Tracker) -> None:
        """
        Ask what was asked before the restart. Runs on the model's thread.

        What the model of now cannot be asked is said, and the stream runs without.
        """
        pictures, self._pictures = self._pictures, []
        self._ask(tracker, self._kept.prompts, pictures)

    def show_again(self, tracker: Tracker) -> None:
        """Show another model what example boxes showed the one before. Runs on the model's thread."""
        if pictures := self.drawn(tracker.prompts):
            self._ask(tracker, tracker.prompts, pictures)

    def _ask(self, tracker: Tracker, prompts: Sequence[Prompt], pictures: Sequence[Shown]) -> None:
        try:
            tracker.recall(prompts, pictures)
        except TrackerError as error:
            log.error("session %s: its prompts cannot be asked again: %s", self._kept.id, error)

    def drawn(self, prompts: Sequence[Prompt]) -> list[Shown]:
        """The pictures that example boxes were drawn on, and the boxes on each by the place of their prompt."""
        found: dict[bytes, dict[int, Sequence[Share]]] = {}
        for place, key in enumerate(prompt_keys(prompts)):
            if (drawn := self._drawn.get(key)) is not None:
                found.setdefault(drawn.picture, {})[place] = drawn.boxes
        pictures = [(jpegs.picture(data), places) for data, places in found.items()]
        return [(rgb, places) for rgb, places in pictures if rgb is not None]

    def edited(self, prompts: Sequence[Prompt], new: Mapping[Key, Drawn]) -> None:
        """Keep other prompts; ``new``: where the boxes of new ones were drawn."""
        keys = prompt_keys(prompts)
        self._drawn = {key: each for key, each in {**self._drawn, **new}.items() if key in keys}
        asked = tuple(Asked(prompt, self._drawn.get(key)) for key, prompt in zip(keys, prompts, strict=True))
        self._put(replace(self._kept, asked=asked))

    def given(self, next_id: int) -> None:
        """``next_id`` is the next that an object gets: reserve more where half of the block is used up."""
        if next_id + BLOCK // 2 > self._kept.next_id:
            self._put(replace(self._kept, next_id=next_id + BLOCK))

    def before(self, tracker: Tracker) -> None:
        """Runs on the model's thread, before a tracker may give ids."""
        lasting = self._store.lasting(self._kept.id)
        if lasting is None or tracker.next_id + MARGIN <= lasting.next_id:
            self._by_clock = False  # one that is in no file cannot come back, and may give what it likes
        elif not self._by_clock:
            self._by_clock = True
            tracker.skip_to(int(time.time() * 1000))

    def done(self) -> None:
        """It has come to its end by itself: it does not come back."""
        self._store.forget(self._kept.id)

    def _put(self, kept: Kept) -> None:
        if self._store.wanted(kept.id) is not None:  # deleted, it stays so, whatever is still under way
            self._store.put(kept)
        self._kept = kept
