"""The model side: prompts and pictures in, masks out. Knows nothing of networks, containers or event loops."""

from tracker.dense import Detected, Embedding, Logits, Segmentation, SegmentPrompt
from tracker.gate import accelerate, plain
from tracker.loading import load_model, set_threads
from tracker.rle import Polygon
from tracker.sam3 import Sam3
from tracker.tracker import Tracker
from tracker.types import (
    Answer,
    Box,
    Detection,
    FrameGone,
    Mask,
    Point,
    Prompt,
    Stage,
    Step,
    Track,
    TrackerError,
    UnknownObject,
    WeightsError,
)
from tracker.warmup import warm_up

__all__ = [
    "Answer",
    "Box",
    "Detected",
    "Detection",
    "Embedding",
    "FrameGone",
    "Logits",
    "Mask",
    "Point",
    "Polygon",
    "Prompt",
    "Sam3",
    "SegmentPrompt",
    "Segmentation",
    "Stage",
    "Step",
    "Track",
    "Tracker",
    "TrackerError",
    "UnknownObject",
    "WeightsError",
    "accelerate",
    "load_model",
    "plain",
    "set_threads",
    "warm_up",
]
