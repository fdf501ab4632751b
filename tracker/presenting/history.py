"""What was presented in the last two seconds, and where a place of one of those frames is on another of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from tracker.presenting.motion import Field, Motion, grid
from tracker.presenting.presenter import Presented
from tracker.types import Mask, Point, Track

SECONDS = 2.0  # how long a frame is kept: who sees something needs about one to click it, and what is sent is late
FRAMES = 128  # that many seconds of 60 frames each, and some; a faster camera is kept for less
TURNS = 8  # of inverting a motion: each one halves what is wrong, or more, where neighbours move alike
NEAR = 0.002  # share of the picture's side, a quarter of a cell: what an inverted motion may be off
FINE = 0.0001  # share of the side: what is off by less needs no other turn
INNER = 5  # a box is moved by that many places across and down inside it, so that what is around it counts less
MOST_GROWTH = 2.0  # times its side, or one part of it: what a box may change on its way
LEAST_TRUSTED = 0.5  # share of a box's inner places whose way must be trusted
WIDEST = 0.17  # share of the longer side, 22 cells: across a wider hole in what is trusted, too much may go on unseen
ALIKE = 0.008  # share of the side, a cell: trusted motion at the rim of a hole is off by no more
LEAST_AROUND = 0.25  # share that must be trusted, up to WIDEST away: after a cut, some specks agree by luck

Places = npt.NDArray[np.float64]  # (N, 2): x and y as shares of the picture
Share = tuple[float, float, float, float]  # left, top, right, bottom as shares of the picture


@dataclass(frozen=True, slots=True, eq=False)
class PastFrame:
    """
    One frame as it was presented.

    ``seconds`` is its time by the stream's clock, ``size`` its (height, width); ``step`` the motion from the frame
    before it, None where that is not known or is of another scene.
    """

    index: int
    seconds: float
    scene: int
    size: tuple[int, int]
    step: Motion | None
    tracks: tuple[Track, ...]


class History:
    """
    The frames of the last SECONDS, at most FRAMES.

    Not thread-safe. What :meth:`path` returns never changes, and may be given to another thread.
    """

    def __init__(self) -> None:
        self._frames: deque[PastFrame] = deque(maxlen=FRAMES)

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, presented: Presented, seconds: float, size: tuple[int, int]) -> None:
        """
        The newest frame, its time by the stream's clock, and its (height, width).

        The same frame once more, as after an order: what is shown on it has changed.
        """
        step = presented.step
        if self._frames and self._frames[-1].index == presented.index:
            step = self._frames.pop().step
        self._frames.append(PastFrame(presented.index, seconds, presented.scene, size, step, tuple(presented.tracks)))
        while abs(seconds - self._frames[0].seconds) > SECONDS:
            self._frames.popleft()

    def path(self, index: int) -> MotionPath | None:
        """What is known of frame ``index`` and of the ways from it; None if it is not there, or not any more."""
        frames = tuple(self._frames)
        at = next((place for place, each in enumerate(frames) if each.index == index), None)
        return None if at is None else MotionPath(frames, at)


@dataclass(frozen=True, slots=True, eq=False)
class MotionPath:
    """
    The ways from one presented frame, the one that somebody points at, to the others that were kept with it.

    A way is trusted where no scene ends on it, no motion is missing, every motion is trusted at the place or
    :func:`bridged` there, and the place stays in the picture. Backward the motion says where a place came from; forward
    it is inverted.
    """

    frames: tuple[PastFrame, ...]
    at: int  # which of them
    _bridged: dict[int, Motion] = field(default_factory=dict, init=False, repr=False)  # by place in ``frames``

    @property
    def frame(self) -> PastFrame:
        """The one that is pointed at."""
        return self.frames[self.at]

    def under(self, points: Sequence[Point]) -> int | None:
        """The id of the smallest object that was presented under the first positive point, in pixels of its frame."""
        return under(self.frame.tracks, points)

    def mask(self, object_id: int) -> Mask | None:
        """How that object was presented on the frame that is pointed at."""
        return next((each.mask for each in self.frame.tracks if each.id == object_id), None)

    def moved(
        self, places: Sequence[tuple[float, float]], index: int, *, since: int | None = None
    ) -> list[tuple[float, float] | None]:
        """
        Where ``places``, x and y as shares of the picture, are on frame ``index``; None for each that has no way there.

        ``since``: the frame that they are of, if it is another than the one that is pointed at.
        """
        way = self._way(np.array(places, np.float64).reshape(-1, 2), index, since)
        if way is None:
            return [None] * len(places)
        return [(x, y) if sure else None for (x, y), sure in zip(way[0].tolist(), way[1].tolist(), strict=True)]

    def box(self, box: Share, index: int) -> Share | None:
        """
        Where a box is on frame ``index``: moved and scaled as the middle of what is inside it (Kalal et al. 2010).

        None where the way of most of that is not trusted, or if it has become another thing altogether.
        """
        corners = np.array(box).reshape(2, 2)
        across = (np.arange(INNER) + 0.5) / INNER
        inside = np.stack(np.meshgrid(across, across), -1).reshape(-1, 2) * (corners[1] - corners[0]) + corners[0]
        way = self._way(inside, index, None)
        if way is None or way[1].mean() < LEAST_TRUSTED:
            return None
        before, now = inside[way[1]], way[0][way[1]]
        middle, then = np.median(now, 0), np.median(before, 0)
        spread = [np.median(np.abs(each - about), 0) for each, about in ((now, middle), (before, then))]
        growth = np.where(spread[1] > 0, spread[0] / np.maximum(spread[1], 1e-9), 1.0)
        if (growth > MOST_GROWTH).any() or (growth < 1 / MOST_GROWTH).any():
            return None
        left, top, right, bottom = np.clip(middle + (corners - then) * growth, 0.0, 1.0).reshape(-1).tolist()
        return left, top, right, bottom

    def between(self, before: int, now: int) -> Field | None:
        """
        From where on frame ``before`` each place of the later frame ``now`` came: (height, width, 2) shares.

        Composed of every motion on the way, trusted or not; None where one is missing or a scene ends.
        """
        first, last = self._place(before), self._place(now)
        if first is None or last is None or first >= last:
            return None
        came: Field | None = None
        for place in range(last, first, -1):
            step = self._step(place)
            if step is None:
                return None
            came = step.places if came is None else _read(step.places, came)
        return came

    def _way(self, places: Places, index: int, since: int | None) -> tuple[Places, npt.NDArray[np.bool_]] | None:
        """Where (N, 2) places are on frame ``index``, and (N,) whether that is trusted; None if there is no way."""
        start = self.at if since is None else self._place(since)
        end = self._place(index)
        if start is None or end is None:
            return None
        trusted = np.ones(len(places), np.bool_)
        for now in range(start, end, -1) if end < start else range(start + 1, end + 1):
            step = self._whole(now)
            if step is None:
                return None
            places, sure = back(step, places) if end < start else forth(step, places)
            trusted &= sure & ((places >= 0) & (places <= 1)).all(1)
            if not trusted.any():
                return None
        return places, trusted

    def _place(self, index: int) -> int | None:
        return next((place for place, each in enumerate(self.frames) if each.index == index), None)

    def _step(self, place: int) -> Motion | None:
        """The motion to a frame from the one before it, if they are of one scene and nothing is missing between."""
        before, now = self.frames[place - 1], self.frames[place]
        known = now.step is not None and now.step.before == before.index and now.scene == before.scene
        return now.step if known else None

    def _whole(self, place: int) -> Motion | None:
        """That motion, bridged; kept, as one click may try the ways to several frames."""
        step = self._step(place)
        if step is not None and place not in self._bridged:
            self._bridged[place] = bridged(step)
        return None if step is None else self._bridged[place]


def under(tracks: Sequence[Track], points: Sequence[Point]) -> int | None:
    """The id of the smallest of these objects that covers the first positive point; in pixels of their frame."""
    place = next((point for point in points if point.positive), None)
    if place is None:
        return None
    hit = [each for each in tracks if _covers(each.mask, place)]
    return min(hit, key=lambda each: each.mask.area).id if hit else None


def _covers(mask: Mask, point: Point) -> bool:
    x, y = min(int(point.x), mask.width - 1), min(int(point.y), mask.height - 1)
    return bool(mask.dense()[y, x])


def back(step: Motion, places: Places) -> tuple[Places, npt.NDArray[np.bool_]]:
    """Where (N, 2) places of frame ``step.now`` were on frame ``step.before``, and (N,) whether that is trusted."""
    return places + _displacement(step, places), _trusted(step, places)


def forth(step: Motion, places: Places) -> tuple[Places, npt.NDArray[np.bool_]]:
    """Where (N, 2) places of frame ``step.before`` are on frame ``step.now``, and (N,) whether that is trusted."""
    now, off = places, -_displacement(step, places)
    for _ in range(TURNS):
        if np.abs(off).max(initial=0.0) <= FINE:
            break
        now = now + off
        off = places - now - _displacement(step, now)
    return now, (np.abs(off).max(1) <= NEAR) & _trusted(step, now)


def bridged(step: Motion) -> Motion:
    """
    The same motion with the small holes in what is trusted filled, as inside of flat things.

    Of a place that is not trusted the next trusted ones to both sides count, and those above and below: the rim of a
    hole in an object is the object's, whatever moves beyond it. The nearer count for more. A place stays untrusted if
    the hole is wider than WIDEST both ways, if those neighbours do not move ALIKE, or if little around is trusted.
    """
    most = max(1, round(WIDEST * max(step.trusted.shape)))
    around = cv2.blur(step.trusted.astype(np.float32), (2 * most + 1, 2 * most + 1))
    row, column = np.nonzero(~step.trusted & (around >= LEAST_AROUND))
    own = step.places - grid(*step.trusted.shape)
    (left, right), (top, bottom) = (_ends(each) for each in (step.trusted, step.trusted.T))
    across, down = (left[row, column], right[row, column]), (top[column, row], bottom[column, row])
    motions = np.stack([*(own[row, end] for end in across), *(own[end, column] for end in down)])
    weights = np.concatenate([_weights(column, *across, most), _weights(row, *down, most)])[..., None]
    mean = (motions * weights).sum(0) / np.maximum(weights.sum(0), 1e-9)
    apart = (np.linalg.norm(motions - mean, axis=-1) * (weights[..., 0] > 0)).max(0)
    sure = (weights[..., 0] > 0).any(0) & (apart <= ALIKE)
    places, trusted = step.places.copy(), step.trusted.copy()
    places[row[sure], column[sure]] += (mean - own[row, column])[sure]
    trusted[row[sure], column[sure]] = True
    return Motion(step.before, step.now, places, trusted)


def _ends(trusted: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Of each (H, W) cell the columns of the next trusted ones before and after it in its row; itself if none is."""
    columns = np.broadcast_to(np.arange(trusted.shape[1]), trusted.shape)
    before = np.maximum.accumulate(np.where(trusted, columns, -1), 1)
    after = np.minimum.accumulate(np.where(trusted, columns, trusted.shape[1])[:, ::-1], 1)[:, ::-1]
    return np.where(before < 0, columns, before), np.where(after == trusted.shape[1], columns, after)


