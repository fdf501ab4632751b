"""A stand-in for the network in tests of the tracker's logic: it finds blobs of one colour on black, without error."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tracker import Box, Detected, Embedding, Mask, Prompt, Segmentation, SegmentPrompt
from tracker.model import postprocess
from tracker.model.bank import Bank, Memory, Propagation
from tracker.model.configs import Config
from tracker.model.features import Example, Shown

COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
SIDE = 64
SURE = 10.0

Picture = npt.NDArray[np.uint8]
Binary = npt.NDArray[np.bool_]


def picture(*blobs: tuple[str, int, int, int], height: int = 128, width: int = 128) -> Picture:
    """A black picture with squares on it: (colour, left, top, side) in pixels; later ones cover earlier ones."""
    image = np.zeros((height, width, 3), np.uint8)
    for color, left, top, side in blobs:
        cv2.rectangle(image, (left, top), (left + side - 1, top + side - 1), COLORS[color], -1)
    return image


class FakeModel:
    """Answers as :class:`tracker.Sam3` does. What it believes of itself can be set: ``scores`` by text, ``iou``."""

    name = "fake"
    config = Config(name="fake")
    threshold = 0.5
    side = SIDE
    same_look = 0.9  # its pointers are colours
    same_appearance: float | None = 0.9  # and so are its features
    device = torch.device("cpu")
    word_seconds: float | None = None  # nobody has measured it

    def __init__(self) -> None:
        self.scores: dict[str, float] = {}
        self.iou = 0.95
        self.asked: list[Prompt] = []  # of the last detection
        self.prompted: list[SegmentPrompt] = []  # of the last segmentation
        self.propagated = 0
        self.encoded: list[int] = []  # numbers of memories, a call each

    def untaught(self, text: str) -> list[str]:
        return []

    def hint(self, text: str) -> str | None:
        return None

    def send(self, image: Picture) -> None:
        """It is the host itself."""

    def embed(self, image: Picture) -> Embedding:
        rows = ((np.arange(SIDE) + 0.5) * image.shape[0] / SIDE).astype(int)
        columns = ((np.arange(SIDE) + 0.5) * image.shape[1] / SIDE).astype(int)
        small = torch.from_numpy(image[rows[:, None], columns])
        empty = torch.empty(0)
        return Embedding(image.shape[0], image.shape[1], small.clone(), (small.permute(2, 0, 1)[None], empty, small))

    def levels(self, embedding: Embedding) -> tuple[Tensor, ...]:
        return ()

    def detect(self, embedding: Embedding, prompts: Sequence[Prompt], *, nms_iou: float | None = 0.1) -> list[Detected]:
        assert embedding.trunk is not None
        self.asked = list(prompts)
        found = []
        for prompt in prompts:
            color: tuple[int, ...] | None = COLORS.get(prompt.text or "")
            if isinstance(prompt, Shown):
                color = tuple(prompt.example.tokens[0, 0].tolist())
            for box, label in zip(prompt.boxes, prompt.labels, strict=True):
                if label:
                    color = _color(embedding, _middle(embedding, box))
            score = self.scores.get(prompt.text or "", 0.9)
            blobs = [blob for each, blob in _blobs(embedding) if each == color and score >= prompt.threshold]
            found.append(Detected(torch.full((len(blobs),), score), _logits(blobs)))
        return found

    def settled(self, prompts: Sequence[Prompt], found: list[Detected]) -> list[Detected]:
        return found

    def example(self, embedding: Embedding, prompt: Prompt) -> Example:
        """Its one token is a colour."""
        color = _color(embedding, _middle(embedding, prompt.boxes[0]))
        return Example(torch.tensor(color or (0, 0, 0)).view(1, 1, 3), torch.zeros(1, 1, dtype=torch.bool))

    def cut(self, embedding: Embedding, objects: Sequence[SegmentPrompt], found: Segmentation) -> Segmentation:
        return found

    def segment(
        self, embedding: Embedding, objects: Sequence[SegmentPrompt], *, multimask: bool = False
    ) -> Segmentation:
        self.prompted = list(objects)
        masks = [_asked_for(embedding, each) for each in objects]
        logits = _logits([np.zeros((SIDE, SIDE), bool) if mask is None else mask for mask in masks])[:, None]
        candidates = 3 if multimask else 1
        ious = torch.full((len(objects), candidates), self.iou)
        present = torch.tensor([float(mask is not None) for mask in masks])
        return Segmentation(logits.expand(-1, candidates, -1, -1), ious, present)

    def memorize(self, embedding: Embedding, logits: Tensor, tick: int) -> list[Memory]:
        colors = [embedding.interactive[2][each > 0].float().mean(0) for each in logits]
        return [Memory(tick, color[None, :, None, None], color[None]) for color in colors]

    def propagate(self, embedding: Embedding, banks: Sequence[Bank], tick: int) -> Propagation:
        self.propagated += 1
        masks = []
        for bank in banks:
            color = tuple(int(each) for each in bank.conditioning[-1].pointer[0])
            masks.append(next((blob for each, blob in _blobs(embedding) if each == color), None))
        logits = _logits([np.zeros((SIDE, SIDE), bool) if mask is None else mask for mask in masks])
        pointers = torch.cat([bank.conditioning[-1].pointer for bank in banks])
        score = torch.tensor([-32.0 if mask is None else 32.0 for mask in masks])
        return Propagation(tick, logits, torch.full((len(banks),), self.iou), score, logits[:, None], pointers)

    def encode_memories(self, embedding: Embedding, found: Propagation, rows: Sequence[int]) -> list[Memory]:
        self.encoded.append(len(rows))
        return [Memory(found.tick, torch.zeros(1, 3, 1, 1), found.pointers[row : row + 1]) for row in rows]

    def masks(self, logits: Tensor, height: int, width: int, *, hole_area: int | None = None) -> list[tuple[Mask, Box]]:
        return postprocess.to_masks(logits, height, width)

    def mended(self, logits: Tensor, hole_area: int) -> Tensor:
        return logits


def _blobs(embedding: Embedding) -> list[tuple[tuple[int, ...], Binary]]:
    small = embedding.interactive[2].numpy()
    found: list[tuple[tuple[int, ...], Binary]] = []
    for color in COLORS.values():
        count, labels = cv2.connectedComponents(cv2.inRange(small, color, color), connectivity=8)
        found += [(color, labels == label) for label in range(1, count)]
    return found


def _logits(blobs: Sequence[Binary]) -> Tensor:
    if not blobs:
        return torch.empty(0, SIDE, SIDE)
    return (torch.from_numpy(np.stack(blobs)).float() * 2 - 1) * SURE


def _asked_for(embedding: Embedding, prompt: SegmentPrompt) -> Binary | None:
    """The blob under the first positive point, else the one that fills most of the box or earlier mask."""
    blobs = [blob for _, blob in _blobs(embedding)]
    for point in prompt.points:
        if point.positive:
            x, y = int(point.x / embedding.width * SIDE), int(point.y / embedding.height * SIDE)
            return next((blob for blob in blobs if blob[min(y, SIDE - 1), min(x, SIDE - 1)]), None)
    place = np.zeros((SIDE, SIDE), bool)
    if prompt.box is not None:
        left, right = (int(x / embedding.width * SIDE) for x in (prompt.box.x0, prompt.box.x1))
        top, bottom = (int(y / embedding.height * SIDE) for y in (prompt.box.y0, prompt.box.y1))
        place[top : bottom + 1, left : right + 1] = True
    if prompt.logits is not None:
        place = (prompt.logits > 0).numpy()
    best = max(blobs, key=lambda blob: (blob & place).sum(), default=None)
    return best if best is not None and (best & place).any() else None


def _middle(embedding: Embedding, box: Box) -> tuple[int, int]:
    return (
        int((box.x0 + box.x1) / 2 / embedding.width * SIDE),
        int((box.y0 + box.y1) / 2 / embedding.height * SIDE),
    )


def _color(embedding: Embedding, place: tuple[int, int]) -> tuple[int, ...]:
    return tuple(int(each) for each in embedding.interactive[2][place[1], place[0]])
