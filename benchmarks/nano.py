"""
Can nano run faster on a CPU with equal masks?

``python -m benchmarks.nano`` runs each candidate (a number format, a compiler, another runtime) on one thread. It
prints the median milliseconds of the parts of a frame, and how far the masks overlap those of fp32 on pictures never
trained on. To pass, detections and refined masks both reach a mean IoU of 0.99 and both find 99 % of the detections.

ONNX Runtime and OpenVINO are optional, and may stand in a folder of their own, say /tmp/extra: ``pip install --no-deps
--target /tmp/extra onnx onnx_ir onnxscript onnxruntime openvino ml_dtypes protobuf flatbuffers``, and that folder as
PYTHONPATH. With ``ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2`` torch does with what a desktop's processor has.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmarks.first_light import machine, table, timed
from tracker.checkpoints.loading import load_model, set_threads
from tracker.model.backbone import Backbone
from tracker.model.compute import matrix_bf16
from tracker.model.configs import NANO
from tracker.model.features import SegmentPrompt
from tracker.model.sam3 import Sam3
from tracker.training.data import draw_still
from tracker.training.evaluate import compare, iou
from tracker.types import Detection, Mask, Prompt
from tracker.worlds.objects import box_around
from tracker.worlds.worlds import Video

GATE = 0.99
WARM_UP = 3  # calls that are not counted
FLAGS = {"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"}  # of processors: what formats need
GREY = torch.zeros(1, 3, NANO.image_size, NANO.image_size)  # a picture as the backbone takes it
HEAD = ["candidate", "embed ms", "detect ms", "refine ms", "ready s", "IoU found", "IoU refined", "differ", "verdict"]

Change = Callable[[Sam3], object]  # makes the candidate of a freshly loaded model, in place
Features = Callable[[Tensor], Sequence[Any]]  # pixels to the levels of the detector and of the interactive head


def use(model: Sam3, features: Features) -> None:
    """Let ``features`` answer in fp32 in place of the model's image backbone."""
    model.backbone = lambda pixels: tuple(torch.as_tensor(level).float() for level in features(pixels))


def upstream(model: Sam3) -> None:
    """The image side as the wheel runs it: both necks for each frame, whole, with a level that nobody reads."""
    decoder, levels = model.interactive.sam_mask_decoder, list[Tensor]()

    def features(pixels: Tensor) -> Sequence[Tensor]:
        found = model.network.backbone.forward_image(pixels)
        levels[:] = found["backbone_fpn"]
        fine, middle, coarse = found["sam2_backbone_out"]["backbone_fpn"]
        return [levels[-1], decoder.conv_s0(fine), decoder.conv_s1(middle), coarse]

    use(model, features)
    model.concepts = lambda _: tuple(levels)


