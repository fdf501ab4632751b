"""
EfficientSAM3's own code, with weights made of names alone, answered as ours does: stage by stage, number for number.

Its code is not here. It was run once, elsewhere, and what it said is kept in tests/data/efficientsam3.
"""

from __future__ import annotations

import pytest
import torch

from tests.support import seeded
from tests.support.efficientsam3 import KINDS, answers, iou, reference, seeded_model
from tracker.checkpoints.efficientsam3_layout import TRUNK, theirs
from tracker.model.students import Student

SIDE = 336  # pixels


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_an_image_encoder_sees_the_same(kind: str) -> None:
    """As it learns, and folded as it serves."""
    student = Student(KINDS[kind]).eval()
    student.load_state_dict(
        {
            name: seeded.tensor(theirs(TRUNK + name), each.shape, each.dtype)
            for name, each in student.state_dict().items()
        }
    )
    pixels = torch.from_numpy(seeded.picture(SIDE)).permute(2, 0, 1)[None] / 127.5 - 1
    expected = torch.tensor(reference(kind)["answers"][str(SIDE)]["trunk"])
    for folded in (False, True):
        if folded:
            student.fold()
        (features,) = student(pixels)
        error = (seeded.sampled(features) - expected).abs().max()
        print(f"{kind}{', folded' if folded else ''}: features to {error:.1e}, greatest {features.abs().max():.1f}")
        assert error <= 2e-5


@pytest.mark.parametrize(
    ("kind", "side"),
    [
        ("efficientsam3-ev", 336),
        *(pytest.param(kind, 336, marks=[pytest.mark.slow]) for kind in KINDS if kind != "efficientsam3-ev"),
        *(pytest.param(kind, 1008, marks=[pytest.mark.slow, pytest.mark.timeout(1200)]) for kind in KINDS),
    ],
)
def test_every_stage_of_the_whole_answers_the_same(kind: str, side: int) -> None:
    expected = reference(kind)["answers"][str(side)]
    for stage, found in answers(seeded_model(kind, side)):
        kept = expected.pop(stage)
        numbers = kept if isinstance(kept, dict) else {"features": kept}
        if len(found) == 3 and stage.endswith("levels"):
            numbers = {str(place): kept[4 * place : 4 * place + 4] for place in range(3)}
        if stage == "click":  # ours come best first
            order = torch.tensor(kept["quality"]).argsort(descending=True).argsort()
            found = {what: each[order] for what, each in found.items()}
        for what, values in found.items():
            error = (seeded.sampled(values, len(numbers[what])) - torch.tensor(numbers[what])).abs().max()
            print(f"{kind}, {side} pixels, {stage}, {what}: to {error:.1e}")
            assert error <= (1e-5 if what == "boxes" else 1e-4), (stage, what)
        if "above" in numbers:
            same = iou(numbers, found["masks"])
            print(f"{kind}, {side} pixels, {stage}: masks' IoU {same:.6f}")
            assert same >= 0.999
    assert not expected  # every stage that the reference told of was asked
