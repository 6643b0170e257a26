"""Files of logits: npy, npz or safetensors, from any model, opened without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.kernels.bfloat16 import from_bits
from gasfield.memory import require_memory
from gasfield.reading import parse_json
from gasfield.tensors import PRECISIONS, Tensor, tensors_of
from gasfield.tensors.files import metadata_of

TOKENS = "tokens"
"""The array of token strings in npz; in safetensors an entry of the metadata, a JSON list."""


class LogitsFile:
    """Logits of P positions over the same V tokens.

    Attributes:
        name: of the file.
        names: P names of the positions.
        logits: (P, V) float64; -inf where a token is forbidden.
        vocabulary: V.
        tokens: V token strings; None if the file has none.
    """

    def __init__(
        self, name: str, names: tuple[str, ...], logits: NDArray[np.float64], tokens: tuple[str, ...] | None = None
    ) -> None:
        """Checks the logits.

        Raises:
            InputError: if there are none, one is NaN or +inf, all of a position are -inf, or the number of names or
                tokens is another one.
        """
        if logits.ndim != 2 or not logits.size:
            raise InputError(f"{name}: logits have the shape (V,) or (P, V), not {logits.shape}.")
        if len(names) != len(logits):
            raise InputError(f"{name}: {len(names)} names for {len(logits)} positions.")
        if tokens is not None and len(tokens) != logits.shape[1]:
            raise InputError(f"{name}: {TOKENS} names {len(tokens)} tokens, the logits have {logits.shape[1]}.")
        for label, row in zip(names, logits, strict=True):
            _require_law(f"{name}: {label}", row)
        self.name, self.names, self.logits, self.tokens = name, names, logits, tokens
        self.vocabulary = logits.shape[1]

    def token(self, index: int) -> str:
        """One token as text; <N> if the file has no token strings."""
        return f"<{index}>" if self.tokens is None else self.tokens[index]


def open_logits(path: str | Path) -> LogitsFile:
    """Reads a file of logits: npy with one array (V,) or (P, V); npz or safetensors with such arrays by name, all with
    the same V, and optionally `tokens`: the V token strings (an array of text in npz; in safetensors a JSON list in the
    metadata). bfloat16, float16, float32 and float64 are read; -inf forbids a token.

    Raises:
        InputError: if it cannot be read, or does not hold the logits of a law.
    """
    path = Path(path)
    arrays = tensors_of(path)
    rows = [row for tensor in arrays if not _is_tokens(tensor) for row in _rows(path, tensor)]
    if not rows:
        raise InputError(f"{path}: no logits in this file.")
    lengths = {len(values): label for label, values in rows}
    if len(lengths) > 1:
        several = ", ".join(f"{label} has {length}" for length, label in list(lengths.items())[:2])
        raise InputError(f"{path}: all positions must have the same number of tokens: {several}.")
    names = tuple(label for label, _ in rows)
    return LogitsFile(path.name, names, np.stack([values for _, values in rows]), _tokens(path, arrays))


def _is_tokens(tensor: Tensor) -> bool:
    return tensor.name == TOKENS and tensor.numbers.startswith("<U")


def _rows(path: Path, tensor: Tensor) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The positions of an array by name."""
    shape, what = tensor.shape, f"{path}: {tensor.name}" if tensor.name else str(path)
    if shape is None or not 1 <= len(shape) <= 2 or not all(shape):
        hint = " This looks like the weights of a model: give its folder." if len(shape or ()) > 2 else ""
        raise InputError(f"{what}: logits have the shape (V,) or (P, V), not {shape}.{hint}")
    if tensor.numbers not in PRECISIONS.values():
        raise InputError(f"{what}: {tensor.numbers} values are no logits; float16, bfloat16, float32, float64 are.")
    size = int(np.prod(shape, dtype=object))
    require_memory(2 * np.dtype(np.float64).itemsize * size, what)
    bits = np.array(tensor.load())
    values = (from_bits(bits) if tensor.numbers == "bfloat16" else bits.view(tensor.numbers)).astype(np.float64)
    if values.ndim == 1:
        yield tensor.name or path.stem, values
        return
    for number, row in enumerate(values):
        yield f"{tensor.name}[{number}]" if tensor.name else str(number), row


def _tokens(path: Path, arrays: list[Tensor]) -> tuple[str, ...] | None:
    if any(_is_tokens(tensor) for tensor in arrays):
        with np.load(path, allow_pickle=False) as archive:
            return tuple(str(token) for token in archive[TOKENS].ravel())
    if path.suffix != ".safetensors" or TOKENS not in (metadata := metadata_of(path)):
        return None
    try:
        found = parse_json(metadata[TOKENS], str(path))
    except InputError:
        found = None
    if not isinstance(found, list):
        raise InputError(f"{path}: {TOKENS} in its metadata is not a JSON list.")
    return tuple(str(token) for token in found)


def _require_law(what: str, row: NDArray[np.float64]) -> None:
    """Checks that a row of logits defines a law."""
    wrong = np.flatnonzero(np.isnan(row) | np.isposinf(row))
    if len(wrong):
        raise InputError(f"{what}: {len(wrong)} of {len(row)} logits are NaN or +inf, first that of token {wrong[0]}.")
    if np.isneginf(row).all():
        raise InputError(f"{what}: all {len(row)} logits are -inf, so that no token is possible.")
