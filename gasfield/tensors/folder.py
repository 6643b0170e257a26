"""Which files of a folder hold the weights of one model: an index, shards, a whole model, or a distributed checkpoint.

A folder may hold the same weights in several formats, and files of the optimiser and other parts of a training.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from gasfield.errors import InputError
from gasfield.tensors.formats.distributed import SUFFIX as DISTRIBUTED
from gasfield.tensors.formats.distributed import is_distributed, read_distributed
from gasfield.tensors.shards import merged
from gasfield.tensors.tensor import Tensor

SUFFIXES = (".safetensors", ".npy", ".npz", ".pt", ".pth", ".bin", ".ckpt", ".gguf")
"""Of files that may hold weights."""
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.(?:safetensors|bin)$")
_NOT_WEIGHTS = re.compile(
    r"\.|(?:distrib_)?optim(?:izer|iser)?(?:[._-]|$)|scheduler|rng_state|random_states|scaler|training_args|trainer(?:[._-]|$)"
    r"|train\.|(?:bf16_|fp16_)?zero_pp_rank_\d+_mp_rank_\d+_optim_states"
)
"""How files and folders begin that belong to optimisers and other parts of a training."""
_NOT_FOLDERS = ("blobs", "refs", "train")
_RANK = re.compile(
    r"(?:zero_pp_rank_\d+_)?mp_rank_(\d+)_model_states\.pt|layer_\d+-model_(\d+)-model_states\.pt", re.ASCII
)
"""DeepSpeed's files of weights, by the process that had this part of every matrix."""
_WHOLE = ("model.safetensors", "pytorch_model.bin")
"""File names of whole models, beside which there may be the same weights in other forms."""
_INDICES = (".safetensors.index.json", ".bin.index.json")


def tensors_in(folder: Path, read: Callable[[Path], list[Tensor]]) -> list[Tensor]:
    """All tensors of the model in a folder; no data are loaded.

    Args:
        folder: with the weights.
        read: the tensors of one file.

    Raises:
        InputError: if there are none, or a file is damaged or would have to be unpickled.
    """
    names = _names(folder)
    for index in (name for suffix in _INDICES for name in names if name.endswith(suffix)):
        return read(folder / index)
    for name in _WHOLE:
        if name in names:
            return read(folder / name)
    if is_distributed(folder):
        return read_distributed(folder)
    files = weight_files(folder, shards=True)
    if not files:
        raise InputError(f"{folder}: no weights in this folder ({', '.join(f'*{suffix}' for suffix in SUFFIXES)}).")
    shards = [file for file in files if _SHARD.search(file.name) and file.suffix == ".safetensors"]
    files = shards or files  # the same weights may be there in another format
    _check_parts(folder, [file.name for file in files])
    return merged({file: read(file) for file in files})


def is_model(folder: Path) -> bool:
    """Whether a folder is one model: it has an index, shards, a whole model, or one file of weights."""
    names = _names(folder)
    whole = (*_INDICES, DISTRIBUTED)
    if any(name in _WHOLE or name.endswith(whole) or _SHARD.search(name) or _RANK.fullmatch(name) for name in names):
        return True
    return len(weight_files(folder)) == 1


def weight_files(folder: Path, shards: bool = False) -> list[Path]:
    """Files that may hold weights, by name; files of optimiser states are excluded."""
    return [
        folder / name
        for name in _names(folder)
        if name.lower().endswith(SUFFIXES) and (shards or not _SHARD.search(name)) and not _NOT_WEIGHTS.match(name)
    ]


def without_weights(folder: str) -> bool:
    """Whether a folder, by its name, belongs to the optimiser or another part of a training."""
    return folder in _NOT_FOLDERS or bool(_NOT_WEIGHTS.match(folder))


def _names(folder: Path) -> list[str]:
    """The names of the files in a folder, in order."""
    return sorted(entry.name for entry in folder.iterdir() if entry.is_file())


def _check_parts(path: Path, names: Sequence[str]) -> None:
    """Refuses files of which each has a part of every matrix, and shards of several models."""
    ranks = {found[1] or found[2] for name in names if (found := _RANK.fullmatch(name))}
    if len(ranks) > 1:
        raise InputError(
            f"{path}: the model is divided among {len(ranks)} processes, and its matrices with it; merge the parts "
            "with the tools of its framework."
        )
    models = sorted({_SHARD.sub("", name) for name in names if _SHARD.search(name)})
    if len(models) > 1:
        raise InputError(
            f"{path}: shards of several models, {models[0]} and {models[1]}; each belongs in a folder of its own."
        )
