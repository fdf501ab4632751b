"""The image side of the network: a picture's features, of those only what is read, at a size that can be chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from tracker.model import compat
from tracker.model.configs import Config
from tracker.model.neck import Neck
from tracker.model.students import STRIDE, Student
from tracker.types import TrackerError

compat.prepare()

from sam3.model.position_encoding import PositionEmbeddingSine  # noqa: E402  (only after compat.prepare)
from sam3.sam.transformer import RoPEAttention  # noqa: E402


class Backbone(nn.Module):
    """
    The image encoder, and the neck of the interactive head with the two convolutions that always follow it.

    What the trunk makes of a picture is answered too: :func:`concepts` makes the detector's levels of it, where a
    concept is asked for at all. ``clicks``: whether anything reads what the neck makes; else there is none.
    """

    def __init__(self, network: Any, *, clicks: bool = True) -> None:
        super().__init__()
        vision, decoder = network.backbone.vision_backbone, network.inst_interactive_predictor.model.sam_mask_decoder
        self.trunk: Any = vision.trunk
        self.neck = Neck(vision.sam2_convs if clicks else (), (decoder.conv_s0, decoder.conv_s1))

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """
        The trunk's features (1, D, g, g); for clicks (1, C/8, 4g, 4g), (1, C/4, 2g, 2g) and (1, C, g, g), if any.

        Folded, the features of a :class:`Student` stay as small as they were made.
        """
        if self.neck.folded and isinstance(self.trunk, Student):
            trunk, grid = self.trunk.unstretched(pixels), pixels.shape[-1] // self.trunk.patch
        else:
            trunk, grid = self.trunk(pixels)[-1], None
        return trunk, *self.neck(trunk, grid)

    @property
    def stretch(self) -> float:
        """How much longer the grid's side is than that of the map that the trunk makes."""
        return STRIDE / self.trunk.patch if isinstance(self.trunk, Student) else 1.0


def concepts(network: Any) -> Neck:
    """The detector's neck: (1, C, 4g, 4g), (1, C, 2g, 2g) and (1, C, g, g) from the trunk's features."""
    return Neck(network.backbone.vision_backbone.convs)


def positions(network: Any, coarse: Tensor) -> tuple[Tensor, ...]:
    """
    Encodings of places for the detector's three levels, which depend on nothing but their size.

    In one layout always, or compiled parts would not know them: upstream makes them in another than it keeps them in.
    """
    channels, grid = coarse.shape[1], coarse.shape[-1]
    levels = (coarse.new_empty(()).expand(1, channels, grid * scale, grid * scale) for scale in (4, 2, 1))
    encoding, layout = network.backbone.vision_backbone.position_encoding, torch.channels_last
    return tuple(encoding(level).to(coarse.dtype, memory_format=layout) for level in levels)


def resized(config: Config, side: int) -> Config:
    """The configuration for pictures of ``side`` pixels. Raises :class:`TrackerError`."""
    if side not in config.resolutions:
        known = ", ".join(map(str, config.resolutions))
        raise TrackerError(f"{config.name} has no resolution of {side} pixels: it takes {known}")
    return replace(config, image_size=side)


def resize(network: Any, config: Config) -> None:
    """
    Let a network look at pictures of ``config.image_size``, in place: as if it had been built for them.

    Weights do not depend on it. In the blocks that see the whole picture rotary positions are stretched over it, as
    upstream's ``use_interp_rope`` does; absolute ones are tiled. A grid that windows do not divide is padded to them.
    """
    grid, side = config.grid, config.image_size
    for block in getattr(network.backbone.vision_backbone.trunk, "blocks", ()):  # a convolution asks for no size
        if block.window_size == 0:
            device = block.attn.freqs_cis.device
            block.attn.input_size = (grid, grid)
            block.attn._setup_rope_freqs()
            block.attn.freqs_cis = block.attn.freqs_cis.to(device)
    tracker = network.inst_interactive_predictor.model
    network.inst_interactive_predictor._bb_feat_sizes = [(grid * scale, grid * scale) for scale in (4, 2, 1)]
    tracker.image_size, tracker.sam_image_embedding_size = side, grid
    tracker.low_res_mask_size, tracker.input_mask_size = grid * 4, grid * 16
    prompts = tracker.sam_prompt_encoder
    prompts.input_image_size, prompts.image_embedding_size = (side, side), (grid, grid)
    prompts.mask_input_size = (grid * 4, grid * 4)
    tracker.maskmem_backbone.mask_downsampler.interpol_size = [grid * 16, grid * 16]
    for layer in tracker.transformer.encoder.layers:
        for attention in (layer.self_attn, layer.cross_attn_image):
            device = attention.freqs_cis.device
            attention.freqs_cis = attention.compute_cis(end_x=grid, end_y=grid, device=device)
            attention.freqs_cis_real, attention.freqs_cis_imag = attention.freqs_cis.real, attention.freqs_cis.imag
    network.transformer.decoder.grid = grid
    _forget_places(network.transformer.decoder)


def place(network: Any, device: torch.device) -> None:
    """
    Put a network onto a device, with what PyTorch does not know to be of it.

    Rotary tables of memory attention are plain attributes, made on cuda:0 wherever there is one; encodings of places
    that were kept stay where they were made.
    """
    network.to(device)
    for module in network.modules():
        if isinstance(module, RoPEAttention):
            module.freqs_cis = module.freqs_cis.to(device)
        elif isinstance(module, PositionEmbeddingSine):
            module.cache.clear()
    _forget_places(network.transformer.decoder)


def _forget_places(decoder: Any) -> None:
    decoder.compilable_cord_cache = decoder.compilable_stored_size = None
    decoder.coord_cache.clear()
