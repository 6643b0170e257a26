"""What a causal language model offers: the logits of the next token, for a text or for sequences that grow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError

Ids = NDArray[np.int64]
"""Token ids."""
Logits = NDArray[np.float32]
"""Logits: one number per token of the vocabulary, defined up to a constant."""


class Tokenizer(ABC):
    """Text to token ids and back.

    Attributes:
        size: the largest id that it uses, plus 1.
    """

    size: int

    @abstractmethod
    def encode(self, text: str, *, special: bool = True) -> Ids:
        """(S,) ids of a text.

        Args:
            text: as it stands; no chat template is applied.
            special: whether the tokenizer may add the special tokens that it adds to every text (many add none). The
                text that `chat` gives has its own.
        """

    @abstractmethod
    def decode(self, ids: Sequence[int] | Ids) -> str:
        """The text of ids."""

    @abstractmethod
    def spelling(self, index: int) -> str | None:
        """A token as the vocabulary spells it (in byte-level notation, say); None if the id is not used."""

    @abstractmethod
    def chat(self, message: str) -> str:
        """A message of a user in the model's chat template, up to where the answer begins.

        Raises:
            InputError: if the model has no chat template.
        """

    def token(self, index: int) -> str:
        """One token as printable text: part of a character, a control code or a special token as it is spelled, an id
        without a token as <unused N>."""
        spelled = self.spelling(index)
        return f"<unused {index}>" if spelled is None else readable(self.decode([index]), spelled)


def readable(decoded: str, spelled: str) -> str:
    """A token as text; one that is not printable, or no whole character, as the vocabulary spells it."""
    return decoded if decoded and decoded.isprintable() and "\ufffd" not in decoded else spelled


class Decoding(ABC):
    """B sequences of equal length that grow token by token; what the model computed of them is kept.

    Attributes:
        logits: (B, V) of the next token of each sequence.
        length: tokens of each sequence so far, the prompt included.
    """

    logits: Logits
    length: int

    @abstractmethod
    def extend(self, tokens: Ids) -> None:
        """Appends one token (B,) to each sequence.

        Raises:
            InputError: if the sequences fill the context of the model.
        """

    @abstractmethod
    def cut(self, length: int) -> None:
        """Forgets all tokens from `length` on, and computes `logits` anew; 1 <= length <= self.length."""


class LanguageModel(ABC):
    """A causal language model.

    Attributes:
        name: of the file or folder.
        vocabulary: number of tokens V that logits are given for; it may exceed the tokenizer's.
        context: the most tokens of a sequence, or None if there is no limit.
        end: ids of the tokens that end a text.
        tokenizer: of the model; None if it has none that can be read here.
    """

    name: str
    vocabulary: int
    context: int | None
    end: tuple[int, ...]
    tokenizer: Tokenizer | None

    @abstractmethod
    def logits(self, ids: Ids) -> Logits:
        """(S, V) logits of the token after each position of a sequence (S,).

        Raises:
            InputError: if the sequence is empty, longer than the context, or has an id outside the vocabulary.
        """

    @abstractmethod
    def decode(self, prompts: Ids) -> Decoding:
        """A decoding that starts from B prompts (B, S) of equal length, S >= 1."""

    def token(self, index: int) -> str:
        """One token as printable text; <N> without a tokenizer."""
        return f"<{index}>" if self.tokenizer is None else self.tokenizer.token(index)

    def require_ids(self, ids: Ids) -> Ids:
        """The ids (..., S), if the model can read them.

        Raises:
            InputError: if they are empty, longer than the context, or outside the vocabulary.
        """
        ids = np.asarray(ids, np.int64)
        if ids.size == 0:
            raise InputError(f"{self.name}: the prompt is empty; a model needs at least one token.", parameter="prompt")
        if self.context is not None and ids.shape[-1] > self.context:
            raise InputError(
                f"{self.name}: {ids.shape[-1]} tokens are longer than the model's context of {self.context}.",
                parameter="prompt",
            )
        if ids.min() < 0 or ids.max() >= self.vocabulary:
            outside = int(ids[(ids < 0) | (ids >= self.vocabulary)][0])
            raise InputError(f"{self.name}: token {outside} is outside the model's vocabulary of {self.vocabulary}.")
        return ids

    def require_tokenizer(self) -> Tokenizer:
        """The tokenizer.

        Raises:
            InputError: if there is none.
        """
        if self.tokenizer is None:
            raise InputError(
                f"{self.name}: there is no tokenizer that can be read here (tokenizer.json needs the package "
                "tokenizers: pip install 'gasfield[lm]'); give token ids instead of text.",
                parameter="prompt",
            )
        return self.tokenizer


def require_fit(name: str, tokenizer: Tokenizer | None, vocabulary: int) -> None:
    """Checks that a tokenizer gives no id which the model does not have. Fewer ids are usual: models are padded.

    Raises:
        InputError: if it does not fit.
    """
    if tokenizer is not None and tokenizer.size > vocabulary:
        raise InputError(
            f"{name}: the tokenizer does not fit the model: it has ids up to {tokenizer.size - 1}, the model has "
            f"{vocabulary} tokens, 0 to {vocabulary - 1}."
        )
