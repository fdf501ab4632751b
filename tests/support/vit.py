"""A small model with a vision transformer (ViT), as full-size SAM 3 has: nano's own trunk is a convolutional one."""

from __future__ import annotations

import functools

import torch

from tracker import Sam3
from tracker.model.configs import Config

VIT = Config(
    name="small-vit",
    image_size=224,
    resolutions=(224, 256, 192),
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
)


def built(config: Config = VIT, seed: int = 0) -> Sam3:
    """A model of ``config`` with random weights, on the CPU, in fp32 on every machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Sam3(config, torch.device("cpu"))
    model.bf16_backbone = False
    return model


@functools.cache
def untrained_vit() -> Sam3:
    """The small model, one for all tests that leave it as it is."""
    return built()
