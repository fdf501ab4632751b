"""Rotary positions in real numbers: the same features, and nothing complex for a compiler to leave out."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import fx

from tests.support.vit import VIT
from tracker import Sam3
from tracker.model.backbone import Backbone
from tracker.model.rotary import in_real_numbers


def test_features_are_the_same_and_the_graph_has_no_complex_numbers() -> None:
    torch._dynamo.reset()
    model = Sam3(replace(VIT, vit_depth=2, vit_global_blocks=(1,)), torch.device("cpu"))
    backbone = Backbone(model.network)
    pixels = torch.rand(1, 3, VIT.image_size, VIT.image_size, generator=torch.Generator().manual_seed(0))
    kinds: list[set[torch.dtype]] = []

    def look(graph: fx.GraphModule, _: object) -> fx.GraphModule:
        values = (node.meta.get("example_value") for node in graph.graph.nodes)
        kinds.append({value.dtype for value in values if isinstance(value, torch.Tensor)})
        return graph

    with torch.no_grad():
        expected = backbone(pixels)
        torch.compile(backbone, fullgraph=True, backend=look)(pixels)
        undo = in_real_numbers(model.network.backbone.vision_backbone.trunk)
        torch._dynamo.reset()
        found = torch.compile(backbone, fullgraph=True, backend=look)(pixels)
        undo()
        again = backbone(pixels)
    assert torch.complex64 in kinds[0] and torch.complex64 not in kinds[1]
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(again, expected, strict=True))
