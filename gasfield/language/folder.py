"""What a model folder holds, checked before anything is opened: configuration, weights that are no pickles, code."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.reading import read_object, whole
from gasfield.tensors import Tensor, tensors_of
from gasfield.tensors.formats.pickled import NO_PICKLES, SUFFIXES

CONFIG = "config.json"
GENERATION = "generation_config.json"
_OF_A_MODEL = " Of a whole model, transformers' save_pretrained(NEW_FOLDER) writes safetensors."
_CODE = "auto_map"
_BYTES = 4


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a model.

    Raises:
        InputError: if there is none, or it is not a JSON object.
    """
    if not (folder / CONFIG).is_file():
        raise InputError(f"{folder}: no {CONFIG} in this folder, so it is not a model in Hugging Face's layout.")
    return read_object(folder / CONFIG)


def tensors_of_model(folder: Path) -> list[Tensor]:
    """The tensors of a model; only the headers of the files are read.

    Raises:
        InputError: if it has no weights, pickled weights only, damaged files, a shard is missing, or the model does not
            fit into memory in float32.
    """
    _require_safetensors(folder)
    tensors, size = tensors_of(folder), 0
    for tensor in tensors:
        if tensor.shape is None:
            tensor.load()  # says which shard is missing
        else:
            size += _BYTES * math.prod(tensor.shape)
    require_memory(size, f"{folder}: the model in float32")
    return tensors


def _require_safetensors(folder: Path) -> None:
    """Refuses other formats: transformers would unpickle them, and both readers take the same models."""
    if any(folder.glob("*.safetensors")):
        return
    pickles = [file for file in sorted(folder.iterdir()) if file.suffix in SUFFIXES]
    if pickles:
        raise InputError(f"{pickles[0]}: {NO_PICKLES}{_OF_A_MODEL}")
    raise InputError(f"{folder}: no *.safetensors in this folder.")


def end_tokens(folder: Path, config: dict[str, Any], default: int | None = None) -> tuple[int, ...]:
    """Ids that end a text, by the folder's generation_config.json, else by its configuration."""
    stated = config.get("eos_token_id", default)
    if (folder / GENERATION).is_file():
        stated = read_object(folder / GENERATION).get("eos_token_id", stated)
    return tuple_of(stated)


def tuple_of(ids: Any) -> tuple[int, ...]:
    """Token ids from how a configuration states them: null, a number or a list; what is no integer is left out."""
    found = [whole(index) for index in (ids if isinstance(ids, list | tuple) else [ids])]
    return tuple(index for index in found if index is not None)


def names_code(folder: Path, config: dict[str, Any]) -> bool:
    """Whether a model comes with Python code of its own, which is never run."""
    tokenizer = folder / "tokenizer_config.json"
    return _CODE in config or (tokenizer.is_file() and _CODE in read_object(tokenizer))
