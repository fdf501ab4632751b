"""
The second part of the recipe: teach nano to follow objects by memory.

    python -m tracker.training.train_memory --recipe cpu --out runs/nano

It takes the model the first part made, leaves backbone and detector as they are, and shows the memory follower short
clips in which objects move, cross and hide: from the truth of the first frame it has to find them on the others,
through the very code that follows them in the product. Beside each clip it goes on with clicks and boxes, so that these
stay good; with ``--hold`` nothing that makes their masks learns, only memory and the belief that an object is there.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from tracker.checkpoints import weights
from tracker.checkpoints.loading import load_model
from tracker.model.bank import Bank, Memory, resemblance
from tracker.model.features import Embedding
from tracker.model.sam3 import Sam3
from tracker.training import network
from tracker.training.data import BARE, FIRST_TRAINING_SEED, Batch, Supply, make_batch
from tracker.training.losses import interactive_loss, mask_loss, overlap
from tracker.training.masks import shrink
from tracker.training.recipe import MODEL, Recipe
from tracker.training.train import command_line, memory_only, place, precision, share_gradients, to_device
from tracker.worlds import moving
from tracker.worlds.looks import Picture
from tracker.worlds.objects import WorldObject
from tracker.worlds.worlds import Video

Clip = tuple[list[Picture], Tensor]  # frames, and (frames, objects, side, side) coverage
Seen = tuple[list[Embedding], Tensor]  # the same, embedded

CLIP_SIZE = (320, 240)  # pixels, width and height
KEPT = 100  # clips seen before that lessons are made of again: 2 MB each


@dataclass(frozen=True, slots=True)
class Lesson:
    """One step's work."""

    clip: Clip
    batch: Batch

    def halved(self) -> Lesson:
        """The same for the network at half its resolution, which resizes the pictures itself."""
        pictures, truth = self.clip
        return Lesson((pictures, F.avg_pool2d(truth, 2)), self.batch.halved())


class Lessons(IterableDataset[Lesson]):
    """Endless lessons, drawn beside the training."""

    def __init__(self, recipe: Recipe, rank: int, supply: Supply) -> None:
        self.recipe, self.rank, self.supply = recipe, rank, supply

    def __iter__(self) -> Iterator[Lesson]:
        worker = get_worker_info()
        rng = np.random.default_rng((self.recipe.seed, 2, self.rank, worker.id if worker else 0))
        while True:
            batch = make_batch(rng, self.recipe.memory_pictures, 1, self.recipe.memory_clicks, self.supply)
            yield Lesson(draw_clip(rng, self.recipe, self.supply), batch)


