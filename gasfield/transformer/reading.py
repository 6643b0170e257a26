"""Reads a transformer from a folder in Hugging Face's layout or a GGUF file, without any other package but NumPy
(a quantised GGUF file needs the package gguf)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from gasfield.errors import InputError
from gasfield.printable import listed, shortened
from gasfield.tensors import Tensor, gguf_values
from gasfield.transformer.configuration import Configuration
from gasfield.transformer.families import gguf, gpt2, gpt_neox, llama
from gasfield.transformer.folder import CONFIG, read_config, tensors_of_model
from gasfield.transformer.parts import Array, Transformer
from gasfield.transformer.weights import Shapes, load_weights, require_no_others

_MAGIC = b"GGUF"
_NAMED = 3


class _Geometry(Protocol):
    """What each family makes of a configuration."""

    @property
    def layers(self) -> int: ...

    def shapes(self) -> Shapes: ...

    def assemble(self, name: str, arrays: dict[str, Array]) -> Transformer: ...


_FAMILIES = {**dict.fromkeys(llama.MODELS, llama), "gpt2": gpt2, "gpt_neox": gpt_neox}


def read_transformer(path: str | Path) -> Transformer:
    """The weights of a model in float32: of Llama, Mistral and Qwen2 (a folder or a GGUF file), GPT-2, also as
    `gasfield record --keep-model` writes it, and GPT-NeoX (folders).

    Args:
        path: of the folder or file. Nothing is downloaded, unpickled, or run.

    Raises:
        InputError: if there is no such model, its family is not computed here (the message says what it has that no
            family has), a tensor is missing, of another shape or not finite, or memory does not suffice.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise InputError(f"{path}: there is no such folder or file; models are not downloaded.")
    config, stored = _folder(path) if path.is_dir() else _gguf(path)
    geometry, unused = _geometry(config, stored)
    if geometry.layers > len(stored):  # before anything is listed for each layer
        message = f"has {geometry.layers} layers by its configuration, and files with {len(stored)} tensors"
        raise InputError(f"{path}: the model {message}.")
    shapes = geometry.shapes()
    tied = ("lm_head.weight", "embed_out.weight")  # stored by some though the embedding takes their place
    require_no_others(path, stored, shapes, (*unused, *tied))
    return geometry.assemble(path.resolve().name, load_weights(path, stored, shapes))


def _folder(path: Path) -> tuple[Configuration, dict[str, Tensor]]:
    entries = read_config(path)
    config = Configuration(path / CONFIG, entries)
    if "quantization_config" in entries:
        raise InputError(f"{config.path}: a quantised model; save its weights dequantised, or give a GGUF file.")
    family = _FAMILIES.get(str(entries.get("model_type")))
    prefix = family.PREFIX if family else llama.PREFIX
    return config, {tensor.name.removeprefix(prefix): tensor for tensor in tensors_of_model(path)}


def _gguf(path: Path) -> tuple[Configuration, dict[str, Tensor]]:
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise InputError(f"{path}: not a GGUF file; of a model in Hugging Face's layout, give the folder.")
    values = gguf_values(path)
    stored = gguf.renamed(values, tensors_of_model(path))
    return Configuration(path, gguf.configuration_of(path, values, stored)), stored


def _geometry(config: Configuration, stored: Mapping[str, Any]) -> tuple[_Geometry, tuple[str, ...]]:
    """Sizes of the family, and names of buffers that its files may hold besides weights.

    Raises:
        InputError: if the family is not computed here.
    """
    kind = str(config.entries.get("model_type"))
    if kind not in _FAMILIES:
        parts = {name.removeprefix("layers.0.") for name in stored if name.startswith("layers.0.")}
        strange = sorted(part for part in parts if part.rpartition(".")[0] not in llama.PARTS)
        lacks = f" Its layers hold {listed(strange, _NAMED)}, which no family computed here has." if strange else ""
        families = ", ".join(_FAMILIES)
        raise InputError(f"{config.path}: models of type {shortened(kind)} are not computed; {families} are.{lacks}")
    family = _FAMILIES[kind]
    return family.Geometry.of(config), family.UNUSED
