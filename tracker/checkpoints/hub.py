"""
What the download needs of huggingface_hub that its documentation does not promise, in one place.

``repo_folder_name`` names a repository's folder in the cache; files lie in its ``blobs``, called by their ETag. How the
cache looks is documented, but no call says where a file that was not fetched yet will be. ``WeakFileLock`` is the lock
that huggingface_hub itself takes on such a file, so that two of us, or it and we, do not write at once.
``build_hf_headers`` knows the token and the name to ask under. tests/unit/tracker/checkpoints/test_hub.py
fails on the day that one of them is gone, or that a file put there is not found any more.
"""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils._fixes import WeakFileLock
from huggingface_hub.utils._headers import build_hf_headers

__all__ = ["WeakFileLock", "blobs", "build_hf_headers"]


def blobs(repository: str, cache: Path | None) -> Path:
    """The folder in which huggingface_hub keeps a model's files; ``cache``: elsewhere than HF_HOME says."""
    return Path(cache or constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type="model") / "blobs"
