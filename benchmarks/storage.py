"""How to store a trajectory that grows: gasfield's way beside the alternatives, with the same frames and promises.

Positions (float64), their projection and some observables are given to each storage frame by frame. After a flush all
frames so far must be durable; the end leaves one HDF5 file. The storages:

    gasfield   `TrajectoryWriter`
    SWMR       libhdf5 in mode "single writer, multiple readers": chunked gzip data sets, each flushed, then a sync
    log        raw frames with a CRC-32 in a file beside, converted to HDF5 at the end
    blocks     one HDF5 file for each block of frames, joined at the end

Seconds are medians of interleaved rounds, of everything but the creation of the file. One more round, not timed,
watches the size on disk, and copies all files after a flush halfway, as a kill would leave them: does plain h5py open
them without repair and show every frame of that flush? A power cut is simulated during the next flush of gasfield: a
cut after any of its changes of the file, of which those before the last sync are kept, and each page of the others or
not at random. For SWMR that is impossible to say: libhdf5 rewrites metadata in place and does not order these writes
against syncs, so which states there are is up to it and the system. A log is cut at the first invalid checksum, and a
file of a block is synced before it is renamed.

Only the file of gasfield describes the particles, and only it is compacted at the end.

    python benchmarks/storage.py [FOLDER] [--frame-gb 0.256] [--rounds 3] [--scale 1]     about eleven minutes, 4 GB
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from zlib import crc32

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.files import draft_of, new_draft, sync_folder
from gasfield.gas import Gas
from gasfield.hdf5 import GrowingFile
from gasfield.hdf5.chunks import FILTERS, pack_block
from gasfield.hdf5.tail import columns
from gasfield.trajectory import TrajectoryWriter
from gasfield.trajectory.element import Element, chunk_shape, chunks_of
from gasfield.trajectory.projection import PLACE, principal_axes, project
from gasfield.trajectory.schema import OBSERVABLES, POSITION, VECTORS

POSITIONS = f"{VECTORS}/{POSITION}"
COUNTS = 256
PAGE = 4096


@dataclass(frozen=True)
class Load:
    """Frames of particles that move straight on.

    Attributes:
        name: in the table.
        particles: N.
        dimensions: D.
        observables: number of scalars with each frame.
        frames: how many.
        interval: frames between two flushes.
    """

    name: str
    particles: int
    dimensions: int
    observables: int
    frames: int
    interval: int

    @cached_property
    def start(self) -> NDArray[np.float64]:
        """(N, D) positions at step 0."""
        return np.random.default_rng(0).normal(size=(self.particles, self.dimensions))

    @cached_property
    def axes(self) -> NDArray[np.float64]:
        """(3, D) of the projection."""
        return principal_axes(self.start)

    def positions(self, first: int, count: int) -> NDArray[np.float64]:
        """(count, N, D) of some steps."""
        steps = np.arange(first, first + count, dtype=np.float64)
        return self.start + 1e-3 * np.sqrt(steps)[:, None, None] * self.start[::-1]

    def scalars(self, step: int) -> list[float]:
        """Observables at a step."""
        return [step / (3.0 + number) for number in range(self.observables)]

    @property
    def elements(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and type of the values of each element."""
        return {
            POSITIONS: ((self.particles, self.dimensions), "<f8"),
            PLACE: ((self.particles, 3), "<f4"),
            **{f"{OBSERVABLES}/{number}": ((), "<f8") for number in range(self.observables)},
        }

    @property
    def block(self) -> int:
        """Frames in a chunk of positions."""
        return chunk_shape((self.particles, self.dimensions), 8)[0]


class Storage(ABC):
    """A way to store the frames of a load in a folder."""

    def __init__(self, folder: Path, load: Load) -> None:
        self.folder, self.load, self.path = folder, load, folder / "trajectory.h5"

    @abstractmethod
    def append(self, step: int, positions: NDArray[np.float64], scalars: list[float]) -> None:
        """Adds a frame; the arrays may change afterwards."""

    @abstractmethod
    def flush(self) -> None:
        """Makes all frames durable."""

    @abstractmethod
    def finish(self) -> None:
        """Leaves one durable HDF5 file."""

    def values(self, positions: NDArray[np.float64], scalars: list[float]) -> list[Any]:
        """The values of a frame, in the order of the elements."""
        return [positions, project(positions, self.load.axes), *scalars]


