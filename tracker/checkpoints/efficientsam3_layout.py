"""
The names in EfficientSAM3's checkpoints.

Their image encoders number the parts that timm names (:mod:`tracker.model.students`). The tensors are the same.
tests/data/efficientsam3 has the names and shapes of theirs, as their own classes make them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

TRUNK = "detector.backbone.vision_backbone.trunk."

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
