"""
The frames a user can still click on: recent embeddings, the interactive side's features only.

A click refers to the frame the user saw, a little in the past. It is bounded by bytes and by rate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tracker.model.features import Embedding
from tracker.presenting.motion import Grey
from tracker.types import FrameGone, Track

BYTES = 256 * 2**20  # a second and a half at full size (21 MB a frame in float32), and more than RECENT holds of nano
RECENT = 48  # embeddings: about six seconds
WINDOW = 0.1 + 1e-6  # seconds: a click is answered on a frame this near to the one it names; times are not exact
TIMES = 1024  # looked-at frames whose time is known, to tell when a frame between them was


@dataclass(frozen=True, slots=True, eq=False)
class ClickableFrame:
    """
    One looked-at frame: ``seconds`` is its own (monotonic) time.

    ``tracks`` is what was shown on it; None while it is still being looked at: the objects are on it, nothing is shown.
    ``grey`` is its small picture, by which masks are moved on from it.
    """

    index: int
    seconds: float
    embedding: Embedding
    tracks: Sequence[Track] | None
    grey: Grey | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its picture."""
        return self.embedding.height, self.embedding.width

    @property
    def nbytes(self) -> int:
        """The memory of its features and its picture."""
        return self.embedding.nbytes + (0 if self.grey is None else self.grey.nbytes)


class ClickableFrames:
    """
    At most ``max_bytes`` and RECENT frames, one in WINDOW, and always the newest.

    A frame that is left out has one that stays within WINDOW before it, so that a click on it is answered.
    """

    def __init__(self, max_bytes: int = BYTES) -> None:
        self.max_bytes = max_bytes
        self._frames: deque[ClickableFrame] = deque()  # trimmed by _trim
        self._times: deque[tuple[int, float]] = deque(maxlen=TIMES)
        self._thinned = -1e9  # time of the newest frame that stays for good
        self._shown: Sequence[Track] = ()  # on the newest frame

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def nbytes(self) -> int:
        """The memory it holds."""
        return sum(each.nbytes for each in self._frames)

    @property
    def newest(self) -> ClickableFrame | None:
        """The frame that was looked at last."""
        return self._frames[-1] if self._frames else None

    def add(self, kept: ClickableFrame) -> None:
        """Keep the newest frame; the one before stays only if the last one that stays is too far from it."""
        if self._frames:
            if self._frames[-1].seconds - self._thinned <= WINDOW:
                self._frames.pop()
            else:
                self._thinned = self._frames[-1].seconds
        self._frames.append(kept)
        self._times.append((kept.index, kept.seconds))
        self._trim()

    def insert(self, kept: ClickableFrame) -> None:
        """Keep a frame of before the newest one, at its place in time; where there is no room, the oldest others go."""
        later = [place for place, each in enumerate(self._frames) if each.index > kept.index]
        self._frames.insert(later[0], kept)
        self._trim(spared=kept)

    def show(self, tracks: Sequence[Track]) -> None:
        """What is shown on the newest frame, now that it was looked at."""
        for each in self._shown:  # if nobody has packed them by now
            each.mask.counts  # noqa: B018
        self._shown = tracks
        self._frames[-1] = replace(self._frames[-1], tracks=tracks)

    def note(self, index: int, seconds: float) -> None:
        """A frame was looked at without an embedding: only its time is kept."""
        self._times.append((index, seconds))

    def nearest(self, index: int, seconds: float | None = None) -> ClickableFrame:
        """
        The kept frame nearest to frame ``index``. Raises :class:`FrameGone` if it is over 100 ms away.

        ``seconds``: when that frame was, by the clock of ``add``; left out, it is estimated from its neighbours.
        """
        if not self._frames:
            raise self.gone(index)
        moment = self._moment(index) if seconds is None else seconds
        best = min(self._frames, key=lambda each: abs(each.seconds - moment))
        if best.index != index and abs(best.seconds - moment) > WINDOW:
            raise self.gone(index)
        return best

    def nearest_first(self, index: int, seconds: float) -> list[ClickableFrame]:
        """All of them: frame ``index`` itself, if it is kept, then by how far they are from ``seconds``."""
        return sorted(self._frames, key=lambda each: (each.index != index, abs(each.seconds - seconds)))

    def gone(self, index: int) -> FrameGone:
        """What is to be raised where frame ``index`` is not kept, nor one that could stand for it."""
        if not self._frames:
            return FrameGone("no frame has been looked at yet, so nothing can be clicked", None)
        oldest, newest = self._frames[0].index, self._frames[-1].index
        if oldest <= index <= newest:
            words = f"the place that was pointed at on frame {index} is not known on any frame that was looked at"
            return FrameGone(f"{words}: point at it again", (oldest, newest))
        return FrameGone(f"frame {index} is gone: frames {oldest} to {newest} can be clicked", (oldest, newest))

    def after(self, kept: ClickableFrame, most: int) -> list[ClickableFrame]:
        """Up to ``most`` frames after ``kept``, oldest first, evenly chosen, the newest always among them."""
        later = [each for each in self._frames if each.index > kept.index]
        if len(later) <= most:
            return later
        return [later[round((step + 1) * len(later) / most) - 1] for step in range(most)]

    def clear(self) -> None:
        """Forget every frame."""
        self._frames.clear()
        self._times.clear()
        self._thinned = -1e9

    def _moment(self, index: int) -> float:
        """When frame ``index`` was: known if it was looked at, else from its neighbours and the frame rate."""
        before = max((each for each in self._times if each[0] <= index), default=None)
        after = min((each for each in self._times if each[0] >= index), default=None)
        if before and after:
            span = after[0] - before[0]
            share = (index - before[0]) / span if span else 0.0
            return before[1] + share * (after[1] - before[1])
        end = before or after
        assert end is not None
        first, last = self._times[0], self._times[-1]
        pace = (last[1] - first[1]) / (last[0] - first[0]) if last[0] > first[0] else 1 / 30
        return end[1] + (index - end[0]) * pace

    def _trim(self, spared: ClickableFrame | None = None) -> None:
        total = self.nbytes
        removable = [each for each in self._frames if each is not spared][:-1]
        for oldest in removable:
            if total <= self.max_bytes and len(self._frames) <= RECENT:
                break
            self._frames.remove(oldest)
            total -= oldest.nbytes
