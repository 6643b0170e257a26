"""The tensors of a file and their bits: safetensors (including shards), npy and npz, memory-mapped where possible.

Nothing is unpickled. NumPy has no bfloat16, so the values are kept as bits here; `Matrix` interprets them.
"""

from __future__ import annotations

import json
import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.memory import require_memory

PRECISIONS = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64"}
"""Number types of embeddings, by their names in safetensors."""
_INTEGERS = {
    f"{letter}{8 * size}": (f"{kind}{8 * size}", size)
    for letter, kind in (("I", "int"), ("U", "uint"))
    for size in (1, 2, 4, 8)
}
"""Whole numbers: no embedding, but ids and steps beside one."""
_NAMES = PRECISIONS | {name: kind for name, (kind, _) in _INTEGERS.items()}
_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4, "float64": 8, **dict(_INTEGERS.values())}
_LONGEST_HEADER = 100_000_000
"""Bytes: the format's own limit."""
_PICKLES = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib"}
_NO_PICKLES = (
    "this is a pickle; opening it would run any code that it contains, which gasfield never does. If you trust it, "
    "load it and save the matrix with safetensors.torch.save_file({'embedding': weight}, 'embedding.safetensors') or "
    "numpy.save."
)
_OF_A_MODEL = " Of a whole model, transformers' save_pretrained(NEW_FOLDER) writes safetensors."
_FAULTS = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,  # an archive with a password; NotImplementedError for a newer version
    zlib.error,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    tokenize.TokenError,  # NumPy's headers are parsed as Python literals
)
"""Exceptions raised for damaged files."""
Words = NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True)
class Tensor:
    """One array of a file.

    Attributes:
        name: in the file; empty if the file holds one unnamed array.
        shape: as stored; None if its shard is missing.
        numbers: "bfloat16", "float16", "float32", "float64", or the name of another type, unsuitable for an embedding.
        load: returns its bits as unsigned integers of that shape, mapped or read.
        stream: yields its bits along the first axis piece by piece, without holding all of them in memory; None if
            `load` maps the file.
    """

    name: str
    shape: tuple[int, ...] | None
    numbers: str
    load: Callable[[], Words]
    stream: Callable[[], Iterator[Words]] | None = None

    def pieces(self) -> Iterator[Words]:
        """Its bits along the first axis, piece by piece; never all of them in memory."""
        return iter(self.load()) if self.stream is None else self.stream()


def tensors_of(path: Path) -> list[Tensor]:
    """All tensors of a file or of a folder of shards; no data are loaded yet.

    Raises:
        InputError: if it is missing, damaged, a pickle, or of an unknown format.
    """
    try:
        if path.is_dir():
            return _folder(path)
        if not path.is_file():
            raise InputError(f"{path}: no such file.")
        with path.open("rb") as file:
            start = file.read(8)
        if start.startswith(b"\x93NUMPY"):
            return [_npy(path)]
        if start.startswith(b"PK"):
            return _npz(path)
        if path.suffix == ".safetensors":
            return _safetensors(path)
        if path.suffix == ".json":
            return _index(path)
        if path.suffix in _PICKLES or start[:1] == b"\x80":
            raise InputError(f"{path}: {_NO_PICKLES}")
    except _FAULTS as fault:
        raise InputError(f"{path}: cannot be read; is it cut short? ({fault})") from None
    raise InputError(
        f"{path}: unknown format; supported are safetensors (a file, a folder of shards or its .index.json), .npy, "
        ".npz, and gasfield's trajectories (.h5)."
    )


# --- safetensors -----------------------------------------------------------------------------------------------------


def _folder(path: Path) -> list[Tensor]:
    """A folder of shards: by its index if there is one (which also lists missing shards)."""
    indices = sorted(path.glob("*.safetensors.index.json"))
    if indices:
        return _index(indices[0])
    shards = sorted(path.glob("*.safetensors"))
    if not shards:
        pickles = [file.name for file in sorted(path.iterdir()) if file.suffix in _PICKLES]
        if pickles:
            raise InputError(f"{path / pickles[0]}: {_NO_PICKLES}{_OF_A_MODEL}")
        raise InputError(f"{path}: no *.safetensors in this folder.")
    return [tensor for shard in shards for tensor in _safetensors(shard)]


