"""Checkpoints of torch.distributed.checkpoint: a folder with `.metadata`, a pickle that says which chunk of which
tensor lies where, and `.distcp` files, each with many chunks, one after the other, as `torch.save` writes them.

Pickles are disassembled, never unpickled. One tensor is put together from its chunks; the others are not read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.printable import shortened
from gasfield.tensors.damage import damage
from gasfield.tensors.disassembled import Global, Record, UnknownGlobal, disassemble
from gasfield.tensors.foreign import refuse_pointer
from gasfield.tensors.formats.torch_archives import read_torch_archive
from gasfield.tensors.numbers import WIDTHS, shown
from gasfield.tensors.tensor import Tensor, Words

METADATA = ".metadata"
SUFFIX = ".distcp"
_IN_MEMORY = 40
"""Bytes that one byte of the metadata takes in memory, at most."""
_MOST_AXES = 64
_PACKAGE = "torch.distributed.checkpoint."
_RECORDS = (
    *(f"{_PACKAGE}metadata.{name}" for name in (
        "Metadata", "TensorStorageMetadata", "BytesStorageMetadata", "ChunkStorageMetadata", "MetadataIndex",
        "TensorProperties", "StorageMeta", "_MEM_FORMAT_ENCODING")),
    f"{_PACKAGE}filesystem._StorageInfo",
    "torch.distributed._shard.sharded_tensor.metadata.TensorProperties",
    "torch.distributed._shard.sharded_tensor.metadata.MEM_FORMAT_ENCODING",
    "torch.distributed._shard._utils.MEM_FORMAT_ENCODING",
    "torch.device",
    *(f"pathlib.{name}" for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
    *(f"pathlib._local.{name}" for name in ("PosixPath", "WindowsPath")),
)  # fmt: skip
"""Classes of the metadata, of which the arguments and the state are kept."""


@dataclass(frozen=True)
class _Chunk:
    """A part of a tensor: its place in it, its shape, and where it lies."""

    offsets: tuple[int, ...]
    shape: tuple[int, ...]
    file: Path
    start: int
    size: int


def is_distributed(folder: Path) -> bool:
    """Whether a folder is such a checkpoint, with or without its metadata."""
    return (folder / METADATA).is_file() or any(folder.glob(f"*{SUFFIX}"))


def read_distributed(folder: Path) -> list[Tensor]:
    """All tensors of a checkpoint.

    Raises:
        InputError: if its metadata are missing or damaged, or refer to anything else.
    """
    path = folder / METADATA
    if not path.is_file():
        raise InputError(f"{folder}: {SUFFIX} files without their {METADATA}, which says what they hold.")
    refuse_pointer(path)
    require_memory(_IN_MEMORY * path.stat().st_size, str(path))
    try:
        with damage(path):
            metadata = disassemble(path.read_bytes(), str(path), rules=_RULES, allowed=_is_plain)
            return [_tensor(folder, name, *parts) for name, parts in _parts(folder, metadata).items()]
    except UnknownGlobal as fault:
        raise InputError(f"{fault.message} {_converted(folder)}") from None


def _converted(folder: Path) -> str:
    return (
        "If you trust it, convert it with PyTorch: python -m torch.distributed.checkpoint.format_utils dcp_to_torch "
        f"{folder} model.pt."
    )


def _record(name: str) -> Callable[..., Record]:
    return lambda *arguments: Record(name, arguments)


def _size(*arguments: Any) -> tuple[Any, ...]:
    return tuple(arguments[0]) if arguments else ()


def _member(owner: Any, name: Any) -> Record:
    """A member of an enumeration of the metadata, which Python 3.11.0 to 3.11.3 pickles by its name."""
    if not (isinstance(owner, Global) and owner.name in _RECORDS and isinstance(name, str)):
        raise TypeError
    return Record(owner.name, (name,))


_RULES: dict[str, Callable[..., Any]] = {
    "builtins.getattr": _member,
    **{name: _record(name) for name in _RECORDS},
    "torch.Size": _size,
    "torch.serialization._get_layout": lambda *_: None,
    "collections.OrderedDict": lambda *_: {},
}


def _is_plain(name: str) -> bool:
    """Number types, layouts and memory formats: values, not calls."""
    return name.startswith("torch.") and name.count(".") == 1


# --- metadata ---------------------------------------------------------------------------------------------------------


def _parts(folder: Path, metadata: Any) -> dict[str, tuple[str, tuple[int, ...], list[_Chunk]]]:
    """Number type, shape and chunks of each tensor.

    Raises:
        Exception: of any type, if the metadata are damaged.
    """
    stored = _state(metadata, "Metadata")
    places = _places(folder, stored["storage_data"])
    found = {}
    for name, record in stored["state_dict_metadata"].items():
        if isinstance(record, Record) and record.name.endswith(".TensorStorageMetadata"):
            state = _state(record, "TensorStorageMetadata")
            shape = _sizes(state["size"])
            chunks = [_chunk(folder, name, chunk, places) for chunk in state["chunks"]]
            _check(folder, name, shape, chunks)
            found[str(name)] = (_numbers(state["properties"]), shape, chunks)
    return found


def _places(folder: Path, stored: Mapping[Any, Any]) -> dict[tuple[str, tuple[int, ...]], tuple[Path, int, int]]:
    """File, first byte and length of each chunk, by the name of its tensor and its place in it."""
    found = {}
    for index, info in stored.items():
        if not isinstance(index, Record) or not isinstance(info, Record):
            raise TypeError
        key, place = _state(index, "MetadataIndex"), _state(info, "_StorageInfo")
        if key.get("offset") is None:  # no tensor
            continue
        if place.get("transform_descriptors"):
            raise InputError(f"{folder}: its chunks are packed by extensions of PyTorch. {_converted(folder)}")
        file, start, size = place["relative_path"], place["offset"], place["length"]
        if not isinstance(file, str) or Path(file).name != file or not _is_size(start) or not _is_size(size):
            raise InputError(f"{folder / METADATA}: names a file {shortened(str(file))}; chunks lie in its own folder.")
        found[str(key["fqn"]), _sizes(key["offset"])] = folder / file, start, size
    return found


def _chunk(
    folder: Path, name: str, chunk: Any, places: Mapping[tuple[str, tuple[int, ...]], tuple[Path, int, int]]
) -> _Chunk:
    state = _state(chunk, "ChunkStorageMetadata")
    offsets, shape = _sizes(state["offsets"]), _sizes(state["sizes"])
    place = places.get((str(name), offsets))
    if place is None:
        raise InputError(f"{folder / METADATA}: {shortened(str(name))}: the place of a chunk is missing.")
    return _Chunk(offsets, shape, *place)


def _check(folder: Path, name: str, shape: tuple[int, ...], chunks: list[_Chunk]) -> None:
    """Checks that chunks lie within their tensor, and are together as large."""
    inside = all(
        len(chunk.shape) == len(chunk.offsets) == len(shape)
        and all(at + size <= length for at, size, length in zip(chunk.offsets, chunk.shape, shape, strict=True))
        for chunk in chunks
    )
    if not inside or sum(math.prod(chunk.shape) for chunk in chunks) != math.prod(shape):
        raise InputError(
            f"{folder / METADATA}: {shortened(str(name))}: its {len(chunks)} chunks do not make {shown(shape)}."
        )


def _state(record: Any, name: str) -> dict[str, Any]:
    """The fields of a record of a class."""
    if not isinstance(record, Record) or not record.name.endswith(f".{name}") or not isinstance(record.state, dict):
        raise TypeError
    return record.state


def _numbers(properties: Any) -> str:
    """The number type: the first field of the properties, which are kept as a tuple or by name."""
    state = properties.state
    dtype = state["dtype"] if isinstance(state, dict) else state[0]
    if not isinstance(dtype, Global):
        raise TypeError
    return dtype.name.removeprefix("torch.")


def _sizes(values: Any) -> tuple[int, ...]:
    if not isinstance(values, tuple | list) or len(values) > _MOST_AXES or not all(map(_is_size, values)):
        raise TypeError
    return tuple(values)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


# --- numbers ----------------------------------------------------------------------------------------------------------


def _tensor(folder: Path, name: str, numbers: str, shape: tuple[int, ...], chunks: list[_Chunk]) -> Tensor:
    where = f"{folder}: {shortened(name)}"

    def load() -> Words:
        width = WIDTHS.get(numbers, 0)
        if width not in (1, 2, 4, 8):
            raise InputError(f"{where}: {numbers} values cannot be read.")
        if len(chunks) == 1:
            return _words(chunks[0], numbers, where)
        require_memory((width + 1) * math.prod(shape), where)
        words, filled = np.empty(shape, f"<u{width}"), np.zeros(shape, bool)
        for chunk in chunks:
            place = tuple(slice(at, at + size) for at, size in zip(chunk.offsets, chunk.shape, strict=True))
            if filled[place].any():
                raise InputError(f"{where}: two of its chunks overlap.")
            words[place], filled[place] = _words(chunk, numbers, where), True
        return words

    return Tensor(name, shape, numbers, load)


def _words(chunk: _Chunk, numbers: str, where: str) -> Words:
    """The numbers of a chunk.

    Raises:
        InputError: if its file is missing, or holds something else there.
    """
    if not chunk.file.is_file():
        raise InputError(f"{chunk.file}: this part is missing; {where} needs it.")
    refuse_pointer(chunk.file)
    if chunk.start + chunk.size > chunk.file.stat().st_size:
        raise InputError(f"{chunk.file}: cut short: {where} needs its bytes to {chunk.start + chunk.size}.")
    with damage(chunk.file):
        tensors = read_torch_archive(chunk.file, chunk.start, chunk.size)
        if len(tensors) != 1 or (tensors[0].shape, tensors[0].numbers) != (chunk.shape, numbers):
            raise InputError(
                f"{chunk.file}: holds something else at byte {chunk.start} than {shown(chunk.shape)} of {numbers} for "
                f"{where}."
            )
        return tensors[0].load()