class OurStorage(Storage):
    """`TrajectoryWriter`."""

    def __init__(self, folder: Path, load: Load) -> None:
        super().__init__(folder, load)
        self.writer = TrajectoryWriter(self.path, Gas(load.start), precision="float64", provenance={})
        self.flush()

    def append(self, step: int, positions: NDArray[np.float64], scalars: list[float]) -> None:
        """Adds a frame."""
        self.writer.frame(step, step, positions)
        for number, value in enumerate(scalars):
            self.writer.observe(str(number), step, step, value)

    def flush(self) -> None:
        """Commits."""
        self.writer.flush()

    def finish(self) -> None:
        """Finishes and compacts. The projection is not turned onto new axes, which is no matter of storage."""
        with patch("gasfield.trajectory.compact._turns", return_value=False):
            self.writer.close()


class Buffer:
    """Frames in memory."""

    def __init__(self, load: Load, size: int) -> None:
        self.counts = np.empty(size, "<i8"), np.empty(size, "<f8")
        self.values = {place: np.empty((size, *shape), dtype) for place, (shape, dtype) in load.elements.items()}
        self.used = 0

    def add(self, step: int, values: list[Any]) -> None:
        """Copies a frame."""
        for count in self.counts:
            count[self.used] = step
        for array, value in zip(self.values.values(), values, strict=True):
            array[self.used] = value
        self.used += 1

    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """All frames, by the paths of data sets."""
        for place, array in self.values.items():
            for name, data in zip(("value", "step", "time"), (array, *self.counts), strict=True):
                yield f"{place}/{name}", data[: self.used]


class SwmrStorage(Storage):
    """HDF5 with ordered flushes of metadata. The frames of a flush are written at once, which is the fastest way."""

    def __init__(self, folder: Path, load: Load) -> None:
        super().__init__(folder, load)
        self.buffer = Buffer(load, load.interval)
        self.file = h5py.File(self.path, "w", libver="v110")
        for place, data in self.buffer.arrays():
            shape = data.shape[1:]
            chunks = chunk_shape(shape, data.itemsize) if place.endswith("value") else (COUNTS,)
            self.file.create_dataset(place, (0, *shape), data.dtype, maxshape=(None, *shape), chunks=chunks, **FILTERS)
        self.file.swmr_mode = True

    def append(self, step: int, positions: NDArray[np.float64], scalars: list[float]) -> None:
        """Adds a frame."""
        self.buffer.add(step, self.values(positions, scalars))

    def flush(self) -> None:
        """Extends, writes and flushes every data set, then syncs."""
        for place, data in self.buffer.arrays():
            dataset = self.file[place]
            dataset.resize(len(dataset) + len(data), axis=0)
            dataset[len(dataset) - len(data) :] = data
            dataset.flush()
        os.fdatasync(self.file.id.get_vfd_handle())
        self.buffer.used = 0

    def finish(self) -> None:
        """Closes; the file stays in the format of HDF5 1.10."""
        self.file.close()
        sync_file(self.path)


class LogStorage(Storage):
    """Records of fixed size behind each other: checksum, step, time and values."""

    def __init__(self, folder: Path, load: Load) -> None:
        super().__init__(folder, load)
        values = [(place, dtype, shape) for place, (shape, dtype) in load.elements.items()]
        self.record = np.dtype([("crc", "<u4"), ("step", "<i8"), ("time", "<f8"), *values])
        self.log = (folder / "trajectory.log").open("wb", buffering=1 << 20)

    def append(self, step: int, positions: NDArray[np.float64], scalars: list[float]) -> None:
        """Writes a record."""
        place = project(positions, self.load.axes)
        numbers = struct.pack(f"<{len(scalars)}d", *scalars)
        parts: list[Any] = [struct.pack("<qd", step, step), positions.data.cast("B"), place.data.cast("B"), numbers]
        crc = 0
        for part in parts:
            crc = crc32(part, crc)
        self.log.write(struct.pack("<I", crc))
        for part in parts:
            self.log.write(part)

    def flush(self) -> None:
        """Syncs the log."""
        self.log.flush()
        os.fdatasync(self.log.fileno())

    def finish(self) -> None:
        """Converts the log and deletes it."""
        self.log.close()
        with draft_of(self.path) as draft, GrowingFile.create(draft) as file, open(self.log.name, "rb") as log:
            elements = {
                place: Element(file, place, shape, np.dtype(dtype))
                for place, (shape, dtype) in self.load.elements.items()
            }
            while data := log.read(self.load.block * self.record.itemsize):
                self._convert(data, elements)
            file.finish()
        os.unlink(self.log.name)

    def _convert(self, data: bytes, elements: dict[str, Element]) -> None:
        records, size = np.frombuffer(data, self.record), self.record.itemsize
        sums = [crc32(memoryview(data)[at + 4 : at + size]) for at in range(0, len(data), size)]
        if sums != records["crc"].tolist():
            raise OSError("the log is damaged")
        for place, element in elements.items():
            element.extend(records["step"], records["time"], records[place])


