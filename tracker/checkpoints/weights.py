"""
Weights files: read, check, write.

A file is ``.safetensors`` or a torch file in the layout of upstream's ``sam3.pt``: ``detector.…`` for the image model
and ``tracker.…`` for the interactive head and memory, with or without ``{"model": …}`` around them. The layout of
``transformers`` is read too, from one file or from a folder of several
(:mod:`tracker.checkpoints.transformers_layout`). Every key is accounted for: what is missing, unexpected or of the
wrong shape is an error that names it.
"""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from tracker.checkpoints import transformers_layout
from tracker.checkpoints.keymap import DETECTOR, TRACKER, with_prefixes
from tracker.checkpoints.layouts import layout_of
from tracker.checkpoints.listing import listing
from tracker.model.configs import ENTRIES, Ability
from tracker.types import WeightsError

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"  # what transformers writes, in one file or several
CLICKS_NECK = f"{DETECTOR}backbone.vision_backbone.sam2_convs."  # of clicks, boxes and memory
Shapes = Callable[[str, Tensor], dict[str, tuple[int, ...]]]
PRESERVED = "preserved_base"  # what a name begins with under which EfficientSAM3 keeps SAM 3's clicks and memory


def load(
    model: nn.Module,
    path: Path,
    progress: Callable[[str], None] | None = None,
    *,
    tensors: dict[str, Tensor] | None = None,
) -> frozenset[Ability]:
    """
    Load a weights file into ``model``, in place; ``tensors``: what :func:`read` has read of it.

    Returns what the file has weights for. One without the interactive head is read as far as it goes: the head keeps
    the weights that it was made with, and must not be asked. Raises :class:`WeightsError`; the model is then unchanged.
    """
    if progress and tensors is None:
        progress(f"reading {path}")
    found = read(path, progress) if tensors is None else tensors
    wanted = upstream_keys(model)
    layout = layout_of(found)
    shapes: Shapes = _same_shape if layout is None else layout.shapes
    try:
        found = with_prefixes(found) if layout is None else layout.from_theirs(layout.tidy(found), wanted)
    except WeightsError as error:
        raise WeightsError(f"{path} does not fit this model: {error}") from None
    absent = transformers_layout.absent(wanted.keys() - found.keys())
    found |= {key: wanted[key] for keys in absent.values() for key in keys}
    clicks = any(key.startswith(TRACKER) for key in found)
    if not clicks:
        found = {key: wanted[key] for key in wanted if key.startswith((TRACKER, CLICKS_NECK))} | found
    _account(path, wanted, found, shapes)
    if progress and not clicks:
        progress(f"{path} has no weights for clicks, boxes and memory: it finds objects by words and examples only")
    if progress:
        for how, keys in absent.items():
            progress(f"{path} leaves out {listing('tensors', keys)} ({how})")
    model.load_state_dict(dict(zip(model.state_dict(), (found[key] for key in wanted), strict=True)))
    return frozenset(Ability) if clicks else frozenset(Ability) - {Ability.CLICKS, Ability.MEMORY}


