"""Batches for training: pictures of worlds, what is asked of them, and what is right."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch.utils.data import IterableDataset

from tracker.model.vocabulary import COLORS, KINDS, SHAPES
from tracker.training.clicks import interactive
from tracker.training.masks import MASK_SIDE, box_of, shrink
from tracker.training.questions import Exemplar, question
from tracker.training.recipe import MODEL, Recipe
from tracker.worlds import groups, photos, scenes, things
from tracker.worlds.looks import Picture, Sprite
from tracker.worlds.objects import Binary, WorldObject
from tracker.worlds.scenes import Scene
from tracker.worlds.things import Thing
from tracker.worlds.variety import EASY, WIDE, Variety
from tracker.worlds.worlds import Video

# Training draws worlds from here on; evaluation and tests use seeds below it.
FIRST_TRAINING_SEED = 1_000_000

Labels = npt.NDArray[np.uint8]
DRAWN = 200  # pictures kept to be asked about again: 1 MB each, about

NAMES = (*SHAPES, *KINDS)  # what the dense losses tell apart
IGNORED = 255  # in their maps: a thing of many colours, a shape that has no name, or anything on a photograph
PHOTO_CLICKS = 2  # times as many clicks and boxes as on what is drawn: they ask nothing else


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
    extents: torch.Tensor  # (B, 4, MASK_SIDE, MASK_SIDE) cx - x, cy - y, w, h of what covers a place; w is 0: nothing
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

    def halved(self) -> Batch:
        """The same at half the side, for the network at half its resolution: a quarter of the work."""

        def half(pixels: torch.Tensor) -> torch.Tensor:
            return F.avg_pool2d(pixels[None], 2)[0] if len(pixels) else pixels[..., ::2, ::2]

        return replace(
            self,
            images=F.avg_pool2d(self.images, 2),
            colors=self.colors[:, ::2, ::2],
            names=self.names[:, ::2, ::2],
            extents=self.extents[..., ::2, ::2],
            target_masks=half(self.target_masks),
            previous=F.avg_pool2d(self.previous, 2),
            click_masks=half(self.click_masks),
        )


class Still(NamedTuple):
    """A picture at the network's size, what is in it, and what the dense losses ask of it, as in :class:`Batch`."""

    image: npt.NDArray[np.uint8]  # (side, side, 3) RGB
    objects: list[WorldObject]
    drawn: bool  # on a photograph may be what is not listed
    colors: Labels
    names: Labels
    extents: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Supply:
    """What worlds are made of beside what they draw themselves."""

    photos: list[Picture] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    unnamed: list[Thing] = field(default_factory=list)
    variety: Variety = WIDE
    scenes: list[Scene] = field(default_factory=list)  # photographs with regions, for clicks and boxes only
    photographs: float = 0.4  # of the pictures, where there are scenes
    groups: float = 0.0  # of the pictures, where there are scenes: things of one look beside each other (groups.py)


BARE = Supply()  # shapes, and backdrops that are drawn
PLAINLY = Supply(variety=EASY)


def gather(things_folder: Path | None, photos_folder: Path) -> Supply:
    """
    What the recipe trains with: the pictures of things (None: shapes only), and photographs where they were built.

    Without those it says so, and does with the photographs of installed packages.
    """
    pictures = things.load(things_folder) if things_folder else []
    if (photos_folder / photos.FILE).exists():
        backdrops, found = list(photos.load(photos_folder).values()), scenes.load(photos_folder)
    else:
        print(f"{photos_folder / photos.FILE} is not there: no clicks are learnt on photographs, and few backdrops.")
        backdrops, found = list(photos.load().values()), []
    unnamed = things.nameless(pictures, backdrops, regions=scenes.sprites(found))
    return Supply(backdrops, things.taught(pictures), unnamed, scenes=found)


class WorldBatches(IterableDataset[Batch]):
    """
    Endless batches of stills as the recipe has them, each with questions and interactive prompts.

    A drawn picture is asked about ``recipe.again`` times more, on average, among others and by other questions.
    ``done`` is the share of the training time that is over, in memory that the trainer shares with who draws: worlds
    are plain at first, and as varied as ``supply`` makes them more and more often.
    """

    def __init__(
        self, seed: tuple[int, ...], pictures: int, recipe: Recipe, supply: Supply, done: torch.Tensor
    ) -> None:
        self.seed, self.pictures, self.recipe, self.supply, self.done = seed, pictures, recipe, supply, done

    def __iter__(self) -> Iterator[Batch]:
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng((*self.seed, worker.id if worker else 0))
        drawn: deque[Still] = deque(maxlen=DRAWN)
        while True:
            stills = []
            for _ in range(self.pictures):
                if len(drawn) < self.pictures or rng.random() < 1 / (1 + self.recipe.again):
                    drawn.append(self._draw(rng))
                    stills.append(drawn[-1])
                else:
                    stills.append(drawn[rng.integers(len(drawn))])
            if not any(map(self._answers, stills)):
                stills[0] = still(rng, self.supply, world=True)
            yield batch_of(rng, stills, self.recipe.prompts, self.recipe.clicks, self.recipe.alone)

    def _answers(self, picture: Still) -> bool:
        """Whether something may be asked of it: words of drawn worlds alone, clicks where something is."""
        return picture.drawn or (not self.recipe.prompts and any(each.countable for each in picture.objects))

    def _draw(self, rng: np.random.Generator) -> Still:
        if rng.random() < easy_share(float(self.done), self.recipe.easy, self.recipe.plain):
            return still(rng, PLAINLY, world=True)
        return still(rng, self.supply)


