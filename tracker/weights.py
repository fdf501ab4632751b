"""
Weights files: read, check, write, and the gated download of the full model.

A file is ``.safetensors`` or a torch file in the layout of upstream's ``sam3.pt``: ``detector.…`` for the image model
and ``tracker.…`` for the interactive head and memory, with or without ``{"model": …}`` around them. Every key is
accounted for: what is missing, unexpected or of the wrong shape is an error that names it.
"""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from tracker.types import WeightsError

REPOSITORY, FILE = "facebook/sam3", "sam3.pt"
HOW_TO_GET_ACCESS = (
    f"The weights of {REPOSITORY} are given out by Meta on request: log in at https://huggingface.co/{REPOSITORY}, "
    "accept the licence, wait for the approval, then run `hf auth login` here or set HF_TOKEN. "
    "Or pass a file you already have with --checkpoint FILE."
)
_DETECTOR, _TRACKER, _INTERACTIVE = "detector.", "tracker.", "inst_interactive_predictor.model."
_NAMED = 5  # keys named in a message before "and N more"


def load(model: nn.Module, path: Path, progress: Callable[[str], None] | None = None) -> None:
    """Load a weights file into ``model``, in place. Raises :class:`WeightsError`; the model is then unchanged."""
    if progress:
        progress(f"reading {path}")
    found = _image_keys(read(path))
    wanted = model.state_dict()
    problems = [
        _listing("missing", sorted(wanted.keys() - found.keys())),
        _listing("unexpected", sorted(found.keys() - wanted.keys())),
        _listing("of the wrong shape", _misshapen(wanted, found)),
    ]
    if any(problems):
        raise WeightsError(f"{path} does not fit this model: {'; '.join(filter(None, problems))}")
    broken = [key for key, value in found.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise WeightsError(f"{path} is damaged: {_listing('not finite', broken)}")
    model.load_state_dict(found)


def save(model: nn.Module, path: Path, dtype: torch.dtype = torch.float16) -> None:
    """
    Write ``model``'s weights as safetensors, floating point as ``dtype``, with a checksum for each tensor.

    With the checksums a damaged file is refused by the name of the tensor, not used with a wrong weight.
    """
    tensors = {}
    for key, value in model.state_dict().items():
        interactive = key.startswith(_INTERACTIVE)
        name = _TRACKER + key.removeprefix(_INTERACTIVE) if interactive else _DETECTOR + key
        # clone: some weights are shared between modules, and safetensors writes no shared storage.
        tensors[name] = value.detach().to("cpu", dtype if value.is_floating_point() else None).contiguous().clone()
    checksums = {key: _checksum(value) for key, value in tensors.items()}
    safetensors.torch.save_file(tensors, path, metadata={"crc32": json.dumps(checksums)})


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file, on the CPU, keys as they stand. Raises :class:`WeightsError`."""
    if not path.is_file():
        raise WeightsError(f"{path} is not a file")
    if zipfile.is_zipfile(path) or path.suffix in {".pt", ".pth", ".bin", ".ckpt"}:
        return _read_torch(path)
    return _read_safetensors(path)


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                info = archive.getinfo(damaged)
                end = info.header_offset + info.compress_size
                raise WeightsError(f"{path} is damaged: {damaged}, about bytes {info.header_offset} to {end}")
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (zipfile.BadZipFile, pickle.UnpicklingError, EOFError, RuntimeError, NotImplementedError) as error:
        size = path.stat().st_size
        raise WeightsError(f"{path} ({size} bytes) is cut short, damaged or no torch file: {error}") from error
    content = content["model"] if isinstance(content, dict) and isinstance(content.get("model"), dict) else content
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} holds no dictionary of tensors")
    return content


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    _check_length(path)
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (the file is no mapping)
    except safetensors.SafetensorError as error:
        raise WeightsError(f"{path} is damaged or no safetensors file: {error}") from error
    checksums = json.loads(metadata.get("crc32", "{}"))
    damaged = [key for key, value in tensors.items() if key in checksums and checksums[key] != _checksum(value)]
    if damaged:
        raise WeightsError(f"{path} is damaged: {_listing('checksum wrong', damaged)}")
    return tensors


def _check_length(path: Path) -> None:
    """A safetensors file says in its header how long it is: name the byte where a cut file ends."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else None
        if length is None or length > size - 8:
            raise WeightsError(f"{path} ({size} bytes) is cut short or no safetensors file: its header is incomplete")
        try:
            header = json.loads(file.read(length))
            end = 8 + length + max(value["data_offsets"][1] for key, value in header.items() if key != "__metadata__")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise WeightsError(f"{path} is damaged: bytes 8 to {8 + length}, its header, cannot be read") from error
    if end != size:
        raise WeightsError(f"{path} is damaged: it has {size} bytes, its header promises {end}")


def _checksum(value: Tensor) -> int:
    return zlib.crc32(value.contiguous().flatten().view(torch.uint8).numpy().tobytes())


def _image_keys(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Upstream's checkpoint keys as keys of its image model, as ``sam3.model_builder._load_checkpoint`` maps them."""
    if not any(key.startswith((_DETECTOR, _TRACKER)) for key in tensors):
        return tensors
    renamed = {}
    for key, value in tensors.items():
        if key.startswith(_TRACKER):
            renamed[_INTERACTIVE + key.removeprefix(_TRACKER)] = value
        else:
            renamed[key.removeprefix(_DETECTOR)] = value
    return renamed


def _misshapen(wanted: dict[str, Tensor], found: dict[str, Tensor]) -> list[str]:
    return [
        f"{key} {tuple(found[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in sorted(wanted.keys() & found.keys())
        if wanted[key].shape != found[key].shape
    ]


def _listing(what: str, keys: Iterable[str]) -> str:
    keys = list(keys)
    if not keys:
        return ""
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return f"{len(keys)} {what}: {', '.join(keys[:_NAMED])}{more}"


def download(
    progress: Callable[[str], None] | None = None, *, endpoint: str | None = None, cache: Path | None = None
) -> Path:
    """
    Fetch upstream's checkpoint, or find it in the Hugging Face cache (``cache``: elsewhere). Returns its path.

    A bar on stderr shows the progress where stderr is a terminal. Raises :class:`WeightsError`, with the way to get
    access when the server refuses.
    """
    import huggingface_hub
    from huggingface_hub import errors

    if progress:
        progress(f"looking for {REPOSITORY}/{FILE} (3.4 GB, kept in the Hugging Face cache)")
    try:
        return Path(huggingface_hub.hf_hub_download(REPOSITORY, FILE, endpoint=endpoint, cache_dir=cache))
    except errors.GatedRepoError as error:
        raise WeightsError(f"Access to {REPOSITORY} was refused. {HOW_TO_GET_ACCESS}") from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise WeightsError(
            f"{REPOSITORY}/{FILE} cannot be had ({type(error).__name__}). {HOW_TO_GET_ACCESS}"
        ) from error
