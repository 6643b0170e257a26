"""A long recording, 5,001 frames of 3,699 rows in 64 dimensions, bfloat16: size, and speed of writing and reading.

The rows are the dead rows of a shipped recording, moved on by AdamW in bfloat16 through its recorded field (whose last
half is gone through again and again after its 500 steps), so that they move and freeze as such rows do. Making them is
not timed. Speeds are of raw size, two bytes a number. Peer: h5py with the same chunks and HDF5's own gzip-1 and
shuffle, on the first 500 frames.

    python benchmarks/long_recording.py [FOLDER]       needs 1 GB there, and about five minutes
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
from numpy.typing import NDArray

import gasfield
from gasfield.dynamics import AdamW, Conditions
from gasfield.forces import Surroundings, TotalForce
from gasfield.forces.fields.recorded_gradient import RecordedGradient
from gasfield.gas import Gas
from gasfield.resources import find_file
from gasfield.spaces import Free
from gasfield.trajectory import Trajectory, TrajectoryWriter
from gasfield.trajectory.element import chunk_shape

FRAMES, ROWS, DIMENSIONS, BLOCK = 5_001, 3_699, 64, 100
RECORDING = "recordings/kjv-bf16.h5"


def cloud() -> Gas:
    """3,699 dead rows."""
    with gasfield.open(RECORDING) as recording:
        start = recording.survey().values[0]
    rows = np.concatenate([start, -start])[:ROWS]
    return Gas(rows.astype(np.float32), np.zeros(ROWS, np.int64), ["dead"], np.arange(ROWS), [""] * ROWS)


def blocks() -> Iterator[NDArray[np.float32]]:
    """Frames, a hundred at a time."""
    gas, space = cloud(), Free(dimensions=DIMENSIONS)
    field = TotalForce([RecordedGradient(file=str(find_file(RECORDING))).build(Surroundings(space))])
    law = AdamW(learning_rate=1e-3, weight_dtype="bfloat16", moment_dtype="bfloat16")
    dynamics = law.build(gas, Conditions(space, field))
    dynamics.project(gas)
    made = 0
    while made < FRAMES:
        block = np.empty((min(BLOCK, FRAMES - made), ROWS, DIMENSIONS), np.float32)
        for frame in block:
            frame[:] = gas.positions
            gas.step = gas.step if gas.step < 500 else 250
            dynamics.advance(gas)
        made += len(block)
        yield block


def raw(count: int) -> float:
    """Megabytes of so many numbers of two bytes."""
    return 2 * count / 1e6


def write(path: Path) -> tuple[float, float, NDArray[np.float32]]:
    """Seconds of writing and of closing; and the first five blocks."""
    seconds, step, first, still = 0.0, 0, [], 0.0
    writer = TrajectoryWriter(path, cloud(), precision="bfloat16", provenance={})
    for block in blocks():
        if len(first) < 5:
            first.append(block)
        still += float(np.sum(np.all(block[1:] == block[:-1], axis=2)))
        start = time.perf_counter()
        for frame in block:
            writer.frame(step, step, frame)
            step += 1
        seconds += time.perf_counter() - start
    start = time.perf_counter()
    writer.close()
    print(f"rows that stand still in a step: {still / (FRAMES * ROWS):.0%}", flush=True)
    return seconds, time.perf_counter() - start, np.concatenate(first)


def write_by_hdf5(path: Path, frames: NDArray[np.float32]) -> tuple[float, float]:
    """Seconds by h5py's own filters, and bytes as a share of the raw size."""
    start = time.perf_counter()
    with h5py.File(path, "w") as file:
        chunks = chunk_shape(frames.shape[1:], 4)
        data = file.create_dataset(
            "value", frames.shape, "f4", chunks=chunks, compression="gzip", compression_opts=1, shuffle=True
        )
        for begin in range(0, len(frames), BLOCK):
            data[begin : begin + BLOCK] = frames[begin : begin + BLOCK]
    return time.perf_counter() - start, path.stat().st_size / 1e6 / raw(frames.size)


def first_share(path: Path) -> float:
    """Bytes of the chunks of the first 500 frames, as a share of the raw size."""
    with h5py.File(path) as file:
        ids = file["particles/vectors/position/value"].id
        infos = [ids.get_chunk_info(number) for number in range(ids.get_num_chunks())]
    return sum(info.size for info in infos if info.chunk_offset[0] < 500) / 1e6 / raw(500 * ROWS * DIMENSIONS)


def read(path: Path) -> None:
    """Prints speeds of reading: time slices, rows, single frames in turn."""
    chance = np.random.default_rng(0)
    with Trajectory(path) as recording:
        for length in (500, 100, 10):
            starts = chance.integers(0, FRAMES - length, 6)
            begin = time.perf_counter()
            for start in starts:
                recording.positions(frames=slice(int(start), int(start) + length))
            report(f"read {length} frames from anywhere", raw(6 * length * ROWS * DIMENSIONS), begin)
        for count in (400, 20, 1):
            starts = chance.integers(0, ROWS - count, 4)
            begin = time.perf_counter()
            for start in starts:
                recording.positions(slice(int(start), int(start) + count))
            report(f"read {count} rows, all frames", raw(4 * count * FRAMES * DIMENSIONS), begin)
        begin = time.perf_counter()
        for index in range(1000, 1200):
            recording.frame(index)
        report("read 200 single frames, one after the other", raw(200 * ROWS * DIMENSIONS), begin)


def report(what: str, megabytes: float, begin: float) -> None:
    """Prints one RESULT line."""
    seconds = time.perf_counter() - begin
    print(f"RESULT|{what}|{megabytes / seconds:.0f} MB/s of raw size", flush=True)


def main(folder: Path) -> None:
    """Writes, compares with HDF5's own way, reads."""
    path = folder / "long.h5"
    seconds, closing, first = write(path)
    whole = raw(FRAMES * ROWS * DIMENSIONS)
    print(
        f"RESULT|size|{path.stat().st_size / 1e6:.0f} MB, {path.stat().st_size / 1e6 / whole:.3f} of raw {whole:.0f} MB"
    )
    print(f"RESULT|write|{whole / seconds:.0f} MB/s of raw size ({whole / (seconds + closing):.0f} with the closing)")
    print(f"RESULT|size of the first 500 frames, in which all move|{first_share(path):.3f} of raw")
    peer, share = write_by_hdf5(folder / "peer.h5", first)
    print(f"RESULT|write by HDF5's own filters, first 500 frames|{raw(first.size) / peer:.0f} MB/s, {share:.3f} of raw")
    read(path)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as temporary:
            main(Path(temporary))
