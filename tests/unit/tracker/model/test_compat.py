"""The stand-ins for what is missing without CUDA give equal results."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from tracker.model import compat

compat.prepare()


def torchvision_roi_align() -> types.ModuleType:
    """torchvision's own Python version, without the compiler it asks for on first use."""
    import importlib.util

    origin = importlib.util.find_spec("torchvision.ops.roi_align")
    assert origin is not None and origin.origin is not None
    module = types.ModuleType("torchvision.ops.uncompiled")
    module.__package__ = "torchvision.ops"
    exec(Path(origin.origin).read_text().replace("@lazy_compile(dynamic=True)", ""), vars(module))
    return module


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 1, 2])
def test_roi_align_equals_torchvisions_formula(aligned: bool, ratio: int) -> None:
    """On boxes inside the map; outside it torchvision's Python version itself differs from its CUDA kernel."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(3, 8, 14, 14, generator=generator)
    corner, size = torch.rand(2, 40, 2, generator=generator) * 6.5
    rois = torch.cat([torch.randint(0, 3, (40, 1), generator=generator).float(), corner, corner + size], 1)
    expected = torchvision_roi_align()._roi_align(features, rois, 1.0, 7, 7, ratio, aligned)
    assert torch.allclose(compat.roi_align(features, rois, 1.0, 7, 7, ratio, aligned), expected, atol=1e-5)


def test_roi_align_is_zero_outside_the_map() -> None:
    rois = torch.tensor([[0.0, 20.0, 20.0, 27.0, 27.0]])
    assert compat.roi_align(torch.ones(1, 2, 14, 14), rois, 1.0, 7, 7, 1, False).abs().sum() == 0


def test_nms_keeps_the_best_of_every_overlap() -> None:
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [1.0, 1.0, 10.0, 10.0], [20.0, 20.0, 30.0, 30.0]])
    assert compat.nms(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5).tolist() == [1, 2]
    assert compat.nms(boxes[:0], torch.empty(0), 0.5).tolist() == []


def test_nms_equals_a_plain_loop_on_random_boxes() -> None:
    from torchvision.ops.boxes import box_iou

    generator = torch.Generator().manual_seed(1)
    corner, size = torch.rand(2, 60, 2, generator=generator) * 50
    boxes, scores = torch.cat([corner, corner + size], 1), torch.rand(60, generator=generator)
    kept: list[int] = []
    for index in scores.argsort(descending=True).tolist():
        if all(box_iou(boxes[index][None], boxes[other][None]) <= 0.3 for other in kept):
            kept.append(index)
    assert compat.nms(boxes, scores, 0.3).tolist() == kept


def test_the_triton_stub_is_gone_afterwards() -> None:
    with compat.stub_triton() as stubbed:
        assert "triton" in sys.modules
    if stubbed:
        assert "triton" not in sys.modules


def test_a_fresh_interpreter_imports_sam3_and_builds_without_warnings() -> None:
    code = "from tracker.model.network import build; from tracker.model.configs import NANO; build(NANO)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr


def test_building_leaves_no_autocast_behind() -> None:
    """Inside an autocast that stays open, the cache of cast weights is never cleared and new weights are ignored."""
    from tracker.model.configs import NANO
    from tracker.model.network import build
    from tracker.model.vocabulary import WordTokenizer

    model = build(NANO, WordTokenizer())
    assert not hasattr(model.inst_interactive_predictor.model, "bf16_context")
    assert not torch.is_autocast_enabled("cuda")
    layer = torch.nn.Linear(4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        before = layer(torch.ones(1, 4))
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
    with torch.autocast("cpu", torch.bfloat16):
        assert (layer(torch.ones(1, 4)) == 0).all() and (before != 0).any()
