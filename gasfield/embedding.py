"""An embedding matrix as bits: from a file, or from a frame of a trajectory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.kernels.bfloat16 import bits, from_bits, round_to_bfloat16
from gasfield.kernels.lattices import FORMATS, fraction_bits, is_on, lattice_keys, lattice_numbers
from gasfield.kernels.lattices import PRECISIONS as LATTICES
from gasfield.memory import require_memory
from gasfield.resources import in_run
from gasfield.tensors import PRECISIONS, Tensor, Words, choose_embedding, tensors_of, what_they_are
from gasfield.trajectory import Trajectory, open_trajectory

Values = NDArray[np.float64]
Indices = NDArray[np.int64]

_LARGEST = 1e100
"""Limit beyond which squares overflow."""
_FRACTION_BITS = {"float64": 52} | {name: fraction_bits(name) for name in LATTICES}
_EIGHT_BITS = ("float8_e4m3fn", "float8_e5m2")
_BLOCK, _LONGEST, BLOCK_STEP = 1 << 21, 2048, 32
"""Numbers in a block, its maximum number of rows, and the divisor of that number."""
_HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class Matrix:
    """Rows of an embedding.

    Attributes:
        source: the file, as given.
        tensor: name of the tensor, or the step of the frame.
        precision: "bfloat16", "float16", "float32", "float64", or of a trajectory also an 8-bit format.
        words: (N, D) bits of the numbers, contiguous, mapped or in memory.
        groups: name of each group of rows -> their ids; of a trajectory, its groups of particles.
        notes: on the choice and conversion of the matrix.
        absent: ids of rows that are not there in this frame of a trajectory: they are planted later, and are NaN.
    """

    source: str
    tensor: str
    precision: str
    words: Words
    groups: Mapping[str, Indices] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    absent: Indices = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def rows(self) -> int:
        """N."""
        return int(self.words.shape[0])

    @property
    def dimensions(self) -> int:
        """D."""
        return int(self.words.shape[1])

    @property
    def fraction_bits(self) -> int:
        """Stored bits of the significand."""
        return _FRACTION_BITS[self.precision]

    @property
    def largest_word(self) -> int:
        """Bits of the largest number that is measured: finite, and with a finite square."""
        if self.precision in _EIGHT_BITS:
            return int(lattice_keys(np.array([FORMATS[self.precision].largest], np.float32), self.precision)[0])
        kind = "float32" if self.precision == "bfloat16" else self.precision
        largest = np.array(min(_LARGEST, float(np.finfo(kind).max)), kind)
        word = int(largest.view(f"u{largest.itemsize}"))
        return word >> 16 if self.precision == "bfloat16" else word

    def values(self, rows: Indices | slice) -> Values:
        """Some rows (n, D) as numbers."""
        return self._numbers(rows).astype(np.float64)

    def blocks(self, rows: Indices) -> Iterator[tuple[slice, Values]]:
        """The rows in blocks that fit into memory: the slice of `rows`, and the numbers (n, D)."""
        length = min(_LONGEST, max(1, _BLOCK // self.dimensions // BLOCK_STEP) * BLOCK_STEP)
        for start in range(0, len(rows), length):
            part = rows[start : start + length]
            whole = part[-1] - part[0] + 1 == len(part)  # a slice of a mapped file is not copied
            yield slice(start, start + len(part)), self.values(slice(part[0], part[-1] + 1) if whole else part)

    def lattice(self) -> tuple[NDArray[np.uint16], bool]:
        """(N, D) signs and magnitudes on the lattice of the numbers, and whether it is their own: of numbers of 32 and
        64 bits it is that of the nearest bfloat16 numbers, exact if all of them are bfloat16."""
        if self.precision in _EIGHT_BITS:
            words = self.words.astype(np.uint16)
            signs, magnitudes = words & np.uint16(0x80), words & np.uint16(0x7F)
            return np.asarray(signs << np.uint16(8) | magnitudes, np.uint16), True
        if self.precision in ("bfloat16", "float16"):
            return self.words.astype(np.uint16, copy=False), True
        rounded, exact = np.empty(self.words.shape, np.uint16), True
        for place, values in self.blocks(np.arange(self.rows)):
            with np.errstate(over="ignore"):
                near = round_to_bfloat16(values)
            rounded[place] = bits(near)
            exact = exact and bool(np.array_equal(near, values, equal_nan=True))
        return rounded, exact

    def _numbers(self, rows: Indices | slice) -> NDArray[Any]:
        words = np.asarray(self.words[rows])
        if self.precision in _EIGHT_BITS:
            return _eight_bits(self.precision)[words]
        return (
            from_bits(words.astype(np.uint16, copy=False))
            if self.precision == "bfloat16"
            else words.view(self.precision)
        )


@cache
def _eight_bits(precision: str) -> NDArray[np.float32]:
    """(256,) the number of each word of an 8-bit format; infinities and NaN are NaN."""
    magnitudes = np.arange(128)
    sizes = lattice_numbers(magnitudes, precision)
    sizes[sizes > FORMATS[precision].largest] = np.nan
    return np.concatenate([sizes, -sizes]).astype(np.float32)


def _words_of(values: NDArray[np.float32], precision: str) -> Words:
    """The bits of numbers of an 8-bit format; all infinities and NaN are that with all bits."""
    magnitudes = np.abs(lattice_keys(np.where(np.isfinite(values), values, np.float32(0)), precision))
    words = np.where(np.isfinite(values), magnitudes, 0x7F) | np.where(np.signbit(values), 0x80, 0)
    return words.astype(np.uint8)


def open_matrix(
    source: str | Path, tensor: str | None = None, step: int | None = None, bits_are: str | None = None
) -> Matrix:
    """Opens an embedding matrix.

    Args:
        source: safetensors (a file, a folder of shards, or their index), npy, npz, a file of torch.save, a folder of
            torch.distributed.checkpoint, GGUF, or a trajectory.
        tensor: its name; by default a common name of embeddings, or the only matrix.
        step: recorded step of a trajectory; the last by default.
        bits_are: "bfloat16" if uint16 numbers of npy and npz are the bits of bfloat16 ones.

    Raises:
        InputError: if there is no such file, tensor or step, or it is not a matrix of floating-point numbers.
    """
    if bits_are not in (None, "bfloat16"):
        raise InputError("bfloat16 is the only choice.", parameter="bits", value=bits_are)
    path = in_run(Path(source))
    if _is_hdf5(path):
        for parameter, given in (("tensor", tensor), ("bits", bits_are)):
            if given is not None:
                message = f"{path} is a trajectory, which has no {parameter}; choose a frame by its step."
                raise InputError(message, parameter=parameter, value=given)
        with open_trajectory(path) as trajectory:
            return _frame(trajectory, step)
    if step is not None:
        raise InputError(f"selects a frame of a trajectory; {path} is not one.", parameter="step", value=step)
    available = tensors_of(path)
    chosen, notes = choose_embedding(available, tensor, path)
    where = f"{path}: {chosen.name}" if chosen.name else str(path)
    words = chosen.load() if chosen.shape is None else _checked(chosen, bits_are, where)
    precision = "bfloat16" if bits_are else chosen.numbers
    if not (words.flags.aligned and words.flags.c_contiguous):
        require_memory(words.nbytes, where)
        words = np.array(words, order="C")
    return Matrix(str(source), chosen.name, precision, words, notes=notes)


def _is_hdf5(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(8) == _HDF5


def _checked(tensor: Tensor, bits_are: str | None, where: str) -> Words:
    """The bits of a tensor, after checks that it is a matrix of a supported number type."""
    shape = tensor.shape or ()
    if len(shape) != 2:
        raise InputError(f"{where}: an embedding has two axes, rows and dimensions; this has {len(shape)}: {shape}.")
    if not all(shape):
        raise InputError(f"{where}: its shape is {shape}: it is empty.")
    if bits_are and tensor.numbers != "uint16":
        raise InputError(
            f"is for uint16 numbers; these are {tensor.numbers} ({where}).", parameter="bits", value=bits_are
        )
    if not bits_are and tensor.numbers not in PRECISIONS.values():
        hint = "; if they are the bits of bfloat16 numbers, set bits to bfloat16" if tensor.numbers == "uint16" else ""
        raise InputError(
            f"{where}: {tensor.numbers} numbers are not supported (bfloat16, float16, float32 and float64 are)"
            f"{hint or what_they_are(tensor.numbers)}."
        )
    return tensor.load()


def _groups(trajectory: Trajectory) -> dict[str, Indices]:
    """The ids of each group, found at once: a file may have very many."""
    order = np.argsort(trajectory.species, kind="stable")
    ends = np.cumsum(np.bincount(trajectory.species, minlength=len(trajectory.names)))
    return dict(zip(trajectory.names, np.split(order, ends[:-1]), strict=True))


def _frame(trajectory: Trajectory, step: int | None) -> Matrix:
    """One frame of a trajectory; its groups are named sets of rows."""
    at = int(trajectory.steps[-1]) if step is None else step
    positions = trajectory.gas(at).positions
    precision = trajectory.precision
    if precision in LATTICES[1:]:
        single = np.asarray(positions, np.float32)
        if not is_on(single[trajectory.there(at)], precision).all():
            text = f"{trajectory.path}: its precision is {precision}, but not all positions are {precision} numbers."
            raise InputError(text)
    if precision == "bfloat16":
        words: Words = bits(single)
    elif precision in _EIGHT_BITS:
        words = _words_of(single, precision)
    else:
        words = np.ascontiguousarray(positions, precision).view(f"u{np.dtype(precision).itemsize}")
    groups = _groups(trajectory)
    absent = np.flatnonzero(~trajectory.there(at))
    later = np.all(trajectory.appears[absent] > at)
    why = f"are planted after step {at}" if later else f"are planted after step {at}, or were taken away before,"
    notes = (f"{len(absent)} rows {why} and are left out",) if len(absent) else ()
    return Matrix(str(trajectory.path), f"step {at}", precision, words, groups, notes, absent)
