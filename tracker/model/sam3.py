"""
SAM3 behind one small face, whatever its size: nano and the full model differ in configuration and weights only.

A picture is embedded once; the embedding then serves every prompt, click and followed object on it.
What asks the network runs on the one thread that owns the model, under ``torch.inference_mode``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.model import abilities, conv_trunk, cuts, guides, hints, pieces, postprocess, sending
from tracker.model.backbone import Backbone, concepts, place, positions, resize, resized
from tracker.model.bank import Bank, Memory, Propagation
from tracker.model.compute import Speed, device_named, matrix_bf16, on_model
from tracker.model.configs import Ability, Config, config_named
from tracker.model.detector import NMS_IOU, Detector, finish
from tracker.model.features import Detected, Embedding, Example, Segmentation, SegmentPrompt, Sent
from tracker.model.interactive import Segmenter
from tracker.model.memory import MemoryHead
from tracker.model.network import build
from tracker.model.vocabulary import VOCABULARY, WordTokenizer
from tracker.types import Box, Detection, Mask, Prompt, TrackerError


class Sam3:
    """
    A loaded model.

    ``name`` is that of its configuration (:mod:`tracker.model.configs`); ``side`` is S, the height and width of mask
    logits (96 for nano, 288 at full size).
    """

    def __init__(self, config: Config, device: torch.device) -> None:
        self.config = config
        self.name = config.name
        self.device = device
        self.side = config.grid * 4
        # Masks are the same to 0.998 IoU (benchmarks/nano.py); the smaller parts gain nothing by it.
        self.bf16_backbone = device.type == "cpu" and matrix_bf16()
        self.network: Any = build(config, WordTokenizer() if config.taught_words else None)
        self.interactive: Any = self.network.inst_interactive_predictor.model
        self.network.requires_grad_(False)
        place(self.network, device)
        self.folded = False
        self._see()
        self.detector = Detector(self.network, config)
        self.segmenter = Segmenter(self.interactive)
        self.memory = MemoryHead(self.interactive)
        self.speed = Speed.of(device)
        self.word_seconds: float | None = None  # that asking for a word took when it was warmed up
        self._last: tuple[Tensor, tuple[Tensor, ...]] | None = None  # levels of the picture that was asked about last
        self._positions: tuple[Tensor, ...] | None = None

    @classmethod
    def untrained(cls, name: str = "nano", *, device: str | None = None, seed: int = 0) -> Sam3:
        """A model with random weights, for tests and timing: its answers mean nothing. Raises :class:`TrackerError`."""
        with torch.random.fork_rng(devices=[]):  # the network is made on the CPU
            torch.manual_seed(seed)
            return cls(config_named(name), device_named(device))

    def move(self, device: torch.device) -> None:
        """Put the network onto another device; embeddings and memories made before do not go with it."""
        self.device = device
        place(self.network, device)
        self.speed = Speed.of(device)
        self._see()
        self.segmenter.decoder = self.interactive.sam_mask_decoder
        self.forget()

    def fold(self) -> None:
        """
        Make ready for serving: layers without a bend between them become one, with the same answers, for good.

        The necks of a model on CUDA stay as they are: what is done there is tried and compared first (acceleration.py).
        """
        conv_trunk.fold(self.network)
        self.folded = True
        self._see()

    def _see(self) -> None:
        """Set up the parts that see pictures, for the weights and the device there are."""
        backbone, detector = self.encoder(), concepts(self.network)
        if self.folded and self.device.type != "cuda":
            backbone.neck.fold(backbone.stretch)
            detector.fold(backbone.stretch)
        self.backbone: Callable[[Tensor], tuple[Tensor, ...]] = backbone
        self.concepts: Callable[[Tensor], tuple[Tensor, ...]] = lambda trunk: detector(trunk, self.config.grid)

    def encoder(self) -> Backbone:
        """What embeds pictures, in fp32 and not folded: with the neck for clicks where a head of the model reads it."""
        return Backbone(self.network, clicks=bool({Ability.CLICKS, Ability.MEMORY} & self.config.abilities))

    def restrict(self, has: Collection[Ability]) -> None:
        """Refuse what the weights have no part for, other than these, and compute nothing for it."""
        self.config = replace(self.config, abilities=self.config.abilities & frozenset(has))
        self._see()
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
        self.detector.forget()
        self.segmenter.forget()
        self._last = self._positions = None

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """The number format of matrices. Entered for each call: autocast that stays on keeps stale casts of weights."""
        return torch.autocast(self.device.type, self.speed.half) if self.speed.bf16 else contextlib.nullcontext()

    @property
    def threshold(self) -> float:
        """The least score that means something, where a prompt names none: its weights are known to be meant so."""
        return self.config.threshold

    def need(self, ability: Ability, field: str | None = None) -> None:
        """Raise :class:`Unable` where the weights have no part for it; ``field``: what of a request asked for it."""
        abilities.need(self.config, ability, field)

    def vocabulary(self) -> frozenset[str] | None:
        """The words this model was taught, or None where any word may be asked for."""
        return VOCABULARY if self.config.taught_words else None

    def untaught(self, text: str) -> list[str]:
        """The words of a prompt that this model was never taught; none where any word may be asked for."""
        return hints.untaught(self.config, text)

    def hint(self, text: str) -> str | None:
        """
        What this model has to say about a prompt: words that it was never taught, and what of a long text it reads.

        None: nothing. An untaught word is named with what the model knows.
        """
        return hints.hint(self.config, text, lambda: self.network.backbone.language_backbone.tokenizer)

    @property
    def _guided(self) -> int | None:
        return self.side if self.config.guided and abilities.able(self.config, Ability.CLICKS) else None

    def send(self, image: npt.NDArray[np.uint8]) -> Sent | None:
        """Put a picture onto the device for :meth:`embed`, on any thread; None: that is the host itself."""
        return sending.send(image, self.device, self._guided)

    @on_model
    def embed(self, image: npt.NDArray[np.uint8], sent: Sent | None = None) -> Embedding:
        """
        Run the backbone on a (height, width, 3) RGB picture; ``sent``: what :meth:`send` made of it.

        It is resized to the model's square (bilinear, antialiased, 8 bits, as upstream's ``Sam3Processor``) and
        normalised with mean and deviation 0.5. Raises :class:`TrackerError` for an array that is no such picture.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise TrackerError(f"a picture is (height, width, 3) uint8 RGB, not {image.shape} {image.dtype}")
        if sent is None or sent.side != self._guided:  # or for another model, which answers no more
            sent = self.send(image)
        pixels = self._square(image, sent)
        trunk, *levels = self._encoded(self.backbone, pixels)
        if levels:
            self._place(levels[-1])
        if self.speed.bf16:
            trunk = trunk.to(self.speed.half)  # as whatever reads it would: half the memory for as long as it is kept
        kept = sending.kept(pixels, self._guided) if sent is None else (sent.small, sent.fine, sent.colors)
        return Embedding(image.shape[0], image.shape[1], trunk, tuple(levels), *kept)

    def _place(self, coarse: Tensor) -> None:
        """Encode places: this depends on nothing but the size; in every embedding it would cost memory for nothing."""
        if self._positions is None:
            self._positions = positions(self.network, coarse)

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
            *fine, coarse = self._encoded(self.concepts, embedding.trunk)
            # The detector reads it as a list of places: in this order that is a view, in the other a slow product each.
            coarse = coarse.contiguous(memory_format=torch.channels_last)
            self._place(coarse)
            self._last = embedding.trunk, (*fine, coarse)
        return self._last[1]

    def _square(self, image: npt.NDArray[np.uint8], sent: Sent | None = None) -> Tensor:
        side = self.config.image_size
        there = torch.from_numpy(np.ascontiguousarray(image)).to(self.device) if sent is None else sent.pixels
        pixels = there.permute(2, 0, 1)[None]
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
        (``Config.doubles``). Small holes and specks are repaired on the logits. Raises :class:`Unable`.
        """
        if not prompts:
            return []
        abilities.check(self.config, prompts)
        levels, size = self.levels(embedding), (embedding.height, embedding.width)
        return self.detector.detect(levels, self._positions or (), size, prompts, nms_iou)

    def settled(self, prompts: Sequence[Prompt], found: list[Detected]) -> list[Detected]:
        """What several calls of :meth:`detect` found on one picture, with their nouns compared too."""
        return self.detector.settled(prompts, found)

    @on_model
    def example(self, embedding: Embedding, prompt: Prompt) -> Example:
        """What example boxes show on this picture: a ``features.Shown`` asks others for it. Raises :class:`Unable`."""
        abilities.check(self.config, [prompt])
        levels, size = self.levels(embedding), (embedding.height, embedding.width)
        return self.detector.example(levels, self._positions or (), size, prompt)

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
        """The second half of :meth:`concept_segment`, without the network: on any thread, of several calls' finds."""
        return finish(found, embedding.height, embedding.width, nms_iou)

    @on_model
    def segment(
        self, embedding: Embedding, objects: Sequence[SegmentPrompt], *, multimask: bool = False
    ) -> Segmentation:
        """
        Segment many objects on one embedding, each by its own points, box and earlier logits.

        ``multimask``: three candidates for each, for ambiguous prompts such as one click; else the single-mask token's
        answer. An object prompted with nothing at all gets the model's guess of the main object. Raises
        :class:`Unable`.
        """
        self.need(Ability.CLICKS)
        size = embedding.height, embedding.width
        decode = partial(self.segmenter.segment, embedding.interactive, size, speed=self.speed)
        found = guides.segment(decode, embedding, objects, multimask)
        return replace(found, logits=pieces.held(found.logits, size, objects)) if self.config.one_piece else found

    def cut(
        self, embedding: Embedding, objects: Sequence[SegmentPrompt], found: Segmentation, *, masks: int = 1
    ) -> Segmentation:
        """What :meth:`segment` answered as a user is to see it: :func:`cuts.applied`. On any thread."""
        return cuts.applied(self.config, embedding, objects, found, masks)

    @property
    def positions(self) -> Tensor:
        """Position encoding of the coarsest features, (1, C, g, g); there once a picture was embedded."""
        assert self._positions is not None
        return self._positions[-1]

    @on_model
    def propagate(self, embedding: Embedding, banks: Sequence[Bank], tick: int) -> Propagation:
        """
        Follow one object for each bank into this frame. Every bank holds at least one conditioning memory.

        Raises :class:`Unable`.
        """
        self.need(Ability.MEMORY)
        return self.memory.propagate(embedding.interactive, self.positions, banks, tick, self.speed.memory_batch)

    @on_model
    def encode_memories(self, embedding: Embedding, found: Propagation, rows: Sequence[int]) -> list[Memory]:
        """Memories of the objects in these rows of what :meth:`propagate` found on this frame, one for each row."""
        return self.memory.encode(embedding.interactive, found, rows, self.speed.memory_batch)

    @property
    def same_look(self) -> float | None:
        """The least ``bank.resemblance`` of two looks of one object; None: looks say nothing."""
        return self.config.same_look

    @property
    def same_appearance(self) -> float | None:
        """
        The least ``appearance.alike`` of two masks of one object; None: what they cover says nothing.

        It is told by features for clicks: where no weights are for those, it was measured with others.
        """
        return self.config.same_appearance if abilities.able(self.config, Ability.CLICKS) else None

    @on_model
    def memorize(self, embedding: Embedding, logits: Tensor, tick: int) -> list[Memory]:
        """Memories of (B, S, S) mask logits that are taken as true on this frame, one for each. Raises Unable."""
        self.need(Ability.MEMORY)
        return self.memory.memorize(embedding.interactive, logits, tick, self.speed.memory_batch)

    def masks(self, logits: Tensor, height: int, width: int, *, hole_area: int | None = None) -> list[tuple[Mask, Box]]:
        """
        Masks at picture size from (N, S, S) logits: small holes and specks repaired, scaled, thresholded at 0.

        ``hole_area``: largest repaired area in pixels of a 288-pixel mask (upstream's figure for clicks, 256, is the
        default; 0 repairs nothing).
        """
        area = postprocess.CLICK_HOLE if hole_area is None else hole_area
        return postprocess.to_masks(self.mended(logits, area), height, width)

    def mended(self, logits: Tensor, hole_area: int) -> Tensor:
        """(N, S, S) logits, S any side, with small holes and specks repaired; ``hole_area`` as for :meth:`masks`."""
        area = postprocess.speck_area(logits.shape[-1], hole_area)
        return postprocess.fill_holes(logits, area) if hole_area else logits
