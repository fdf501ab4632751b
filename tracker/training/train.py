"""
The first part of the recipe that makes nano (make.py runs all of them).

    python -m tracker.training.train --recipe cpu --minutes 240 --out runs/nano

or, on several cores, with the same result in less time:

    torchrun --standalone --nproc-per-node 2 -m tracker.training.train --recipe cpu --minutes 240 --out runs/nano

It draws pictures of synthetic worlds for ever, asks the network for things in them by words, exemplar boxes, clicks,
boxes and stale masks, and lets the learning rate down over the last part of the time it was given. It saves every few
minutes and goes on where it stopped when called again with the same --out.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Idle OpenMP threads must sleep, not spin: beside other work spinning costs far more than waking.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import torch
from torch import Tensor, distributed, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader

from tracker.checkpoints import weights
from tracker.model.backbone import resize
from tracker.model.compute import matrix_bf16
from tracker.training import network
from tracker.training.data import Batch, Supply, WorldBatches, gather
from tracker.training.losses import DenseHead, detector_loss, interactive_loss
from tracker.training.recipe import MODEL, RECIPES, Recipe


class Run:
    """One training run: model, optimiser, averaged weights, and where it stands."""

    # Files in its folder: to go on from, the model, and its losses over time.
    state, made, curve = "state.pt", "nano.safetensors", "curve.jsonl"

    def __init__(self, recipe: Recipe, out: Path, device: torch.device) -> None:
        from sam3.train.matcher import BinaryHungarianMatcherV2, BinaryOneToManyMatcher

        torch.manual_seed(recipe.seed)
        self.recipe, self.out, self.device = recipe, out, device
        self.model: Any = self.fresh().to(device)
        self.model.matcher = BinaryHungarianMatcherV2(focal=True, cost_class=2.0, cost_bbox=5.0, cost_giou=2.0)
        self.model.train()
        # Nothing in these has dropout: training mode would only recompute their activations to save memory.
        self.model.transformer.encoder.eval()
        self.model.geometry_encoder.eval()
        self.model.use_act_checkpoint_seg_head = False
        self.many_matcher = BinaryOneToManyMatcher(alpha=0.3, threshold=0.4, topk=4)
        self.dense = DenseHead(MODEL.dim).to(device)
        self.parameters = [
            parameter
            for name, parameter in [*self.model.named_parameters(), *self.dense.named_parameters()]
            if self.learns(name)
        ]
        trunk = set(self.model.backbone.vision_backbone.trunk.parameters())
        groups = [
            {"params": [each for each in self.parameters if each in trunk], "highest": recipe.trunk_rate},
            {"params": [each for each in self.parameters if each not in trunk], "highest": recipe.rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, betas=(0.9, 0.98), fused=True)
        self.kept = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.step, self.seconds, self.side = 0, 0.0, MODEL.image_size
        if (out / self.state).exists():
            self.restore()

    def fresh(self) -> Any:
        """The network that learns, before it has learnt anything."""
        return network.fresh()

    def learns(self, name: str) -> bool:
        """Whether the parameter of this name learns."""
        return not memory_only(name)

    def restore(self) -> None:
        """Go on where the last call stopped."""
        state = torch.load(self.out / self.state, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.dense.load_state_dict(state["dense"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.kept, self.step, self.seconds = state["kept"], state["step"], state["seconds"]

    def save(self) -> None:
        """Write everything needed to go on, whole or not at all."""
        state = {
            "model": self.model.state_dict(),
            "dense": self.dense.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "kept": self.kept,
            "step": self.step,
            "seconds": self.seconds,
        }
        part = self.out / f"{self.state}.part"
        torch.save(state, part)
        part.replace(self.out / self.state)
        # A copy: the state dict itself holds the very tensors that are about to be overwritten.
        raw = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.kept)
        weights.save(self.model, self.out / self.made)
        self.model.load_state_dict(raw)

    def rate_share(self, budget: float) -> float:
        """The share of the highest learning rates: warm up, stay, let down towards the end of ``budget`` seconds."""
        left = max(0.0, 1 - self.seconds / budget)
        return min(1.0, (self.step + 1) / self.recipe.warmup, max(0.01, left / self.recipe.let_down))

    def look_at(self, batch: Batch, budget: float) -> Batch:
        """The batch at the resolution of this part of the run, and the network set to it."""
        small = self.seconds < self.recipe.small * budget
        side = MODEL.image_size // 2 if small else MODEL.image_size
        if side != self.side:
            resize(self.model, dataclasses.replace(MODEL, image_size=side))
            self.side = side
        return batch.halved() if small else batch

    def learn(self, batch: Batch, share: float, *, names_only: bool = False) -> dict[str, float]:
        """
        One step at ``share`` of the highest learning rates; returns the losses by name.

        ``names_only``: what is where, a tenth of the work.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = share * (self.recipe.trunk_rate if names_only else group["highest"])
        # The context is left after every step: inside one that stays open the cache of cast weights is never cleared
        # and nothing is learnt, while the loss looks healthy.
        with precision(self.device):
            losses = self.losses(batch, names_only=names_only)
            total = torch.stack(list(losses.values())).sum()
        self.optimizer.zero_grad()
        total.backward()
        share_gradients(self.parameters)
        nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip)
        self.optimizer.step()
        self.step += 1
        self._average()
        return {name: value.detach().item() for name, value in losses.items()}

    def losses(self, batch: Batch, *, names_only: bool) -> dict[str, Tensor]:
        """What one batch asks for, by name."""
        backbone = self.model.backbone.forward_image(batch.images)
        if names_only:
            return {"dense": self.recipe.dense * self.dense.named(backbone["backbone_fpn"], batch)[0]}
        losses = self.worded(backbone, batch)
        masks, iou, exists = network.interact(self.model, backbone, batch)
        with torch.autocast(self.device.type, enabled=False):
            return losses | interactive_loss(masks, iou, exists, batch)

    def worded(self, backbone: dict[str, Any], batch: Batch) -> dict[str, Tensor]:
        """What a batch asks in words and by exemplars. ``backbone`` is what ``forward_image`` made of its images."""
        backbone |= self.model.backbone.forward_text(batch.texts, device=self.device)
        levels = backbone["backbone_fpn"]
        names, extent = self.dense.named(levels, batch)
        align = self.dense.aligned(levels, backbone["language_features"], backbone["language_mask"], batch)
        dense = {"dense": names, "extent": extent, "align": align}
        out = network.ground(self.model, backbone, batch)
        with torch.autocast(self.device.type, enabled=False):
            found = detector_loss(out, batch, self.model.matcher, self.many_matcher)
        return {name: self.recipe.dense * value for name, value in dense.items()} | found

    def clock(self, seconds: float) -> float:
        """Training time with ``seconds`` more of it, the same in every process so that all stop at the same step."""
        spent = torch.tensor([self.seconds + seconds], dtype=torch.float64)
        if distributed.is_initialized():
            distributed.broadcast(spent, 0)
        return float(spent)

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.kept[name].lerp_(value, 1 - keep)


