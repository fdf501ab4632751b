"""What EfficientSAM3's own code makes and answers, kept as numbers: tests/data/efficientsam3 says how they came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

DATA = Path(__file__).parents[1] / "data" / "efficientsam3"
KINDS = {
    "efficientsam3-ev": "efficientvit_b1",
    "efficientsam3-rv": "repvit_m1_1",
    "efficientsam3-tv": "tiny_vit_11m_224",
}


def reference(kind: str) -> Any:
    """The file of a model: ``layout``, ``bytes`` and, by the picture's side, ``answers``."""
    return json.loads((DATA / f"{kind}.json").read_text())


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names and shapes, a line for each, sorted."""
    lines = sorted(f"{name} {list(each.shape)}" for name, each in tensors.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
