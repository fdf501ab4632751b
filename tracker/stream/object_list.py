"""The objects of one stream: bounded, each with an id that is never given twice."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from torch import Tensor

from tracker.stream.association import New
from tracker.stream.geometry import Share, bounds
from tracker.stream.objects import Followed
from tracker.stream.params import DEFAULTS, TrackingParams
from tracker.types import Key, TrackerError, UnknownObject


class ObjectList:
    """At most ``most`` objects. What leaves it is removed: nothing may happen to it any more."""

    def __init__(self, most: int, first_id: int, params: TrackingParams = DEFAULTS) -> None:
        self.most = most
        self.next_id = first_id
        self.refused = 0  # how many there was no room for on the last keyframe
        self.everyone: list[Followed] = []
        self._params = params

    def __iter__(self) -> Iterator[Followed]:
        return iter(self.everyone)

    def __len__(self) -> int:
        return len(self.everyone)

    @property
    def visible(self) -> list[Followed]:
        """Those on the present frame."""
        return [each for each in self.everyone if each.visible]

    def of(self, key: Key | None) -> list[Followed]:
        """Those that one prompt found."""
        return [each for each in self.everyone if each.key == key]

    def by_key(self) -> list[list[Followed]]:
        """All of them, those of one prompt together."""
        return [self.of(key) for key in {each.key for each in self.everyone}]

    def find(self, object_id: int) -> Followed:
        """The one with that id. Raises :class:`UnknownObject`, for one that a user dismissed too."""
        for each in self.everyone:
            if each.id == object_id and not each.told.dismissed:
                return each
        raise UnknownObject(f"there is no object {object_id}")

    def found(self, key: Key, new: New, tick: int, seconds: float) -> Followed | None:
        """Give what a prompt found its id, in the place of who was not seen for longest; None if all are to be seen."""
        if len(self) >= self.most:
            gone = max(self.everyone, key=lambda each: each.doubt.unseen)
            if not gone.doubt.unseen:
                self.refused += 1
                return None
            self._drop([gone])
        return self._add(key, new.logits, new.score, tick, seconds, new.box)

    def pointed_at(self, logits: Tensor, score: float, tick: int, seconds: float) -> Followed:
        """Give what a user pointed at its id. See :meth:`check_room` first."""
        self.check_room()
        return self._add(None, logits, score, tick, seconds, bounds(logits))

    def check_room(self) -> None:
        """Raises :class:`TrackerError` if a user's object has no place: none that is followed is given up for it."""
        if len(self) >= self.most:
            raise TrackerError(f"{self.most} objects are followed already: remove one first")

    def dismiss(self, object_id: int) -> None:
        """
        A user takes one away. Raises :class:`UnknownObject`.

        One that a prompt found is followed on and never shown: dropped, the next keyframe would find it as a new one.
        """
        each = self.find(object_id)
        each.told.dismissed = True
        if each.key is None:
            self._drop([each])

    def keep(self, keys: Container[Key]) -> None:
        """Drop those of other prompts than these; what a user pointed at stays."""
        self._drop([each for each in self.everyone if each.key is not None and each.key not in keys])

    def forget(self) -> None:
        """Drop those that were lost for too long, and new ones that were no objects."""
        longest = self._params.keep_alive
        self._drop([each for each in self.everyone if each.doubt.unseen > longest or each.rejected])

    def clear(self) -> None:
        """Drop all of them; ids go on from where they are."""
        self._drop(list(self.everyone))
        self.refused = 0

    def _add(self, key: Key | None, logits: Tensor, score: float, tick: int, seconds: float, box: Share) -> Followed:
        new = Followed(self.next_id, key, logits, score, tick, seconds, box, self._params)
        self.next_id += 1
        self.everyone.append(new)
        return new

    def _drop(self, gone: Iterable[Followed]) -> None:
        for each in gone:
            each.life.remove()
            self.everyone.remove(each)