@contextlib.contextmanager
def precision(device: torch.device) -> Iterator[None]:
    """
    bf16 where the machine multiplies it: half the time of a step with AMX, three quarters with AVX-512's products, and
    five times it elsewhere.

    On a CPU attention goes step by step: the fused one is slower backwards, and breaks (torch 2.13) where its mask
    learns.
    """
    cpu = device.type == "cpu"
    with (
        torch.autocast(device.type, torch.bfloat16, enabled=not cpu or matrix_bf16() or avx512_bf16()),
        sdpa_kernel(SDPBackend.MATH) if cpu else contextlib.nullcontext(),
    ):
        yield


def avx512_bf16() -> bool:
    """Whether this CPU has products of bf16 in AVX-512: enough for a step of training, not for an answer (AMX is)."""
    return torch.cpu.get_capabilities().get("avx512_bf16", False) is True


def share_gradients(parameters: list[nn.Parameter]) -> None:
    """Give every process the mean of all gradients, so that their weights stay the same."""
    if distributed.is_initialized():
        gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
        flat = torch.cat([each.reshape(-1) for each in gradients])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        for each, part in zip(parameters, flat.split([each.numel() for each in gradients]), strict=True):
            each.grad = part.view_as(each)


def place() -> tuple[int, int]:
    """Rank of the process that asks, and how many there are."""
    return (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)