def in_bf16(call: Callable[..., Any]) -> Callable[..., Any]:
    """The same under autocast, entered for each call as on CUDA."""

    @wraps(call)
    def run(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return call(*args, **kwargs)

    return run


def bf16(model: Sam3) -> None:
    """Every part under autocast."""
    for name in ("embed", "detect", "segment"):
        setattr(model, name, in_bf16(getattr(model, name)))


def channels_last(model: Sam3) -> None:
    """Weights and pixels of all convolutions with the channels innermost."""
    model.network.to(memory_format=torch.channels_last)
    backbone = Backbone(model.network)
    use(model, lambda pixels: backbone(pixels.contiguous(memory_format=torch.channels_last)))


def int8(module: nn.Module) -> None:
    """Linear layers with int8 weights, activations quantized as they come."""
    torch.ao.quantization.quantize_dynamic(module, {nn.Linear}, dtype=torch.qint8, inplace=True)


def compiled(model: Sam3) -> Features:
    """The image backbone by inductor, for its one shape."""
    os.environ.setdefault("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1")  # "ready" is what the first start takes
    features: Features = torch.compile(Backbone(model.network), dynamic=False, fullgraph=True)
    return features


def onnx_runtime(model: Sam3) -> Features:
    """The image backbone exported to ONNX, run by ONNX Runtime."""
    import_module("onnxscript")  # torch's exporter needs it and says so less clearly
    runtime = import_module("onnxruntime")
    program = torch.onnx.export(Backbone(model.network).eval(), (GREY,), dynamo=True, verbose=False)
    assert program is not None
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(program.model_proto.SerializeToString(), options)
    return lambda pixels: [*session.run(None, {session.get_inputs()[0].name: pixels.numpy()})]


def openvino(model: Sam3, precision: str) -> Features:
    """The image backbone traced and run by OpenVINO; left to itself, it takes bf16 where the processor has it."""
    runtime = import_module("openvino")
    traced = runtime.convert_model(Backbone(model.network).eval(), example_input=GREY, input=[tuple(GREY.shape)])
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    network = runtime.compile_model(traced, "CPU", settings)
    return lambda pixels: [*network(pixels.numpy()).values()]


def ships(model: Sam3) -> None:
    """What a model does by itself on this machine."""
    model.bf16_backbone = matrix_bf16()


def in_fp32(load: Callable[[], Sam3]) -> Sam3:
    """A model that computes in fp32 on every machine."""
    model = load()
    model.bf16_backbone = False
    return model


CANDIDATES: dict[str, Change] = {
    "fp32": lambda model: None,
    "as it ships here": ships,
    "fp32, unread parts too": upstream,
    "channels_last": channels_last,
    "bf16 autocast": bf16,
    "bf16 autocast, backbone": lambda model: use(model, in_bf16(Backbone(model.network))),
    "int8 Linear": lambda model: int8(model.network),
    "int8 Linear, backbone": lambda model: int8(model.network.backbone.vision_backbone),
    "torch.compile, backbone": lambda model: use(model, compiled(model)),
    "torch.compile bf16, backbone": lambda model: use(model, in_bf16(compiled(model))),
    "ONNX Runtime, backbone": lambda model: use(model, onnx_runtime(model)),
    "OpenVINO f32, backbone": lambda model: use(model, openvino(model, "f32")),
    "OpenVINO bf16, backbone": lambda model: use(model, openvino(model, "bf16")),
    "fp32, again": lambda model: None,  # how far the machine drifted meanwhile
}


@dataclass
class Question:
    """One picture, what to detect on it and what to refine, and what fp32 answered."""

    image: npt.NDArray[np.uint8]
    prompts: list[Prompt]
    refine: list[SegmentPrompt]
    found: list[list[Detection]] = field(default_factory=list)
    refined: list[Mask] = field(default_factory=list)

    @classmethod
    def ask(cls, model: Sam3, seed: int, threshold: float = 0.5) -> Question:
        """Draw the picture of a seed: "thing" and two names to detect, its objects' boxes and masks to refine."""
        image, objects = draw_still(np.random.default_rng((seed, 0)), seed)
        seen = [each for each in objects if each.countable]
        texts = ["thing", *sorted({each.name for each in seen if each.name})[:2]]
        refine = given(model, image, [each.mask for each in seen])
        question = cls(image, [Prompt(text, threshold=threshold) for text in texts], refine)
        question.found, question.refined = question.answers(model)
        return question

    def answers(self, model: Sam3) -> tuple[list[list[Detection]], list[Mask]]:
        """What a model finds and refines here, masks at picture size."""
        embedding = model.embed(self.image)
        found = model.finish(embedding, model.detect(embedding, self.prompts))
        logits = model.segment(embedding, self.refine).logits[:, 0]
        return found, [mask for mask, _ in model.masks(logits, *self.image.shape[:2])] if self.refine else []


def given(model: Sam3, image: npt.NDArray[np.uint8], masks: Iterable[npt.NDArray[np.bool_]]) -> list[SegmentPrompt]:
    """Prompts as a followed object makes them: a box, and the logits that ``model`` itself had for it."""
    boxes = [SegmentPrompt(box=box_around(mask)) for mask in masks]
    logits = model.segment(model.embed(image), boxes).logits[:, 0]
    return [SegmentPrompt(box=each.box, logits=last) for each, last in zip(boxes, logits, strict=True)]


@dataclass
class Row:
    """What one candidate came to; ``error`` says why it came to nothing."""

    name: str
    error: str = ""
    ready: float = 0.0  # seconds from a loaded model to the first answer
    milliseconds: dict[str, float] = field(default_factory=dict)  # embed, detect, refine
    found: list[float] = field(default_factory=list)  # IoUs with fp32 of detections that both have
    refined: list[float] = field(default_factory=list)
    differ: int = 0  # detections that only one of the two has

    @property
    def passes(self) -> bool:
        """Whether its masks are as good as fp32's own."""
        both = len(self.found) / max(1, len(self.found) + self.differ)
        worst = min(float(np.mean(self.found or [0.0])), float(np.mean(self.refined or [0.0])), both)
        return not self.error and worst >= GATE

    def cells(self) -> list[str]:
        """One line of the table."""
        if self.error:
            return [self.name, *["–"] * (len(HEAD) - 2), self.error]
        times = [f"{self.milliseconds[part]:.1f}" for part in ("embed", "detect", "refine")]
        ious = [f"{np.mean(each):.4f}" if each else "–" for each in (self.found, self.refined)]
        differ = f"{self.differ} of {len(self.found) + self.differ}"
        return [self.name, *times, f"{self.ready:.1f}", *ious, differ, "passes" if self.passes else "fails"]


def measure(name: str, change: Change, load: Callable[[], Sam3], questions: Sequence[Question], repeats: int) -> Row:
    """Make a candidate of a fresh model, time it and compare its answers. Whatever it raises becomes its row."""
    row = Row(name)
    try:
        model = in_fp32(load)
        spend(row, model, change, repeats)
        for question in questions:
            found, refined = question.answers(model)
            for ours, theirs in zip(found, question.found, strict=True):
                hits, alarms, ious = compare(ours, [each.mask.dense() for each in theirs], [])
                row.found += ious
                row.differ += alarms + len(theirs) - hits
            # Two empty masks are equal here.
            row.refined += [1.0 if a == b else iou(a, b) for a, b in zip(refined, question.refined, strict=True)]
    except ModuleNotFoundError as error:
        row.error = f"not installed: {error.name}"
    except Exception as error:
        row.error = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0].replace('|', '/')}"
    return row


