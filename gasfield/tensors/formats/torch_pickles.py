"""What the pickle in a file of `torch.save` describes: tensors as views of storages, by name.

It is disassembled, never unpickled. Only what a state dict consists of is followed; a pickle that refers to anything
else is refused, as `torch.load(weights_only=True)` does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gasfield.errors import InputError
from gasfield.tensors.damage import damage
from gasfield.tensors.disassembled import Global, UnknownGlobal, dictionary, disassemble
from gasfield.tensors.formats.pickled import IF_TRUSTED

_DEEPEST, _MOST = 6, 400_000
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
class Storage:
    """A run of numbers in the archive: its key, number type (empty: of bytes), and length in numbers."""

    key: str
    numbers: str
    length: int


@dataclass(frozen=True)
class Stored:
    """A tensor: a strided view of a storage. `unlike` says why it is no plain array, if it is none."""

    storage: Storage | None
    numbers: str
    offset: int = 0
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    unlike: str = ""


def stored_tensors(content: bytes, path: Path) -> list[tuple[str, Stored]]:
    """The tensors that a pickle describes, and their names: nested ones are joined by dots.

    Args:
        content: the pickle.
        path: of the file that it comes from.

    Raises:
        InputError: if it is damaged, or refers to more than tensors and plain values.
    """
    return _walk(_described(content, path), path)


def _described(content: bytes, path: Path) -> Any:
    """The data that the pickle describes, with `Stored` for tensors."""
    try:
        with damage(path, "its pickle"):
            return disassemble(content, str(path), rules=_RULES, allowed=_is_plain, persistent=_storage)
    except UnknownGlobal as fault:
        raise InputError(
            f"{fault.message} Save the state dict alone: torch.save(model.state_dict(), ...), or as safetensors. "
            f"{IF_TRUSTED}"
        ) from None


def _is_plain(name: str) -> bool:
    return _PLAIN.fullmatch(name) is not None


def _storage(identity: Any) -> Storage:
    """A persistent id: ("storage", type, key, device, length)."""
    kind, storage, key, _, length = identity
    if kind != "storage" or not isinstance(key, str) or not _is_size(length):
        raise TypeError
    if storage.name in _BYTES:
        return Storage(key, "", length)
    return Storage(key, _STORAGES[storage.name], length)


def _strided(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Stored:
    """`_rebuild_tensor_v2`: of the rest only the last, metadata such as {"conj": True}, changes the values."""
    if not isinstance(storage, Storage) or not _is_size(offset) or not _are_sizes(shape) or not _are_sizes(strides):
        raise TypeError
    unlike = "a view that changes the signs of its values" if len(rest) > 2 and rest[2] else ""
    return Stored(storage, storage.numbers or "uint8", offset, tuple(shape), tuple(strides), unlike)


def _typed(*arguments: Any) -> Stored:
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


def _without_storage(dtype: Any, shape: Any, *rest: Any) -> Stored:
    if not _are_sizes(shape):
        raise TypeError
    return Stored(None, _dtype(dtype), 0, tuple(shape), (), "a tensor without values (of the device meta)")


def _no_array(*arguments: Any) -> Stored:
    return Stored(None, "values of a sparse, quantised or nested tensor", unlike="no plain array")


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


def _walk(data: Any, path: Path) -> list[tuple[str, Stored]]:
    """The tensors and their names in order, to a limited depth and number."""
    found: list[tuple[str, Stored]] = []
    left, seen = [("", data, 0)], 0
    while left:
        name, value, depth = left.pop()
        if isinstance(value, Stored):
            found.append((name, value))
        elif isinstance(value, dict) and depth < _DEEPEST:
            seen += len(value)
            if seen > _MOST:
                raise InputError(f"{path}: holds more than {_MOST:,} entries; save the state dict of the model alone.")
            left += [
                (f"{name}.{key}" if name else key, inner, depth + 1)
                for key, inner in reversed(value.items())
                if isinstance(key, str) and isinstance(inner, Stored | dict)
            ]
    return found
