"""The models there are: the sizes of their networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tracker.types import TrackerError


@dataclass(frozen=True, slots=True)
class Config:
    """Sizes of the network. The defaults are the full-size SAM3 (860 M parameters)."""

    name: str = "sam3"
    image_size: int = 1008  # pixels, square
    resolutions: tuple[int, ...] = (1008, 840, 672, 504)  # pixels that image_size may be set to; trained at the first
    patch: int = 14  # pixels
    vit_pretrain_size: int = 336
    vit_dim: int = 1024
    vit_depth: int = 32
    vit_heads: int = 16
    vit_mlp_ratio: float = 4.625
    vit_window: int = 24  # patches
    vit_global_blocks: tuple[int, ...] = (7, 15, 23, 31)
    conv_channels: tuple[int, ...] = ()  # of the stages of a convolutional trunk (conv_trunk.py); empty: a ViT
    conv_depths: tuple[int, ...] = ()
    conv_dim: int = 0  # of its features
    dim: int = 256
    heads: int = 8
    feedforward: int = 2048
    encoder_layers: int = 6
    decoder_layers: int = 6
    queries: int = 200
    geometry_layers: int = 3
    text_tower: Literal["clip", "mobileclip"] = "clip"
    text_mixing: bool = True  # of mobileclip: a convolution block before and after the layers, as S0 has them
    text_width: int = 1024
    text_heads: int = 16
    text_layers: int = 24
    text_context: int = 32  # tokens
    text_vocabulary: int = 49408
    taught_words: bool = False  # its words are those of vocabulary.py, and no others
    memory_dim: int = 64
    memory_layers: int = 4
    memory_frames: int = 7
    same_look: float | None = None  # cosine of two pointers of one object, at least; None: nobody has measured it
    same_appearance: float | None = None  # cosine of what two masks of one object cover, at least; None: not measured
    mask_reach: float | None = None  # share of its box's sides that a detection's mask may go beyond it; None: anywhere
    one_piece: bool = False  # its masks run over onto look-alikes: a click's is held to the part under it (pieces.py)
    doubles: float | None = None  # two masks of one prompt with a greater IoU are one object twice; None: it makes none

    @property
    def grid(self) -> int:
        """Patches along one side of the picture."""
        return self.image_size // self.patch


FULL = Config()

NANO = Config(
    name="nano",
    image_size=224,
    resolutions=(224,),
    patch=16,
    vit_pretrain_size=224,
    vit_dim=192,
    vit_depth=5,
    vit_heads=3,
    vit_mlp_ratio=4.0,
    vit_window=7,
    vit_global_blocks=(2, 4),
    dim=96,
    heads=4,
    feedforward=384,
    encoder_layers=2,
    decoder_layers=2,
    queries=36,
    geometry_layers=1,
    text_width=96,
    text_heads=4,
    text_layers=2,
    text_context=8,
    text_vocabulary=256,
    taught_words=True,
    memory_dim=32,
    memory_layers=2,
    memory_frames=7,
    same_look=0.66,  # of 79 pairs of looks of one object 95 % are above, of 184 of two objects a quarter
    same_appearance=0.93,  # over 30 frames of six worlds one object keeps 0.92 and more, two share at most 0.6
    mask_reach=0.1,  # its masks run over onto look-alikes, its boxes do not: as YOLACT cuts masks (Bolya et al. 2019)
    one_piece=True,
    doubles=0.7,  # its two decoder layers let two queries answer one object; of 381 finds on other seeds 19 were such
)

# The successor of NANO, in the making: loaded with a checkpoint of its own.
NANO_2 = replace(
    NANO,
    name="nano-2",
    image_size=384,
    resolutions=(384, 320, 256, 192),
    conv_channels=(16, 24, 48, 96, 192),
    conv_depths=(0, 2, 4, 2),
    conv_dim=128,
    dim=64,
    feedforward=256,
    queries=49,
    text_width=64,
    same_look=None,
    same_appearance=None,
)

CONFIGS = (NANO, FULL)
_MAKING = (NANO_2,)  # not offered: there are no finished weights


def config_named(name: str) -> Config:
    """The configuration of a model. Raises :class:`TrackerError`."""
    for config in (*CONFIGS, *_MAKING):
        if config.name == name:
            return config
    raise TrackerError(f"there is no model {name!r}: choose one of {', '.join(config.name for config in CONFIGS)}")
