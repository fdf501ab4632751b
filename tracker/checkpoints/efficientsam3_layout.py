"""
The layout of EfficientSAM3's checkpoints: that of :mod:`tracker.checkpoints.mobileclip_layout`, and an image encoder.

Their image encoders number the parts that timm names (:mod:`tracker.model.students`). The tensors are the same.
tests/data/efficientsam3 has the names and shapes of theirs, as their own classes make them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

from tracker.checkpoints import mobileclip_layout
from tracker.checkpoints.mobileclip_layout import tidy as tidy

TRUNK = "detector.backbone.vision_backbone.trunk."
_MARK = "backbone.vision_backbone.trunk.model."  # none of our names, and none of upstream's, has it

_HALVING = (0, 4, 8, 22)  # RepViT-M1.1's blocks are one list: which of them begin a stage, by halving the picture
_MIXERS = {  # RepViT's parts of a block
    "token_mixer": "token_mixer.0",
    "se": "token_mixer.1",
    "channel_mixer.conv1": "channel_mixer.m.0",
    "channel_mixer.conv2": "channel_mixer.m.2",
    "spatial_downsample": "token_mixer.0",
    "channel_downsample": "token_mixer.2",
    "ffn.conv1": "channel_mixer.m.0",
    "ffn.conv2": "channel_mixer.m.2",
}
_MIXER = f"({'|'.join(map(re.escape, _MIXERS))})"


def is_theirs(keys: Iterable[str]) -> bool:
    """Whether these are keys of an EfficientSAM3 checkpoint, with whatever prefix."""
    return any(_MARK in key for key in keys)


def theirs(key: str) -> str:
    """What they call a tensor of the image encoder that is ``key`` here; other keys stay as they are."""
    if not key.startswith(TRUNK):
        return key
    name = key.removeprefix(TRUNK)
    if name.startswith("head."):
        return f"{TRUNK}model.{name}"
    for pattern, named in _RULES:
        if match := re.fullmatch(rf"features\.{pattern}", name):
            return f"{TRUNK}model.backbone.model.{named(*match.groups())}"
    return key


def from_theirs(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As :meth:`KeyMap.from_theirs`. Raises :class:`WeightsError` for a text encoder of another context length."""
    ours = {theirs(key): key for key in wanted}
    named = {
        ours[key] if key in ours and wanted[ours[key]].shape == value.shape else key: value
        for key, value in found.items()
    }
    return mobileclip_layout.from_theirs(named, wanted)


def to_theirs(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A checkpoint of theirs of upstream's keys and tensors."""
    return {theirs(key): value for key, value in mobileclip_layout.to_theirs(ours).items()}


def shapes(key: str, present: Tensor) -> dict[str, tuple[int, ...]]:
    """What theirs must hold for a key of upstream's layout that has ``present`` in the model: names and shapes."""
    return {theirs(name): shape for name, shape in mobileclip_layout.shapes(key, present).items()}


def _short(name: str) -> str:
    return "c" if name == "conv" else name


def _even(number: str) -> int:
    """Their place of the first and second convolution, where an activation stands between the two."""
    return 2 * int(number) - 2


# Our names after "features.". A rule knows one of the three networks, and none of the other two's names.
_RULES: tuple[tuple[str, Callable[..., str]], ...] = (
    # EfficientViT
    (r"stem\.in_conv\.(.+)", lambda rest: f"input_stem.op_list.0.{rest}"),
    (r"stem\.res0\.(.+)", lambda rest: f"input_stem.op_list.1.{rest}"),
    (
        r"stages\.(\d)\.blocks\.(\d)\.((?:main|context_module|local_module)\..+)",
        lambda stage, block, rest: f"stages.{stage}.op_list.{block}.{rest}",
    ),
    # TinyViT: the step to a stage is the end of the one before it
    (
        r"patch_embed\.conv(\d)\.(\w+)\.(\w+)",
        lambda n, part, rest: f"patch_embed.seq.{_even(n)}.{_short(part)}.{rest}",
    ),
    (
        r"stages\.(\d)\.downsample\.(conv\d)\.(\w+)\.(\w+)",
        lambda stage, conv, part, rest: f"layers.{int(stage) - 1}.downsample.{conv}.{_short(part)}.{rest}",
    ),
    (
        r"stages\.(\d)\.blocks\.(\d)\.(conv\d|local_conv)\.(\w+)\.(\w+)",
        lambda stage, block, conv, part, rest: f"layers.{stage}.blocks.{block}.{conv}.{_short(part)}.{rest}",
    ),
    (
        r"stages\.(\d)\.blocks\.(\d)\.((?:attn|mlp)\..+)",
        lambda stage, block, rest: f"layers.{stage}.blocks.{block}.{rest}",
    ),
    # RepViT: the block before the step to a stage is the last of the one before it
    (r"stem\.conv(\d)\.(.+)", lambda n, rest: f"features.0.{_even(n)}.{rest}"),
    (
        rf"stages\.(\d)\.blocks\.(\d+)\.{_MIXER}\.(.+)",
        lambda stage, block, part, rest: f"features.{_HALVING[int(stage)] + int(block) + 1}.{_MIXERS[part]}.{rest}",
    ),
    (
        rf"stages\.(\d)\.downsample\.pre_block\.{_MIXER}\.(.+)",
        lambda stage, part, rest: f"features.{_HALVING[int(stage)] - 1}.{_MIXERS[part]}.{rest}",
    ),
    (
        rf"stages\.(\d)\.downsample\.{_MIXER}\.(.+)",
        lambda stage, part, rest: f"features.{_HALVING[int(stage)]}.{_MIXERS[part]}.{rest}",
    ),
)
