"""
EfficientSAM3's own code, with weights made of names alone, answered as ours does: stage by stage, number for number.

Its code is not here. It was run once, elsewhere, and what it said is kept in tests/data/efficientsam3.
"""

from __future__ import annotations

import pytest
import torch

from tests.support import seeded
from tests.support.efficientsam3 import KINDS, reference
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
