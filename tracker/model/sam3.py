"""
SAM3 behind one small face, whatever its size: nano and the full model differ in configuration and weights only.

A picture is embedded once; the embedding then serves every prompt, click and followed object on it.
Everything here runs on the one thread that owns the model, under ``torch.inference_mode``.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.model import postprocess
from tracker.model.backbone import Backbone, concepts, positions, resize, resized
from tracker.model.bank import Bank, Memory, Propagation
from tracker.model.batching import groups_of_equals
from tracker.model.compute import Speed, on_model
from tracker.model.configs import NANO, Config, config_named
from tracker.model.features import Detected, Embedding, Segmentation, SegmentPrompt
from tracker.model.memory import MemoryHead
from tracker.model.network import build
from tracker.model.vocabulary import COLORS, KINDS, SHAPES, VOCABULARY, WordTokenizer, unknown_words
from tracker.types import Box, Detection, Mask, Prompt, TrackerError

NMS_IOU = 0.1  # upstream's, within one prompt (sam3.model_builder: det_nms_thresh)
CLAMP = 32.0  # logits fed back as mask prompts stay within this (sam1_task_predictor.py)
TEXT_CACHE = 256  # prompts whose features are kept: about 33 kB each at full size
DETECT_BATCH = 4  # prompts in one pass of the detector: 200 query masks of 288² floats each at full size are 66 MB
VISUAL = "visual"  # the text upstream uses where exemplar boxes come without words


def matrix_bf16() -> bool:
    """Whether this CPU multiplies matrices of bf16 in hardware (AMX): the image backbone takes half its time then."""
    return torch.cpu.get_capabilities().get("amx_bf16", False) is True


class Sam3:
    """
    A loaded model.

    ``name`` is "nano" or "sam3"; ``side`` is S, the height and width of mask logits (56 for nano, 288 at full size).
    """

    def __init__(self, config: Config, device: torch.device) -> None:
        self.config = config
        self.name = config.name
        self.device = device
        self.side = config.grid * 4
        # Masks are the same to 0.998 IoU (benchmarks/nano.py); the smaller parts gain nothing by it.
        self.bf16_backbone = device.type == "cpu" and matrix_bf16()
        self.network: Any = build(config, WordTokenizer() if config.name == NANO.name else None)
        self.interactive: Any = self.network.inst_interactive_predictor.model
        self.network.requires_grad_(False)
        self.network.to(device)
        self.backbone: Callable[[Tensor], tuple[Tensor, ...]] = Backbone(self.network)
        self.concepts: Callable[[Tensor], tuple[Tensor, ...]] = concepts(self.network)
        self.decoder: Callable[..., tuple[Tensor, ...]] = self.interactive.sam_mask_decoder
        self.memory = MemoryHead(self.interactive)
        self.speed = Speed.of(device)
        self._texts: OrderedDict[str, tuple[Tensor, Tensor]] = OrderedDict()  # at most TEXT_CACHE
        self._last: tuple[Tensor, tuple[Tensor, ...]] | None = None  # levels of the picture that was asked about last
        self._positions: tuple[Tensor, ...] | None = None
        self._dense_position: Tensor | None = None

    @classmethod
    def untrained(cls, name: str = "nano", *, device: str | None = None, seed: int = 0) -> Sam3:
        """A model with random weights, for tests and timing: its answers mean nothing. Raises :class:`TrackerError`."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return cls(config_named(name), device_named(device))

    def move(self, device: torch.device) -> None:
        """Put the network onto another device; embeddings and memories made before do not go with it."""
        self.device = device
        self.network.to(device)
        self.speed, self.backbone = Speed.of(device), Backbone(self.network)
        self.concepts = concepts(self.network)
        self.decoder = self.interactive.sam_mask_decoder
        self.forget()

    def resize(self, side: int) -> None:
        """
        Look at pictures at another resolution; embeddings and memories made before do not go with it.

        The model was trained at the first of ``config.resolutions``; what another does to its masks is not known until
        it has been measured with its weights. Raises :class:`TrackerError` for one that it does not have.
        """
        self.config = resized(self.config, side)
        self.side = self.config.grid * 4
        resize(self.network, self.config)
        self.forget()

    def forget(self) -> None:
        """Drop what is kept from call to call: features of texts, a picture's levels, and encodings of places."""
        self._texts.clear()
        self._last = None
        self._positions = self._dense_position = None

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """The number format of matrices. Entered for each call: autocast that stays on keeps stale casts of weights."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.speed.bf16 else contextlib.nullcontext()

    def vocabulary(self) -> frozenset[str] | None:
        """The words this model was taught, or None where any word may be asked for."""
        return VOCABULARY if self.name == NANO.name else None

    def hint(self, text: str) -> str | None:
        """A sentence that says which words of ``text`` this model was never taught, and what it knows; None if none."""
        unknown = unknown_words(text) if self.name == NANO.name else []
        if not unknown:
            return None
        named = ", ".join(f'"{word}"' for word in dict.fromkeys(unknown))
        return (
            f"The embedded model was never taught {named}. It knows the colours {', '.join(COLORS)}, the shapes "
            f"{', '.join(SHAPES)} and drawings of {len(KINDS)} things such as {', '.join(list(KINDS)[:3])}, asked for "
            'as "red circle", "circle" or "red thing"; anything can be clicked.'
        )

    @on_model
    def embed(self, image: npt.NDArray[np.uint8]) -> Embedding:
        """
        Run the backbone on a (height, width, 3) RGB picture.

        It is resized to the model's square (bilinear, antialiased, 8 bits, as upstream's ``Sam3Processor``) and
        normalised with mean and deviation 0.5. Raises :class:`TrackerError` for an array that is no such picture.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise TrackerError(f"a picture is (height, width, 3) uint8 RGB, not {image.shape} {image.dtype}")
        height, width = image.shape[:2]
        pixels = self._square(image)
        trunk, fine, middle, coarse = self._encoded(self.backbone, pixels)
        if self._positions is None:
            # Depends on nothing but the size; holding it in every embedding would cost memory for nothing.
            self._positions = positions(self.network, coarse)
        return Embedding(height=height, width=width, trunk=trunk, interactive=(fine, middle, coarse))

    @on_model
    def levels(self, embedding: Embedding) -> tuple[Tensor, ...]:
        """
        The detector's features of a picture, (1, C, 4g, 4g), (1, C, 2g, 2g) and (1, C, g, g).

        Made when a concept is asked for, and kept until the next picture's: the frames between keyframes do without,
        and an embedding that is kept is a quarter to a third as large. Raises :class:`TrackerError` for one that was
        kept for clicks.
        """
        if embedding.trunk is None:
            raise TrackerError("this embedding was kept for clicks only: concepts cannot be detected on it")
        if self._last is None or self._last[0] is not embedding.trunk:  # prompts of one request come one by one
            self._last = embedding.trunk, self._encoded(self.concepts, embedding.trunk)
        return self._last[1]

    def _square(self, image: npt.NDArray[np.uint8]) -> Tensor:
        side = self.config.image_size
        pixels = torch.from_numpy(np.ascontiguousarray(image)).to(self.device).permute(2, 0, 1)[None]
        if self.device.type != "cpu":  # only the CPU resizes bytes; as torchvision does, round what others make
            pixels = pixels.float()
        pixels = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True, align_corners=False)
        return pixels.float().round_().div_(127.5).sub_(1.0)

    def _encoded(self, part: Callable[[Tensor], tuple[Tensor, ...]], given: Tensor) -> tuple[Tensor, ...]:
        """What a part of the image side makes of pixels or features, in the precision that it has on this machine."""
        if not (self.bf16_backbone and self.device.type == "cpu"):
            return part(given)
        with torch.autocast("cpu", torch.bfloat16):
            return tuple(level.float() for level in part(given))

    @on_model
    def detect(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, nms_iou: float | None = NMS_IOU
    ) -> list[Detected]:
        """
        Find every object of each prompt: one :class:`Detected` for each, in order.

        A detection is kept if its score reaches the prompt's threshold. ``nms_iou``: of two masks of one prompt with a
        greater IoU the lower score goes; None keeps both, unless the model is known to find things twice
        (``Config.doubles``). Small holes and specks are repaired on the logits.
        """
        most = min((each for each in (nms_iou, self.config.doubles) if each is not None), default=None)
        found: dict[int, Detected] = {}
        for indices in _batches(prompts):
            scores, logits = self._ground(embedding, [prompts[index] for index in indices])
            for row, index in enumerate(indices):
                found[index] = _select(scores[row], logits[row], prompts[index].threshold, most)
        return [found[index] for index in range(len(prompts))]

    def _ground(self, embedding: Embedding, prompts: Sequence[Prompt]) -> tuple[Tensor, Tensor]:
        """Scores (P, Q) and mask logits (P, Q, S, S) of every query for prompts with equally many exemplar boxes."""
        from sam3.model.data_misc import FindStage

        texts = [self._text(prompt.text or VISUAL) for prompt in prompts]
        rows = torch.arange(len(prompts), device=self.device)
        stage = FindStage(rows * 0, rows, *[None] * 6)
        out = self.network.forward_grounding(
            backbone_out={
                "backbone_fpn": list(self.levels(embedding)),
                "vision_pos_enc": list(self._positions or ()),
                "language_features": torch.cat([features for features, _ in texts], 1),
                "language_mask": torch.cat([mask for _, mask in texts], 0),
            },
            find_input=stage,
            find_target=None,
            geometric_prompt=self._exemplars(embedding, prompts),
        )
        scores = out["pred_logits"].float().sigmoid() * out["presence_logit_dec"].float().sigmoid().unsqueeze(1)
        masks = out["pred_masks"]
        if self.config.mask_reach is not None:
            masks = postprocess.within(masks, out["pred_boxes"], self.config.mask_reach)
        return scores.squeeze(-1), masks

    def _exemplars(self, embedding: Embedding, prompts: Sequence[Prompt]) -> Any:
        """Boxes as upstream's geometry encoder wants them: (boxes, prompts, 4) normalised centre and size."""
        from sam3.model.geometry_encoders import Prompt as Geometry

        across, down = 1 / embedding.width, 1 / embedding.height
        boxes = torch.tensor(
            [
                [
                    ((b.x0 + b.x1) / 2 * across, (b.y0 + b.y1) / 2 * down, (b.x1 - b.x0) * across, (b.y1 - b.y0) * down)
                    for b in prompt.boxes
                ]
                for prompt in prompts
            ],
            device=self.device,
        ).view(len(prompts), -1, 4)
        labels = torch.tensor([prompt.labels or (True,) * len(prompt.boxes) for prompt in prompts], device=self.device)
        return Geometry(
            box_embeddings=boxes.transpose(0, 1),
            box_mask=torch.zeros(boxes.shape[:2], dtype=torch.bool, device=self.device),
            box_labels=labels.view(boxes.shape[:2]).long().T,
        )

    def _text(self, text: str) -> tuple[Tensor, Tensor]:
        """Features (L, 1, C) and padding mask (1, L) of a text, from the cache where it was asked before."""
        if text not in self._texts:
            out = self.network.backbone.forward_text([text], device=self.device)
            self._texts[text] = out["language_features"], out["language_mask"]
            if len(self._texts) > TEXT_CACHE:
                self._texts.popitem(last=False)
        self._texts.move_to_end(text)
        return self._texts[text]

    @on_model
    def concept_segment(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, nms_iou: float | None = None
    ) -> list[list[Detection]]:
        """
        Find every object of each prompt: one list for each, best score first, masks at picture size.

        ``nms_iou``: greedy suppression over all prompts together, by mask IoU; None: no suppression at all.
        """
        return self.finish(embedding, self.detect(embedding, prompts, nms_iou=None), nms_iou=nms_iou)

    @on_model
    def finish(
        self, embedding: Embedding, found: Sequence[Detected], *, nms_iou: float | None = None
    ) -> list[list[Detection]]:
        """
        The second half of :meth:`concept_segment`: suppression over all prompts, and masks at picture size.

        The network has no part in it, so it may run on another thread, and ``found`` come from several calls.
        """
        scores = torch.cat([each.scores for each in found]) if found else torch.empty(0)
        keep = torch.ones(len(scores), dtype=torch.bool)
        if nms_iou is not None and len(scores):
            binary = torch.cat([each.logits for each in found]) > 0
            keep = torch.zeros_like(keep)
            keep[postprocess.suppress(binary, scores, nms_iou).cpu()] = True
        answer, start = [], 0
        for index, each in enumerate(found):
            kept = keep[start : start + len(each)]
            start += len(each)
            masks = postprocess.to_masks(each.logits[kept], embedding.height, embedding.width)
            pairs = zip(each.scores[kept].tolist(), masks, strict=True)
            answer.append([Detection(index, score, box, mask) for score, (mask, box) in pairs])
        return answer

    @on_model
    def segment(
        self, embedding: Embedding, objects: Sequence[SegmentPrompt], *, multimask: bool = False
    ) -> Segmentation:
        """
        Segment many objects on one embedding, each by its own points, box and earlier logits.

        ``multimask``: three candidates for each, for ambiguous prompts such as one click; else the single-mask token's
        answer. An object prompted with nothing at all gets the model's guess of the main object.
        """
        logits = torch.empty(len(objects), 3 if multimask else 1, self.side, self.side, device=self.device)
        ious = torch.empty(logits.shape[:2], device=self.device)
        present = torch.empty(len(objects), device=self.device)
        for indices in _equally_many_points(objects, self.speed.segment_batch):
            some = self.speed.padded([objects[index] for index in indices])
            masks, quality, _, score = (each[: len(indices)] for each in self._decode(embedding, some, multimask))
            order = quality.argsort(1, descending=True)
            rows = torch.arange(len(indices), device=self.device)[:, None]
            logits[indices] = masks[rows, order].float().clamp(-CLAMP, CLAMP)
            ious[indices] = quality[rows, order].float()
            present[indices] = score.float().sigmoid().squeeze(1)
        return Segmentation(logits, ious, present)

    def _decode(
        self, embedding: Embedding, objects: Sequence[SegmentPrompt], multimask: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        with torch.autocast(self.device.type, enabled=False):  # a coordinate in bf16 is off by up to four pixels
            sparse, dense = self._prompted(embedding, objects)
            if self._dense_position is None:
                self._dense_position = self.interactive.sam_prompt_encoder.get_dense_pe()
        fine, middle, coarse = embedding.interactive
        masks, quality, tokens, score = self.decoder(
            # A copy: upstream marks pictures seen without memory by adding this embedding.
            image_embeddings=coarse + self.interactive.no_mem_embed.view(1, -1, 1, 1),
            image_pe=self._dense_position,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
            repeat_image=True,
            high_res_features=[fine, middle],
        )
        return masks, quality, tokens, score

    def _prompted(self, embedding: Embedding, objects: Sequence[SegmentPrompt]) -> tuple[Tensor, Tensor]:
        """Prompts as the decoder takes them: points and boxes (B, K, C), earlier logits (B, C, g, g)."""
        encoder = self.interactive.sam_prompt_encoder
        sparse, dense = encoder(points=self._points(embedding, objects), boxes=None, masks=None)
        if len(sparse) != len(objects):  # no points at all: the encoder knows no batch size
            sparse, dense = (each.expand(len(objects), *each.shape[1:]) for each in (sparse, dense))
        earlier = [row for row, each in enumerate(objects) if each.logits is not None]
        if earlier:
            stack = torch.stack([each.logits.to(self.device) for each in objects if each.logits is not None])
            _, masks = encoder(points=None, boxes=None, masks=stack[:, None].float().clamp(-CLAMP, CLAMP))
            rows = torch.tensor(earlier, device=self.device)
            dense = masks if len(earlier) == len(objects) else dense.to(masks.dtype).index_copy(0, rows, masks)
        return sparse, dense.contiguous()  # of one layout, whoever has logits: a compiled decoder is for one

    def _points(self, embedding: Embedding, objects: Sequence[SegmentPrompt]) -> tuple[Tensor, Tensor] | None:
        """Coordinates (B, K, 2) in pixels of the model's square, and labels: 0, 1, and 2 and 3 for a box's corners."""
        across, down = self.config.image_size / embedding.width, self.config.image_size / embedding.height
        coordinates, labels = [], []
        for each in objects:
            corners = [(each.box.x0, each.box.y0), (each.box.x1, each.box.y1)] if each.box else []
            places = corners + [(point.x, point.y) for point in each.points]
            coordinates.append([(x * across, y * down) for x, y in places])
            labels.append([2, 3][: len(corners)] + [int(point.positive) for point in each.points])
        if not labels[0]:
            return None
        return torch.tensor(coordinates, device=self.device), torch.tensor(labels, device=self.device)

    @property
    def positions(self) -> Tensor:
        """Position encoding of the coarsest features, (1, C, g, g); there once a picture was embedded."""
        assert self._positions is not None
        return self._positions[-1]

    @on_model
    def propagate(self, embedding: Embedding, banks: Sequence[Bank], tick: int) -> Propagation:
        """Follow one object for each bank into this frame. Every bank holds at least one conditioning memory."""
        return self.memory.propagate(embedding.interactive, self.positions, banks, tick, self.speed.memory_batch)

    @on_model
    def encode_memories(self, embedding: Embedding, found: Propagation, rows: Sequence[int]) -> list[Memory]:
        """Memories of the objects in these rows of what :meth:`propagate` found on this frame, one for each row."""
        return self.memory.encode(embedding.interactive, found, rows, self.speed.memory_batch)

    @property
    def same_look(self) -> float | None:
        """The least :func:`tracker.memory.resemblance` of two looks of one object; None: looks say nothing."""
        return self.config.same_look

    @property
    def same_appearance(self) -> float | None:
        """The least :func:`tracker.appearance.alike` of two masks of one object; None: what they cover says nothing."""
        return self.config.same_appearance

    @on_model
    def memorize(self, embedding: Embedding, logits: Tensor, tick: int) -> list[Memory]:
        """Memories of (B, S, S) mask logits that are taken as true on this frame, one for each."""
        return self.memory.memorize(embedding.interactive, logits, tick, self.speed.memory_batch)

    def masks(self, logits: Tensor, height: int, width: int, *, hole_area: int | None = None) -> list[tuple[Mask, Box]]:
        """
        Masks at picture size from (N, S, S) logits: small holes and specks repaired, scaled, thresholded at 0.

        ``hole_area``: largest repaired area in pixels of a 288-pixel mask (upstream's figure for clicks, 256, is the
        default; 0 repairs nothing).
        """
        area = postprocess.CLICK_HOLE if hole_area is None else hole_area
        if area:
            logits = postprocess.fill_holes(logits, postprocess.speck_area(self.side, area))
        return postprocess.to_masks(logits, height, width)


def device_named(name: str | None) -> torch.device:
    """A device that is there; None: CUDA where there is one, else the CPU. Raises :class:`TrackerError`."""
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as error:
        raise TrackerError(f"{name!r} is no device: say cpu, cuda or cuda:0") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise TrackerError("this machine or this build of torch has no CUDA: say --device cpu")
    return device


def _select(scores: Tensor, logits: Tensor, threshold: float, nms_iou: float | None) -> Detected:
    kept = (scores >= threshold).nonzero().squeeze(1)
    kept = kept[scores[kept].argsort(descending=True, stable=True)]
    scores, logits = scores[kept], logits[kept].float()
    if len(scores):
        logits = postprocess.fill_holes(logits, postprocess.speck_area(logits.shape[-1]))
    if nms_iou is not None and len(scores) > 1:
        best = postprocess.suppress(logits > 0, scores, nms_iou)
        scores, logits = scores[best], logits[best]
    return Detected(scores, logits)


def _batches(prompts: Sequence[Prompt]) -> Iterator[list[int]]:
    """Indices of prompts that can share a pass of the detector: equally many boxes, at most DETECT_BATCH."""
    yield from groups_of_equals([len(prompt.boxes) for prompt in prompts], DETECT_BATCH)


def _equally_many_points(objects: Sequence[SegmentPrompt], limit: int) -> Iterator[list[int]]:
    # Padding an object with non-points would change its answer a little, with the company it is in.
    yield from groups_of_equals([len(each.points) + 2 * (each.box is not None) for each in objects], limit)
