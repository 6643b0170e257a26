"""The tensors of one model: a file, or a folder with shards, an index, or the same weights in two formats."""

from __future__ import annotations

import json
import re
from pathlib import Path

from gasfield.errors import InputError
from gasfield.importing.state_dicts import is_state_dict, state_dict_tensors
from gasfield.tensors import Tensor, missing_tensor, tensors_of

_WEIGHTS = (".safetensors", ".npy", ".npz", ".pt", ".pth", ".bin", ".ckpt")
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.(safetensors|bin)$")
_NOT_WEIGHTS = ("optimizer", "scheduler", "rng_state", "training_args", "scaler", "random_states")
_WHOLE = ("model.safetensors", "pytorch_model.bin")
"""File names of whole models; a folder with both holds the same weights twice."""
_INDICES = ("*.safetensors.index.json", "*.bin.index.json")


def tensors_of_model(path: Path) -> list[Tensor]:
    """All tensors of a model; no data are loaded.

    Raises:
        InputError: if there are none, or a file is damaged or would have to be unpickled.
    """
    if path.is_file():
        if path.name.endswith(".bin.index.json"):
            return _of_index(path)
        return state_dict_tensors(path) if is_state_dict(path) else tensors_of(path)
    for pattern in _INDICES:
        for index in sorted(path.glob(pattern)):
            return tensors_of_model(index)
    for name in _WHOLE:
        if (path / name).is_file():
            return tensors_of_model(path / name)
    files = weight_files(path, shards=True)
    if not files:
        raise InputError(f"{path}: no weights in this folder ({', '.join(f'*{suffix}' for suffix in _WEIGHTS)}).")
    return [tensor for file in files for tensor in tensors_of_model(file)]


def is_model(folder: Path) -> bool:
    """Whether a folder is one model: it has an index, shards, a whole model, or one file of weights."""
    names = [entry.name for entry in folder.iterdir() if entry.is_file()]
    if any(name.endswith((".safetensors.index.json", ".bin.index.json")) or _SHARD.search(name) for name in names):
        return True
    return any(name in names for name in _WHOLE) or len(weight_files(folder)) == 1


def weight_files(folder: Path, shards: bool = False) -> list[Path]:
    """Files that may hold weights, by name; files of optimiser states are excluded."""
    return [
        entry
        for entry in sorted(folder.iterdir())
        if entry.is_file()
        and entry.suffix in _WEIGHTS
        and (shards or not _SHARD.search(entry.name))
        and not entry.name.startswith((".", *_NOT_WEIGHTS))
    ]


def _of_index(path: Path) -> list[Tensor]:
    """The tensors of shards of `torch.save`. A missing shard is an error only if one of its tensors is loaded."""
    try:
        places = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        shards = {str(name): str(file) for name, file in places.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: not an index of shards, which is a JSON object with `weight_map`.") from None
    found: dict[str, Tensor] = {}
    for file in sorted(set(shards.values())):
        if Path(file).name != file:
            raise InputError(f"{path}: weight_map names {file!r}; shards must be in the folder of their index.")
        if (path.parent / file).is_file():
            found |= {tensor.name: tensor for tensor in state_dict_tensors(path.parent / file)}
    return [found.get(name) or missing_tensor(name, path.parent / file) for name, file in shards.items()]