class MemoryRun:
    """
    The model with only memory and mask decoder learning, and its optimiser.

    ``hold``: of the mask decoder only the object score learns, so that the masks of clicks and boxes stay as they are.
    """

    def __init__(self, recipe: Recipe, out: Path, device: torch.device, *, hold: bool = False) -> None:
        self.recipe, self.out = recipe, out
        self.model = load_model(MODEL.name, checkpoint=out / "nano.safetensors", device=str(device), fold=False)
        self.parameters = []
        learning = ("pred_obj_score_head",) if hold else ("sam_mask_decoder", "sam_prompt_encoder")
        for name, parameter in self.model.network.named_parameters():
            if memory_only(name) or any(part in name for part in learning):
                parameter.requires_grad_(True)
                self.parameters.append(parameter)
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=recipe.memory_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
        )
        self.steps = 0
        self.rng = np.random.default_rng((recipe.seed, 3, place()[0]))
        self.seen: deque[Seen] = deque(maxlen=KEPT)

    def save(self) -> None:
        """Write the model as it is now, whole or not at all."""
        part = self.out / "nano-memory.part"
        weights.save(self.model.network, part)
        part.replace(self.out / "nano-memory.safetensors")

    def learn(self, lesson: Lesson, share_left: float) -> dict[str, float]:
        """
        One clip and one interactive batch, and some clips seen before; the losses of the former.

        ``share_left`` of the time, 1 to 0, lets the rate down.
        """
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            slow = min(1, (self.steps + 1) / recipe.memory_warmup, max(0.01, share_left / 0.5))
            group["lr"] = recipe.memory_rate * slow
        lesson = self._look_at(lesson, share_left)
        pictures, truth = lesson.clip
        self.seen.append(([embed(self.model, picture) for picture in pictures], truth))
        losses = self._lesson(self.seen[-1], lesson.batch)
        for _ in range(recipe.clips_again):
            self._lesson(self.seen[int(self.rng.integers(len(self.seen)))], None)
        return losses

    def _look_at(self, lesson: Lesson, share_left: float) -> Lesson:
        """The lesson at the resolution of this part of the time, and the model set to it."""
        small = 1 - share_left < self.recipe.memory_small
        side = MODEL.image_size // 2 if small else MODEL.image_size
        if side != self.model.config.image_size:
            self.model.resize(side)
            self.seen.clear()
        return lesson.halved() if small else lesson

    def _lesson(self, clip: Seen, batch: Batch | None) -> dict[str, float]:
        with precision(self.model.device):
            losses = self._follow(*clip) | (self._interact(batch) if batch is not None else {})
        self.optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        share_gradients(self.parameters)
        nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip)
        self.optimizer.step()
        self.steps += 1
        return {name: value.item() for name, value in losses.items()}

    def _interact(self, batch: Batch) -> dict[str, Tensor]:
        batch = to_device(batch, self.model.device)
        with torch.no_grad():
            backbone = self.model.network.backbone.forward_image(batch.images)
        answer = network.interact(self.model.network, backbone, batch)
        return interactive_loss(*answer, batch)

    def _follow(self, pictures: list[Embedding], truth: Tensor) -> dict[str, Tensor]:
        """Losses of following (frames, objects, side, side) ``truth`` from its first frame on."""
        truth = truth.to(self.model.device)
        head, batch = self.model.memory, self.model.speed.memory_batch
        banks = [Bank() for _ in range(truth.shape[1])]
        start = head.memorize(pictures[0].interactive, (truth[0] * 2 - 1) * 10, 0, batch)
        for bank, first in zip(banks, start, strict=True):
            bank.condition(first)
        losses = {"same": self._recognise(pictures, truth, start)}
        masks, exists, quality = [], [], []
        rough = self.rng.random() < self.recipe.rough
        for tick, shown in enumerate(self._order(len(pictures)), 1):
            picture, wanted = pictures[shown], truth[shown]
            if rough and self.rng.random() < self.recipe.forgets:
                for bank in banks:
                    bank.recent.clear()
            found = head.propagate(picture.interactive, self.model.positions, banks, tick, batch)
            there = wanted.flatten(1).any(1)
            weight = torch.where(there, 1.0, self.recipe.absent)
            exists.append(F.binary_cross_entropy_with_logits(found.score, there.float(), weight))
            if there.any():
                masks.append(mask_loss(found.logits[there].float(), wanted[there]).mean())
                quality.append(F.mse_loss(found.ious[there].float(), overlap(found.logits[there], wanted[there])))
            memories = head.encode(picture.interactive, found, range(len(banks)), batch)
            if rough and self.rng.random() < self.recipe.mistakes:
                memories = memories[1:] + memories[:1]
            for bank, latest, seen in zip(banks, memories, (found.score > 0).tolist(), strict=True):
                if seen:  # as it is followed by
                    bank.remember(latest)
        if masks:
            losses["follow"] = 2 * torch.stack(masks).mean()
        losses["follow exists"] = torch.stack(exists).mean()
        if quality:
            losses["follow iou"] = 2 * torch.stack(quality).mean()
        return losses

    def _order(self, frames: int) -> list[int]:
        """The frames after the first, most often as they came."""
        later = np.arange(1, frames)
        if self.rng.random() < self.recipe.jumbled:
            self.rng.shuffle(later)
        return [int(each) for each in later]

    def _recognise(self, pictures: list[Embedding], truth: Tensor, start: list[Memory]) -> Tensor:
        """
        Loss of telling by object pointers which object of the first frame each one of the last is.

        The nearer of all pointers must be its own (InfoNCE, van den Oord et al. 2018).
        """
        last = len(pictures) - 1
        there = truth[last].flatten(1).any(1)
        if there.sum() == 0 or len(there) < 2:
            return truth.new_zeros(())
        shown = (truth[last][there] * 2 - 1) * 10
        head, batch = self.model.memory, self.model.speed.memory_batch
        later = head.memorize(pictures[last].interactive, shown, last, batch)
        alike = resemblance(later, start)
        return self.recipe.same * F.cross_entropy(alike / self.recipe.temperature, there.nonzero()[:, 0])


def embed(model: Sam3, picture: Picture) -> Embedding:
    """The embedding of a picture as the product makes it, fit to be part of a training step."""
    make: Any = Sam3.embed.__wrapped__  # type: ignore[attr-defined]  # without inference mode
    with torch.no_grad():
        embedding: Embedding = make(model, picture)
    return embedding.interactive_only()