def memory_only(name: str) -> bool:
    """Whether a parameter serves the memory follower alone, which train_memory teaches afterwards."""
    return any(part in name for part in ("maskmem", "obj_ptr", "predictor.model.transformer", "no_obj_embed"))


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The same batch with its tensors on ``device``."""
    fields = ((field.name, getattr(batch, field.name)) for field in dataclasses.fields(batch))
    return dataclasses.replace(batch, **{name: value.to(device) for name, value in fields if name != "texts"})


def train(run: Run, minutes: float, supply: Supply) -> None:
    """Learn until ``minutes`` of training time are used, printing the losses and saving on the way."""
    recipe, budget = run.recipe, minutes * 60
    rank, processes = place()
    seed = (recipe.seed, run.step, rank)
    done = torch.tensor(run.seconds / budget).share_memory_()
    batches = WorldBatches(seed, max(1, recipe.pictures // processes), recipe, supply, done)
    loader = DataLoader(
        batches, batch_size=None, num_workers=recipe.workers, prefetch_factor=4, pin_memory=run.device.type == "cuda"
    )
    recent: list[dict[str, float]] = []
    shown = saved = time.monotonic()
    for batch in loader:
        started = time.monotonic()
        recent.append(learn(run, to_device(batch, run.device), budget))
        run.seconds = run.clock(time.monotonic() - started)
        done.fill_(run.seconds / budget)
        if rank == 0 and started - shown > 20:
            report(run, minutes, recent, (started - shown) / len(recent))
            recent, shown = [], started
        if rank == 0 and started - saved > 120:
            run.save()
            saved = started
        if run.seconds >= budget:
            break
    if rank == 0:
        if recent:  # of a run shorter than the first report too
            report(run, minutes, recent, (time.monotonic() - shown) / len(recent))
        run.save()


def learn(run: Run, batch: Batch, budget: float) -> dict[str, float]:
    """One step of the part of the run that it is in."""
    names_only = run.seconds < run.recipe.first * budget
    return run.learn(run.look_at(batch, budget), run.rate_share(budget), names_only=names_only)


def report(run: Run, minutes: float, recent: list[dict[str, float]], pace: float) -> None:
    """Print the mean of the recent losses and add it to the curve."""
    names = dict.fromkeys(name for losses in recent for name in losses)
    line = {name: round(sum(losses.get(name, 0.0) for losses in recent) / len(recent), 3) for name in names}
    text = " ".join(f"{name} {value}" for name, value in line.items())
    print(f"{run.seconds / 60:6.1f}/{minutes:g} min  step {run.step}  {pace:.2f} s/step  {text}", flush=True)
    with (run.out / run.curve).open("a") as curve:
        curve.write(json.dumps({"step": run.step, "seconds": round(run.seconds), **line}) + "\n")


@contextlib.contextmanager
def command_line(text: str | None, **flags: str) -> Iterator[argparse.Namespace]:
    """
    The options of every part that trains, ``flags`` of one's own, and the processes that torchrun started joined.

    They are let go at the end of the context.
    """
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=RECIPES, default="cpu")
    parser.add_argument("--minutes", type=float, help="training time, earlier calls included; left out, the recipe's")
    parser.add_argument("--out", type=Path, default=Path("runs/nano"))
    parser.add_argument("--things", type=Path, default=Path("runs/things"), help="pictures of things: see things.py")
    parser.add_argument("--photos", type=Path, default=Path("runs/photos"), help="photographs and their regions")
    parser.add_argument("--shapes-only", action="store_true", help="teach no things")
    for name, about in flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=about)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=0, help="of each process; left out, the cores are shared out")
    arguments = parser.parse_args()
    processes = int(os.environ.get("WORLD_SIZE", "1"))  # set by torchrun
    if processes > 1:
        distributed.init_process_group("gloo")
    torch.set_num_threads(arguments.threads or max(1, (os.cpu_count() or 1) // processes))
    arguments.out.mkdir(parents=True, exist_ok=True)
    arguments.recipe = RECIPES[arguments.recipe]
    arguments.supply = gather(None if arguments.shapes_only else arguments.things, arguments.photos)
    yield arguments
    if processes > 1:
        distributed.destroy_process_group()


def main(kind: Callable[[Recipe, Path, torch.device], Run] = Run, text: str | None = __doc__) -> None:
    """Read the command line, which ``text`` explains, and train a run of that kind."""
    with command_line(text) as arguments:
        run = kind(arguments.recipe, arguments.out, torch.device(arguments.device))
        train(run, arguments.minutes or run.recipe.minutes, arguments.supply)


if __name__ == "__main__":
    main()
