"""Compression and decompression of chunks of a data set by several threads.

HDF5 runs its filters in one thread, with a DEFLATE of 50 MB/s. Here the same two filters (shuffle, then deflate) are
applied outside of HDF5 and chunks are written and read directly, so that any HDF5 library can read them. The DEFLATE is
that of Intel's ISA-L: its level 1 compresses as well as zlib's level 3, ten times as fast.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any, TypeVar

import h5py
import numpy as np
from isal import igzip_lib, isal_zlib
from numpy.typing import NDArray

from gasfield.memory import require_memory

FILTERS: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
UNFILTERED = 0b11
"""Filter mask of a chunk to which none of the two filters was applied."""
_LEVEL = 1
_THREADS = min(os.cpu_count() or 1, 8)
_WORTH_A_THREAD = 1 << 18
_CACHE_BYTES = 1 << 27
Slices = tuple[slice, ...]
T = TypeVar("T")


def pack_block(frames: NDArray[Any], chunk: tuple[int, ...], parts: Sequence[Slices]) -> Iterable[bytes]:
    """The compressed chunks of a block of frames.

    Args:
        frames: (n, ...), n at most chunk[0].
        chunk: shape of a chunk; those at an edge are stored at full size.
        parts: slices of a frame that belong to each chunk.
    """

    def packed(part: Slices) -> bytes:
        piece = frames[(slice(None), *part)]
        if piece.shape == chunk:
            return pack(piece)
        whole = np.zeros(chunk, frames.dtype)
        whole[tuple(slice(length) for length in piece.shape)] = piece
        return pack(whole)

    return _in_parallel(packed, parts, frames.nbytes)


def pack(chunk: NDArray[Any]) -> bytes:
    """Shuffle and deflate: the lowest bytes of all numbers, then the next ones, and so on."""
    words = np.ascontiguousarray(chunk).reshape(-1).view(f"<u{chunk.dtype.itemsize}")
    planes = np.empty((chunk.dtype.itemsize, words.size), np.uint8)
    for plane in range(chunk.dtype.itemsize):  # shifts of whole words are five times as fast as copies of single bytes
        np.right_shift(words, words.dtype.type(8 * plane), out=planes[plane], casting="unsafe")
    compressed: bytes = isal_zlib.compress(planes, _LEVEL)
    return compressed


def unpack(data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any], *, shuffled: bool = True) -> NDArray[Any]:
    """Inverse of `pack`; of a DEFLATE alone if the numbers were not shuffled.

    Raises:
        OSError: if the bytes are invalid.
    """
    size = int(np.prod(shape)) * dtype.itemsize
    try:
        content = isal_zlib.decompressobj().decompress(data, size + 1)  # bounded, whatever size the stream claims
        if not shuffled:
            return np.frombuffer(content, dtype).reshape(shape)
        planes = np.frombuffer(content, np.uint8).reshape(dtype.itemsize, -1)
        words: NDArray[Any] = planes[-1].astype(f"<u{dtype.itemsize}")
        for plane in planes[-2::-1]:
            words <<= words.dtype.type(8)
            words |= plane
        return words.view(dtype).reshape(shape)
    except (igzip_lib.IsalError, ValueError) as fault:  # type: ignore[misc]
        raise OSError(f"a chunk cannot be unpacked: {fault}") from None


class ChunkReader:
    """Reads parts of a data set; data sets with other filters are left to HDF5."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        self.dataset = dataset
        self._shape: tuple[int, ...] | None = dataset.chunks
        self._dtype: np.dtype[Any] = dataset.dtype
        self._shuffled = bool(dataset.shuffle)
        self._ours = is_unpacked_here(dataset)
        self._seen: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()

    def read(self, frames: slice, rows: slice | None = None) -> NDArray[Any]:
        """Frames of a slice with both ends given, of all rows or of a slice of them.

        Raises:
            OSError: if they are damaged.
        """
        inner = [slice(0, length) for length in self.dataset.shape[1:]]
        if rows is not None:
            inner[0] = rows
        wanted = (frames, *inner)
        if not self._ours or self._shape is None:
            values = np.asarray(self.dataset[wanted])
            return values.astype(values.dtype.newbyteorder("="), copy=False)
        shape, dtype = self._shape, self._dtype
        out = np.empty([piece.stop - piece.start for piece in wanted], dtype)
        few = frames.stop - frames.start < shape[0]  # reading frame by frame returns to the same chunk
        origins = list(_origins(shape, wanted))
        fresh = [(origin, *self._stored(origin)) for origin in origins if origin not in self._seen]
        chunk_bytes = int(np.prod(shape)) * dtype.itemsize

        def place(origin: tuple[int, ...], chunk: NDArray[Any]) -> None:
            here = [_overlap(piece, at, size) for piece, at, size in zip(wanted, origin, chunk.shape, strict=True)]
            out[tuple(target for target, _ in here)] = chunk[tuple(source for _, source in here)]

        def decode(item: tuple[tuple[int, ...], bytes, bool]) -> None:
            shuffled = self._shuffled
            chunk = unpack(item[1], shape, dtype, shuffled=shuffled) if item[2] else _as_stored(item[1], shape, dtype)
            place(item[0], chunk)
            if few:
                self._seen[item[0]] = chunk

        for origin in origins:
            if origin in self._seen:
                place(origin, self._seen[origin])
        for _ in _in_parallel(decode, fresh, chunk_bytes * len(fresh)):
            pass
        while len(self._seen) * chunk_bytes > max(_CACHE_BYTES, chunk_bytes * len(origins)):
            self._seen.popitem(last=False)
        return out

    def _stored(self, origin: tuple[int, ...]) -> tuple[bytes, bool]:
        """The bytes of a chunk, and whether they are compressed."""
        try:
            skipped, data = self.dataset.id.read_direct_chunk(origin)
        except (OSError, RuntimeError, ValueError) as fault:
            raise OSError(f"the chunk at {origin} is missing: {fault}") from None
        if skipped not in (0, UNFILTERED if self._shuffled else 1):
            raise OSError(f"the chunk at {origin} was stored with other filters")
        return bytes(data), not skipped


