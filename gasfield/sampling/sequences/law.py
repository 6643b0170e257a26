"""What is needed of a law of sequences: logits of the next token of sequences that grow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.language.base import Ids, Logits


class Growing(Protocol):
    """B sequences of equal length that grow token by token; `gasfield.language.base.Decoding` is one."""

    logits: Logits
    length: int

    def extend(self, tokens: Ids) -> None:
        """Appends one token (B,) to each sequence."""

    def cut(self, length: int) -> None:
        """Forgets all tokens from `length` on; `logits` are those after the last token that is left."""


class SequenceLaw(Protocol):
    """A causal law p(x_k | x_<k); `gasfield.language.base.LanguageModel` is one."""

    @property
    def vocabulary(self) -> int:
        """Number of tokens V."""

    @property
    def context(self) -> int | None:
        """The most tokens of a sequence, or None if there is no limit."""

    @property
    def end(self) -> tuple[int, ...]:
        """Ids of the tokens that end a text."""

    def decode(self, prompts: Ids) -> Growing:
        """Sequences that start from prompts (B, S)."""


@dataclass(frozen=True)
class PrefixLaw:
    """A law given by a function of the prefix.

    Attributes:
        vocabulary: number of tokens V.
        logits_of: prefixes (B, S) -> logits (B, V).
        end: ids of the tokens that end a text.
        context: the most tokens of a sequence, or None.
    """

    vocabulary: int
    logits_of: Callable[[Ids], NDArray[np.floating[Any]]]
    end: tuple[int, ...] = ()
    context: int | None = None

    def decode(self, prompts: Ids) -> Growing:
        """Sequences that start from prompts (B, S)."""
        return _Prefixes(self, np.asarray(prompts, np.int64))


class _Prefixes:
    """Prefixes of a `PrefixLaw`."""

    def __init__(self, law: PrefixLaw, ids: Ids) -> None:
        self._law = law
        self._set(ids)

    def extend(self, tokens: Ids) -> None:
        self._set(np.concatenate([self._ids, np.asarray(tokens, np.int64)[:, None]], axis=1))

    def cut(self, length: int) -> None:
        self._set(self._ids[:, :length])

    def _set(self, ids: Ids) -> None:
        self._ids, self.length = ids, ids.shape[1]
        self.logits = np.asarray(self._law.logits_of(ids), np.float32)


@dataclass(frozen=True)
class Window:
    """Sequences of L tokens after a prompt under a law.

    The tokens that end a text are ordinary tokens, after which the text goes on, unless `forbid_end`: then the law at
    T = 1 is p renormalised without them, at every position.

    Attributes:
        law: of the next token.
        prompt: (S,) ids, S >= 1.
        length: L >= 1 tokens.
        forbid_end: whether the tokens that end a text are impossible.

    Raises:
        InputError: if the prompt is empty or has tokens outside the vocabulary, the sequences do not fit into the
            context, or no token would be left.
    """

    law: SequenceLaw
    prompt: Ids | Sequence[int]
    length: int
    forbid_end: bool = True
    _ids: Ids = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ids = np.atleast_1d(np.asarray(self.prompt, np.int64))
        object.__setattr__(self, "_ids", ids)
        if not ids.size:
            raise InputError("the prompt is empty; a law needs at least one token.", parameter="prompt")
        if ids.min() < 0 or ids.max() >= self.law.vocabulary:
            raise InputError(f"has tokens outside the vocabulary of {self.law.vocabulary}.", parameter="prompt")
        if self.length < 1:
            raise InputError(f"should be at least 1 token, not {self.length}.", parameter="length")
        total = ids.size + self.length
        if self.law.context is not None and total > self.law.context:
            raise InputError(
                f"{ids.size} tokens of the prompt and {self.length} more are longer than the model's context of "
                f"{self.law.context}.",
                parameter="length",
            )
        if len(self.forbidden) >= self.law.vocabulary:
            raise InputError("all tokens end a text: none is left if those are forbidden.", parameter="forbid_end")

    @property
    def forbidden(self) -> Ids:
        """Ids of the impossible tokens."""
        return np.unique(np.array(self.law.end if self.forbid_end else (), np.int64))

    @property
    def start(self) -> int:
        """Tokens of the prompt S."""
        return self._ids.size

    def decode(self, count: int) -> Growing:
        """So many sequences that start from the prompt."""
        return self.law.decode(np.tile(self._ids, (count, 1)))


def require_temperatures(temperatures: object) -> NDArray[np.float64]:
    """(K,) temperatures, ascending, as floats.

    Raises:
        InputError: if there is none, or one is not a finite number above 0, or is given twice.
    """
    found = np.sort(np.atleast_1d(np.asarray(temperatures, np.float64)))
    if not found.size or not np.isfinite(found).all() or found[0] <= 0.0:
        raise InputError(
            "temperatures of sequences should be finite numbers above 0; of T = 0 there is only the limit.",
            parameter="temperatures",
        )
    if len(np.unique(found)) < len(found):
        raise InputError("a temperature is given twice.", parameter="temperatures")
    return found
