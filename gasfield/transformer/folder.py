"""A model's folder in Hugging Face's layout: its configuration, and its tensors, whose sizes are checked first."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.reading import read_object
from gasfield.tensors import Tensor, tensors_of
from gasfield.tensors.formats.pickled import NO_PICKLES, SUFFIXES

CONFIG = "config.json"
_OF_A_MODEL = " Of a whole model, transformers' save_pretrained(NEW_FOLDER) writes safetensors."
_BYTES = 4


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a model.

    Raises:
        InputError: if there is none, or it is not a JSON object.
    """
    if not (folder / CONFIG).is_file():
        raise InputError(f"{folder}: no {CONFIG} in this folder, so it is not a model in Hugging Face's layout.")
    return read_object(folder / CONFIG)


def tensors_of_model(path: Path) -> list[Tensor]:
    """The tensors of a model, from its folder or file; only the headers of the files are read.

    Raises:
        InputError: if it has no weights, pickled weights only, damaged files, a shard is missing, or the model does not
            fit into memory in float32.
    """
    if path.is_dir():
        _require_safetensors(path)
    tensors, size = tensors_of(path), 0
    for tensor in tensors:
        if tensor.shape is None:
            tensor.load()  # says which shard is missing
        else:
            size += _BYTES * math.prod(tensor.shape)
    require_memory(size, f"{path}: the model in float32")
    return tensors


def _require_safetensors(folder: Path) -> None:
    """Refuses other formats: transformers would unpickle them, and all readers take the same models."""
    if any(folder.glob("*.safetensors")):
        return
    pickles = [file for file in sorted(folder.iterdir()) if file.suffix in SUFFIXES]
    if pickles:
        raise InputError(f"{pickles[0]}: {NO_PICKLES}{_OF_A_MODEL}")
    raise InputError(f"{folder}: no *.safetensors in this folder.")
