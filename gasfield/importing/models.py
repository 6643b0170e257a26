"""The tensors of one model: a file, or a folder with shards, an index, or the same weights in two formats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gasfield.errors import InputError
from gasfield.importing.entries import SUFFIXES
from gasfield.tensors import Tensor, merged, tensors_of

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
_DISTRIBUTED = ".distcp"
_WHOLE = ("model.safetensors", "pytorch_model.bin")
"""File names of whole models; a folder with both holds the same weights twice."""
_INDICES = (".safetensors.index.json", ".bin.index.json")


def tensors_of_model(path: Path) -> list[Tensor]:
    """All tensors of a model; no data are loaded.

    Raises:
        InputError: if there are none, or a file is damaged or would have to be unpickled.
    """
    if path.is_file():
        return tensors_of(path)
    names = _names(path)
    for index in (name for suffix in _INDICES for name in names if name.endswith(suffix)):
        return tensors_of_model(path / index)
    for name in _WHOLE:
        if name in names:
            return tensors_of_model(path / name)
    if any(name.endswith(_DISTRIBUTED) for name in names):
        return tensors_of(path)
    files = weight_files(path, shards=True)
    if not files:
        raise InputError(f"{path}: no weights in this folder ({', '.join(f'*{suffix}' for suffix in SUFFIXES)}).")
    shards = [file for file in files if _SHARD.search(file.name) and file.suffix == ".safetensors"]
    files = shards or files  # the same weights may be there in another format
    _check_parts(path, [file.name for file in files])
    return merged({file: tensors_of_model(file) for file in files})


def is_model(folder: Path) -> bool:
    """Whether a folder is one model: it has an index, shards, a whole model, or one file of weights."""
    names = _names(folder)
    whole = (*_INDICES, _DISTRIBUTED)
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
