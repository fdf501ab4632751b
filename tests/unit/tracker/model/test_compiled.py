"""
What is compiled, and when: with the smallest of backbones and the compiler's "eager" backend, not into what.

What is compiled answers as before, and nothing compiles while a stream runs.
"""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from tests.support.vit import VIT
from tracker import Box, Prompt, Sam3, SegmentPrompt, Tracker
from tracker.model import compiled
from tracker.model.compute import BUCKETS

FRAME = np.random.default_rng(2).integers(0, 255, (96, 128, 3), np.uint8)
BOX = SegmentPrompt(box=Box(1, 1, 50, 50))


@pytest.fixture
def small() -> Sam3:
    torch._dynamo.reset()
    counters.clear()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Sam3(replace(VIT, vit_depth=2, vit_global_blocks=(1,)), torch.device("cpu"))
    model.bf16_backbone = False
    return model


def graphs() -> int:
    return int(counters["stats"]["unique_graphs"])


def test_a_stream_of_changing_objects_compiles_nothing_after_the_warm_up(small: Sam3) -> None:
    compiled.backbone(small, backend="eager")
    compiled.decoder(small, backend="eager", sizes=BUCKETS[:2])
    known = graphs()
    assert known >= 3
    calls: list[int] = []
    decoder = small.segmenter.decoder.compiled

    def counted(**kwargs: object) -> object:
        calls.append(len(kwargs["sparse_prompt_embeddings"]))  # type: ignore[arg-type]
        return decoder(**kwargs)

    small.segmenter.decoder.compiled = counted
    with torch._dynamo.config.patch(error_on_recompile=True):
        tracker = Tracker(small, [Prompt("star", threshold=0.0)], max_objects=2, interval=3)
        for index in range(5):
            tracker.step(FRAME, index, index / 30)
        embedding, seen = small.embed(FRAME), len(calls)
        for count in (2, 1):
            logits = small.segment(embedding, [BOX]).logits[0, 0]
            small.segment(embedding, [replace(BOX, logits=logits)] * count)
        small.segment(embedding, [BOX], multimask=True)  # a click's, which is not compiled
        small.segment(embedding, [BOX] * 3)  # nor are more than were warmed up
    assert graphs() == known
    assert seen > 0 and calls[seen:] == [1, 2, 1, 1]


def test_a_compiled_detector_answers_as_before_whatever_it_is_asked(small: Sam3) -> None:
    words = [Prompt(word, threshold=0.0) for word in ("star", "red circle", "thing")]
    asked = [words[:1], words[:2], words, [Prompt("star", boxes=(Box(5, 5, 40, 40),), threshold=0.0)]]
    before = [small.detect(small.embed(FRAME), some) for some in asked]
    undo = compiled.detector(small, backend="eager", numbers=(2,))
    assert graphs() == 3
    parts = [small.network.transformer.encoder, small.network.transformer.decoder, small.network.segmentation_head]
    codes = [part.forward.compiled for part in parts]
    for part, code in zip(parts, codes, strict=True):
        part.forward.compiled = mock.Mock(side_effect=code)
    with torch._dynamo.config.patch(error_on_recompile=True):
        after = [small.detect(small.embed(FRAME), some) for some in asked]
    assert graphs() == 3
    for part in parts:  # one word goes as two; three, and an exemplar, as they are
        assert part.forward.compiled.call_count == 2
    for old, new in zip(before, after, strict=True):
        for a, b in zip(old, new, strict=True):
            assert torch.allclose(a.scores, b.scores, atol=1e-5) and torch.allclose(a.logits, b.logits, atol=1e-4)
    undo()
    assert not any("forward" in vars(part) for part in parts) and not small.detector.numbers


def test_a_detector_that_answers_otherwise_is_refused(small: Sam3, monkeypatch: pytest.MonkeyPatch) -> None:
    head = small.network.segmentation_head

    def careless(part: object, backend: str) -> object:
        def call(*args: object, **kwargs: object) -> object:
            found = part(*args, **kwargs)  # type: ignore[operator]
            return found | {"pred_masks": -found["pred_masks"]} if "pred_masks" in found else found

        return call

    monkeypatch.setattr(compiled, "_compile", careless)
    with pytest.raises(RuntimeError, match=r"its answers have a cosine of -1\.0000 to those before"):
        compiled.detector(small, backend="eager")
    assert "forward" not in vars(head) and not small.detector.numbers


@pytest.mark.no_cover  # tracing twice as slow as it is would make it the slowest test of all
def test_memory_attention_is_compiled_once_for_one_object_and_once_for_several(small: Sam3) -> None:
    embedding = small.embed(FRAME)
    asked = [compiled.banks(small, embedding, *some) for some in ((1, 1), (1, 9), (3, 5), (2, compiled.LONGEST))]
    before = [small.propagate(embedding, banks, compiled.LONGEST) for banks in asked]
    undo = compiled.memory(small, backend="eager")
    assert graphs() == 2
    calls: list[int] = []
    attention = small.memory.attention.compiled

    def counted(**kwargs: object) -> object:
        calls.append(kwargs["prompt"].shape[1])  # type: ignore[attr-defined]
        return attention(**kwargs)

    small.memory.attention.compiled = counted
    small.forget()  # encodings of places are made anew
    embedding = small.embed(FRAME)
    with torch._dynamo.config.patch(error_on_recompile=True):
        after = [small.propagate(embedding, banks, compiled.LONGEST) for banks in asked]
    assert graphs() == 2 and calls == [1, 1, 3, 2]
    for old, new in zip(before, after, strict=True):
        assert torch.allclose(old.logits, new.logits, atol=1e-4)
    undo()
    assert small.memory.attention is small.interactive.transformer.encoder
    assert not small.memory.attention.layers[0].self_attn.use_rope_real


def test_plainly_means_nothing_compiled_and_all_of_it_again(small: Sam3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda part, **options: part)
    compiled.detector(small, backend="eager", numbers=(1,))
    compiled.memory(small, backend="eager")
    head, attention = small.network.segmentation_head, small.memory.attention
    undo = compiled.plainly(small)
    assert "forward" not in vars(head) and small.memory.attention is small.interactive.transformer.encoder
    assert not small.detector.numbers
    undo()
    assert "forward" in vars(head) and small.memory.attention is attention and [*small.detector.numbers] == [1]
