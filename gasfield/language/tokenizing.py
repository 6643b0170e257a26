"""Tokenizers of a folder, without a deep-learning framework where that is possible."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.errors import InputError
from gasfield.language.base import Ids, Tokenizer
from gasfield.printable import shortened

TOKENIZER = "tokenizer.json"
_OTHERS = ("vocab.json", "vocab.txt", "tokenizer.model", "spiece.model", "tekken.json")


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder has the files of a tokenizer."""
    return any((folder / name).is_file() for name in (TOKENIZER, *_OTHERS))


def open_tokenizer(folder: Path) -> Tokenizer | None:
    """The tokenizer of a folder: tokenizer.json by the package tokenizers, other files by transformers; None if there
    is none, or the package that reads it is not installed.

    Raises:
        InputError: if it is damaged.
    """
    if (folder / TOKENIZER).is_file():
        return JsonTokenizer(folder) if find_spec("tokenizers") else None
    if has_tokenizer(folder) and find_spec("transformers") and find_spec("torch"):
        from gasfield.language.huggingface import open_huggingface_tokenizer

        return open_huggingface_tokenizer(folder, {})
    return None


def read_tokenizer(path: Path, parameter: str | None = None) -> Any:
    """A tokenizer.json as an object of the package tokenizers, which must be installed.

    Raises:
        InputError: if it is damaged.
    """
    from tokenizers import Tokenizer as Tokens

    try:
        return Tokens.from_file(str(path))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as fault:  # of no narrower type: bare Exceptions, and panics, which are none
        reason = shortened(str(fault))
        message = f"{path}: not a tokenizer that the package tokenizers can read ({reason})."
        raise InputError(message, parameter=parameter) from None


class JsonTokenizer(Tokenizer):
    """A tokenizer.json."""

    def __init__(self, folder: Path) -> None:
        """Reads it.

        Raises:
            InputError: if it is damaged.
        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else a warning is printed in forked processes
        self._tokens = read_tokenizer(folder / TOKENIZER)
        self._tokens.no_truncation()  # files may ask for both, for training
        self._tokens.no_padding()
        self._folder = folder
        self.size = 1 + max(self._tokens.get_vocab().values(), default=-1)

    def encode(self, text: str, *, special: bool = True) -> Ids:
        return np.array(self._tokens.encode(text, add_special_tokens=special).ids, np.int64)

    def decode(self, ids: Sequence[int] | Ids) -> str:
        return str(self._tokens.decode([int(index) for index in ids], skip_special_tokens=False))

    def spelling(self, index: int) -> str | None:
        spelled: str | None = self._tokens.id_to_token(int(index))
        return spelled

    def chat(self, message: str) -> str:
        if not (find_spec("transformers") and find_spec("torch")):
            raise InputError(f"{self._folder}: chat templates need transformers: pip install 'gasfield[lm]'.")
        from gasfield.language.huggingface import open_huggingface_tokenizer

        return open_huggingface_tokenizer(self._folder, {}).chat(message)


def tokenizer_of(path: Path) -> Tokenizer | None:
    """The tokenizer of a model's folder or GGUF file; None if there is none, or the package that reads it is not
    installed.

    Raises:
        InputError: if it is damaged.
    """
    if path.is_dir():
        return open_tokenizer(path)
    if any(find_spec(package) is None for package in ("torch", "transformers", "gguf")):
        return None
    from gasfield.language.huggingface import open_huggingface_tokenizer

    return open_huggingface_tokenizer(path, {"gguf_file": path.name})
