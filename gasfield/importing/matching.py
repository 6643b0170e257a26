"""The same matrix in all checkpoints of a series, though some were saved from a wrapper or under its tied name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gasfield.errors import InputError
from gasfield.importing.entries import Entry
from gasfield.importing.json_files import object_in
from gasfield.tensors import Tensor, bare_name, choose_embedding, tensors_of

_OUTPUTS = ("lm_head.weight", "embed_out.weight", "output.weight", "cls.predictions.decoder.weight")
"""Output matrices, which are the embedding itself in models with tied ones."""
_INPUTS = (
    *("embed_tokens.weight", "wte.weight", "embed_in.weight", "word_embeddings.weight", "tok_embeddings.weight"),
    "shared.weight",
)
"""How names of embeddings end."""


def matrix_of(entry: Entry, name: str, folder: Path) -> Tensor:
    """The matrix of a checkpoint that has a name in another one.

    Args:
        entry: the checkpoint.
        name: of the matrix; empty if it is the only array of its file.
        folder: of the series, in which a config.json may lie.

    Raises:
        InputError: if there is no such matrix, or it cannot be told which.
    """
    available = tensors_of(entry.path)
    if not name or any(tensor.name == name for tensor in available):
        return choose_embedding(available, name or None, entry.path)[0]
    for same in (_wrapped(available, name), _tied(available, name, entry, folder)):
        if len(same) == 1:
            return same[0]
        if len(same) > 1:
            names = ", ".join(tensor.name for tensor in same)
            raise InputError(
                f"{entry.path}: no tensor '{name}', but several that may be it: {names}.", parameter="tensor"
            )
    return choose_embedding(available, name, entry.path)[0]  # raises the error that lists the matrices


def _wrapped(available: Sequence[Tensor], name: str) -> list[Tensor]:
    """Tensors of the same name without what wrappers add; or of a part of it, as saved from an inner module."""
    wanted = bare_name(name)
    bare = [(bare_name(tensor.name), tensor) for tensor in available]
    same = [tensor for other, tensor in bare if other == wanted]
    return same or [
        tensor
        for other, tensor in bare
        if wanted.endswith(f".{other}") or (other.endswith(f".{wanted}") and "." in wanted)
    ]


def _tied(available: Sequence[Tensor], name: str, entry: Entry, folder: Path) -> list[Tensor]:
    """The output matrix in place of the embedding or the reverse, if config.json says that they are one."""
    wanted = _OUTPUTS if _is_input(name) else _INPUTS if bare_name(name) in _OUTPUTS else ()
    same = [tensor for tensor in available if bare_name(tensor.name).endswith(tuple(wanted))] if wanted else []
    if same and not _says_tied(entry, folder):
        raise InputError(
            f"{entry.path}: no tensor '{name}', but {same[0].name}. If the model ties them, its config.json must say "
            '"tie_word_embeddings": true.',
            parameter="tensor",
        )
    return same


def _is_input(name: str) -> bool:
    return bare_name(name).endswith(_INPUTS)


def _says_tied(entry: Entry, folder: Path) -> bool:
    """Whether a config.json of the checkpoint or of the series says so."""
    for place in dict.fromkeys((entry.path, entry.path.parent, entry.home, folder)):
        file = place / "config.json"
        if place.is_dir() and (config := object_in(file)) is not None:
            parts = (config, config.get("text_config"))
            stated = [
                part["tie_word_embeddings"]
                for part in parts
                if isinstance(part, dict) and "tie_word_embeddings" in part
            ]
            if stated:
                return stated[0] is True
    return False
