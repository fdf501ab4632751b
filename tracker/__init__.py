"""The model side: prompts and pictures in, masks out. Knows nothing of networks, containers or event loops."""

from tracker.acceleration import accelerate, plain
from tracker.checkpoints.loading import load_model, set_threads
from tracker.model.configs import Ability
from tracker.model.features import Detected, Embedding, Logits, Segmentation, SegmentPrompt
from tracker.model.sam3 import Sam3
from tracker.model.warmup import warm_up
from tracker.presenting.history import History, MotionPath
from tracker.presenting.motion import Motion, shrunk
from tracker.presenting.presenter import Presented, Presenter
from tracker.presenting.snapshot import Shown, Snapshot
from tracker.presenting.worker import Done, Failed, Forget, Job, News, Streams, receive, send
from tracker.rle import Polygon
from tracker.stream.tracker import Tracker
from tracker.types import (
    Answer,
    Box,
    Detection,
    FrameGone,
    Key,
    Mask,
    Point,
    Prompt,
    Stage,
    Step,
    Track,
    TrackerError,
    Unable,
    UnknownObject,
    WeightsError,
    prompt_keys,
)

__all__ = [
    "Ability",
    "Answer",
    "Box",
    "Detected",
    "Detection",
    "Done",
    "Embedding",
    "Failed",
    "Forget",
    "FrameGone",
    "History",
    "Job",
    "Key",
    "Logits",
    "Mask",
    "Motion",
    "MotionPath",
    "News",
    "Point",
    "Polygon",
    "Presented",
    "Presenter",
    "Prompt",
    "Sam3",
    "SegmentPrompt",
    "Segmentation",
    "Shown",
    "Snapshot",
    "Stage",
    "Step",
    "Streams",
    "Track",
    "Tracker",
    "TrackerError",
    "Unable",
    "UnknownObject",
    "WeightsError",
    "accelerate",
    "load_model",
    "plain",
    "prompt_keys",
    "receive",
    "send",
    "set_threads",
    "shrunk",
    "warm_up",
]