class BlockStorage(Storage):
    """Files of complete, compressed blocks, and one of the block that is not full, which is replaced at a flush."""

    def __init__(self, folder: Path, load: Load) -> None:
        super().__init__(folder, load)
        self.buffer = Buffer(load, load.block)
        self.number = 0
        self.drafts: dict[Path, Path] = {}

    def append(self, step: int, positions: NDArray[np.float64], scalars: list[float]) -> None:
        """Adds a frame, and writes a block that is full."""
        self.buffer.add(step, self.values(positions, scalars))
        if self.buffer.used == self.load.block:
            self._write()
            self.number += 1
            self.buffer.used = 0

    def flush(self) -> None:
        """Writes the block that is not full; syncs all new files and then renames them."""
        if self.buffer.used:
            self._write()
        for draft in self.drafts.values():
            sync_file(draft)
        for path, draft in self.drafts.items():
            os.replace(draft, path)
        sync_folder(self.folder)
        self.drafts.clear()

    def finish(self) -> None:
        """Joins the files, whose chunks are copied, and deletes them."""
        paths = sorted(self.folder.glob("block-*.h5"))
        with draft_of(self.path) as draft, GrowingFile.create(draft) as joined:
            for place, data in self.buffer.arrays():
                joined.column(place, data.shape[1:], data.dtype, self._chunk(place, data))
            for path in paths:
                _join(path, joined)
            joined.finish()
        for path in paths:
            os.unlink(path)

    def _write(self) -> None:
        draft = self.drafts.setdefault(self.folder / f"block-{self.number:06}.h5", new_draft(self.folder, ".h5"))
        with h5py.File(draft, "w") as file:
            for place, data in self.buffer.arrays():
                chunk = self._chunk(place, data)
                rest = data.shape[1:]
                dataset = file.create_dataset(
                    place, data.shape, data.dtype, maxshape=(None, *rest), chunks=chunk, **FILTERS
                )
                parts = columns(rest, chunk[1:])
                for part, packed in zip(parts, pack_block(data, chunk, parts), strict=True):
                    dataset.id.write_direct_chunk((0, *(piece.start for piece in part)), packed)

    def _chunk(self, place: str, data: NDArray[Any]) -> tuple[int, ...]:
        rest = chunk_shape(data.shape[1:], data.itemsize)[1:] if place.endswith("value") else ()
        return (self.load.block, *rest)


def _join(path: Path, joined: GrowingFile) -> None:
    """Appends the chunks of a file of one block."""
    with h5py.File(path) as file, path.open("rb") as source:
        for place, column in joined.columns.items():
            start, frames = len(column), len(file[place])
            for entry in chunks_of(file[place]):
                source.seek(entry.chunk_address)
                address = joined.append(source.read(entry.size))
                column.add_chunk(replace(entry, origin=(start, *entry.origin[1:]), address=address), frames)


STORAGES: dict[str, type[Storage]] = {
    "gasfield": OurStorage,
    "SWMR": SwmrStorage,
    "log": LogStorage,
    "blocks": BlockStorage,
}


