"""What the C library does with memory that was freed: of pictures it shall keep none."""

from __future__ import annotations

import contextlib
import ctypes
import os

# Bytes from which a piece of memory goes back to the system as soon as it is freed. Left alone, glibc raises this to
# the largest piece that was freed, 32 MiB at most, and keeps the holes between: the planes of a picture of 7680×4320,
# 33 and 8 MB. Under it are the pieces that come and go with every frame of 1920×1080 as RGB, 6.2 MB: they cost time.
LARGE = 6 * 2**20
M_MMAP_THRESHOLD = -3  # the name of that setting: glibc's malloc.h
VARIABLE = "MALLOC_MMAP_THRESHOLD_"  # by which an operator sets it


def give_back_pictures() -> None:
    """Give large pieces back when they are freed, in this process. Where the C library is not glibc: do nothing."""
    if VARIABLE in os.environ:
        return
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
