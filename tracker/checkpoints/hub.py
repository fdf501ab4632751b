"""
What the download needs of huggingface_hub that its documentation does not promise, in one place.

``file_download.repo_folder_name`` names a repository's folder in the cache; files lie in its ``blobs``, called by their
ETag. huggingface_hub documents how the cache looks, but offers no call that says where a file not fetched yet will be.
tests/unit/tracker/checkpoints/test_hub.py fails on the day that a file put there is not found any more.
"""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name


def blobs(repository: str, cache: Path | None) -> Path:
    """The folder in which huggingface_hub keeps a model's files; ``cache``: elsewhere than HF_HOME says."""
    return Path(cache or constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type="model") / "blobs"
