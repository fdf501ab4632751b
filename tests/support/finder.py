"""A model with known answers, and requests of the hosted API."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tests.support.pictures import patches, saved, sent
from tests.support.serving import Served
from tracker import Detected, Embedding, Prompt, Sam3, Segmentation, SegmentPrompt, Sent
from tracker.model.compute import Speed
from tracker.model.configs import NANO

HEIGHT, WIDTH = 60, 80
PATH = "/sam3/concept_segment"
PATHS = (PATH, "/sam3/visual_segment", "/sam3/embed_image")
IMAGE = sent(saved(patches(WIDTH, HEIGHT), "JPEG"))


class Finder(Sam3):
    """
    A stand-in with known answers for what random weights cannot tell: it finds two squares for "two", the first of
    them for "one", none for "nothing", the box for an exemplar, a square with a hole for "ring", and a mask without
    a pixel for "empty". What comes after the network (suppression, masks) is the real thing: its logits have the
    picture's own size.
    """

    def __init__(self) -> None:  # no network is built
        self.name = "nano"
        self.config = NANO
        self.device = torch.device("cpu")
        self.speed = Speed()
        self.side = NANO.grid * 4
        self.asked: list[tuple[Prompt, ...]] = []
        self.sizes: list[tuple[int, ...]] = []
        self.gate = threading.Event()
        self.gate.set()

    def embed(self, image: npt.NDArray[np.uint8], given: Sent | None = None) -> Embedding:
        self.gate.wait(30)
        self.sizes.append(image.shape)
        nothing = torch.empty(0)
        return Embedding(image.shape[0], image.shape[1], nothing, (nothing, nothing, nothing))

    def detect(self, embedding: Embedding, prompts: Sequence[Prompt], *, nms_iou: float | None = 0.1) -> list[Detected]:
        assert nms_iou is None  # suppression is over all prompts together, or not at all
        self.asked.append(tuple(prompts))
        return [self._find(prompt, embedding.height, embedding.width) for prompt in prompts]

    def _find(self, prompt: Prompt, height: int, width: int) -> Detected:
        two = [(0.9, (10, 5, 30, 25)), (0.6, (40, 30, 60, 50))]
        known = {
            "two": two,
            "one": [(0.8, two[0][1])],
            "empty": [(0.9, (0, 0, 0, 0))],
            "ring": [(0.8, (10, 5, 60, 50))],
        }
        found = known.get(prompt.text or "", [])
        if prompt.boxes and prompt.text is None:
            box = prompt.boxes[0]
            found = [(0.8, (int(box.x0), int(box.y0), int(box.x1), int(box.y1)))]
        found = [(score, box) for score, box in found if score >= prompt.threshold]
        logits = torch.full((len(found), height, width), -10.0)
        for each, (_, (x0, y0, x1, y1)) in zip(logits, found, strict=True):
            each[y0:y1, x0:x1] = 10
            if prompt.text == "ring":
                each[y0 + 5 : y1 - 5, x0 + 5 : x1 - 5] = -10
        return Detected(torch.tensor([score for score, _ in found]), logits)

    def cut(
        self, embedding: Embedding, objects: Sequence[SegmentPrompt], found: Segmentation, *, masks: int = 1
    ) -> Segmentation:
        return found

    def segment(
        self, embedding: Embedding, objects: Sequence[SegmentPrompt], *, multimask: bool = False
    ) -> Segmentation:
        masks, many = len(objects), 3 if multimask else 1
        logits = torch.full((masks, many, embedding.height, embedding.width), 10.0)
        return Segmentation(logits, torch.ones(masks, many), torch.ones(masks))


def request(*texts: str, **more: Any) -> dict[str, Any]:
    prompts = [{"type": "text", "text": text} for text in texts]
    return {"image": IMAGE, "prompts": prompts, **more}


def ask(served: Served, *texts: str, **more: Any) -> dict[str, Any]:
    answer = served.http.post(PATH, json=request(*texts, **more))
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()
    return data
