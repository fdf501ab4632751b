"""The model side: prompts and pictures in, masks out. Knows nothing of networks, containers or event loops."""

from tracker.acceleration import accelerate, plain
from tracker.checkpoints.loading import load_model, set_threads
from tracker.model.features import Detected, Embedding, Logits, Segmentation, SegmentPrompt
from tracker.model.sam3 import Sam3
from tracker.model.warmup import warm_up
from tracker.rle import Polygon
from tracker.stream.tracker import Tracker
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
