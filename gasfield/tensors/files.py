"""The tensors of a file or folder, whose format is recognised by its content.

Nothing is unpickled. NumPy has no bfloat16, so values are kept as bits here; `Matrix` interprets them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from gasfield.errors import InputError
from gasfield.printable import shortened
from gasfield.tensors.archive import entries_of
from gasfield.tensors.damage import damage
from gasfield.tensors.folder import tensors_in
from gasfield.tensors.foreign import LONGEST, what_it_is
from gasfield.tensors.formats.distributed import METADATA, read_distributed
from gasfield.tensors.formats.gguf_files import is_gguf, read_gguf
from gasfield.tensors.formats.numpy_arrays import is_npy, read_npy, read_npz
from gasfield.tensors.formats.pickled import NO_PICKLES, SUFFIXES, is_pickle, refuse_pickle
from gasfield.tensors.formats.safetensors import is_safetensors, metadata_of, read_safetensors
from gasfield.tensors.formats.torch_archives import is_torch_archive, read_torch_archive
from gasfield.tensors.formats.torch_legacy import is_torch_legacy, read_torch_legacy
from gasfield.tensors.numbers import PRECISIONS
from gasfield.tensors.shards import missing_tensor, read_index
from gasfield.tensors.tensor import Tensor, Words

__all__ = ["PRECISIONS", "Tensor", "Words", "is_recognised", "metadata_of", "missing_tensor", "tensors_of"]

_SAFETENSORS = ".safetensors"
_Formats = tuple[tuple[Callable[[bytes], bool], Callable[[Path], list[Tensor]]], ...]


def tensors_of(path: Path) -> list[Tensor]:
    """All tensors of a file, or of a folder with one model; no data are loaded yet.

    Raises:
        InputError: if it is missing, damaged, a pickle, or of an unknown format.
    """
    with damage(path):
        if path.is_dir():
            return _distinct(path, tensors_in(path, tensors_of))
        if not path.is_file():
            raise InputError(f"{path}: no such file.")
        return _distinct(path, _file(path))


def is_recognised(path: Path) -> bool:
    """Whether a file begins like one of a format that is read."""
    with path.open("rb") as file:
        start = file.read(LONGEST)
    return any(claims(start) for claims, _ in _FORMATS)


def _distinct(path: Path, tensors: list[Tensor]) -> list[Tensor]:
    """Tensors whose names differ.

    Raises:
        InputError: if two have the same name.
    """
    names = {tensor.name for tensor in tensors}
    if len(names) < len(tensors):
        [(twice, _)] = Counter(tensor.name for tensor in tensors).most_common(1)
        raise InputError(f"{path}: two tensors are named {shortened(twice)}; which one is meant is unknown.")
    return tensors


def _file(path: Path, formats: _Formats | None = None) -> list[Tensor]:
    with path.open("rb") as file:
        start = file.read(LONGEST)
    if path.name == METADATA:
        return read_distributed(path.parent)
    for claims, read in formats or _FORMATS:
        if claims(start):
            return read(path)
    if path.suffix == _SAFETENSORS and what_it_is(start).startswith("unknown"):
        return read_safetensors(path)  # says what is wrong with its beginning
    if path.suffix in SUFFIXES and what_it_is(start).startswith("unknown"):
        raise InputError(f"{path}: {NO_PICKLES}")
    raise InputError(f"{path}: {what_it_is(start)}")


def _zip(path: Path) -> list[Tensor]:
    return read_torch_archive(path) if is_torch_archive(list(entries_of(path))) else read_npz(path)


def _index(path: Path) -> list[Tensor]:
    return read_index(path, _shard)


def _shard(path: Path) -> list[Tensor]:
    """The tensors of a file that is no index itself: indices could refer to each other without end."""
    return _file(path, _FORMATS[:-1])


_FORMATS: _Formats = (
    (is_safetensors, read_safetensors),
    (is_npy, read_npy),
    (lambda start: start.startswith(b"PK"), _zip),
    (is_gguf, read_gguf),
    (is_torch_legacy, read_torch_legacy),
    (is_pickle, refuse_pickle),
    (lambda start: start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["), _index),
)
"""What recognises a format by the first bytes of a file, and what reads it."""
