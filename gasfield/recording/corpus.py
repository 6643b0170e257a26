"""From a text to token ids: byte-level BPE on the whole text, training on a part in which some tokens never occur.

A tokenizer is usually trained on more text than the model, which is the origin of dead tokens. The part is the longest
prefix of the text in which the requested number of tokens does not occur, so the dead tokens are real tokens with
strings of their own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.language.base import readable
from gasfield.reading import read_bytes
from gasfield.resources import find_file

DEFAULT_TEXT = "texts/kjv.txt.xz"
_COPIES = 10
"""Bytes in memory for a byte of text: the text, its lines and their tokens."""


@dataclass(frozen=True)
class Corpus:
    """A tokenized text.

    Attributes:
        name: file name of the text.
        digest: SHA-256 of its bytes (uncompressed).
        ids: (L,) token ids of the training part.
        vocabulary: V token strings, by id; ids that the tokenizer does not use are `<unused N>`.
        dead: (V,) true where the token never occurs in `ids`.
        tokenizer: JSON of the tokenizer, as the package `tokenizers` writes and reads it.
    """

    name: str
    digest: str
    ids: NDArray[np.int64]
    vocabulary: list[str]
    dead: NDArray[np.bool_]
    tokenizer: str

    @property
    def dead_ids(self) -> NDArray[np.int64]:
        """Ids of the tokens that never occur, ascending."""
        return np.flatnonzero(self.dead)

    @property
    def live_ids(self) -> NDArray[np.int64]:
        """Ids of the tokens that occur, ascending."""
        return np.flatnonzero(~self.dead)


def read_text(name: str) -> tuple[str, bytes]:
    """The file name and bytes of a text, plain or compressed (.xz, .gz).

    Raises:
        InputError: if it is missing, empty, damaged or not UTF-8.
    """
    path = find_file(name)
    if path is None:
        raise InputError("no such text file.", parameter="text", value=name)
    try:
        data = read_bytes(path, "text", space=_COPIES)
        data.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise InputError(f"{path}: not UTF-8 text (byte {fault.start}).") from None
    if not data.strip():
        raise InputError(f"{path}: the text is empty.")
    return path.name, data


def tokenize(name: str, vocabulary: int, dead: int) -> Corpus:
    """Trains a tokenizer on a text and finds the part to train the model on.

    Args:
        name: text file.
        vocabulary: number of tokens V.
        dead: number of tokens that must not occur in the training part; 0 trains on the whole text.

    Raises:
        InputError: if the text cannot be read or is too short.
    """
    file_name, data = read_text(name)
    ids, strings, tokenizer = _byte_pair_encode(data.decode("utf-8"), vocabulary)
    part = ids[: _longest_part(ids, vocabulary, dead)]
    occurs = np.zeros(vocabulary, bool)
    occurs[part] = True
    return Corpus(file_name, hashlib.sha256(data).hexdigest(), part, strings, ~occurs, tokenizer)


def _byte_pair_encode(text: str, vocabulary: int) -> tuple[NDArray[np.int64], list[str], str]:
    """Ids of the text, the strings of all tokens, and the tokenizer as JSON."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    alphabet: list[str] = pre_tokenizers.ByteLevel.alphabet()  # type: ignore[no-untyped-call]
    if vocabulary < len(alphabet):
        message = f"byte-level BPE needs at least {len(alphabet)} tokens."
        raise InputError(message, parameter="vocabulary", value=vocabulary)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
    lines = text.splitlines(keepends=True)
    tokenizer.train_from_iterator(lines, trainer)
    ids = np.concatenate([np.array(code.ids, np.int64) for code in tokenizer.encode_batch(lines)])
    known = tokenizer.get_vocab_size()
    strings = [readable(tokenizer.decode([i]), str(tokenizer.id_to_token(i))) for i in range(known)]
    return ids, strings + [f"<unused {i}>" for i in range(known, vocabulary)], str(tokenizer.to_str())


def _longest_part(ids: NDArray[np.int64], vocabulary: int, dead: int) -> int:
    """Length of the longest prefix in which at least `dead` of the tokens do not occur."""
    if dead >= vocabulary:
        raise InputError(f"the vocabulary has only {vocabulary} tokens.", parameter="dead", value=dead)
    _, first = np.unique(ids, return_index=True)
    arrivals = np.sort(first)
    allowed = vocabulary - dead
    return len(ids) if dead == 0 or allowed >= len(arrivals) else int(arrivals[allowed])
