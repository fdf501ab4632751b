"""From a name to a model, or to a sentence that says why not."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import safetensors.torch
import torch

from tracker import Prompt, Sam3, SegmentPrompt, TrackerError, WeightsError, load_model, set_threads
from tracker.checkpoints import weights
from tracker.model.configs import Ability
from tracker.worlds.objects import box_around
from tracker.worlds.worlds import Video


def test_nanos_weights_go_through_a_file(tmp_path: Path) -> None:
    model = Sam3.untrained()
    saved = tmp_path / "nano.safetensors"
    weights.save(model.network, saved)
    told: list[str] = []
    loaded = load_model("nano", checkpoint=saved, device="cpu", progress=told.append, fold=False)
    assert len(told) == 3
    assert re.fullmatch(r"nano has \d+\.\d million parameters in fp32: \d+ MB on cpu", told[-1])
    read = loaded.network.state_dict()
    for key, value in model.network.state_dict().items():
        assert torch.allclose(value, read[key], rtol=1e-3, atol=1e-6)
    assert saved.stat().st_size < 24e6


def test_a_folded_nano_finds_and_refines_the_same_masks_to_the_pixel() -> None:
    frame = Video(0, 640, 480, objects=(5, 5)).next()
    prompts = [SegmentPrompt(box=box_around(each.mask)) for each in frame.objects if each.countable]
    answers = []
    for fold in (False, True):
        model = load_model("nano", device="cpu", fold=fold)
        model.bf16_backbone = False  # its own rounding is coarser than a pixel's edge
        embedding = model.embed(frame.image)
        found = model.concept_segment(embedding, [Prompt("thing"), Prompt("circle")])
        refined = model.masks(model.segment(embedding, prompts).logits[:, 0], 480, 640)
        answers.append([[each.mask for some in found for each in some], [mask for mask, _ in refined]])
    assert len(answers[0][0]) >= 3
    assert answers[0] == answers[1]


def test_a_file_is_loaded_as_what_its_keys_say(tmp_path: Path) -> None:
    saved = tmp_path / "what.safetensors"
    weights.save(Sam3.untrained().network, saved)
    loaded = load_model(str(saved), device="cpu")
    assert (loaded.name, loaded.config.abilities) == ("nano", frozenset(Ability))


def test_a_file_without_the_interactive_head_is_a_model_without_clicks(tmp_path: Path) -> None:
    saved, part = tmp_path / "whole.safetensors", tmp_path / "part.safetensors"
    weights.save(Sam3.untrained().network, saved)
    whole = safetensors.torch.load_file(saved)
    kept = {key: each for key, each in whole.items() if not key.startswith("tracker.") and "sam2_convs" not in key}
    safetensors.torch.save_file(kept, part)
    told: list[str] = []
    loaded = load_model(str(part), device="cpu", progress=told.append)
    assert loaded.config.abilities == {Ability.WORDS, Ability.EXEMPLARS}
    assert any("no weights for clicks, boxes and memory" in each for each in told)
    one = next(key for key in whole if key.startswith("tracker."))
    safetensors.torch.save_file(kept | {one: whole[one]}, part)  # half a head is a fault
    with pytest.raises(WeightsError, match=r"missing: .*sam2_convs"):
        load_model(str(part), device="cpu")


def test_another_models_file_is_refused_by_its_keys(tmp_path: Path) -> None:
    saved = tmp_path / "other.safetensors"
    weights.save(torch.nn.Linear(2, 2), saved)
    with pytest.raises(WeightsError, match=r"missing: .* unexpected: "):
        load_model("nano", checkpoint=saved, device="cpu")


def test_an_unknown_model_or_device_is_refused() -> None:
    with pytest.raises(TrackerError, match=r"choose one of nano, .*sam3"):
        load_model("sam4")
    with pytest.raises(TrackerError, match="is not a device"):
        load_model("nano", device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(TrackerError, match="no CUDA"):
            load_model("nano", device="cuda")


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pt is not a file"):
        load_model("nano", checkpoint=tmp_path / "none.pt", device="cpu")


def test_threads_are_set_and_never_fewer_than_one() -> None:
    before = torch.get_num_threads()
    try:
        set_threads(0)
        assert torch.get_num_threads() == 1
        set_threads(None)
        assert torch.get_num_threads() == max(1, (os.cpu_count() or 2) - 1)
    finally:
        set_threads(before)
