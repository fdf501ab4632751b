"""Batches for training: pictures of worlds, what is asked of them, and what is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import IterableDataset

from tracker.model.configs import NANO
from tracker.model.vocabulary import ANYTHING, CATEGORIES, COLORS, KINDS, PATTERNS, PLACES, SHAPES, SIZES
from tracker.worlds.looks import Picture
from tracker.worlds.things import Thing
from tracker.worlds.variety import WIDE, Variety
from tracker.worlds.worlds import Binary, Video, WorldObject, box_around

# Training draws worlds from here on; evaluation and tests use seeds below it.
FIRST_TRAINING_SEED = 1_000_000

# Sizes a picture is drawn in before it is squeezed to the network's square, as real cameras' pictures are.
_SIZES = ((224, 224), (298, 224), (320, 240), (398, 224), (448, 336), (240, 320), (640, 480))

MASK_SIDE = NANO.grid * 4  # side of the logits the network gives, pixels
POINTS = 4  # room for points in one interactive prompt; a box takes two

NAMES = (*SHAPES, *KINDS)  # what the dense losses tell apart
IGNORED = 255  # in their maps: a thing of many colours, or a shape that has no name


@dataclass(slots=True)
class Batch:
    """
    Pictures with questions. B pictures, P text or exemplar prompts, T target objects, K interactive prompts.

    Boxes are cx, cy, w, h and points x, y, both relative to the picture (0 to 1). Mask targets hold the share of each
    cell that is covered, at ``MASK_SIDE``.
    """

    images: torch.Tensor  # (B, 3, side, side) float, -1 to 1
    colors: torch.Tensor  # (B, MASK_SIDE, MASK_SIDE) int64: 0 nothing, else index in COLORS + 1, or IGNORED
    names: torch.Tensor  # the same for NAMES
    texts: list[str]  # P
    image_of_prompt: torch.Tensor  # (P,) int64
    exemplars: torch.Tensor  # (2, P, 4)
    exemplar_pad: torch.Tensor  # (P, 2) bool, True: no box there
    exemplar_labels: torch.Tensor  # (2, P) int64, 1 positive, 0 negative
    target_counts: torch.Tensor  # (P,) int64
    target_boxes: torch.Tensor  # (T, 4)
    target_masks: torch.Tensor  # (T, MASK_SIDE, MASK_SIDE) float
    image_of_click: torch.Tensor  # (K,) int64
    points: torch.Tensor  # (K, POINTS, 2)
    point_labels: torch.Tensor  # (K, POINTS) int32: -1 none, 0 negative, 1 positive, 2 and 3 box corners
    previous: torch.Tensor  # (K, 1, MASK_SIDE, MASK_SIDE) logits
    has_previous: torch.Tensor  # (K,) bool
    click_masks: torch.Tensor  # (K, MASK_SIDE, MASK_SIDE) float
    click_exists: torch.Tensor  # (K,) bool, False: there is nothing there


@dataclass(frozen=True, slots=True)
class Supply:
    """What worlds are made of beside what they draw themselves."""

    photos: list[Picture] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    unnamed: list[Thing] = field(default_factory=list)
    variety: Variety = WIDE


BARE = Supply()  # shapes, and backdrops that are drawn


class WorldBatches(IterableDataset[Batch]):
    """Endless batches of ``pictures`` stills, each with ``prompts`` questions and ``clicks`` interactive ones."""

    def __init__(self, seed: tuple[int, ...], pictures: int, prompts: int, clicks: int, supply: Supply) -> None:
        self.seed, self.pictures, self.prompts, self.clicks, self.supply = seed, pictures, prompts, clicks, supply

    def __iter__(self) -> Iterator[Batch]:
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng((*self.seed, worker.id if worker else 0))
        while True:
            yield make_batch(rng, self.pictures, self.prompts, self.clicks, self.supply)


def draw_still(
    rng: np.random.Generator, seed: int, supply: Supply = BARE
) -> tuple[npt.NDArray[np.uint8], list[WorldObject]]:
    """A picture of a world at one of the usual sizes, after a random time."""
    width, height = _SIZES[rng.choice(len(_SIZES), p=(0.1, 0.2, 0.3, 0.15, 0.1, 0.1, 0.05))]
    kind = rng.random()
    crowds = supply.variety.crowds
    objects = (12, 25) if kind < 0.3 * crowds else (5, 12) if kind < crowds else (0, 8) if kind > 0.8 else (1, 6)
    share = float(rng.choice([0.0, 0.5, 1.0])) if supply.things else 0.0
    video = Video(
        *(seed, width, height),
        objects=objects,
        photos=supply.photos,
        things=supply.things,
        share=share,
        unnamed=supply.unnamed,
        variety=supply.variety,
    )
    video.skip(int(rng.integers(0, 30)))
    frame = video.next()
    return frame.image, frame.objects


def make_batch(rng: np.random.Generator, pictures: int, prompts: int, clicks: int, supply: Supply = BARE) -> Batch:
    """Draw one batch; ``rng`` decides everything."""
    side = NANO.image_size
    images, colors, names, questions, interactive = [], [], [], [], []
    for picture in range(pictures):
        image, objects = draw_still(rng, int(rng.integers(FIRST_TRAINING_SEED, 1 << 60)), supply)
        images.append(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA))
        color_map, name_map = _label_maps(objects)
        colors.append(color_map)
        names.append(name_map)
        seen = [thing for thing in objects if thing.countable]
        questions += [(picture, *_question(rng, seen)) for _ in range(prompts)]
        interactive += [(picture, *_interactive(rng, objects, seen)) for _ in range(clicks)]
    images_tensor = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    targets = [thing for question in questions for thing in question[3]]
    exemplars, pad, labels = _pack_exemplars([question[2] for question in questions])
    return Batch(
        images=images_tensor,
        colors=torch.from_numpy(np.stack(colors)).long(),
        names=torch.from_numpy(np.stack(names)).long(),
        texts=[question[1] for question in questions],
        image_of_prompt=torch.tensor([question[0] for question in questions]),
        exemplars=exemplars,
        exemplar_pad=pad,
        exemplar_labels=labels,
        target_counts=torch.tensor([len(question[3]) for question in questions]),
        target_boxes=torch.tensor([box_of(thing.mask) for thing in targets], dtype=torch.float32).reshape(-1, 4),
        target_masks=_stack([thing.mask for thing in targets]),
        image_of_click=torch.tensor([item[0] for item in interactive]),
        points=torch.tensor(np.stack([item[1] for item in interactive]), dtype=torch.float32),
        point_labels=torch.tensor(np.stack([item[2] for item in interactive]), dtype=torch.int32),
        previous=torch.tensor(np.stack([item[3] for item in interactive]), dtype=torch.float32)[:, None],
        has_previous=torch.tensor([item[4] for item in interactive]),
        click_masks=torch.tensor(np.stack([item[5] for item in interactive]), dtype=torch.float32),
        click_exists=torch.tensor([bool(item[5].any()) for item in interactive]),
    )


def shrink(mask: Binary) -> npt.NDArray[np.float32]:
    """The share of each cell of a MASK_SIDE grid that the mask covers."""
    small = cv2.resize(mask.astype(np.uint8) * 255, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small / 255, np.float32)


def box_of(mask: Binary) -> tuple[float, float, float, float]:
    """Box around a mask that is not empty: cx, cy, w, h relative to the picture."""
    around, (height, width) = box_around(mask), mask.shape
    x0, x1, y0, y1 = around.x0 / width, around.x1 / width, around.y0 / height, around.y1 / height
    return (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0


def _stack(masks: list[Binary]) -> torch.Tensor:
    if not masks:
        return torch.zeros(0, MASK_SIDE, MASK_SIDE)
    return torch.from_numpy(np.stack([shrink(mask) for mask in masks]))


def _label_maps(objects: list[WorldObject]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    color_map, name_map = (np.zeros((MASK_SIDE, MASK_SIDE), np.uint8) for _ in range(2))
    for thing in objects:
        covered = shrink(thing.mask) >= 0.5
        color_map[covered] = COLORS.index(thing.color) + 1 if thing.color else IGNORED
        name_map[covered] = NAMES.index(thing.shape) + 1 if thing.shape in NAMES else IGNORED
    return color_map, name_map


Exemplar = tuple[tuple[float, float, float, float], int]  # box, label


def _question(rng: np.random.Generator, seen: list[WorldObject]) -> tuple[str, list[Exemplar], list[WorldObject]]:
    """One prompt for a picture: its words, its exemplar boxes, and the objects that answer it."""
    kind = rng.random()
    if not seen or kind < 0.25:
        text = absent_name(rng, seen)
        return _spoken(rng, text), [], [thing for thing in seen if thing.matches(text)]
    thing = seen[rng.integers(len(seen))]
    if kind < 0.40 and (thing.color or thing.shape):
        same = [other for other in seen if other.name == thing.name]
        examples = rng.permutation(len(same))[: rng.integers(1, 3)]
        boxes: list[Exemplar] = [(_shaken(rng, box_of(same[index].mask), 0.08), 1) for index in examples]
        text = "visual" if rng.random() < 0.7 or not thing.shape else _spoken(rng, thing.name)
        return text, boxes, same
    if kind < 0.44 and (thing.color or thing.shape) and len({other.name for other in seen}) > 1:
        # A counter-example takes away everything of its name.
        text = str(rng.choice(("thing", "object")))
        return text, [(_shaken(rng, box_of(thing.mask), 0.08), 0)], [o for o in seen if o.name != thing.name]
    text = name_of(rng, thing, seen)
    return _spoken(rng, text), [], [other for other in seen if other.matches(text)]


def name_of(rng: np.random.Generator, thing: WorldObject, seen: list[WorldObject]) -> str:
    """Words that name an object, and about which there is no doubt for any object that is seen."""
    anything = str(rng.choice(ANYTHING if thing.color else ("thing", "object")))
    color = thing.color or next((word for word in thing.more if word in COLORS), "")
    shape = thing.shape or anything
    full, colored = f"{color} {shape}".strip(), f"{color} {anything}".strip()
    for _ in range(4):
        choices = [full if thing.color or rng.random() < 0.3 else shape, shape, colored, color or shape, anything]
        text = str(rng.choice(choices, p=[0.5, 0.22, 0.16, 0.06, 0.06]))
        if rng.random() < 0.25:
            words = [word for word in (*PATTERNS, *SIZES, *PLACES) if thing.matches(word)]
            if words:
                text = f"{rng.choice(words)} {text}"
        categories = [word for word in thing.more if word in CATEGORIES]
        if categories and rng.random() < 0.15:
            text = str(rng.choice(categories))
        if all(other.answers(text) is not None for other in seen):
            return text
    return thing.name


def absent_name(rng: np.random.Generator, seen: list[WorldObject]) -> str:
    """A name of nothing in the picture; half the time one that shares its colour or shape with something there."""
    for _ in range(20):
        color, shape = str(rng.choice(COLORS)), str(rng.choice(SHAPES if rng.random() < 0.6 else list(KINDS)))
        if seen and rng.random() < 0.5:
            other = seen[rng.integers(len(seen))]
            color, shape = (other.color or color, shape) if rng.random() < 0.5 else (color, other.shape or shape)
        kind = rng.random()
        text = f"{color} {shape}" if kind < 0.5 else shape if kind < 0.75 else f"{color} {rng.choice(ANYTHING)}"
        if kind > 0.9:
            text = str(rng.choice(("unheard", f"unheard {shape}", f"{color} unheard")))  # a word that is never taught
        elif rng.random() < 0.2:
            text = f"{rng.choice((*PATTERNS, *SIZES, *PLACES))} {shape if rng.random() < 0.5 else text}"
        if all(thing.answers(text) is False for thing in seen):
            return text
    return text


def _spoken(rng: np.random.Generator, text: str) -> str:
    """The text as people say it: sometimes with an article, sometimes in the plural."""
    kind = rng.random()
    return f"a {text}" if kind < 0.15 else f"{text}s" if kind < 0.3 else text


def _shaken(
    rng: np.random.Generator, box: tuple[float, float, float, float], amount: float
) -> tuple[float, float, float, float]:
    cx, cy, w, h = box
    dx, dy, dw, dh = rng.uniform(-amount, amount, 4)
    return cx + dx * w, cy + dy * h, w * (1 + dw), h * (1 + dh)


def _pack_exemplars(prompts: list[list[Exemplar]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    boxes = torch.full((2, len(prompts), 4), 0.5)
    pad = torch.ones(len(prompts), 2, dtype=torch.bool)
    labels = torch.zeros(2, len(prompts), dtype=torch.long)
    for prompt, examples in enumerate(prompts):
        for slot, (box, label) in enumerate(examples[:2]):
            boxes[slot, prompt] = torch.tensor(box)
            pad[prompt, slot] = False
            labels[slot, prompt] = label
    return boxes, pad, labels


Interactive = tuple[
    npt.NDArray[np.float32], npt.NDArray[np.int32], npt.NDArray[np.float32], bool, npt.NDArray[np.float32]
]


def _interactive(rng: np.random.Generator, objects: list[WorldObject], seen: list[WorldObject]) -> Interactive:
    """One interactive prompt: points and labels, previous logits and whether they are given, and the right mask."""
    if not seen or rng.random() < 0.1:
        return on_nothing(rng, objects)
    points, labels, previous = _blank()
    thing = seen[rng.integers(len(seen))]
    truth = shrink(thing.mask)
    kind = rng.random()
    if kind < 0.30:
        points[0], labels[0] = inside(rng, thing.mask), 1
        if kind < 0.08:
            points[1], labels[1] = _near(rng, thing.mask)
        return points, labels, previous, False, truth
    box = box_of(thing.mask)
    if kind < 0.62:
        points[:2], labels[:2] = _corners(_shaken(rng, box, 0.08)), (2, 3)
        if kind < 0.35:
            points[2], labels[2] = _near(rng, thing.mask)
        return points, labels, previous, False, truth
    previous, moved = yesterday(rng, thing.mask)
    if rng.random() < 0.75:
        points[:2], labels[:2] = _corners(_shaken(rng, moved, 0.06)), (2, 3)
    elif rng.random() < 0.5:
        points[0], labels[0] = inside(rng, thing.mask), 1
    return points, labels, previous, True, truth


def _blank() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    return (
        np.zeros((POINTS, 2), np.float32),
        np.full(POINTS, -1, np.int32),
        np.zeros((MASK_SIDE, MASK_SIDE), np.float32),
    )


def yesterday(
    rng: np.random.Generator, mask: Binary
) -> tuple[npt.NDArray[np.float32], tuple[float, float, float, float]]:
    """For following: logits and box of an object, as far off as motion between two looks makes them."""
    cx, cy, w, h = box_of(mask)
    shift = rng.uniform(-0.15, 0.15, 2) * (w, h) * (1 if rng.random() < 0.8 else 2)
    return _stale(rng, shrink(mask), shift), (cx + shift[0], cy + shift[1], w, h)


def on_nothing(rng: np.random.Generator, objects: list[WorldObject]) -> Interactive:
    """A prompt for something that is not there (any more): a mask and box over plain background."""
    points, labels, previous = _blank()
    empty = np.zeros((MASK_SIDE, MASK_SIDE), np.float32)
    taken = np.maximum.reduce([shrink(thing.mask) for thing in objects]) if objects else empty
    radius = rng.uniform(0.05, 0.15)
    free = [xy for xy in rng.uniform(0.1, 0.9, (20, 2)) if not _cut(taken, xy, radius).any()]
    center = free[0] if free else np.array([0.5, 0.5])
    if not free:
        # No room: ask with a point only, on whatever is there.
        points[0], labels[0] = center, 1
        return points, labels, previous, False, _mask_at(objects, center)
    points[:2], labels[:2] = _corners((center[0], center[1], 2 * radius, 2 * radius)), (2, 3)
    rows, columns = (np.mgrid[:MASK_SIDE, :MASK_SIDE] + 0.5) / MASK_SIDE
    disc = ((columns - center[0]) ** 2 + (rows - center[1]) ** 2 < radius**2).astype(np.float32)
    return points, labels, _stale(rng, disc, np.zeros(2)), True, empty


def _cut(area: npt.NDArray[np.float32], center: npt.NDArray[np.float64], radius: float) -> npt.NDArray[np.float32]:
    x0, y0 = np.maximum((center - radius) * MASK_SIDE, 0).astype(int)
    x1, y1 = ((center + radius) * MASK_SIDE).astype(int) + 1
    return area[y0:y1, x0:x1]


def _mask_at(objects: list[WorldObject], xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    for thing in objects:
        height, width = thing.mask.shape
        if thing.mask[int(xy[1] * height), int(xy[0] * width)]:
            return shrink(thing.mask)
    return np.zeros((MASK_SIDE, MASK_SIDE), np.float32)


def inside(rng: np.random.Generator, mask: Binary) -> npt.NDArray[np.float64]:
    """A point on the object, relative to the picture, mostly away from its border as people click."""
    if rng.random() < 0.7:
        padded = np.pad(mask.astype(np.uint8), 1)
        depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
        rows, columns = np.nonzero(depth >= 0.5 * depth.max())
    else:
        rows, columns = np.nonzero(mask)
    pick = rng.integers(len(rows))
    return np.array([(columns[pick] + 0.5) / mask.shape[1], (rows[pick] + 0.5) / mask.shape[0]])


def _near(rng: np.random.Generator, mask: Binary) -> tuple[npt.NDArray[np.float64], int]:
    """A second point: another one on the object, or one beside it that is not of it."""
    if rng.random() < 0.4:
        return inside(rng, mask), 1
    cx, cy, w, h = box_of(mask)
    for _ in range(10):
        xy = np.clip(np.array([cx, cy]) + rng.uniform(-1, 1, 2) * (w, h), 0, 0.999)
        if not mask[int(xy[1] * mask.shape[0]), int(xy[0] * mask.shape[1])]:
            return xy, 0
    return inside(rng, mask), 1


def _corners(box: tuple[float, float, float, float]) -> npt.NDArray[np.float64]:
    cx, cy, w, h = box
    return np.array([[cx - w / 2, cy - h / 2], [cx + w / 2, cy + h / 2]])


def _stale(
    rng: np.random.Generator, truth: npt.NDArray[np.float32], shift: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Logits as the last look left them: displaced, eroded or grown, of uncertain strength."""
    move = np.array([[1, 0, shift[0] * MASK_SIDE], [0, 1, shift[1] * MASK_SIDE]], np.float32)
    moved: npt.NDArray[np.float32] = np.asarray(cv2.warpAffine(truth, move, (MASK_SIDE, MASK_SIDE)), np.float32)
    size = int(rng.integers(0, 3))
    if size:
        kernel = np.ones((size + 1, size + 1), np.uint8)
        change = cv2.erode if rng.random() < 0.5 else cv2.dilate
        moved = np.asarray(change(moved, kernel), np.float32)
    soft = cv2.GaussianBlur(moved, (3, 3), 0) * 2 - 1
    return np.asarray(soft * rng.uniform(4, 20) + rng.normal(0, 0.5, soft.shape), np.float32)