def easy_share(done: float, easy: float, plain: float) -> float:
    """The share of pictures that are plain where ``done`` of the time is over: all, then ``plain``, then fewer."""
    return 1.0 if done < easy else (1 - done) * plain


def draw_still(
    rng: np.random.Generator, seed: int, supply: Supply = BARE
) -> tuple[npt.NDArray[np.uint8], list[WorldObject]]:
    """A picture of a world at one of the usual sizes, after a random time."""
    sizes = supply.variety.sizes
    width, height = sizes[int(rng.random() * len(sizes))]
    kind = rng.random()
    crowds = supply.variety.crowds
    objects = (10, 30) if kind < 0.4 * crowds else (5, 12) if kind < crowds else (0, 8) if kind > 0.8 else (1, 6)
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


def still(rng: np.random.Generator, supply: Supply = BARE, *, world: bool = False) -> Still:
    """A picture at the network's size and its objects: of a world of the training range, or a photograph."""
    world = world or not supply.scenes
    kind = 1.0 if world else rng.random()
    drawn = world or kind >= supply.photographs + supply.groups
    if drawn:
        image, objects = draw_still(rng, int(rng.integers(FIRST_TRAINING_SEED, 1 << 60)), supply)
    elif kind >= supply.photographs:
        image, objects = groups.view(rng, [each.image for each in supply.scenes], sprites(rng, supply), supply.variety)
    else:
        image, objects = scenes.view(rng, supply.scenes[rng.integers(len(supply.scenes))], supply.variety)
    square = cv2.resize(image, (MODEL.image_size, MODEL.image_size), interpolation=cv2.INTER_AREA)
    return Still(np.asarray(square, np.uint8), objects, drawn, *_label_maps(objects, drawn=drawn))


def sprites(rng: np.random.Generator, supply: Supply) -> list[Sprite]:
    """What groups are made of in one picture: pieces of photographs, or drawings, or what there is."""
    real, every = bool(rng.random() < 0.5), (*supply.unnamed, *supply.things)
    return [each.sprite for each in every if (each.style == "photo") is real] or [each.sprite for each in every]


def make_batch(rng: np.random.Generator, pictures: int, prompts: int, clicks: int, supply: Supply = BARE) -> Batch:
    """Draw one batch; ``rng`` decides everything. Of its pictures one at least is no photograph."""
    return batch_of(rng, [still(rng, supply, world=not n) for n in range(pictures)], prompts, clicks)


def batch_of(rng: np.random.Generator, stills: Sequence[Still], prompts: int, clicks: int, alone: float = 0.0) -> Batch:
    """Ask questions about pictures; about photographs only clicks and boxes, ``alone`` of them one click."""
    questions, clicked = [], []
    for picture, each in enumerate(stills):
        seen = [thing for thing in each.objects if thing.countable]
        small = np.asarray(cv2.resize(each.image, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA), np.uint8)
        questions += [(picture, *question(rng, seen)) for _ in range(prompts if each.drawn else 0)]
        many = clicks if each.drawn else clicks * PHOTO_CLICKS
        asked = partial(interactive, rng, small, each.objects, seen, nothing=each.drawn, alone=alone)
        clicked += [(picture, *asked()) for _ in range(many if each.drawn or seen else 0)]
    images_tensor = torch.from_numpy(np.stack([each.image for each in stills])).permute(0, 3, 1, 2).float() / 127.5 - 1
    targets = [thing for asked in questions for thing in asked[3]]
    exemplars, pad, labels = _pack_exemplars([asked[2] for asked in questions])
    return Batch(
        images=images_tensor,
        colors=torch.from_numpy(np.stack([each.colors for each in stills])).long(),
        names=torch.from_numpy(np.stack([each.names for each in stills])).long(),
        extents=torch.from_numpy(np.stack([each.extents for each in stills])),
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


def _label_maps(objects: list[WorldObject], *, drawn: bool) -> tuple[Labels, Labels, npt.NDArray[np.float32]]:
    """Colours and names; of a photograph, where what lies outside its regions may be things too, none is known."""
    color_map, name_map = (np.full((MASK_SIDE, MASK_SIDE), 0 if drawn else IGNORED, np.uint8) for _ in range(2))
    extent = np.zeros((4, MASK_SIDE, MASK_SIDE), np.float32)
    for thing in objects:
        covered = shrink(thing.mask) >= 0.5
        if drawn:
            color_map[covered] = COLORS.index(thing.color) + 1 if thing.color else IGNORED
            name_map[covered] = NAMES.index(thing.shape) + 1 if thing.shape in NAMES else IGNORED
        if drawn and thing.countable:
            cx, cy, w, h = box_of(thing.mask)
            rows, columns = np.nonzero(covered)
            extent[0, rows, columns] = cx - (columns + 0.5) / MASK_SIDE
            extent[1, rows, columns] = cy - (rows + 0.5) / MASK_SIDE
            extent[2, rows, columns], extent[3, rows, columns] = w, h
    return color_map, name_map, extent


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
