"""Segmenting what is pointed at: objects by points, boxes and earlier masks, many on one embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tracker.model.batching import groups_of_equals
from tracker.model.compute import Speed, picked, uploaded
from tracker.model.features import CLAMP, Levels, Segmentation, SegmentPrompt


class Segmenter:
    """
    Prompt encoder and mask decoder of the interactive ``network`` (upstream's ``Sam3TrackerBase``).

    It is given the three levels of :attr:`Embedding.interactive`, and the picture's size in pixels, (height, width), in
    which points and boxes are meant. ``decoder`` is what decodes masks: the network's own module, or it compiled.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        self.decoder: Any = network.sam_mask_decoder
        self._position: Tensor | None = None

    def forget(self) -> None:
        """Drop the encoding of places, which depends on the resolution and the device."""
        self._position = None

    def segment(
        self, levels: Levels, size: tuple[int, int], objects: Sequence[SegmentPrompt], multimask: bool, speed: Speed
    ) -> Segmentation:
        """As :meth:`tracker.Sam3.segment`. As many objects go in one pass as have equally many points."""
        if not objects:
            return self._nothing(levels[2].device, multimask)
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        places: list[int] = []
        # Padding an object with non-points would change its answer a little, with the company it is in.
        points = [len(each.points) + 2 * (each.box is not None) for each in objects]
        for indices in groups_of_equals(points, speed.segment_batch):
            some = speed.padded([objects[index] for index in indices])
            masks, quality, score = (each[: len(indices)] for each in self._decode(levels, size, some, multimask))
            order = quality.argsort(1, descending=True)
            rows = torch.arange(len(indices), device=order.device)[:, None]
            logits = masks[rows, order].float().clamp(-CLAMP, CLAMP)
            parts.append((logits, quality[rows, order].float(), score.float().sigmoid().squeeze(1)))
            places += indices
        back = sorted(range(len(places)), key=places.__getitem__)
        return Segmentation(*(picked(torch.cat(each), back) for each in zip(*parts, strict=True)))

    def _nothing(self, device: torch.device, multimask: bool) -> Segmentation:
        side, masks = self.network.low_res_mask_size, 3 if multimask else 1
        sizes = (0, masks, side, side), (0, masks), (0,)
        return Segmentation(*(torch.empty(size, device=device) for size in sizes))

    def _decode(
        self, levels: Levels, size: tuple[int, int], objects: Sequence[SegmentPrompt], multimask: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        fine, middle, coarse = levels
        with torch.autocast(coarse.device.type, enabled=False):  # a coordinate in bf16 is off by up to four pixels
            sparse, dense = self._prompted(size, objects, coarse.device)
            if self._position is None:
                self._position = self.network.sam_prompt_encoder.get_dense_pe()
        masks, quality, _, score = self.decoder(
            # A copy: upstream marks pictures seen without memory by adding this embedding.
            image_embeddings=coarse + self.network.no_mem_embed.view(1, -1, 1, 1),
            image_pe=self._position,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
            repeat_image=True,
            high_res_features=[fine, middle],
        )
        return masks, quality, score

    def _prompted(
        self, size: tuple[int, int], objects: Sequence[SegmentPrompt], device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Prompts as the decoder takes them: points and boxes (B, K, C), earlier logits (B, C, g, g)."""
        encoder = self.network.sam_prompt_encoder
        sparse, dense = encoder(points=self._points(size, objects, device), boxes=None, masks=None)
        if len(sparse) != len(objects):  # no points at all: the encoder knows no batch size
            sparse, dense = (each.expand(len(objects), *each.shape[1:]) for each in (sparse, dense))
        earlier = [row for row, each in enumerate(objects) if each.logits is not None]
        if earlier:
            stack = torch.stack([each.logits.to(device) for each in objects if each.logits is not None])
            _, masks = encoder(points=None, boxes=None, masks=stack[:, None].float().clamp(-CLAMP, CLAMP))
            if len(earlier) == len(objects):
                dense = masks
            else:
                dense = dense.to(masks.dtype).index_copy(0, uploaded(torch.tensor(earlier), device), masks)
        return sparse, dense.contiguous()  # of one layout, whoever has logits: a compiled decoder is for one

    def _points(
        self, size: tuple[int, int], objects: Sequence[SegmentPrompt], device: torch.device
    ) -> tuple[Tensor, Tensor] | None:
        """Coordinates (B, K, 2) in pixels of the model's square, and labels: 0, 1, and 2 and 3 for a box's corners."""
        down, across = (self.network.image_size / side for side in size)
        coordinates, labels = [], []
        for each in objects:
            corners = [(each.box.x0, each.box.y0), (each.box.x1, each.box.y1)] if each.box else []
            places = corners + [(point.x, point.y) for point in each.points]
            coordinates.append([(x * across, y * down) for x, y in places])
            labels.append([2, 3][: len(corners)] + [int(point.positive) for point in each.points])
        if not labels[0]:
            return None
        return uploaded(torch.tensor(coordinates), device), uploaded(torch.tensor(labels), device)