def _index(path: Path) -> list[Tensor]:
    """The tensors of a sharded model. A missing shard is an error only if one of its tensors is loaded."""
    try:
        places = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        shards = {name: str(file) for name, file in places.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: not an index of safetensors, which is a JSON object with `weight_map`.") from None
    found: dict[str, Tensor] = {}
    for file in sorted(set(shards.values())):
        if Path(file).name != file:
            raise InputError(f"{path}: weight_map names {file!r}; shards must be in the folder of their index.")
        if (path.parent / file).is_file():
            found |= {tensor.name: tensor for tensor in _safetensors(path.parent / file)}
    return [found.get(name) or missing_tensor(name, path.parent / file) for name, file in shards.items()]


def missing_tensor(name: str, shard: Path) -> Tensor:
    """A tensor listed in an index but missing from its shard: loading it raises InputError."""

    def load() -> Words:
        what = "it holds no such tensor" if shard.is_file() else "this shard is missing"
        raise InputError(f"{shard}: {what}; the index lists {name} in it.")

    return Tensor(name, None, "", load)


def metadata_of(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file.

    Raises:
        InputError: if it is damaged.
    """
    stated = _header(path)[0].get("__metadata__", {})
    if not isinstance(stated, dict):
        raise InputError(f"{path}: its __metadata__ is not an object of names and texts.")
    return {str(name): str(value) for name, value in stated.items()}


def _safetensors(path: Path) -> list[Tensor]:
    header, origin = _header(path)
    size = path.stat().st_size
    try:
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        return [_entry(path, name, entry, origin, size) for name, entry in entries.items()]
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise InputError(f"{path}: its safetensors header is damaged ({fault}).") from None


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
        text = file.read(length)
    try:
        header = json.loads(text)
        if not isinstance(header, dict):
            raise TypeError("not an object")
        return header, 8 + length
    except (ValueError, TypeError) as fault:
        raise InputError(f"{path}: its safetensors header is damaged ({fault}).") from None


def _entry(path: Path, name: str, entry: Mapping[str, Any], origin: int, size: int) -> Tensor:
    shape = tuple(int(length) for length in entry["shape"])
    start, stop = (int(place) for place in entry["data_offsets"])
    numbers = _NAMES.get(entry["dtype"], str(entry["dtype"]))
    width = _BYTES.get(numbers)
    if min(shape, default=0) < 0 or start < 0 or (width is not None and stop - start != width * math.prod(shape)):
        raise InputError(f"{path}: {name}: bytes {start} to {stop} do not hold {_shape(shape)} of {numbers}.")
    if origin + stop > size:
        raise InputError(f"{path}: cut short: {name} ends at byte {origin + stop}, the file at {size}.")

    def mapped(at: int, part: tuple[int, ...]) -> Words:
        if not math.prod(part):
            return np.empty(part, f"<u{width}")
        return np.memmap(path, dtype=f"<u{width}", mode="r", offset=origin + start + at, shape=part)

    def stream() -> Iterator[Words]:
        """Maps each piece separately: pages read through a map stay resident as long as the map exists."""
        size = (width or 0) * math.prod(shape[1:])
        for number in range(shape[0]):
            yield mapped(number * size, shape[1:])

    return Tensor(name, shape, numbers, lambda: mapped(0, shape), stream if shape else None)


# --- NumPy -----------------------------------------------------------------------------------------------------------


def _npy(path: Path) -> Tensor:
    with path.open("rb") as file:
        shape, kind = _npy_header(file, str(path))

    def load() -> Words:
        try:
            return _bits(np.load(path, mmap_mode="r" if math.prod(shape) else None, allow_pickle=False))
        except _FAULTS as fault:
            raise InputError(f"{path}: cannot be read; is it cut short? ({fault})") from None

    return Tensor("", shape, _numbers(kind), load)


def _npz(path: Path) -> list[Tensor]:
    tensors = []
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any(name.endswith("data.pkl") for name in names):
            raise InputError(f"{path}: {_NO_PICKLES}")
        for name in names:
            if name.endswith(".npy"):
                with archive.open(name) as member:
                    shape, kind = _npy_header(member, f"{path}: {name}")  # type: ignore[arg-type]
                tensors.append(
                    Tensor(
                        name.removesuffix(".npy"),
                        shape,
                        _numbers(kind),
                        _from_npz(path, name, kind),
                        _pieces_of_npz(path, name),
                    )
                )
    if not tensors:
        raise InputError(f"{path}: no arrays in this archive; it must be an .npz of numpy.savez.")
    return tensors


def _from_npz(path: Path, name: str, kind: np.dtype[Any]) -> Callable[[], Words]:
    def load() -> Words:
        try:
            with zipfile.ZipFile(path) as archive:
                require_memory(archive.getinfo(name).file_size, f"{path}: {name}")
                with archive.open(name) as member:
                    return _bits(npy.read_array(member, allow_pickle=False))
        except _FAULTS as fault:
            raise InputError(f"{path}: {name} cannot be read; is it cut short? ({fault})") from None

    return load


def _pieces_of_npz(path: Path, name: str) -> Callable[[], Iterator[Words]]:
    """A compressed array, decompressed piece by piece."""

    def stream() -> Iterator[Words]:
        try:
            with zipfile.ZipFile(path) as archive, archive.open(name) as member:
                version = npy.read_magic(member)
                read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                shape, by_columns, kind = read(member)
                if by_columns and len(shape) > 1:
                    raise InputError(
                        f"{path}: {name} is stored by columns, so that its pieces are not contiguous; save "
                        "numpy.ascontiguousarray of it."
                    )
                size = math.prod(shape[1:]) * kind.itemsize
                for _ in range(shape[0]):
                    piece = member.read(size)
                    if len(piece) < size:
                        raise ValueError("it ends too early")
                    yield _bits(np.frombuffer(piece, kind).reshape(shape[1:]))
        except _FAULTS as fault:
            raise InputError(f"{path}: {name} cannot be read; is it cut short? ({fault})") from None

    return stream


def _npy_header(file: BinaryIO, origin: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type from the header."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, kind = read(file)
    if kind.hasobject:
        raise InputError(f"{origin}: an array of objects; {_NO_PICKLES}")
    return tuple(int(length) for length in shape), kind


def _numbers(kind: np.dtype[Any]) -> str:
    return str(kind.newbyteorder("="))


def _bits(values: NDArray[Any]) -> Words:
    """The bits in native byte order. Arrays stored in the other order, or by columns, are copied."""
    native = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    return native.view(f"u{native.dtype.itemsize}")


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
