"""safetensors. What the reference library refuses is refused, and what it accepts is accepted.

A header is JSON in the sense of that library (serde_json), which is stricter than Python's: no NaN, no -0 for 0, no
lone surrogates, no byte order mark, no number beyond float64. The tensors fill the rest of the file without gaps.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.printable import shortened
from gasfield.tensors.damage import damage
from gasfield.tensors.numbers import PRECISIONS, WIDTHS, shown
from gasfield.tensors.tensor import Tensor, Words, map_words

_LONGEST_HEADER = 100_000_000
"""Bytes: the format's own limit."""
_IN_MEMORY = 24
"""Bytes that one byte of the header takes in memory, at most."""
_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip
"""Number types of the format."""
_NAMES = PRECISIONS | {f"{letter}{bits}": f"{kind}{bits}" for letter, kind in (("I", "int"), ("U", "uint"))
                       for bits in (8, 16, 32, 64)} | {"BOOL": "bool"}  # fmt: skip
_METADATA = "__metadata__"
_BLANK = b" \t\r\n"
_LARGEST = 2**64
_DEEPEST = 126
"""Levels of nesting that serde_json reads below header and entry, counted with the values in the last one."""


def is_safetensors(start: bytes) -> bool:
    """Whether a file that starts with these bytes is one: the length of a header, which begins with a brace."""
    return int.from_bytes(start[:8], "little") <= _LONGEST_HEADER and start[8:].lstrip(_BLANK).startswith(b"{")


def read_safetensors(path: Path) -> list[Tensor]:
    """All tensors of a file.

    Raises:
        InputError: if the reference library would refuse it.
    """
    header, origin = _header(path)
    size = path.stat().st_size - origin
    entries = [(name, *_entry(path, name, entry)) for name, entry in header.items() if name != _METADATA]
    end = 0
    for name, _, _, start, stop in sorted(entries, key=lambda entry: entry[3:]):
        if start != end:
            fault = "overlaps the tensor before it" if start < end else f"follows {start - end} bytes of no tensor"
            raise InputError(f"{path}: {shortened(name)}, from byte {origin + start}, {fault}.")
        end = stop
        if stop > size:
            raise InputError(
                f"{path}: cut short: {shortened(name)} ends at byte {origin + stop}, the file at {origin + size}."
            )
    if end < size:
        raise InputError(f"{path}: its last {size - end} bytes belong to no tensor.")
    return [_tensor(path, name, kind, shape, origin + start) for name, kind, shape, start, _ in entries]


def metadata_of(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file; none of a file in another format.

    Raises:
        InputError: if it is damaged.
    """
    with damage(path):
        with path.open("rb") as file:
            if not is_safetensors(file.read(64)) and path.suffix != ".safetensors":
                return {}
        return dict(_header(path)[0].get(_METADATA) or {})


class _Repeated(dict[str, Any]):
    """An object in which keys were given twice; of a tensor or a text of the metadata the last one counts."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice = {name for name, count in Counter(name for name, _ in pairs).items() if count > 1}


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The header, and the byte at which the numbers begin."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = int.from_bytes(head, "little")
        if len(head) < 8 or length > min(_LONGEST_HEADER, size - 8):
            raise InputError(
                f"{path}: not safetensors, or cut short: its header would have {length} bytes, the file has {size}."
            )
        require_memory(_IN_MEMORY * length, f"{path}: its header")
        content = file.read(length)
    try:
        return _parsed(content), 8 + length
    except json.JSONDecodeError as fault:
        reason = f"not JSON: line {fault.lineno}, column {fault.colno}"
    except UnicodeError:
        reason = "not UTF-8"
    except RecursionError:
        reason = "it is nested too deeply"
    except ValueError as fault:  # one of ours, or an integer of too many digits
        reason = str(fault) if isinstance(fault, _HeaderError) else "a number has too many digits"
    raise InputError(f"{path}: its safetensors header is damaged ({reason}).")


class _HeaderError(ValueError):
    """Something that JSON of Python allows, and the format does not."""


def _parsed(content: bytes) -> dict[str, Any]:
    text = content.decode("utf-8")
    header = json.loads(
        text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
    )
    if "\\ud" in text or "\\uD" in text:
        json.dumps(header, ensure_ascii=False).encode("utf-8")  # fails for half a surrogate pair
    if not isinstance(header, dict):
        raise _HeaderError("it is no object")
    if isinstance(header, _Repeated) and _METADATA in header.twice:
        raise _HeaderError("its metadata are given twice")
    metadata = header.get(_METADATA)
    if metadata is not None and not (
        isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values())
    ):
        raise _HeaderError("its metadata are no object of texts")
    return dict(header)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Repeated(pairs)


