"""Keeps the trained tiny model: folders in the layout of GPT-2, which gasfield and transformers open.

The tiny model is a GPT-2 but for two things: its activation is the exact GELU, and it has no dropout. GPT-2 stores the
transpose of each matrix of a linear layer (transformers' `Conv1D`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gasfield.errors import InputError
from gasfield.files import make_folder, remove, write_file, write_json
from gasfield.recording.model import TinyLanguageModel
from gasfield.recording.plan import Geometry
from gasfield.tensors import encode_safetensors

CONFIG = "config.json"
_STEP = re.compile(r"step-\d+")
_OUTSIDE = {"embedding": "wte", "positions": "wpe", "norm": "ln_f"}
_IN_BLOCK = {
    "attention_norm": "ln_1",
    "query_key_value": "attn.c_attn",
    "attention_out": "attn.c_proj",
    "feed_forward_norm": "ln_2",
    "expand": "mlp.c_fc",
    "contract": "mlp.c_proj",
}
"""Layer of a block -> its name in GPT-2."""
_LINEAR = ("query_key_value", "attention_out", "expand", "contract")


class ModelKeeper:
    """Writes the model of a training, at chosen steps and at the end."""

    def __init__(self, folder: Path, *, steps: Collection[int], last: int, overwrite: bool) -> None:
        """Checks the folder; nothing is written yet.

        Args:
            folder: of the model at the end; the model at step s is written to its subfolder step-00000s.
            steps: numbers of updates after which the model is kept; 0 is the model before training.
            last: number of updates of the whole training.
            overwrite: whether a model in the folder may be replaced.

        Raises:
            InputError: if the folder is a file, or holds anything and must not be replaced, or holds steps of another
                training that would remain.
        """
        self._folder = folder
        self._last = last
        self._folders = {step: folder / f"step-{step:0{max(6, len(str(last)))}d}" for step in steps}
        _check_folder(folder, {path.name for path in self._folders.values()}, overwrite=overwrite)

    def keep(self, model: TinyLanguageModel, geometry: Geometry, tokenizer: str, updates: int) -> None:
        """Writes the model after so many updates, if it is to be kept.

        Args:
            model: now.
            geometry: of it.
            tokenizer: its JSON.
            updates: number of updates made.

        Raises:
            WriteError: if it cannot be written.
        """
        if updates in self._folders:
            write_model(self._folders[updates], model, geometry, tokenizer, updates)
        if updates == self._last:
            write_model(self._folder, model, geometry, tokenizer, updates)


def write_model(folder: Path, model: TinyLanguageModel, geometry: Geometry, tokenizer: str, updates: int) -> None:
    """Writes a folder with model.safetensors, config.json, tokenizer.json, tokenizer_config.json and
    generation_config.json. The configuration is written last and removed first, so that a folder which a killed process
    has left unfinished is not opened as a model.

    Raises:
        WriteError: if a file cannot be written.
    """
    make_folder(folder)
    remove(folder / CONFIG)
    metadata = {"format": "pt", "step": str(updates)}  # transformers opens no file without the format
    write_file(folder / "model.safetensors", encode_safetensors(_tensors(model), metadata))
    write_file(folder / "tokenizer.json", tokenizer)
    write_json(folder / "tokenizer_config.json", _tokenizer_config(geometry))
    write_json(folder / "generation_config.json", {"bos_token_id": None, "eos_token_id": None})
    dtype = str(model.embedding.weight.dtype).removeprefix("torch.")
    write_json(folder / CONFIG, _config(geometry, model.norm.eps, dtype))


def _check_folder(folder: Path, steps: Collection[str], *, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError("is a file; the model is written to a folder.", parameter="keep_model", value=folder)
    held = [path.name for path in folder.iterdir()]
    if held and not overwrite:
        message = f"this folder is not empty (it holds {min(held)}); choose another, or overwrite the model in it."
        raise InputError(message, parameter="keep_model", value=folder)
    stale = sorted(name for name in held if _STEP.fullmatch(name) and name not in steps)
    if stale:
        message = f"holds {stale[0]} of another training, which would stay in this series; remove it."
        raise InputError(message, parameter="keep_model", value=folder)


def _tensors(model: TinyLanguageModel) -> dict[str, tuple[str, NDArray[Any]]]:
    """The parameters by their names in GPT-2; the output matrix is tied to the embedding and not stored again."""
    tensors: dict[str, tuple[str, NDArray[Any]]] = {}
    for name, parameter in model.named_parameters():
        layer, kind = name.removeprefix("blocks.").rsplit(".", 1)
        if name.startswith("blocks."):
            number, layer = layer.split(".", 1)
            theirs = f"h.{number}.{_IN_BLOCK[layer]}.{kind}"
        else:
            theirs = f"{_OUTSIDE[layer]}.{kind}"
        transposed = layer in _LINEAR and kind == "weight"
        tensors[f"transformer.{theirs}"] = _stored(parameter.detach().T if transposed else parameter.detach())
    return tensors


def _stored(values: Tensor) -> tuple[str, NDArray[Any]]:
    """The number type and the values; of bfloat16 the bits."""
    values = values.contiguous().cpu()
    if values.dtype == torch.bfloat16:
        return "BF16", values.view(torch.int16).numpy().view(np.uint16)
    return "F32", values.float().numpy()


def _config(geometry: Geometry, epsilon: float, dtype: str) -> dict[str, Any]:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": geometry.vocabulary,
        "n_positions": geometry.sequence,
        "n_embd": geometry.dimensions,
        "n_layer": geometry.layers,
        "n_head": geometry.heads,
        "n_inner": geometry.feed_forward,
        "activation_function": "gelu",
        "layer_norm_epsilon": epsilon,
        "initializer_range": geometry.initial_spread,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "scale_attn_weights": True,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": None,
        "torch_dtype": dtype,
    }


def _tokenizer_config(geometry: Geometry) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": geometry.sequence,
        "clean_up_tokenization_spaces": False,
    }
