"""
The small image encoders of EfficientSAM3 (Zeng et al. 2025), which were taught to answer as SAM 3's own does.

Each is a network of timm's that ends at stride 32 (EfficientViT: Cai et al. 2023, RepViT: Wang et al. 2024, TinyViT: Wu
et al. 2022), and a head that gives its features the channels and the grid of SAM 3's. timm is imported when one is
built: it brings hundreds of models, and nobody else is to wait for them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# timm's networks, by what they call their first part; all call what follows "stages".
STUDENTS = {"efficientvit_b1": "stem", "repvit_m1_1": "stem", "tiny_vit_11m_224": "patch_embed"}

STRIDE = 32  # pixels of a picture for one place of the networks' features

EPSILON = 1e-15  # in the divisor of EfficientViT's linear attention, as it was trained; timm has 1e-5


class Student(nn.Module):
    """
    The image encoder ``name``, one of STUDENTS, in place of a ViT with patches of ``patch`` pixels.

    It has the face of a trunk (conv_trunk.py): ``channel_list``, [``dim``], and a list of features.
    """

    def __init__(self, name: str, dim: int = 1024, patch: int = 14) -> None:
        super().__init__()
        import timm

        model: Any = timm.create_model(name, num_classes=0)
        for each in model.modules():
            if hasattr(each, "kernel_func"):  # linear attention
                each.eps = EPSILON
        first = STUDENTS[name]
        self.patch = patch
        self.features: nn.Module = nn.Sequential(
            OrderedDict([(first, getattr(model, first)), ("stages", model.stages)])
        )
        self.head = nn.Sequential(
            nn.Conv2d(model.feature_info[-1]["num_chs"], dim, 1, bias=False),
            nn.BatchNorm2d(dim),
            nn.GELU(),
            nn.Conv2d(dim, dim, 3, padding=1),
        )
        self.channel_list = [dim]

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """[(B, dim, g, g)] from (B, 3, side, side) pixels, -1 to 1; g is ``side`` over the patch."""
        grid = pixels.shape[-1] // self.patch
        return [F.interpolate(self.unstretched(pixels), (grid, grid), mode="bilinear", align_corners=False)]

    def unstretched(self, pixels: Tensor) -> Tensor:
        """(B, dim, s, s), before it is stretched to the grid; s is ``side`` over STRIDE, rounded up."""
        features: Tensor = self.head(self.features(pixels))
        return features

    @torch.no_grad()
    def fold(self) -> None:
        """
        Make one convolution of each and the batch normalisation after it, and of RepViT's branches.

        The answers stay the same. For serving: what was folded can be neither trained nor loaded into.
        """
        from timm.models import reparameterize_model

        self.features = reparameterize_model(self.features, inplace=True)
        row: Any
        for row in self.features.modules():  # EfficientViT's, which timm leaves as they are
            if isinstance(getattr(row, "norm", None), nn.BatchNorm2d):
                row.conv, row.norm = fuse_conv_bn_eval(row.conv, row.norm), nn.Identity()
        row = self.head
        if isinstance(row[1], nn.BatchNorm2d):
            row[0], row[1] = fuse_conv_bn_eval(row[0], row[1]), nn.Identity()
        self.requires_grad_(False)
