"""Chunks that are packed outside of HDF5: any HDF5 library reads them, and every slice of them is right."""

from __future__ import annotations

import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from gasfield.gas import Gas
from gasfield.hdf5.chunks import pack, unpack
from gasfield.trajectory import Trajectory, TrajectoryWriter, schema
from gasfield.trajectory.frames import Frames

FRAMES, ROWS, DIMENSIONS = 257, 67, 24
PLACE = f"{schema.VECTORS}/{schema.POSITION}"


def walk() -> np.ndarray:
    chance = np.random.default_rng(0)
    return np.cumsum(chance.standard_normal((FRAMES, ROWS, DIMENSIONS)), axis=0).astype(np.float32)


def gas() -> Gas:
    return Gas(np.zeros((ROWS, DIMENSIONS), np.float32), np.zeros(ROWS, int), ["a"], np.arange(ROWS), [""] * ROWS)


def write(path: Path, frames: np.ndarray, close: bool = True) -> TrajectoryWriter:
    writer = TrajectoryWriter(path, gas(), precision="float32", provenance={})
    for step, frame in enumerate(frames):
        writer.frame(step, step, frame)
    writer.flush()
    if close:
        writer.close()
    return writer


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "i8", "f8"])
def test_packing_is_hdf5_shuffle_and_deflate(dtype: str) -> None:
    values = np.random.default_rng(1).integers(0, 250, (7, 3, 5)).astype(dtype)
    planes = np.frombuffer(zlib.decompress(pack(values)), np.uint8).reshape(values.itemsize, -1)
    np.testing.assert_array_equal(planes.T.ravel(), np.frombuffer(values.tobytes(), np.uint8))
    np.testing.assert_array_equal(unpack(pack(values), values.shape, values.dtype), values)


@pytest.mark.parametrize("data", [b"", b"nonsense", pack(np.zeros(5, "f4")), zlib.compress(bytes(10**7))])
def test_what_is_no_chunk_is_refused_and_no_bomb_is_unpacked(data: bytes) -> None:
    with pytest.raises(OSError, match="cannot be unpacked"):
        unpack(data, (6, 4), np.dtype("f4"))


def test_plain_hdf5_reads_what_was_written(tmp_path: Path) -> None:
    frames = walk()
    write(tmp_path / "a.h5", frames)
    with h5py.File(tmp_path / "a.h5") as file:
        dataset = file[f"{PLACE}/value"]
        assert dataset.compression == "gzip"
        assert dataset.shuffle
        assert dataset.chunks[1] < ROWS  # several chunks side by side, the last of them not full
        np.testing.assert_array_equal(dataset[:], frames)
        assert schema.UNFINISHED not in file


@pytest.mark.parametrize("closed", [True, False])
def test_every_slice_is_right_finished_or_not(tmp_path: Path, closed: bool) -> None:
    frames = walk()
    writer = write(tmp_path / "a.h5", frames, close=closed)
    chance = np.random.default_rng(2)
    with Trajectory(tmp_path / "a.h5") as back:
        assert len(back) == FRAMES
        np.testing.assert_array_equal(back.positions(), frames)
        for _ in range(60):
            start, stop = np.sort(chance.integers(0, FRAMES + 1, 2))
            low, high = np.sort(chance.integers(0, ROWS + 1, 2))
            step = int(chance.integers(1, 9))
            got = back.positions(slice(int(low), int(high)), slice(int(start), int(stop), step))
            np.testing.assert_array_equal(got, frames[start:stop:step, low:high])
        for index in (0, 99, 100, 255, -1, 31):
            np.testing.assert_array_equal(back.frame(index), frames[index])
        np.testing.assert_array_equal(back.positions(frames=slice(None, None, -1)), frames[::-1])
    writer.close()


def test_frames_that_wait_become_visible_with_a_flush_and_stay_when_the_writer_goes_away(tmp_path: Path) -> None:
    frames = walk()
    writer = write(tmp_path / "a.h5", frames[:150], close=False)
    with h5py.File(tmp_path / "a.h5", "r", locking=False) as file:
        np.testing.assert_array_equal(file[f"{PLACE}/value"][:], frames[:150])  # for any program
        assert len(Frames(file.get, PLACE)) == 150
    for step, frame in enumerate(frames[150:180], 150):
        writer.frame(step, step, frame)
    with Trajectory(tmp_path / "a.h5") as back:
        assert len(back) == 150  # not flushed
    writer.flush()
    writer.frame(180, 180, frames[180])
    writer.abandon()
    with Trajectory(tmp_path / "a.h5") as back:
        np.testing.assert_array_equal(back.positions(), frames[:180])


def test_a_chunk_is_written_once(tmp_path: Path) -> None:
    frames = walk()
    writer = write(tmp_path / "a.h5", frames[:120], close=False)

    def chunks() -> dict[tuple[int, ...], tuple[int, int]]:
        with h5py.File(tmp_path / "a.h5", "r", locking=False) as file:
            ids = file[f"{PLACE}/value"].id
            infos = [ids.get_chunk_info(i) for i in range(ids.get_num_chunks())]
            return {info.chunk_offset: (info.byte_offset, info.size) for info in infos}

    before = chunks()
    assert before
    for step, frame in enumerate(frames[120:250], 120):
        writer.frame(step, step, frame)
        writer.flush()
    after = chunks()
    assert len(after) > len(before)
    whole = {origin: place for origin, place in before.items() if origin[0] == 0}  # of 100 frames; the others follow
    assert {origin: after[origin] for origin in whole} == whole
    writer.close()