def _account(path: Path, wanted: dict[str, Tensor], found: dict[str, Tensor], shapes: Shapes) -> None:
    """Raise :class:`WeightsError` unless ``found`` is what is ``wanted``; ``shapes`` names it in the file's words."""
    asked: dict[str, tuple[int, ...]] = {}
    for key, value in wanted.items():
        if key not in found or found[key].shape != value.shape:
            asked |= shapes(key, value)
    problems = [
        listing("missing", sorted(asked.keys() - found.keys())),
        listing("unexpected", sorted(found.keys() - wanted.keys() - asked.keys())),
        listing("of the wrong shape", _misshapen(asked, found)),
    ]
    if any(problems):
        raise WeightsError(f"{path} does not fit this model: {'; '.join(filter(None, problems))}")
    broken = [key for key, value in found.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise WeightsError(f"{path} is damaged: {listing('not finite', broken)}")


def upstream_keys(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of a model by the keys of upstream's checkpoint, in the model's order."""
    return with_prefixes(model.state_dict())


def save(model: nn.Module, path: Path, dtype: torch.dtype = torch.float16) -> None:
    """
    Write ``model``'s weights as safetensors, floating point as ``dtype``, with a checksum for each tensor.

    With the checksums a damaged file is refused by the name of the tensor, not used with a wrong weight.
    """
    tensors = {
        # clone: some weights are shared between modules, and safetensors writes no shared storage.
        key: value.detach().to("cpu", dtype if value.is_floating_point() else None).contiguous().clone()
        for key, value in upstream_keys(model).items()
    }
    checksums = {key: _checksum(value) for key, value in tensors.items()}
    safetensors.torch.save_file(tensors, path, metadata={"crc32": json.dumps(checksums)})


def read(path: Path, progress: Callable[[str], None] | None = None) -> dict[str, Tensor]:
    """
    The tensors of a weights file or folder, on the CPU, keys as they stand. Raises :class:`WeightsError`.

    ``progress`` is told what lay elsewhere in the file than one would think.
    """
    if path.is_dir():
        return _read_folder(path)
    if path.name.endswith(".index.json"):
        return _read_shards(path)
    if not path.is_file():
        raise WeightsError(f"{path} is not a file")
    if zipfile.is_zipfile(path) or path.suffix in {".pt", ".pth", ".bin", ".ckpt"}:
        return _read_torch(path, progress)
    return _read_safetensors(path)


def _read_folder(folder: Path) -> dict[str, Tensor]:
    names = (WHOLE, INDEX, *(entry.file.short for entry in ENTRIES if entry.file is not None))
    for name in names:
        if (folder / name).is_file():
            return read(folder / name)
    raise WeightsError(f"{folder} holds none of {', '.join(names[:-1])} and {names[-1]}")


def _read_shards(index: Path) -> dict[str, Tensor]:
    """A checkpoint in several files: ``index`` says in its ``weight_map`` which key is in which of them."""
    try:
        places: dict[str, str] = json.loads(index.read_text())["weight_map"]
        names = sorted(set(places.values()))
        if not names or any(Path(name).name != name or name.endswith(".json") for name in names):
            raise ValueError("it names no files of its own folder")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{index} is damaged or no index of weights: {error}") from error
    gone = [name for name in names if not (index.parent / name).is_file()]
    if gone:
        raise WeightsError(f"{index} needs {len(names)} files: {listing('missing', gone)}")
    found: dict[str, Tensor] = {}
    for name in names:
        found |= read(index.parent / name)
    lost = sorted(places.keys() - found.keys())
    if lost:
        raise WeightsError(f"{index} promises more than its files hold: {listing('missing', lost)}")
    return found


def _read_torch(path: Path, progress: Callable[[str], None] | None) -> dict[str, Tensor]:
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
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        preserved = _preserved(content)
        content = content["model"]
        if preserved and all(isinstance(key, str) for key in content):
            if progress:
                progress(f"{path} keeps {listing('tensors', preserved)} under {PRESERVED}…: untouched by its training")
            content = preserved | with_prefixes(content)
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} holds no dictionary of tensors")
    return content


def _preserved(content: dict[object, object]) -> dict[str, Tensor]:
    """What a checkpoint of EfficientSAM3 keeps beside the model that was trained, under upstream's keys."""
    found: dict[str, Tensor] = {}
    for name, part in content.items():
        if isinstance(name, str) and name.startswith(PRESERVED) and isinstance(part, dict):
            for key, value in part.items():  # one by one: keys of either kind stand side by side there
                found |= with_prefixes({key: value}) if isinstance(value, Tensor) else {}
    return found


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    _check_length(path)
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (the file is no mapping)
    except safetensors.SafetensorError as error:
        raise WeightsError(f"{path} is damaged or no safetensors file: {error}") from error
    try:
        checksums: dict[str, int] = json.loads(metadata.get("crc32", "{}"))
    except ValueError as error:
        raise WeightsError(f"{path} is damaged: its checksums cannot be read") from error
    damaged = [key for key, value in tensors.items() if key in checksums and checksums[key] != _checksum(value)]
    if damaged:
        raise WeightsError(f"{path} is damaged: {listing('checksum wrong', damaged)}")
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


def _same_shape(key: str, value: Tensor) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape)}


def _misshapen(asked: dict[str, tuple[int, ...]], found: dict[str, Tensor]) -> list[str]:
    return [
        f"{key} {tuple(found[key].shape)} instead of {shape}"
        for key, shape in sorted(asked.items())
        if key in found and found[key].shape != shape
    ]