def draw_clip(rng: np.random.Generator, recipe: Recipe, supply: Supply = BARE) -> Clip:
    """Pictures of one world or of one photograph in motion, and the coverage of objects seen on the first."""
    side = MODEL.grid * 4
    while True:
        drawn = not supply.scenes or rng.random() >= recipe.memory_photographs
        frames = _world(rng, recipe, supply) if drawn else _photograph(rng, recipe, supply)
        ids = [thing.id for thing in frames[0][1] if thing.countable][: recipe.objects]
        if ids:
            break
    truth = np.zeros((recipe.frames, len(ids), side, side), np.float32)
    for tick, (_, objects) in enumerate(frames):
        for thing in objects:
            if thing.id in ids and (thing.countable or tick == 0):
                truth[tick, ids.index(thing.id)] = shrink(thing.mask)
    size = (MODEL.image_size, MODEL.image_size)
    return [np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8) for image, _ in frames], (
        torch.from_numpy(truth)
    )


def _world(rng: np.random.Generator, recipe: Recipe, supply: Supply) -> list[tuple[Picture, list[WorldObject]]]:
    """Mostly with something in the way."""
    video = Video(
        int(rng.integers(FIRST_TRAINING_SEED, 1 << 60)),
        *CLIP_SIZE,
        objects=(2, 8),
        speed=1.5,
        photos=supply.photos,
        things=supply.things,
        unnamed=supply.unnamed,
        variety=supply.variety,
        hidden=0.7,
    )
    stride = int(rng.integers(1, 8))
    frames = []
    for _ in range(recipe.frames):
        frame = video.next()
        frames.append((frame.image, frame.objects))
        video.skip(stride - 1)
    return frames


def _photograph(rng: np.random.Generator, recipe: Recipe, supply: Supply) -> list[tuple[Picture, list[WorldObject]]]:
    scene = supply.scenes[rng.integers(len(supply.scenes))]
    strangers = [each.sprite for each in supply.unnamed]
    return moving.clip(rng, scene, strangers, recipe.frames, CLIP_SIZE, supply.variety)


def train(run: MemoryRun, minutes: float, supply: Supply) -> None:
    """Learn for ``minutes``, and write the losses and the model on the way."""
    rank, _ = place()
    lessons = Lessons(run.recipe, rank, supply)
    loader = iter(DataLoader(lessons, batch_size=None, num_workers=run.recipe.workers, prefetch_factor=4))
    started = shown = saved = time.monotonic()
    recent: list[dict[str, float]] = []
    steps_left = True
    while steps_left:
        spent = torch.tensor([time.monotonic() - started], dtype=torch.float64)
        if torch.distributed.is_initialized():
            torch.distributed.broadcast(spent, 0)
        left = 1 - float(spent) / (minutes * 60)
        steps_left = left > 0
        recent.append(run.learn(next(loader), max(0.0, left)))
        if rank == 0 and time.monotonic() - shown > 20:
            report(run, float(spent), minutes, recent)
            recent, shown = [], time.monotonic()
        if rank == 0 and time.monotonic() - saved > 120:
            run.save()
            saved = time.monotonic()
    if rank == 0:
        if recent:  # of a run shorter than the first report too
            report(run, time.monotonic() - started, minutes, recent)
        run.save()


def report(run: MemoryRun, seconds: float, minutes: float, recent: list[dict[str, float]]) -> None:
    """Print the mean of the recent losses and add it to the curve."""
    names = dict.fromkeys(name for losses in recent for name in losses)
    found = {name: [losses[name] for losses in recent if name in losses] for name in names}
    line = {name: round(sum(some) / len(some), 3) for name, some in found.items()}
    text = " ".join(f"{name} {value}" for name, value in line.items())
    print(f"{seconds / 60:6.1f}/{minutes:g} min  step {run.steps}  {text}", flush=True)
    with (run.out / "memory-curve.jsonl").open("a") as curve:
        curve.write(json.dumps({"step": run.steps, "seconds": round(seconds), **line}) + "\n")


def main() -> None:
    """Read the command line and train."""
    with command_line(__doc__, hold="leave the masks of clicks and boxes exactly as they are") as arguments:
        recipe: Recipe = arguments.recipe
        if arguments.hold:  # one number learns from clicks and boxes: a picture of them is enough
            recipe = dataclasses.replace(recipe, memory_pictures=1)
        run = MemoryRun(recipe, arguments.out, torch.device(arguments.device), hold=arguments.hold)
        train(run, arguments.minutes or recipe.memory_minutes, arguments.supply)


if __name__ == "__main__":
    main()
