"""The model side: prompts and pictures in, masks out. Knows nothing of networks, containers or event loops."""

from tracker.acceleration import accelerate, plain
from tracker.checkpoints.download import download, gigabytes, kept
from tracker.checkpoints.finding import here, on_the_hub
from tracker.checkpoints.loading import load_model, set_threads
from tracker.checkpoints.records import read as record
from tracker.checkpoints.room import check as check_room
from tracker.checkpoints.room import needed as memory_needed
from tracker.model.compute import Fault, devices_named, fault, free_memory
from tracker.model.configs import ENTRIES, Ability, Entry
from tracker.model.features import Detected, Embedding, Logits, Segmentation, SegmentPrompt, Sent
from tracker.model.sam3 import Sam3
from tracker.model.warmup import warm_up
from tracker.presenting.history import History, MotionPath
from tracker.presenting.motion import Grey, Motion, shrunk, small
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
    "ENTRIES",
    "Ability",
    "Answer",
    "Box",
    "Detected",
    "Detection",
    "Done",
    "Embedding",
    "Entry",
    "Failed",
    "Fault",
    "Forget",
    "FrameGone",
    "Grey",
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
    "Sent",
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
    "check_room",
    "devices_named",
    "download",
    "fault",
    "free_memory",
    "gigabytes",
    "here",
    "kept",
    "load_model",
    "memory_needed",
    "on_the_hub",
    "plain",
    "prompt_keys",
    "receive",
    "record",
    "send",
    "set_threads",
    "shrunk",
    "small",
    "warm_up",
]
