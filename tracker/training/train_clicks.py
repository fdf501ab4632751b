"""
The fourth part of the recipe: clicks and boxes for longer, with words left as they are and following nearly so.

    python -m tracker.training.train_clicks --recipe cpu --out runs/nano

It takes the model the third part made. The mask decoder alone learns, mostly on photographs and their regions and on
things of one look beside each other (:mod:`tracker.worlds.groups`), so that a click takes one of them. What it makes of
memories is held to what it was. make.py averages the weights before and after, which click better than either.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tracker.checkpoints import weights
from tracker.checkpoints.loading import load_model
from tracker.model.bank import Bank
from tracker.model.sam3 import Sam3
from tracker.training import network
from tracker.training.data import Batch, Supply
from tracker.training.losses import interactive_loss
from tracker.training.recipe import MODEL, Recipe, continued
from tracker.training.train import Run, command_line, place, train
from tracker.training.train_memory import draw_clip, embed

HELD = 2.0  # weight of the held answers' errors
LOOKS = 3  # of those that are held, a step

Call = tuple[dict[str, Any], tuple[Tensor, ...]]  # what the mask decoder was given by name, and what it answered


class ClicksRun(Run):
    """A run in which the mask decoder learns, on ``supply``, and nothing that it reads."""

    state, made, curve = "clicks-state.pt", "nano-clicks.safetensors", "clicks-curve.jsonl"

    def __init__(self, recipe: Recipe, out: Path, device: torch.device, supply: Supply) -> None:
        self.before = out / "nano-words.safetensors"
        super().__init__(later(recipe), out, device)
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(self.learns(name))
        # As they serve: batch normalisation stays, and the decoder gives its best mask where its single one shakes.
        self.model.backbone.eval()
        self.model.inst_interactive_predictor.eval()
        rank, _ = place()
        follower = load_model(MODEL.name, checkpoint=self.before, device=str(device))
        self.held = answers(follower, np.random.default_rng((recipe.seed, 4, rank)), recipe, supply)
        self.rng = np.random.default_rng((recipe.seed, 5, rank, self.step))

    def fresh(self) -> Any:
        """The model that the third part made."""
        model = network.fresh()
        weights.load(model, self.before)
        return model

    def learns(self, name: str) -> bool:
        """Whether the parameter of this name learns: the mask decoder's, but not how it reads the finer features."""
        return "sam_mask_decoder" in name and "conv_s" not in name

    def losses(self, batch: Batch, *, names_only: bool) -> dict[str, Tensor]:
        """What one batch asks for, by name."""
        del names_only
        with torch.no_grad():
            backbone = self.model.backbone.forward_image(batch.images)
        masks, iou, exists = network.interact(self.model, backbone, batch)
        picks = self.rng.integers(len(self.held), size=LOOKS)
        with torch.autocast(self.device.type, enabled=False):  # in full precision, as they were answered
            held = torch.stack([self._error(*self.held[pick]) for pick in picks]).mean()
            return {"held": HELD * held} | interactive_loss(masks, iou, exists, batch)

    def _error(self, given: dict[str, Any], answered: tuple[Tensor, ...]) -> Tensor:
        """How far the decoder is from what it answered: masks, their IoU, what becomes a pointer, and presence."""
        now = self.model.inst_interactive_predictor.model.sam_mask_decoder(**given)
        masks, iou, tokens, score = now
        wanted = answered[0].sigmoid()
        drawn = F.binary_cross_entropy_with_logits(masks, wanted) - F.binary_cross_entropy(wanted, wanted)
        pointers = F.mse_loss(tokens, answered[2]) / answered[2].var()
        there = F.mse_loss(score.clamp(-10, 10), answered[3].clamp(-10, 10)) / 100
        return drawn + F.mse_loss(iou, answered[1]) + pointers + there


def later(recipe: Recipe) -> Recipe:
    """The recipe of this part: as it goes on, with clicks alone and no plain worlds, at the whole side."""
    on = continued(recipe, recipe.clicks_minutes, recipe.clicks_rate, recipe.clicks_let_down)
    return replace(on, warmup=recipe.clicks_warmup, plain=0.0, small=0.0, prompts=0, alone=recipe.clicks_alone)


@torch.no_grad()
def answers(model: Sam3, rng: np.random.Generator, recipe: Recipe, supply: Supply) -> list[Call]:
    """What the mask decoder is given and answers while ``model`` follows the objects of clips by memory."""
    found: list[Call] = []

    def keep(_: Any, __: Any, given: dict[str, Any], answered: tuple[Tensor, ...]) -> None:
        found.append((given, answered))

    handle = model.network.inst_interactive_predictor.model.sam_mask_decoder.register_forward_hook(
        keep, with_kwargs=True
    )
    head, batch = model.memory, model.speed.memory_batch
    for _ in range(recipe.held_clips):
        pictures, truth = draw_clip(rng, recipe, supply)
        first, *later_ones = (embed(model, picture) for picture in pictures)
        banks = [Bank() for _ in range(truth.shape[1])]
        start = head.memorize(first.interactive, (truth[0].to(model.device) * 2 - 1) * 10, 0, batch)
        for bank, memory in zip(banks, start, strict=True):
            bank.condition(memory)
        for tick, picture in enumerate(later_ones, 1):
            looked = head.propagate(picture.interactive, model.positions, banks, tick, batch)
            memories = head.encode(picture.interactive, looked, range(len(banks)), batch)
            for bank, memory, seen in zip(banks, memories, (looked.score > 0).tolist(), strict=True):
                if seen:
                    bank.remember(memory)
    handle.remove()
    return found


def main() -> None:
    """Read the command line and train."""
    with command_line(__doc__) as arguments:
        recipe: Recipe = arguments.recipe
        supply = replace(arguments.supply, photographs=recipe.clicks_photographs, groups=recipe.clicks_groups)
        run = ClicksRun(recipe, arguments.out, torch.device(arguments.device), supply)
        train(run, arguments.minutes or run.recipe.minutes, supply)


if __name__ == "__main__":
    main()
