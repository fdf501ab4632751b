"""Following by memory: many objects in one pass are the same as each alone, and as upstream's own step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from tracker import Embedding, Sam3
from tracker.model.bank import Bank


@pytest.fixture(scope="module")
def model() -> Sam3:
    untrained = Sam3.untrained()
    untrained.bf16_backbone = False
    # Sure that objects are there: where they are not, upstream writes one constant into the mask.
    untrained.interactive.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(5.0)
    return untrained


def embed(model: Sam3, seed: int) -> Embedding:
    return model.embed(np.random.default_rng(seed).integers(0, 255, (96, 128, 3), np.uint8))


def masks(model: Sam3, count: int) -> torch.Tensor:
    logits = torch.full((count, model.side, model.side), -10.0)
    for place in range(count):
        logits[place, 5 + 6 * place : 20 + 6 * place, 10:30] = 10.0
    return logits


def banks(model: Sam3, count: int) -> list[Bank]:
    found = [Bank() for _ in range(count)]
    for bank, memory in zip(found, model.memorize(embed(model, 0), masks(model, count), 0), strict=True):
        bank.condition(memory)
    return found


def follow(model: Sam3, some: Sequence[Bank], ticks: range) -> torch.Tensor:
    for tick in ticks:
        embedding = embed(model, tick)
        found = model.propagate(embedding, some, tick)
        memories = model.encode_memories(embedding, found, range(len(some)))
        for bank, each in zip(some, memories, strict=True):
            bank.remember(each)
    return found.logits


@pytest.fixture
def encoded(model: Sam3, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many objects each pass of the memory encoder was for."""
    real, passes = model.interactive._encode_new_memory, []

    def counted(**given: Any) -> object:
        passes.append(len(given["pred_masks_high_res"]))
        return real(**given)

    monkeypatch.setattr(model.interactive, "_encode_new_memory", counted)
    return passes


def test_only_the_rows_that_are_asked_for_are_encoded_and_in_one_pass(model: Sam3, encoded: list[int]) -> None:
    some, embedding = banks(model, 4), embed(model, 1)
    encoded.clear()
    found = model.propagate(embedding, some, 1)
    assert not encoded
    assert not model.encode_memories(embedding, found, [])
    assert not encoded
    second, last = model.encode_memories(embedding, found, [1, 3])
    assert (second.tick, last.tick, encoded) == (1, 1, [2])
    every = model.encode_memories(embedding, found, range(4))
    assert encoded == [2, 4]
    for alone, beside in ((second, every[1]), (last, every[3])):
        assert torch.equal(alone.pointer, beside.pointer)
        assert alone.features is not None and beside.features is not None
        assert torch.allclose(alone.features, beside.features, atol=1e-5)


def test_more_rows_than_go_together_are_encoded_in_several_passes(model: Sam3, encoded: list[int]) -> None:
    limit = model.speed.memory_batch
    one, embedding = banks(model, 1)[0], embed(model, 1)
    found = model.propagate(embedding, [one] * (limit + 1), 1)
    encoded.clear()
    assert len(model.encode_memories(embedding, found, range(limit + 1))) == limit + 1
    assert encoded == [limit, 1]


def test_many_objects_in_one_pass_are_the_same_as_each_alone(model: Sam3) -> None:
    together = follow(model, banks(model, 3), range(1, 9))
    for place, bank in enumerate(banks(model, 3)):
        assert torch.allclose(follow(model, [bank], range(1, 9))[0], together[place], atol=1e-5)


def test_objects_with_memories_of_different_frames_are_followed_together(model: Sam3) -> None:
    old, new = banks(model, 2)
    alone = follow(model, [old], range(1, 5))
    new = banks(model, 2)[1]
    fresh = banks(model, 1)[0]
    follow(model, [fresh], range(1, 4))
    found = model.propagate(embed(model, 4), [fresh, new], 4)
    assert found.logits.shape == (2, model.side, model.side)
    assert torch.allclose(found.logits[0], alone[0], atol=1e-5)


def test_objects_that_joined_at_different_times_are_attended_to_in_one_pass(model: Sam3) -> None:
    """Once their banks hold as much, and with the same answers as each alone."""

    def joined() -> list[Bank]:
        one, two = Bank(), Bank()
        for bank, start in ((one, 0), (two, 3)):
            bank.condition(model.memorize(embed(model, start), masks(model, 1), start)[0])
            follow(model, [bank], range(start + 1, 22))
        return [one, two]

    passes = []
    hook = model.interactive.transformer.encoder.register_forward_hook(lambda *_: passes.append(1))
    together = joined()
    passes.clear()
    found = model.propagate(embed(model, 22), together, 22)
    hook.remove()
    assert len(passes) == 1
    for place, bank in enumerate(joined()):
        alone = model.propagate(embed(model, 22), [bank], 22)
        assert torch.allclose(alone.logits[0], found.logits[place], atol=1e-5)


def test_a_pass_equals_upstreams_track_step(model: Sam3) -> None:
    """The wheel's own step, with its own ever-growing dictionary, finds the same mask after ten frames."""
    tracker = model.interactive
    outputs: dict[str, dict[int, object]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    size = tracker.input_mask_size
    for tick in range(10):
        fine, middle, coarse = embed(model, tick).interactive
        first = tick == 0
        mask = torch.nn.functional.interpolate(masks(model, 1)[:, None], (size, size), mode="bilinear") > 0
        with torch.inference_mode():
            out = tracker.track_step(
                frame_idx=tick,
                is_init_cond_frame=first,
                current_vision_feats=[each.flatten(2).permute(2, 0, 1) for each in (fine, middle, coarse)],
                current_vision_pos_embeds=[model.positions.flatten(2).permute(2, 0, 1)],
                feat_sizes=[each.shape[-2:] for each in (fine, middle, coarse)],
                image=None,
                point_inputs=None,
                mask_inputs=mask.float() if first else None,
                output_dict=outputs,
                num_frames=1000,
            )
        outputs["cond_frame_outputs" if first else "non_cond_frame_outputs"][tick] = out
    ours = follow(model, banks(model, 1), range(1, 10))
    assert torch.allclose(ours[0], out["pred_masks"][0, 0].clamp(-32, 32), atol=1e-5)


def test_what_is_remembered_matters(model: Sam3) -> None:
    first, second = banks(model, 2)
    found = model.propagate(embed(model, 1), [first, second], 1)
    assert found.logits.std() > 0.01
    assert not torch.allclose(found.logits[0], found.logits[1], atol=1e-4)


def test_answers_are_within_their_ranges(model: Sam3) -> None:
    found = model.propagate(embed(model, 1), banks(model, 2), 1)
    assert found.logits.abs().max() <= 32
    for share in (found.ious, found.present):
        assert share.shape == (2,)
        assert ((share >= 0) & (share <= 1)).all()
