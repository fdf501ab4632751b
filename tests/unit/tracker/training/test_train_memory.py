"""The second part of the recipe follows objects through the product's own code, and teaches only what it should."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

from tracker import load_model
from tracker.checkpoints import weights
from tracker.model.bank import Bank, Memory, Propagation
from tracker.model.features import Embedding
from tracker.training import train_memory
from tracker.training.data import BARE
from tracker.training.masks import MASK_SIDE
from tracker.training.network import fresh
from tracker.training.recipe import MODEL, RECIPES
from tracker.training.train import memory_only
from tracker.training.train_memory import KEPT, Lesson, Lessons, MemoryRun, draw_clip

SMOKE = RECIPES["smoke"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> MemoryRun:
    folder = tmp_path_factory.mktemp("run")
    weights.save(fresh(), folder / "nano.safetensors")
    return MemoryRun(SMOKE, folder, torch.device("cpu"))


def test_a_clip_starts_with_every_object_in_sight() -> None:
    pictures, truth = draw_clip(np.random.default_rng(1), SMOKE)
    assert len(pictures) == len(truth) == SMOKE.frames
    assert 1 <= truth.shape[1] <= SMOKE.objects
    assert truth[0].flatten(1).any(1).all()
    assert pictures[0].shape == (MODEL.image_size, MODEL.image_size, 3)


def test_a_step_teaches_memory_and_mask_decoder_only(run: MemoryRun) -> None:
    lesson: Lesson = next(iter(Lessons(SMOKE, 0, BARE)))
    before = {name: value.clone() for name, value in run.model.network.state_dict().items()}
    losses = run.learn(lesson, 1.0)
    assert losses["follow"] > 0
    assert losses["same"] > 0
    changed = {name for name, value in run.model.network.state_dict().items() if not torch.equal(value, before[name])}
    assert any("maskmem_backbone" in name for name in changed)
    assert any("model.transformer" in name for name in changed)
    assert not [name for name in changed if not name.startswith("inst_interactive_predictor.model.")]


def test_clicks_and_boxes_can_be_left_exactly_as_they_are(run: MemoryRun) -> None:
    held = MemoryRun(SMOKE, run.out, torch.device("cpu"), hold=True)
    before = {name: value.clone() for name, value in held.model.network.state_dict().items()}
    held.learn(next(iter(Lessons(SMOKE, 0, BARE))), 1.0)
    after = held.model.network.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    decoder = {name for name in changed if "sam_mask_decoder" in name or "sam_prompt_encoder" in name}
    assert decoder and all("pred_obj_score_head" in name for name in decoder)
    assert changed - decoder and all(memory_only(name) for name in changed - decoder)


def test_an_object_surely_believed_in_can_still_be_unlearnt(run: MemoryRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """A score so high that its chance is 1 to the last digit, of an object that is gone, has a gradient."""
    score = torch.tensor([40.0, 40.0], requires_grad=True)
    gone = torch.zeros(2, 2, MASK_SIDE, MASK_SIDE)
    gone[0, :, :20, :20] = 1
    memories = [SimpleNamespace(tick=0, pointer=torch.ones(1, 4), features=None)] * 2
    logits = torch.zeros_like(gone[1])
    found = Propagation(1, logits, torch.zeros(2), score, masks=logits[:, None], pointers=torch.ones(2, 4))
    assert found.present.tolist() == [1.0, 1.0]
    head = SimpleNamespace(memorize=lambda *_: memories, propagate=lambda *_: found, encode=lambda *_: memories)
    monkeypatch.setattr(run.model, "memory", head)
    monkeypatch.setattr(run.model, "_positions", (torch.zeros(1),))
    losses = run._follow([cast("Embedding", SimpleNamespace(interactive=()))] * 2, gone)
    losses["follow exists"].backward()
    weight = run.recipe.absent
    assert losses["follow exists"].item() == pytest.approx(40 * weight)
    assert score.grad is not None and score.grad.tolist() == [0.5 * weight] * 2


@dataclasses.dataclass
class Followed:
    """Stands where the memory head does; ``read``: on each frame, of which objects the newest memories are."""

    score: float = 1.0
    read: list[list[float]] = dataclasses.field(default_factory=list)
    frames: list[int] = dataclasses.field(default_factory=list)

    def memorize(self, *_: object) -> list[Memory]:
        return [Memory(0, torch.zeros(1, 1), torch.tensor([[float(each), 1.0]])) for each in (1, 2)]

    def propagate(self, picture: int, _: object, banks: list[Bank], tick: int, __: int) -> Propagation:
        self.frames.append(picture)
        self.read.append([bank.recent[-1].pointer[0, 0].item() if bank.recent else 0.0 for bank in banks])
        nothing = torch.zeros(2, MASK_SIDE, MASK_SIDE, requires_grad=True)
        score = torch.full((2,), self.score)
        return Propagation(tick, nothing, torch.zeros(2), score, nothing[:, None], torch.zeros(2, 2))

    def encode(self, _: object, found: Propagation, *__: object) -> list[Memory]:
        return [dataclasses.replace(each, tick=found.tick) for each in self.memorize()]


def follow(run: MemoryRun, monkeypatch: pytest.MonkeyPatch, *, score: float = 1.0, **recipe: float) -> Followed:
    """A lesson of seven frames after the first."""
    head = Followed(score)
    calm = dataclasses.replace(SMOKE, **{"jumbled": 0.0, "rough": 0.0} | recipe)  # type: ignore[arg-type]
    monkeypatch.setattr(run, "recipe", calm)
    monkeypatch.setattr(run.model, "memory", head)
    monkeypatch.setattr(run.model, "_positions", (torch.zeros(1),))
    pictures = [cast("Embedding", SimpleNamespace(interactive=frame)) for frame in range(8)]
    run._follow(pictures, torch.ones(8, 2, MASK_SIDE, MASK_SIDE))
    return head


def test_frames_come_as_they_were_and_are_remembered(run: MemoryRun, monkeypatch: pytest.MonkeyPatch) -> None:
    head = follow(run, monkeypatch)
    assert head.frames == list(range(1, 8))
    assert head.read == [[0, 0]] + [[1, 2]] * 6


def test_what_is_said_to_be_gone_is_not_remembered(run: MemoryRun, monkeypatch: pytest.MonkeyPatch) -> None:
    assert follow(run, monkeypatch, score=-1.0).read == [[0, 0]] * 7


def test_a_jumbled_lesson_shows_each_frame_once_in_another_order(
    run: MemoryRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = follow(run, monkeypatch, jumbled=1.0).frames
    assert sorted(frames) == list(range(1, 8)) and frames != sorted(frames)


def test_a_rough_lesson_forgets_all_but_the_first_frame(run: MemoryRun, monkeypatch: pytest.MonkeyPatch) -> None:
    assert follow(run, monkeypatch, rough=1.0, forgets=1.0, mistakes=0.0).read == [[0, 0]] * 7


def test_a_rough_lesson_mistakes_objects_for_each_other(run: MemoryRun, monkeypatch: pytest.MonkeyPatch) -> None:
    assert follow(run, monkeypatch, rough=1.0, forgets=0.0, mistakes=1.0).read == [[0, 0]] + [[2, 1]] * 6


def test_training_ends_on_time_and_writes_a_model(run: MemoryRun, capsys: pytest.CaptureFixture[str]) -> None:
    train_memory.train(run, minutes=0.001, supply=BARE)
    written = Path(run.out) / "nano-memory.safetensors"
    assert load_model(MODEL.name, checkpoint=written).name == MODEL.name
    (line,) = (run.out / "memory-curve.jsonl").read_text().splitlines()
    assert json.loads(line)["step"] == run.steps and json.loads(line)["follow"] > 0


def test_clips_are_used_again(run: MemoryRun) -> None:
    """Drawing and embedding a clip costs a third of a lesson."""
    eager = MemoryRun(dataclasses.replace(SMOKE, clips_again=2), run.out, torch.device("cpu"))
    lessons = iter(Lessons(SMOKE, 0, BARE))
    eager.learn(next(lessons), 1.0)
    assert (eager.steps, len(eager.seen)) == (3, 1)
    eager.seen.extend(list(eager.seen) * KEPT)
    assert len(eager.seen) == KEPT


def test_it_learns_at_half_the_side_first(run: MemoryRun) -> None:
    lesson: Lesson = next(iter(Lessons(SMOKE, 0, BARE)))
    sides = []
    for share_left in (1.0, 0.01):
        seen = run._look_at(lesson, share_left)
        sides.append((run.model.config.image_size, seen.clip[1].shape[-1], seen.batch.click_masks.shape[-1]))
        run.seen.append(([], seen.clip[1]))
    assert sides == [(MODEL.image_size // 2, MASK_SIDE // 2, MASK_SIDE // 2), (MODEL.image_size, MASK_SIDE, MASK_SIDE)]
    assert len(run.seen) == 1, "what was embedded at half the side is dropped"