def _weights(
    at: npt.NDArray[np.intp], before: npt.NDArray[np.intp], after: npt.NDArray[np.intp], most: int
) -> npt.NDArray[np.float64]:
    """What both (N,) ends of a hole count at places in it: (2, N), 0 if one is missing or the hole is too wide."""
    far = np.stack((at - before, after - at))
    there = (far > 0).all(0) & (far.sum(0) <= most + 1)
    return np.where(there, 1.0 / np.maximum(far, 1), 0.0)


def _read(places: Field, at: Field) -> Field:
    """Read where things were, ``places`` over a whole picture, ``at`` these places."""
    height, width = places.shape[:2]
    x, y = at[..., 0] * width - 0.5, at[..., 1] * height - 0.5
    moved = cv2.remap(places - grid(height, width), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(at + moved, np.float32)  # motions and not places are read: remap knows 32 places between two


def _displacement(step: Motion, places: Places) -> Places:
    """From (N, 2) places of frame ``now`` to where they were, read between the middles of cells."""
    height, width = step.places.shape[:2]
    size = np.array((width, height))
    at = np.clip(places * size - 0.5, 0.0, size - 1.0)
    low = np.floor(at).astype(np.intp)
    high = np.minimum(low + 1, size - 1)
    (x, y), ((x0, y0), (x1, y1)) = (at - low).T[..., None], (low.T, high.T)
    came = step.places
    upper, lower = (came[row, x0] * (1 - x) + came[row, x1] * x for row in (y0, y1))
    return np.asarray(upper * (1 - y) + lower * y - (at + 0.5) / size, np.float64)


def _trusted(step: Motion, places: Places) -> npt.NDArray[np.bool_]:
    height, width = step.trusted.shape
    x, y = (np.clip(places * (width, height), 0, (width - 1, height - 1))).astype(np.intp).T
    return np.asarray(step.trusted[y, x], np.bool_)
