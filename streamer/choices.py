"""What the command line offers to choose from, apart from the settings: help needs nothing that loads slowly."""

from __future__ import annotations

from typing import Literal

DEFAULT_PORT = 8000
Follower = Literal["auto", "pvs", "memory", "flow"]
HwAccel = Literal["auto", "cuda", "vaapi", "qsv", "videotoolbox", "vulkan", "vdpau", "d3d11va"]
Present = Literal["frames", "looked"]
