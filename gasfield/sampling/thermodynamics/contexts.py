"""What stands before a next token, and the model's logits after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gasfield.language.base import LanguageModel, Logits
from gasfield.language.logits import LogitsFile
from gasfield.language.prompts import Prompt
from gasfield.sampling.prompt_heat import surprisals_of

MOST = 1 << 27
"""Logits at all positions of a prompt together, beyond which only those of the last are computed: 512 MiB."""


@dataclass(frozen=True)
class Context:
    """One context of a next token.

    Attributes:
        text: of its tokens, shortened; of a position of a file of logits, its name.
        length: number of its tokens; 0 if unknown.
        surprisal: (length - 1,) of its tokens after the first [nats]; empty if unknown, or not computed (`MOST`).
    """

    text: str
    length: int
    surprisal: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


def next_laws(
    model: LanguageModel, prompts: Sequence[Prompt], *, every_position: bool = False
) -> Iterator[tuple[Context, Logits]]:
    """Contexts with the logits (V,) of the next token, one by one.

    Args:
        model: computes them.
        prompts: read by the model.
        every_position: whether the next token is wanted after each token of a prompt, not only after the last.
    """
    for prompt in prompts:
        if not every_position and len(prompt.ids) * model.vocabulary > MOST:
            yield Context(prompt.label, len(prompt.ids)), model.decode(prompt.ids[None]).logits[0]
            continue
        rows = model.logits(prompt.ids)
        surprisal = surprisals_of(rows, prompt.ids)
        if not every_position:
            yield Context(prompt.label, len(prompt.ids), surprisal), rows[-1]
            continue
        for position, row in enumerate(rows, start=1):
            yield Context(_end_of(prompt, position), position, surprisal[: position - 1]), row


def file_as_laws(file: LogitsFile) -> Iterator[tuple[Context, NDArray[np.float64]]]:
    """The positions of a file of logits as contexts."""
    for name, row in zip(file.names, file.logits, strict=True):
        yield Context(name, 0), row


def rows_as_laws(logits: NDArray[np.floating]) -> Iterator[tuple[Context, Logits]]:
    """The rows of an array of logits (..., V) as contexts."""
    for number, row in enumerate(logits.reshape(-1, logits.shape[-1])):
        yield Context(f"row {number}", 0), row


def _end_of(prompt: Prompt, position: int, most: int = 12) -> str:
    """The last tokens up to a position, in one line."""
    pieces = prompt.pieces[max(0, position - most) : position]
    return ("…" if position > most else "") + " ".join("".join(pieces).split())