def is_unpacked_here(dataset: h5py.Dataset) -> bool:
    """Whether chunks are read without the filters of the library: those of DEFLATE, shuffled or not."""
    plain = dataset.compression == "gzip" and dataset.dtype.isnative and dataset.dtype.kind in "iuf"
    return bool(plain and not dataset.fletcher32 and dataset.scaleoffset is None)


def _as_stored(data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """A chunk to which no filter was applied."""
    if len(data) != int(np.prod(shape)) * dtype.itemsize:
        raise OSError(f"a chunk has {len(data)} bytes, not those of {shape} numbers")
    return np.frombuffer(data, dtype).reshape(shape)


def _overlap(wanted: slice, at: int, size: int) -> tuple[slice, slice]:
    """Target slice of the part of a chunk, and source slice within the chunk."""
    low, high = max(wanted.start, at), min(wanted.stop, at + size)
    return slice(low - wanted.start, high - wanted.start), slice(low - at, high - at)


def _origins(chunks: tuple[int, ...], wanted: Slices) -> Iterator[tuple[int, ...]]:
    """First indices of all chunks that intersect the wanted slices."""
    axes = [range(piece.start // size * size, piece.stop, size) for piece, size in zip(wanted, chunks, strict=True)]
    if all(piece.stop > piece.start for piece in wanted):
        yield from product(*axes)


def _in_parallel(work: Callable[[Any], T], items: Iterable[Any], size: int) -> Iterable[T]:
    """The results, in order. Small tasks, and all tasks during interpreter shutdown, run in this thread."""
    items = list(items)
    if len(items) < 2 or size < _WORTH_A_THREAD or _THREADS < 2:
        return [work(item) for item in items]
    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(work, items))
    except RuntimeError:
        return [work(item) for item in items]


_DEFLATE, _SHUFFLE, _FLETCHER, _LZF = 1, 2, 3, 32000
_MOST_INFLATED = 1032
"""How many bytes DEFLATE makes of one, at most; it is more than other filters make."""


def require_chunks(dataset: h5py.Dataset, file_size: int) -> None:
    """Checks that all values of a data set are in the file, in chunks that are no larger than they may be, and packed
    by filters that unpack no more than fits into memory.

    Args:
        dataset: of a file that gasfield has not written, or that is damaged.
        file_size: size of the file [bytes].

    Raises:
        OSError: if they are not.
    """
    shape, chunk = dataset.shape, dataset.chunks
    if not dataset.size:  # no place in the file is reserved for it
        return
    if chunk is None:
        offset, layout = dataset.id.get_offset(), dataset.id.get_create_plist().get_layout()
        if layout == h5py.h5d.CONTIGUOUS and (offset is None or offset + dataset.nbytes > file_size):
            raise OSError("its values are not in the file")
        return
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]
    if others := set(filters) - {_DEFLATE, _SHUFFLE, _FLETCHER, _LZF}:
        raise OSError(f"its filter {min(others)} is none that is read here; `h5repack` removes it")
    size = int(np.prod(chunk, dtype=object)) * dataset.dtype.itemsize
    if filters and not (is_unpacked_here(dataset) and len(shape) > 1):
        require_memory(_MOST_INFLATED * size, f"{dataset.name} with its large chunks")
    most, found = size + size // 100 + 1024, 0

    def note(info: Any) -> None:
        nonlocal found
        if info.size > most or (not filters and info.size != size) or info.byte_offset + info.size > file_size:
            raise OSError("a chunk has another size than it may have, or is outside the file")
        found += all(origin < length for origin, length in zip(info.chunk_offset, shape, strict=True))

    dataset.id.chunk_iter(note)
    needed = int(np.prod([-(-length // part) for length, part in zip(shape, chunk, strict=True)], dtype=object))
    if found != needed:
        raise OSError(f"{needed - found} of {needed} chunks are missing")
