"""Which detection is which object: association by mask IoU."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment


def assign(ious: npt.NDArray[np.floating], min_iou: float) -> list[tuple[int, int]]:
    """
    Pair rows with columns of an (N, M) IoU matrix so that the sum of IoUs is greatest (Kuhn 1955).

    Each row and column is used at most once; no pair has an IoU under ``min_iou``. Returns (row, column) by row.
    """
    # What may not be paired is worth nothing, so that it never takes a column from a pair that may.
    allowed = np.where(ious >= min_iou, ious, 0.0)
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if allowed[row, column] > 0]
