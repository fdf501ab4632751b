"""The sizes of a network, and what is known of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Ability(StrEnum):
    """What a model can be asked."""

    WORDS = "words"  # every object of a text
    EXEMPLARS = "exemplars"  # every object like the ones in boxes
    CLICKS = "clicks"  # the object under points or in a box
    MEMORY = "memory"  # the same object on later frames, by what was remembered of it


@dataclass(frozen=True, slots=True)
class Config:
    """Sizes of the network. The defaults are the full-size SAM3 (860 M parameters)."""

    name: str = "sam3"
    image_size: int = 1008  # pixels, square
    resolutions: tuple[int, ...] = (1008, 840, 672, 504)  # pixels that image_size may be set to; trained at the first
    patch: int = 14  # pixels
    trunk: str = "vit"  # what encodes pictures: "vit", "conv" (conv_trunk.py) or one of students.py
    vit_pretrain_size: int = 336
    vit_dim: int = 1024  # of the features of a student too
    vit_depth: int = 32
    vit_heads: int = 16
    vit_mlp_ratio: float = 4.625
    vit_window: int = 24  # patches
    vit_global_blocks: tuple[int, ...] = (7, 15, 23, 31)
    conv_channels: tuple[int, ...] = ()  # of the stages of "conv"
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
    steady: float | None = None  # IoU with the moved mask, under which a refined one is not taken; None: any is
    mask_reach: float | None = None  # share of its box's sides that a detection's mask may go beyond it; None: anywhere
    one_piece: bool = False  # its masks run over onto look-alikes: a click's is held to the part under it (pieces.py)
    guided: bool = False  # boxes and clicks are given as masks too (guides.py): it was taught so
    cut: bool = False  # its masks of clicks and boxes are cut along the picture's borders (cuts.py); it is guided too
    doubles: float | None = None  # two masks of one prompt with a greater IoU are one object twice; None: it makes none
    rivals: float | None = None  # the same of two prompts whose nouns cannot both be right; None: nouns say nothing
    abilities: frozenset[Ability] = frozenset(Ability)  # what its weights were trained for
    threshold: float = 0.5  # of scores, where a prompt names none
    presence: bool = True  # whether scores are multiplied by the presence score of the whole picture

    @property
    def grid(self) -> int:
        """Patches along one side of the picture."""
        return self.image_size // self.patch
