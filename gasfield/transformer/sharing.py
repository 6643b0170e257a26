"""One copy of the weights of a model for all that read them, and one thread for their sums."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from threadpoolctl import ThreadpoolController

from gasfield.transformer.parts import Transformer
from gasfield.transformer.reading import read_transformer

_READ: WeakValueDictionary[tuple[Any, ...], Transformer] = WeakValueDictionary()


def share_transformer(path: Path) -> Transformer:
    """The model of `read_transformer`: the same object as long as anybody holds it and its files stay as they are.

    Raises:
        InputError: as `read_transformer`.
    """
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    states = [file.stat() for file in files if file.is_file()]
    key = (path.resolve(), *((state.st_ino, state.st_size, state.st_mtime_ns) for state in states))
    model = _READ.get(key)
    if model is None:
        model = _READ[key] = read_transformer(path)
    return model


def one_thread() -> AbstractContextManager[Any]:
    """Products of matrices by one thread, since the order of their sums depends on the number of threads."""
    limit: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limit


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