def spend(row: Row, model: Sam3, change: Change, repeats: int) -> None:
    """Turn the model into the candidate, and note how long that and each part of a frame took."""
    frame = Video(0, 640, 480, objects=(5, 5)).next()
    masks = [each.mask for each in frame.objects if each.countable]
    refine = given(model, frame.image, [masks[index % len(masks)] for index in range(5)])
    began = time.perf_counter()
    change(model)
    embedding = model.embed(frame.image)
    row.ready = time.perf_counter() - began
    calls: dict[str, Callable[[], Any]] = {
        "embed": lambda: model.embed(frame.image),
        "detect": lambda: model.detect(embedding, [Prompt("thing")]),
        "refine": lambda: model.segment(embedding, refine),
    }
    for part, call in calls.items():
        spent: list[float] = []
        for _ in range(WARM_UP + repeats):
            timed(call, spent)
        row.milliseconds[part] = float(np.median(spent[WARM_UP:]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=50, help="of each timed call; the median counts")
    parser.add_argument("--pictures", type=int, default=20, help="that masks are compared on, seeds from 0")
    parser.add_argument("--checkpoint", type=Path, help="other weights than the ones in the package")
    arguments = parser.parse_args()
    set_threads(1)
    warnings.simplefilter("ignore")  # exporters and compilers warn a lot, and fail loudly
    load = partial(load_model, "nano", checkpoint=arguments.checkpoint, device="cpu")
    reference = in_fp32(load)
    questions = [Question.ask(reference, seed) for seed in range(arguments.pictures)]
    flags = " ".join(sorted(FLAGS.intersection(Path("/proc/cpuinfo").read_text().split())))
    print(f"{machine()}; {flags}; load before: {os.getloadavg()[0]:.1f}")
    print(f"one thread, median of {arguments.repeats}, {arguments.pictures} pictures", flush=True)
    rows = [measure(name, change, load, questions, arguments.repeats) for name, change in CANDIDATES.items()]
    print()
    print(table(HEAD, (row.cells() for row in rows)))


if __name__ == "__main__":
    main()
