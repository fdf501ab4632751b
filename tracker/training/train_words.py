"""
The third part of the recipe: teach words for longer, with clicks, boxes and following left as they are.

    python -m tracker.training.train_words --recipe cpu --out runs/nano

It takes the model the second part made. Trunk and detector learn colours, names and exemplars on drawn pictures. The
features that clicks, boxes and memory read are held to what they were, on these and on photographs, so that what reads
them need not be taught again: held on drawn pictures alone, a click on a photograph covers neighbours more often.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tracker.checkpoints import weights
from tracker.training import network
from tracker.training.data import Batch
from tracker.training.recipe import Recipe, continued
from tracker.training.train import Run, main, memory_only

HELD = 60.0  # weight of the held features' error, which is a share of their variance


class WordsRun(Run):
    """A run in which what answers words and exemplars learns, and the trunk as far as clicks do not change."""

    state, made, curve = "words-state.pt", "nano-words.safetensors", "words-curve.jsonl"

    def __init__(self, recipe: Recipe, out: Path, device: torch.device) -> None:
        super().__init__(later(recipe), out, device)
        before = network.fresh().to(device)
        weights.load(before, out / "nano-memory.safetensors")
        if not self.step:
            self.model.load_state_dict(before.state_dict())
            self.kept = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.model.backbone.vision_backbone.trunk.eval()  # batch normalisation stays as it serves
        self.before: Any = before.backbone.vision_backbone.eval().requires_grad_(False)

    def learns(self, name: str) -> bool:
        """Whether the parameter of this name learns: none of those that clicks, boxes and memory have alone."""
        return not memory_only(name) and "inst_interactive_predictor" not in name

    def losses(self, batch: Batch, *, names_only: bool) -> dict[str, Tensor]:
        """What one batch asks for, by name."""
        del names_only
        backbone = self.model.backbone.forward_image(batch.images)
        now = self._read(backbone["sam2_backbone_out"]["backbone_fpn"])
        with torch.no_grad():
            then = self._read(self.before(batch.images)[2])
        errors = [F.mse_loss(a.float(), b.float()) / b.float().var() for a, b in zip(now, then, strict=True)]
        return {"held": HELD * torch.stack(errors).mean()} | self.worded(backbone, batch)

    def _read(self, levels: list[Tensor]) -> list[Tensor]:
        """What clicks and memory read of three levels of features, finest first."""
        decoder = self.model.inst_interactive_predictor.model.sam_mask_decoder
        return [decoder.conv_s0(levels[0]), decoder.conv_s1(levels[1]), levels[2]]


def later(recipe: Recipe) -> Recipe:
    """The recipe of this part: as it goes on, with few clicks."""
    on = continued(recipe, recipe.words_minutes, recipe.words_rate, recipe.words_let_down)
    return dataclasses.replace(on, clicks=1, small=recipe.words_small)


if __name__ == "__main__":
    main(WordsRun, __doc__)
