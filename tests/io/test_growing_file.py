"""A file that grows: after every commit any program reads it; what is damaged at its end is left out and reported."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import gasfield
from gasfield.errors import DamageWarning, WriteError
from gasfield.gas import Gas
from gasfield.hdf5 import GrowingFile, tail
from gasfield.hdf5.headers import UnexpectedLayoutError
from gasfield.trajectory import TrajectoryWriter, writer

PLACE = "particles/vectors/position"


def start(path: Path, shape: tuple[int, ...], chunk: tuple[int, ...]) -> GrowingFile:
    file = GrowingFile.create(path)

    def describe(root: h5py.Group) -> None:
        group = root.create_group("some/group")
        group.attrs["words"] = np.array(["one", "two"], dtype=h5py.string_dtype())
        group.create_dataset("names", data=np.array(["a", "b"], object), dtype=h5py.string_dtype())
        group["again"] = group["names"]
        group.attrs["itself"] = group.ref

    file.edit(describe)
    file.column("some/data", shape, "<f8", chunk)
    return file


def check(path: Path, values: np.ndarray) -> None:
    with h5py.File(path, "r") as file:
        np.testing.assert_array_equal(file["some/data"][:], values)
        np.testing.assert_array_equal(file["some/data"][-1:], values[-1:])
        assert list(file["some/group"].attrs["words"]) == ["one", "two"]
        assert list(file["some/group/names"].asstr()[:]) == list(file["some/group/again"].asstr()[:]) == ["a", "b"]
        assert "names" in file[file["some/group"].attrs["itself"]]


@pytest.mark.parametrize(
    ("shape", "chunk", "commits"),
    [
        ((), (4,), [1, 1, 2, 3, 1, 4, 260, 5, 1, 20_000, 3]),  # four levels of the chunk index
        ((7, 3), (10, 3, 3), [1, 9, 1, 10, 11, 640, 2, 25, 1]),  # chunks at an edge; several in each block
        ((5,), (1, 2), [1, 1, 63, 1, 64, 200]),  # no tail at all
    ],
)
def test_any_program_reads_it_after_every_commit(
    tmp_path: Path, shape: tuple[int, ...], chunk: tuple[int, ...], commits: list[int]
) -> None:
    path, values = tmp_path / "a.h5", np.random.default_rng(0).standard_normal((sum(commits), *shape))
    file, count = start(path, shape, chunk), 0
    for number, frames in enumerate(commits):
        file.columns["some/data"].extend(values[count : count + frames])
        count += frames
        if number == 3:  # data sets and attributes that appear later
            file.column("late/data", (), "<i8", (8,)).append(1)
            file.edit(lambda root: root["some/group"].attrs.modify("more", "text"))
        file.commit()
        check(path, values[:count])
    file.finish()
    check(path, values)
    with h5py.File(path, "r") as done:
        assert list(done["late/data"]) == [1]
        assert done["some/group"].attrs["more"] == "text"


@pytest.mark.parametrize("lag", [0, 1, 2, 3, 5])
def test_a_reader_may_lag_behind(tmp_path: Path, lag: int) -> None:
    """A program opens the file, and reads it after some more commits: it finds an earlier or a later state."""
    path = tmp_path / "a.h5"
    file = start(path, (3,), (8, 3))
    file.columns["some/data"].append(np.zeros(3))
    file.commit()
    step = 1
    for _ in range(40):
        with h5py.File(path, "r") as growing:
            for _ in range(lag):
                file.columns["some/data"].append(np.full(3, float(step)))
                file.commit()
                step += 1
            values = growing["some/data"][:]
        assert len(values) >= step - lag
        np.testing.assert_array_equal(values, np.arange(len(values))[:, None] + np.zeros(3))
    file.close()


def test_a_file_of_another_program_is_not_continued(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w", libver="latest") as file:
        file["a"] = np.arange(3)
    assert not GrowingFile.can_continue(tmp_path / "other.h5")
    with pytest.raises(UnexpectedLayoutError):
        GrowingFile(tmp_path / "other.h5")


def gas() -> Gas:
    return Gas(np.zeros((6, 4)), np.zeros(6, int), ["a"], np.arange(6), [""] * 6)


def grown(path: Path, frames: int, flush_every: int) -> TrajectoryWriter:
    file = TrajectoryWriter(path, gas(), precision="float64", provenance={})
    for step in range(frames):
        file.frame(step, step, np.full((6, 4), float(step)))
        if (step + 1) % flush_every == 0:
            file.flush()
    return file


def tail_address(path: Path, first: int) -> int:
    with h5py.File(path, "r") as file:
        return int(file[f"{PLACE}/value"].id.get_chunk_info_by_coord((first, 0, 0)).byte_offset)


@pytest.mark.parametrize(("damaged", "valid"), [(117, 115), (104, 100), (100, 100)])
def test_a_torn_tail_is_opened_at_its_last_valid_frame(tmp_path: Path, damaged: int, valid: int) -> None:
    """Of a disk that did not keep what it had confirmed. Frames are verified in the portions in which they were
    flushed, here five frames each."""
    path = tmp_path / "a.h5"
    grown(path, 120, 5).abandon()
    with path.open("r+b") as file:
        file.seek(tail_address(path, 100) + (damaged - 100) * 6 * 4 * 8)
        file.write(b"\xff" * 100)
    os.utime(path, (0, 0))  # nobody is writing it
    with pytest.warns(
        DamageWarning, match=rf"{PLACE} is damaged at its end: {120 - valid} frames after step {valid - 1}"
    ):
        torn = gasfield.open(path)
    with torn:
        assert len(torn) == valid
        np.testing.assert_array_equal(torn.positions()[:, 0, 0], np.arange(valid))


def test_a_tail_that_belongs_to_another_block_is_noticed() -> None:
    values = np.arange(6.0).reshape(3, 2)
    _, entry = tail.part(0, 3, values)
    place = bytearray(tail.header(20, 10))
    place[16:24] = entry
    content = bytes(place) + values.tobytes().ljust(160, b"\0")

    def pread(offset: int, size: int) -> bytes:
        return content[offset : offset + size]

    np.testing.assert_array_equal(tail.read(pread, 0, 20, 3, (2,), (10, 2), "<f8"), values)
    for first, count in ((30, 3), (20, 4)):
        with pytest.raises(tail.TornTailError):
            tail.read(pread, 0, first, count, (2,), (10, 2), "<f8")


def test_a_full_disk_leaves_a_finished_file_uncompacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.h5"
    file = grown(path, 130, 50)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: type("", (), {"free": 0}))
    file.close()
    with gasfield.open(path) as done, h5py.File(path, "r") as plain:
        np.testing.assert_array_equal(done.positions()[:, 0, 0], np.arange(130))
        np.testing.assert_array_equal(plain[f"{PLACE}/value"][:, 0, 0], np.arange(130))
        assert "unfinished" not in plain


def test_frames_that_find_no_room_as_a_chunk_stay_in_the_tail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.h5"
    file = grown(path, 90, 30)
    size, real = file._file._end, os.pwrite

    def full(descriptor: int, data: Any, offset: int) -> int:
        if offset >= size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    for step in range(90, 99):
        file.frame(step, step, np.full((6, 4), float(step)))
    with pytest.raises(WriteError, match=r"a\.h5: cannot be written: No space left on device"):
        file.frame(99, 99, np.full((6, 4), 99.0))
    with pytest.raises(WriteError):
        file.close()
    monkeypatch.undo()
    with gasfield.open(path) as left:
        np.testing.assert_array_equal(left.positions()[:, 0, 0], np.arange(100))
        count = len(left)
    file = TrajectoryWriter.go_on(path, {PLACE: count, "particles/trajectory/position": 99})
    file.abandon()


def test_frames_become_visible_without_further_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 0.05)
    file, seen = grown(tmp_path / "a.h5", 3, 10**6), 0
    for _ in range(100):
        threading.Event().wait(0.05)
        with h5py.File(tmp_path / "a.h5", "r") as plain:
            seen = len(plain.get(f"{PLACE}/value", ()))
        if seen == 3:
            break
    file.close()
    assert seen == 3