def _constant(name: str) -> float:
    raise _HeaderError(f"{name} is no number of JSON")


def _integer(text: str) -> int | float:
    return -0.0 if text == "-0" else int(text)


def _float(text: str) -> float:
    if math.isinf(value := float(text)):
        raise _HeaderError("a number is beyond float64")
    return value


_FIELDS = ("dtype", "shape", "data_offsets")
_FIELD_NAMES = frozenset(_FIELDS)


def _entry(path: Path, name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """Number type, shape, and the bytes of a tensor, relative to the end of the header."""
    if isinstance(entry, list) and len(entry) == len(_FIELDS):  # as serde reads a structure from a list
        entry = dict(zip(_FIELDS, entry, strict=True))
    if not isinstance(entry, dict) or not entry.keys() >= _FIELD_NAMES:
        raise _damaged(path, name, f"an entry has {', '.join(_FIELDS)}")
    if len(entry) > len(_FIELDS) or isinstance(entry, _Repeated):
        _check_others(path, name, entry)
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if isinstance(kind, dict) and list(kind.values()) == [None]:  # as serde reads a variant from an object
        [kind] = kind
    if not isinstance(kind, str) or kind not in _BITS:
        raise _damaged(path, name, "its dtype is none of the format")
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise _damaged(path, name, "shape and data_offsets are lists of integers from 0")
    start, stop = offsets
    if _overflows(shape) or start > stop or _BITS[kind] * math.prod(shape) != 8 * (stop - start):
        numbers = _NAMES.get(kind, kind)
        raise InputError(
            f"{path}: {shortened(name)}: bytes {start} to {stop} do not hold {shown(tuple(shape))} of {numbers}."
        )
    return kind, tuple(shape), start, stop


def _check_others(path: Path, name: str, entry: dict[str, Any]) -> None:
    """Other fields of an entry are ignored, if they are JSON in the sense of the format."""
    if isinstance(entry, _Repeated) and entry.twice.intersection(_FIELDS):
        raise _damaged(path, name, "a field is given twice")
    level: list[Any] = [[value for field, value in entry.items() if field not in _FIELDS]]
    for _ in range(_DEEPEST):
        values = [value for each in level for value in (each.values() if isinstance(each, dict) else each)]
        if any(type(value) is int and abs(value) > 1 << 1023 for value in values):
            raise _damaged(path, name, "a number is beyond float64")
        level = [value for value in values if isinstance(value, dict | list)]
        if not level:
            return
    raise _damaged(path, name, "it is nested too deeply")


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < _LARGEST for value in values)


def _overflows(shape: list[int]) -> bool:
    """Whether a product on the way from the left exceeds 64 bits, though zeros may follow."""
    product = 1
    for length in shape:
        product *= length
        if product >= _LARGEST:
            return True
    return False


def _damaged(path: Path, name: str, reason: str) -> InputError:
    return InputError(f"{path}: its safetensors header is damaged ({shortened(name)}: {reason}).")


def _tensor(path: Path, name: str, kind: str, shape: tuple[int, ...], origin: int) -> Tensor:
    numbers = _NAMES.get(kind, kind)
    width = WIDTHS.get(numbers, 1 if _BITS[kind] == 8 else 0)
    if not width:
        return Tensor(
            name, shape, numbers, partial(_refuse, f"{path}: {shortened(name)}: {kind} values cannot be read.")
        )
    stream = partial(_stream, path, origin, shape, width) if shape else None
    return Tensor(name, shape, numbers, partial(map_words, path, origin, shape, width), stream)


def _stream(path: Path, origin: int, shape: tuple[int, ...], width: int) -> Iterator[Words]:
    """Maps each piece separately: pages read through a map stay resident as long as the map exists."""
    size = width * math.prod(shape[1:])
    for number in range(shape[0]):
        yield map_words(path, origin + number * size, shape[1:], width)


def _refuse(message: str) -> Words:
    raise InputError(message)
