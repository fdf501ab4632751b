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
from tracker.model.vocabulary import COLORS, KINDS, SHAPES
from tracker.training.clicks import interactive
from tracker.training.masks import MASK_SIDE, box_of, shrink
from tracker.training.questions import Exemplar, question
from tracker.worlds.looks import Picture
from tracker.worlds.objects import Binary, WorldObject
from tracker.worlds.things import Thing
from tracker.worlds.variety import WIDE, Variety
from tracker.worlds.worlds import Video

# Training draws worlds from here on; evaluation and tests use seeds below it.
FIRST_TRAINING_SEED = 1_000_000

# Sizes a picture is drawn in before it is squeezed to the network's square, as real cameras' pictures are.
_SIZES = ((224, 224), (298, 224), (320, 240), (398, 224), (448, 336), (240, 320), (640, 480))


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
    images, colors, names, questions, clicked = [], [], [], [], []
    for picture in range(pictures):
        image, objects = draw_still(rng, int(rng.integers(FIRST_TRAINING_SEED, 1 << 60)), supply)
        images.append(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA))
        color_map, name_map = _label_maps(objects)
        colors.append(color_map)
        names.append(name_map)
        seen = [thing for thing in objects if thing.countable]
        questions += [(picture, *question(rng, seen)) for _ in range(prompts)]
        clicked += [(picture, *interactive(rng, objects, seen)) for _ in range(clicks)]
    images_tensor = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    targets = [thing for asked in questions for thing in asked[3]]
    exemplars, pad, labels = _pack_exemplars([asked[2] for asked in questions])
    return Batch(
        images=images_tensor,
        colors=torch.from_numpy(np.stack(colors)).long(),
        names=torch.from_numpy(np.stack(names)).long(),
        texts=[asked[1] for asked in questions],
        image_of_prompt=torch.tensor([asked[0] for asked in questions]),
        exemplars=exemplars,
        exemplar_pad=pad,
        exemplar_labels=labels,
        target_counts=torch.tensor([len(asked[3]) for asked in questions]),
        target_boxes=torch.tensor([box_of(thing.mask) for thing in targets], dtype=torch.float32).reshape(-1, 4),
        target_masks=_stack([thing.mask for thing in targets]),
        image_of_click=torch.tensor([item[0] for item in clicked]),
        points=torch.tensor(np.stack([item[1] for item in clicked]), dtype=torch.float32),
        point_labels=torch.tensor(np.stack([item[2] for item in clicked]), dtype=torch.int32),
        previous=torch.tensor(np.stack([item[3] for item in clicked]), dtype=torch.float32)[:, None],
        has_previous=torch.tensor([item[4] for item in clicked]),
        click_masks=torch.tensor(np.stack([item[5] for item in clicked]), dtype=torch.float32),
        click_exists=torch.tensor([bool(item[5].any()) for item in clicked]),
    )


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
