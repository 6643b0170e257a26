"""Files of `torch.save` since PyTorch 1.6: an archive with a pickle that describes tensors, and their numbers beside.

The pickle is disassembled, never unpickled, and PyTorch is not needed. Only what a state dict consists of is followed;
a file that refers to anything else is refused, as `torch.load(weights_only=True)` does.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.printable import shortened
from gasfield.tensors.archive import entries_of, place_of, read_entry
from gasfield.tensors.damage import damage
from gasfield.tensors.disassembled import Global, UnknownGlobal, dictionary, disassemble
from gasfield.tensors.formats.pickled import IF_TRUSTED
from gasfield.tensors.numbers import WIDTHS, shown
from gasfield.tensors.tensor import Tensor, Words, map_words

PICKLE = "data.pkl"
"""The description of the tensors, in the one folder of the archive."""
_IN_MEMORY = 40
"""Bytes that one byte of a pickle takes in memory, at most."""
_DEEPEST, _MOST = 6, 2_000_000
"""Levels and entries of a state dict that are looked through: an object may contain itself, or another many times."""
_MOST_AXES = 64
"""Of a tensor of PyTorch, as of an array of NumPy."""
_STORAGES = {
    "torch.DoubleStorage": "float64", "torch.FloatStorage": "float32", "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16", "torch.LongStorage": "int64", "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16", "torch.CharStorage": "int8", "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool", "torch.ComplexFloatStorage": "complex64", "torch.ComplexDoubleStorage": "complex128",
    "torch.QInt8Storage": "qint8", "torch.QUInt8Storage": "quint8", "torch.QInt32Storage": "qint32",
    "torch.QUInt4x2Storage": "quint4x2", "torch.QUInt2x4Storage": "quint2x4",
}  # fmt: skip
_BYTES = ("torch.storage.UntypedStorage", "torch.UntypedStorage")
"""Storages of tensors whose number type is stated elsewhere."""
_PLAIN = re.compile(
    r"torch\.(u?int\d+|float\d+(_\w+)?|bfloat16|complex\d+|half|float|double|long|bool|q[u]?int\w+|\w+Storage|strided"
    r"|sparse_\w+|per_(tensor|channel)_\w+|contiguous_format|preserve_format|channels_last(_3d)?|\w*Tensor)"
    r"|torch\.storage\.(Untyped|Typed)Storage"
)
"""Names of number types, storages and layouts: values, not calls."""


@dataclass(frozen=True)
class _Storage:
    """A run of numbers in the archive: its key, number type (empty: of bytes), and length in numbers."""

    key: str
    numbers: str
    length: int


@dataclass(frozen=True)
class _Stored:
    """A tensor: a strided view of a storage. `unlike` says why it is no plain array, if it is none."""

    storage: _Storage | None
    numbers: str
    offset: int = 0
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    unlike: str = ""


def is_torch_archive(names: list[str]) -> bool:
    """Whether an archive with these names is one of `torch.save`."""
    return any(name == PICKLE or name.endswith(f"/{PICKLE}") for name in names)


def read_torch_archive(path: Path, start: int = 0, size: int | None = None) -> list[Tensor]:
    """All tensors of a file, or of a part of it; nested names are joined by dots.

    Args:
        path: the file.
        start: first byte of the archive.
        size: its bytes; by default all of the file.

    Raises:
        InputError: if it is damaged, or refers to more than tensors and plain values.
    """
    entries = entries_of(path, start, size)
    [name, *others] = [name for name in entries if is_torch_archive([name])] or [""]
    if not name or others:
        raise InputError(f"{path}: not an archive of torch.save, which has one {PICKLE}.")
    archive = _Archive(path, start, size, entries, name.removesuffix(PICKLE))
    require_memory(_IN_MEMORY * entries[name].file_size, f"{path}: {PICKLE}")
    data = _described(read_entry(path, entries[name], start, size), path)
    with damage(path):
        return [archive.tensor(name, stored) for name, stored in _walk(data, path)]


def _described(content: bytes, path: Path) -> Any:
    """The data that the pickle describes, with `_Stored` for tensors."""
    try:
        with damage(path, PICKLE):
            return disassemble(content, str(path), rules=_RULES, allowed=_is_plain, persistent=_storage)
    except UnknownGlobal as fault:
        raise InputError(
            f"{fault.message} Save the state dict alone: torch.save(model.state_dict(), ...), or as safetensors. "
            f"{IF_TRUSTED}"
        ) from None


def _is_plain(name: str) -> bool:
    return _PLAIN.fullmatch(name) is not None


# --- what a pickle of torch.save calls --------------------------------------------------------------------------------


def _storage(identity: Any) -> _Storage:
    """A persistent id: ("storage", type, key, device, length)."""
    kind, storage, key, _, length = identity
    if kind != "storage" or not isinstance(key, str) or not _is_size(length):
        raise TypeError
    if storage.name in _BYTES:
        return _Storage(key, "", length)
    return _Storage(key, _STORAGES[storage.name], length)


def _strided(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> _Stored:
    """`_rebuild_tensor_v2`: of the rest only the last, metadata such as {"conj": True}, changes the values."""
    if not isinstance(storage, _Storage) or not _is_size(offset) or not _are_sizes(shape) or not _are_sizes(strides):
        raise TypeError
    unlike = "a view that changes the signs of its values" if len(rest) > 2 and rest[2] else ""
    return _Stored(storage, storage.numbers or "uint8", offset, tuple(shape), tuple(strides), unlike)


def _typed(*arguments: Any) -> _Stored:
    """`_rebuild_tensor_v3`: the storage is one of bytes, and the offset counts numbers of the type that is stated."""
    return replace(_strided(*arguments[:6], *arguments[7:]), numbers=_dtype(arguments[6]))


def _dtype(dtype: Any) -> str:
    if not isinstance(dtype, Global) or not dtype.name.startswith("torch."):
        raise TypeError
    return dtype.name.removeprefix("torch.")


def _parameter(data: Any, *rest: Any) -> Any:
    return data


def _subclass(function: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """A tensor of a derived class, or with attributes: the tensor itself."""
    if not isinstance(function, Global) or not isinstance(arguments, tuple):
        raise TypeError
    return _RULES[function.name](*arguments)


def _without_storage(dtype: Any, shape: Any, *rest: Any) -> _Stored:
    if not _are_sizes(shape):
        raise TypeError
    return _Stored(None, _dtype(dtype), 0, tuple(shape), (), "a tensor without values (of the device meta)")


def _no_array(*arguments: Any) -> _Stored:
    return _Stored(None, "values of a sparse, quantised or nested tensor", unlike="no plain array")


def _items(*arguments: Any) -> dict[Any, Any]:
    return dictionary(arguments[0]) if arguments else {}


def _sequence(*arguments: Any) -> tuple[Any, ...]:
    return tuple(arguments[0]) if arguments else ()


def _ignored(*arguments: Any) -> None:
    """A value that is no tensor and holds none."""


_RULES = {
    "torch._utils._rebuild_tensor_v2": _strided,
    "torch._utils._rebuild_tensor": _strided,
    "torch._utils._rebuild_tensor_v3": _typed,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _subclass,
    "torch._utils._rebuild_meta_tensor_no_storage": _without_storage,
    "torch._utils._rebuild_sparse_tensor": _no_array,
    "torch._utils._rebuild_sparse_csr_tensor": _no_array,
    "torch._utils._rebuild_nested_tensor": _no_array,
    "torch._utils._rebuild_qtensor": _no_array,
    "torch.nn.parameter.Parameter": _parameter,
    "collections.OrderedDict": _items,
    "collections.Counter": _items,
    "torch.Size": _sequence,
    "builtins.set": _sequence,
    "torch.device": _ignored,
    "torch.serialization._get_layout": _ignored,
    "_codecs.encode": _ignored,
    "builtins.bytearray": _ignored,
    "builtins.complex": _ignored,
}
"""What is made of calls; anything else is refused."""


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _are_sizes(values: Any) -> bool:
    return isinstance(values, tuple | list) and len(values) <= _MOST_AXES and all(map(_is_size, values))


def _walk(data: Any, path: Path) -> Iterator[tuple[str, _Stored]]:
    """The tensors and their names, to a limited depth and number."""
    seen = 0

    def walk(value: Any, name: str, depth: int) -> Iterator[tuple[str, _Stored]]:
        nonlocal seen
        seen += 1
        if seen > _MOST:
            raise InputError(f"{path}: holds more than {_MOST:,} entries; save the state dict of the model alone.")
        if isinstance(value, _Stored):
            yield name, value
        elif isinstance(value, Mapping) and depth < _DEEPEST:
            for key, inner in value.items():
                if isinstance(key, str):
                    yield from walk(inner, f"{name}.{key}" if name else key, depth + 1)

    return walk(data, "", 0)


# --- numbers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Archive:
    """Where the storages of a file lie: the entries of the archive by name, and the folder in it."""

    path: Path
    start: int
    size: int | None
    entries: Mapping[str, zipfile.ZipInfo]
    folder: str

    def tensor(self, name: str, stored: _Stored) -> Tensor:
        """A tensor, whose view of the storage is checked.

        Raises:
            InputError: if it reaches beyond its storage, or the storage is missing or cut short.
        """
        what = f"{self.path}: {shortened(name)}" if name else str(self.path)
        storage, width = stored.storage, WIDTHS.get(stored.numbers)
        if stored.unlike or storage is None or width is None:
            reason = stored.unlike or f"{stored.numbers} values"

            def refuse() -> Words:
                raise InputError(f"{what}: cannot be read: {reason}.")

            return Tensor(name, stored.shape, stored.numbers, refuse)
        if len(stored.shape) != len(stored.strides):
            raise InputError(f"{what}: its shape has {len(stored.shape)} axes, its strides have {len(stored.strides)}.")
        entry = self.entries.get(f"{self.folder}data/{storage.key}")
        held = storage.length * WIDTHS.get(storage.numbers or "uint8", 0)
        if entry is None or entry.file_size < held:
            raise InputError(
                f"{what}: cut short: its storage {shortened(storage.key)} is missing, or has too few bytes."
            )
        last = sum((length - 1) * stride for length, stride in zip(stored.shape, stored.strides, strict=True))
        if math.prod(stored.shape) and (stored.offset + last + 1) * width > held:
            raise InputError(
                f"{what}: its storage holds {held} bytes, too few for {shown(stored.shape)} of {stored.numbers} from "
                f"number {stored.offset} with the strides {shown(stored.strides)}."
            )
        return Tensor(name, stored.shape, stored.numbers, lambda: self._load(what, entry, held, stored, width))

    def _load(self, what: str, entry: zipfile.ZipInfo, held: int, stored: _Stored, width: int) -> Words:
        if not math.prod(stored.shape):
            return np.empty(stored.shape, f"<u{width}")
        if width not in (1, 2, 4, 8):
            raise InputError(f"{what}: {stored.numbers} values cannot be read.")
        swapped = self._is_big_endian()
        words = self._words(entry, held, width)[stored.offset :]
        contiguous = stored.strides == _dense(stored.shape)
        if swapped or not contiguous:
            require_memory(2 * width * math.prod(stored.shape), what)
        if contiguous:
            found = words[: math.prod(stored.shape)].reshape(stored.shape)
        else:
            strides = tuple(width * stride for stride in stored.strides)
            found = np.ascontiguousarray(np.lib.stride_tricks.as_strided(words, stored.shape, strides, writeable=False))
        return found.byteswap() if swapped else found

    def _words(self, entry: zipfile.ZipInfo, held: int, width: int) -> Words:
        """All numbers of a storage, mapped; read if they are packed."""
        place = place_of(self.path, entry, self.start)
        if place is not None:
            return map_words(self.path, place, (held // width,), width)
        content = read_entry(self.path, entry, self.start, self.size)
        return np.frombuffer(content[: held // width * width], f"<u{width}")

    def _is_big_endian(self) -> bool:
        entry = self.entries.get(f"{self.folder}byteorder")
        return entry is not None and entry.file_size < 100 and self._read(entry).strip() == b"big"

    def _read(self, entry: zipfile.ZipInfo) -> bytes:
        return read_entry(self.path, entry, self.start, self.size)


def _dense(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of numbers one after the other, in order of rows."""
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return tuple(reversed(strides))
