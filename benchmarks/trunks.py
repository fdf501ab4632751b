"""
Which small image encoder is nano to have? Three candidates that cost about the same, taught alike from scratch.

    python -m benchmarks.trunks --train repvit --minutes 60
    python -m benchmarks.trunks

The first teaches one candidate by the recipe (train.py's options; the result lies in runs/trunks/NAME), for minutes of
the processor's time, whatever runs beside it; drawing pictures is not counted. The second
prints parameters, operations and milliseconds of all candidates on one thread, and for those that were taught F1 by
words on pictures never trained on. With ``ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2`` torch does with what a
desktop's processor has.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.cost import counted
from benchmarks.first_light import machine, table
from benchmarks.nano import Row, spend
from tracker.checkpoints import weights
from tracker.checkpoints.loading import set_threads
from tracker.model.backbone import resize
from tracker.model.configs import NANO
from tracker.model.conv_trunk import ConvTrunk
from tracker.model.network import build
from tracker.model.sam3 import Sam3
from tracker.model.vocabulary import WordTokenizer
from tracker.training import train
from tracker.training.evaluate import RENDERERS, evaluate
from tracker.training.recipe import Recipe

RUNS = Path("runs/trunks")
HEAD = [
    "trunk",
    "parameters",
    "GFLOP",
    "embed ms",
    "detect ms",
    "refine ms",
    "F1 plain",
    "F1 wide",
    "F1 small",
    "click",
]
ASKED = ("plain", "wide", "small")  # renderers, in the order of the columns


class RepVitTrunk(nn.Module):
    """
    RepViT (Wang et al. 2024; timm's layers), with the face and the join of :class:`ConvTrunk`.

    Stages at strides 4, 8, 16 and 32, of ``channels`` and ``depths``.
    """

    def __init__(self, channels: tuple[int, ...], depths: tuple[int, ...], dim: int) -> None:
        super().__init__()
        from timm.models.repvit import RepVit

        whole: Any = RepVit(embed_dim=channels, depth=depths, num_classes=0)
        self.stem, self.stages = whole.stem, whole.stages
        _, eighth, sixteenth, wide = channels
        self.edges = nn.Conv2d(eighth, eighth // 2, 1)
        self.join = nn.Conv2d(sixteenth + 4 * (eighth // 2), dim, 1)
        self.context = nn.Conv2d(wide, dim, 1)
        self.channel_list = [dim]

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """[(B, D, g, g)] from (B, 3, side, side) pixels; ``side`` is a multiple of 32."""
        features = self.stem(pixels)
        found = [features := stage(features) for stage in self.stages]
        edges = F.pixel_unshuffle(self.edges(found[1]), 2)
        near = self.join(torch.cat([found[2], edges], 1))
        return [near + F.interpolate(self.context(found[3]), near.shape[-2:], mode="bilinear", align_corners=False)]

    def fold(self) -> None:
        """Make one convolution of each of RepViT's branches: for serving."""
        from timm.models import reparameterize_model

        for name in ("stem", "stages"):
            setattr(self, name, reparameterize_model(getattr(self, name), inplace=True))


class VitTrunk(nn.Module):
    """A plain transformer (patches of 16 pixels), as nano's first version had, but narrower: pictures are larger."""

    WIDTH = 128

    def __init__(self, dim: int) -> None:
        super().__init__()
        config = replace(
            NANO,
            trunk="vit",
            vit_pretrain_size=NANO.image_size,
            vit_dim=self.WIDTH,
            vit_depth=4,
            vit_heads=4,
            vit_mlp_ratio=4.0,
            vit_window=8,
            vit_global_blocks=(1, 3),
        )
        self.vit: Any = build(config, WordTokenizer()).backbone.vision_backbone.trunk
        self.join = nn.Conv2d(self.WIDTH, dim, 1)
        self.channel_list = [dim]

    @property
    def blocks(self) -> nn.ModuleList:
        """Those whose positions go by the size of the picture (backbone.resize)."""
        blocks: nn.ModuleList = self.vit.blocks
        return blocks

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """[(B, D, g, g)] from (B, 3, side, side) pixels."""
        return [self.join(self.vit(pixels)[-1])]


CANDIDATES: dict[str, Callable[[], nn.Module]] = {
    "conv": lambda: ConvTrunk(NANO.conv_channels, NANO.conv_depths, NANO.conv_dim),
    "repvit": lambda: RepVitTrunk((24, 48, 96, 192), (1, 2, 5, 1), NANO.conv_dim),
    "vit": lambda: VitTrunk(NANO.conv_dim),
}


class TrunkRun(train.Run):
    """A run of the recipe with another image encoder."""

    def __init__(self, name: str, recipe: Recipe, out: Path, device: torch.device) -> None:
        self.name = name
        super().__init__(recipe, out, device)
        self.counted = time.process_time()

    def fresh(self) -> Any:
        """Nano with random weights and this encoder."""
        model = super().fresh()
        model.backbone.vision_backbone.trunk = CANDIDATES[self.name]()
        return model

    def clock(self, seconds: float) -> float:
        """Training time as the processor counts it: candidates beside each other, or beside other work, learn alike."""
        now = time.process_time()
        spent, self.counted = now - self.counted, now
        return super().clock(spent)

    def save(self) -> None:
        """At the whole side: a transformer's rotary tables are of one side's places, and lie with its weights."""
        resize(self.model, NANO)
        self.side = NANO.image_size  # the next batch sets its own
        super().save()


def candidate(name: str) -> tuple[Sam3, bool]:
    """Nano with that image encoder as it serves, and whether its weights were taught; else they are random."""
    model = Sam3.untrained("nano")
    trunk = CANDIDATES[name]().eval().requires_grad_(False)
    model.network.backbone.vision_backbone.trunk = trunk
    taught = (RUNS / name / "nano.safetensors").exists()
    if taught:
        weights.load(model.network, RUNS / name / "nano.safetensors")
    if isinstance(trunk, RepVitTrunk):
        trunk.fold()
    model.fold()
    return model, taught


def measure(name: str, repeats: int, pictures: int) -> list[str]:
    """One line of the table."""
    model, taught = candidate(name)
    model.bf16_backbone = False
    trunk: Any = CANDIDATES[name]()
    count = sum(each.numel() for each in trunk.parameters())
    pixels = torch.zeros(1, 3, NANO.image_size, NANO.image_size)
    gflop = counted(lambda: model.backbone(pixels), timed=False).gflop
    row = Row(name)
    spend(row, model, lambda _: None, repeats)
    times = [f"{row.milliseconds[part]:.1f}" for part in ("embed", "detect", "refine")]
    if not taught:
        return [name, f"{count / 1e6:.2f} M", f"{gflop:.2f}", *times, *["–"] * 4]
    found = {name: evaluate(model, pictures, draw=RENDERERS[name]).figures() for name in ASKED}
    asked = [f"{each['F1 @ IoU 0.5']:.3f}" for each in found.values()]
    return [name, f"{count / 1e6:.2f} M", f"{gflop:.2f}", *times, *asked, f"{found['plain']['IoU from one click']:.3f}"]


def main() -> None:
    """Teach one candidate, or measure all and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", choices=CANDIDATES, help="teach this one; further options are those of train.py")
    parser.add_argument("--repeats", type=int, default=50, help="of each timed call; the median counts")
    parser.add_argument("--pictures", type=int, default=200, help="that masks are judged on, seeds from 0")
    arguments, rest = parser.parse_known_args()
    if arguments.train:
        sys.argv[1:] = ["--out", str(RUNS / arguments.train), *rest]
        train.main(partial(TrunkRun, arguments.train))
        return
    if rest:
        parser.error(f"{' '.join(rest)}: only with --train")
    set_threads(1)
    print(f"{machine()}; load before: {os.getloadavg()[0]:.1f}; {NANO.image_size} pixels, one thread, fp32", flush=True)
    print(table(HEAD, (measure(name, arguments.repeats, arguments.pictures) for name in CANDIDATES)))


if __name__ == "__main__":
    main()
