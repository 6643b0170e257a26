"""Identification of the embedding among the tensors of a model, by the names used in common models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gasfield.errors import InputError
from gasfield.printable import listed, shortened
from gasfield.tensors.numbers import shown
from gasfield.tensors.tensor import Tensor

COMMON_NAMES = (
    "model.embed_tokens.weight",
    "transformer.wte.weight",
    "gpt_neox.embed_in.weight",
    "model.decoder.embed_tokens.weight",
    "model.language_model.embed_tokens.weight",
    "language_model.model.embed_tokens.weight",
    "embeddings.word_embeddings.weight",
    "bert.embeddings.word_embeddings.weight",
    "roberta.embeddings.word_embeddings.weight",
    "distilbert.embeddings.word_embeddings.weight",
    "transformer.word_embeddings.weight",
    "word_embeddings.weight",
    "language_model.embedding.word_embeddings.weight",
    "embedding.word_embeddings.weight",
    "model.tok_embeddings.weight",
    "tok_embeddings.weight",
    "backbone.embeddings.weight",
    "backbone.embedding.weight",
    "shared.weight",
    "token_embd.weight",
    "wte.weight",
    "embed_tokens.weight",
    "embedding.weight",
    "embeddings.weight",
    "embedding",
    "embeddings",
    "lm_head.weight",
    "embed_out.weight",
    "output.weight",
)
"""Common names of embedding and unembedding matrices, embeddings first."""
_MOST_NAMED = 8
"""Names in a note."""
_WRAPPERS = ("module.", "_orig_mod.", "state_dict.", "model_state_dict.", "model_state.", "net.")
"""Prefixes that wrappers and training scripts add to parameter names."""
_INNER_WRAPPERS = re.compile(r"(?<![^.])(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""What PyTorch's wrappers add wherever a module is wrapped."""


def choose_embedding(available: Sequence[Tensor], name: str | None, path: Path) -> tuple[Tensor, tuple[str, ...]]:
    """The requested tensor, or else the embedding; and notes on how it is stored, and on other candidates.

    Raises:
        InputError: if there is no such tensor, or the choice is ambiguous.
    """
    by_name = {tensor.name: tensor for tensor in available}
    matrices = [tensor for tensor in available if tensor.shape is not None and len(tensor.shape) == 2]
    if name is not None:
        if name not in by_name:
            raise InputError(f"{path}: no tensor '{shortened(name)}'; {_listed(matrices)}.", parameter="tensor")
        return by_name[name], by_name[name].notes
    if len(available) == 1:
        return available[0], available[0].notes
    bare = [(bare_name(tensor.name), tensor) for tensor in available]
    first = dict(reversed(bare))
    known = [name for name in COMMON_NAMES if name in first and len(first[name].shape or (0, 0)) == 2]
    if known:
        chosen = first[known[0]]
        same = [tensor for name, tensor in bare if name == known[0] and tensor is not chosen]
        others = [tensor.name for tensor in (*(first[name] for name in known[1:]), *same)]
        note = f"the file also holds {listed(others, _MOST_NAMED)}; select one by its name"
        return chosen, (*chosen.notes, *((note,) if others else ()))
    if len(matrices) == 1:
        return matrices[0], matrices[0].notes
    message = f"{path}: none of its tensors has a common name of embeddings; choose one: {_listed(matrices)}."
    raise InputError(message, parameter="tensor")


def _listed(matrices: Sequence[Tensor]) -> str:
    """At most twenty matrices, tallest first, since vocabularies are long."""
    if not matrices:
        return "it has no tensor with two axes"
    tall = sorted(matrices, key=lambda tensor: -(tensor.shape or (0,))[0])
    names = ", ".join(f"{shortened(tensor.name)} {shown(tensor.shape or ())}" for tensor in tall[:20])
    return f"the matrices here are {names}" + (f" and {len(tall) - 20} more" if len(tall) > 20 else "")


def bare_name(name: str) -> str:
    """A name without what wrappers add; `model.` is part of some names and a prefix of others."""
    name = _INNER_WRAPPERS.sub("", name)
    for wrapper in _WRAPPERS:
        if name.startswith(wrapper):
            return bare_name(name.removeprefix(wrapper))
    if name not in COMMON_NAMES and name.startswith("model."):
        return bare_name(name.removeprefix("model."))
    return name