def sync_file(path: Path) -> None:
    """Makes the content of a file durable."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


# --- what is measured ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Observed:
    """What the round that is not timed has found: sizes [bytes], and what is shown after a kill."""

    peak: int
    final: int
    killed: str


def store(storage: Storage, halfway: Callable[[int], None] | None = None) -> tuple[float, float]:
    """Seconds of writing and of the end.

    Args:
        storage: where.
        halfway: called after a flush in the middle, with the number of frames so far.
    """
    load, seconds = storage.load, 0.0
    for first in range(0, load.frames, load.interval):
        seconds += advance(storage, first)
        done = first + load.interval
        if halfway is not None and first < load.frames // 2 <= done:
            halfway(done)
    begin = time.perf_counter()
    storage.finish()
    return seconds, time.perf_counter() - begin


def advance(storage: Storage, first: int) -> float:
    """Seconds of the frames up to the next flush, and of the flush."""
    block = storage.load.positions(first, storage.load.interval)
    scalars = [storage.load.scalars(first + number) for number in range(len(block))]
    begin = time.perf_counter()
    for number, positions in enumerate(block):
        storage.append(first + number, positions, scalars[number])
    storage.flush()
    return time.perf_counter() - begin


def observe(kind: type[Storage], folder: Path, load: Load) -> Observed:
    """The round that is not timed."""
    killed = ""

    def halfway(done: int) -> None:
        nonlocal killed
        killed = shown(copied(folder), load, done)

    with watched(folder) as peak:
        store(kind(folder, load), halfway)
    sizes = [path.stat().st_size for path in folder.iterdir()]
    if len(sizes) != 1 or (result := shown(folder, load, load.frames)) != "all":
        raise SystemExit(f"{kind.__name__} has left {len(sizes)} files, which show {result}")
    return Observed(peak[0], sizes[0], killed)


@contextmanager
def watched(folder: Path) -> Iterator[list[int]]:
    """The largest size of all files in a folder so far [bytes], every 5 ms."""
    peak, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.005):
            size = 0
            for entry in os.scandir(folder):
                with suppress(FileNotFoundError):
                    size += entry.stat().st_size
            peak[0] = max(peak[0], size)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def copied(folder: Path) -> Path:
    """A copy of a folder, beside it."""
    return Path(shutil.copytree(folder, folder.with_name(f"{folder.name}-copy")))


def shown(folder: Path, load: Load, flushed: int) -> str:
    """Which of the flushed frames plain h5py shows, with steps and positions as they were written."""
    paths = sorted(folder.glob("[!.]*.h5"))
    if not paths:
        return "none: there is no HDF5 file"
    count = 0
    for path in paths:
        try:
            count += intact(path, load, count)
        except (OSError, RuntimeError) as fault:
            with suppress(OSError, RuntimeError):
                return f"none: {fault}; with swmr=True {intact(path, load, count, swmr=True)} of {flushed}"
            return f"none: {fault}"
    return "all" if count >= flushed else f"{count} of {flushed}"


def intact(path: Path, load: Load, first: int = 0, **options: Any) -> int:
    """Number of frames in a file.

    Args:
        path: the file.
        load: what was written.
        first: step of its first frame.
        options: for opening it.

    Raises:
        OSError, RuntimeError: if h5py cannot read it, or the frames are others.
    """
    with h5py.File(path, "r", **options) as file:
        steps, values = file[f"{POSITIONS}/step"][:], file[f"{POSITIONS}/value"]
        if len(steps) != len(values) or np.any(steps != first + np.arange(len(steps))):
            raise OSError("there are other steps")
        at_once = min(load.interval, max(1, (1 << 28) // load.start.nbytes))
        for start in range(0, len(steps), at_once):
            data = values[start : start + at_once]
            if not np.array_equal(data, load.positions(first + start, len(data))):
                raise OSError("there are other positions")
        return len(steps)


# --- power cuts ------------------------------------------------------------------------------------------------------

Change = tuple[int, bytes] | int | None
"""Bytes at an offset, a size of the file, or a sync."""


def power_cuts(folder: Path, load: Load) -> str:
    """In how many of some power cuts, while gasfield writes the frames of a flush, the file shows all of the flush
    before."""
    storage, half = OurStorage(folder, load), load.frames // 2 // load.interval * load.interval
    for first in range(0, half, load.interval):
        advance(storage, first)
    with recorded() as changes:
        before = copied(folder) / storage.path.name
        changes.clear()
        advance(storage, half)
        log = list(changes)
    storage.writer.abandon()
    between = list(pairwise([0, *(number + 1 for number, change in enumerate(log) if change is None)]))
    chance = np.random.default_rng(1)
    trials = int(np.clip((4 << 30) // before.stat().st_size, 5, 200))
    survived = 0
    for _ in range(trials):
        state = folder / "cut.h5"
        shutil.copyfile(before, state)
        after_cut(state, log[: chance.integers(*between[chance.integers(len(between))])], chance)
        with suppress(OSError, RuntimeError):
            survived += intact(state, load) >= half
    return f"{survived} of {trials}"


@contextmanager
def recorded() -> Iterator[list[Change]]:
    """All changes of the one file that is written meanwhile."""
    changes: list[Change] = []
    originals = {name: getattr(os, name) for name in ("pwrite", "ftruncate", "posix_fallocate", "fsync", "fdatasync")}

    def note(name: str, *arguments: Any) -> Any:
        if name == "pwrite":
            changes.append((arguments[2], bytes(arguments[1])))
        elif "sync" in name:
            changes.append(None)
        else:
            changes.append(sum(arguments[1:]))
        return originals[name](*arguments)

    try:
        for name in originals:
            setattr(os, name, partial(note, name))
        yield changes
    finally:
        for name, original in originals.items():
            setattr(os, name, original)


def after_cut(path: Path, changes: list[Change], chance: np.random.Generator) -> None:
    """Brings a file to a state after a power cut: changes since the last sync are kept or not, page by page."""
    synced = max((number for number, change in enumerate(changes) if change is None), default=-1)
    with path.open("r+b") as file:
        for number, change in enumerate(changes):
            if isinstance(change, int) and (number < synced or chance.random() < 0.5):
                file.truncate(max(change, path.stat().st_size))
            elif isinstance(change, tuple):
                at, data = change
                edges = [at, *range((at // PAGE + 1) * PAGE, at + len(data), PAGE), at + len(data)]
                for begin, end in pairwise(edges):
                    if number < synced or chance.random() < 0.5:
                        file.seek(begin)
                        file.write(data[begin - at : end - at])
                file.flush()


# --- output ----------------------------------------------------------------------------------------------------------


def compare(load: Load, folder: Path, rounds: int) -> list[str]:
    """Rows of the table for a load."""

    def fresh() -> Path:
        shutil.rmtree(folder / "run", ignore_errors=True)
        shutil.rmtree(folder / "run-copy", ignore_errors=True)
        (folder / "run").mkdir()
        os.sync()
        return folder / "run"

    times: dict[str, list[tuple[float, float]]] = {name: [] for name in STORAGES}
    for _ in range(rounds):
        for name, kind in STORAGES.items():
            times[name].append(store(kind(fresh(), load)))
    rows = []
    for name, kind in STORAGES.items():
        found = observe(kind, fresh(), load)
        cuts = power_cuts(fresh(), load) if kind is OurStorage else "not simulated"
        totals = [writing + end for writing, end in times[name]]
        cells = [
            load.name,
            name,
            f"{statistics.median(totals):.2f} ({min(totals):.2f} to {max(totals):.2f})",
            f"{statistics.median(end for _, end in times[name]):.2f}",
            f"{found.peak / 1e6:.1f}",
            f"{found.final / 1e6:.1f}",
            found.killed.partition(":")[0],
            cuts,
        ]
        print(f"RESULT|{'|'.join(cells)}", flush=True)
        if ":" in found.killed:
            print(f"    {name}, plain h5py after a kill: {found.killed}", flush=True)
        rows.append(f"| {' | '.join(cells)} |")
    fresh()
    return rows


def main(folder: Path, frame_gb: float, rounds: int, scale: float) -> None:
    """Measures and prints a table."""
    frames, few = max(2, round(20 * scale)) * 5_000, max(2, round(500 * scale)) * 20
    rows = max(1, round(frame_gb * 1e9 / 4096))
    loads = [
        Load("10 particles, flush every 5,000 frames", 10, 3, 8, frames, 5_000),
        Load("10 particles, flush every 20 frames", 10, 3, 8, few, 20),
        Load(f"frames of {frame_gb:g} GB, flush after each", rows, 512, 0, 4, 1),
    ]
    table = []
    for load in loads:
        raw = load.frames * sum(int(np.prod(shape)) * int(dtype[-1]) for shape, dtype in load.elements.values())
        print(f"{load.name}: {load.frames} frames, {raw / 1e6:.1f} MB of values", flush=True)
        table += compare(load, folder, rounds)
    print("\n| load | storage | seconds (range) | at the end | peak MB | final MB | shown after a kill | power cuts |")
    print("|---|---|---|---|---|---|---|---|", *table, sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How to store a trajectory that grows.")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--frame-gb", type=float, default=0.256, help="size of a big frame")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="factor to the number of small frames")
    given = parser.parse_args()
    with TemporaryDirectory(dir=given.folder) as temporary:
        main(Path(temporary), given.frame_gb, given.rounds, given.scale)
