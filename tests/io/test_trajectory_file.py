"""The file: what is written comes back, it is H5MD, and it says clearly what is wrong with a bad one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from gasfield.errors import DamageWarning, InputError
from gasfield.gas import Gas
from gasfield.trajectory import Trajectory, TrajectoryWriter, schema
from gasfield.trajectory.element import chunk_shape
from gasfield.trajectory.field import pack_symmetric, unpack_symmetric
from gasfield.trajectory.projection import keep_mantissa


def write(path: Path, gas: Gas, frames: int = 7) -> list[np.ndarray]:
    walk = [gas.positions + 0.1 * t for t in range(frames)]
    with TrajectoryWriter(path, gas, precision="float64", provenance={"seed": 3}) as writer:
        for t, positions in enumerate(walk):
            writer.frame(2 * t, 0.5 * t, positions)
            writer.observe("loss", 2 * t, 0.5 * t, 1.0 / (t + 1))
    return walk


def test_what_is_written_comes_back(tmp_path: Path, small_gas: Gas) -> None:
    walk = write(tmp_path / "a.h5", small_gas)
    with Trajectory(tmp_path / "a.h5") as back:
        np.testing.assert_array_equal(back.positions(), walk)
        np.testing.assert_array_equal(back.steps, np.arange(0, 14, 2))
        np.testing.assert_array_equal(back.times, np.arange(7) * 0.5)
        assert back.tokens == small_gas.tokens
        assert back.names == small_gas.names
        np.testing.assert_array_equal(back.bonds["lattice"], [[3, 4]])
        np.testing.assert_array_equal(
            back.positions(np.array([4, 1]), slice(1, 6, 2)), np.array(walk)[1:6:2][:, [4, 1]]
        )
        np.testing.assert_array_equal(back.observable("loss").values, 1 / np.arange(1, 8))
        assert back.attributes["seed"] == 3
        again = back.gas(6)
        np.testing.assert_array_equal(again.positions, walk[3])
        assert (again.step, again.time) == (6, 1.5)


def test_a_token_with_a_zero_byte_is_kept_readable(tmp_path: Path, small_gas: Gas) -> None:
    small_gas.tokens[0] = "a\0b"
    write(tmp_path / "a.h5", small_gas)
    with Trajectory(tmp_path / "a.h5") as back:
        assert back.tokens[0] == "a\N{SYMBOL FOR NULL}b"


def test_layout_is_h5md_with_a_three_dimensional_group_first(tmp_path: Path, small_gas: Gas) -> None:
    write(tmp_path / "a.h5", small_gas)
    with h5py.File(tmp_path / "a.h5") as file:
        assert list(file["h5md"].attrs["version"]) == [1, 1]
        assert min(file["particles"]) == "trajectory"
        projected = file["particles/trajectory"]
        assert projected["position/value"].shape == (7, 5, 3)
        assert projected["box"].attrs["dimension"] == 3
        axes = projected["axes"][:]
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
        vectors = file["particles/vectors/position/value"][:]
        # 12 mantissa bits are kept of the projection: half a unit of the last one, relative
        np.testing.assert_allclose(projected["position/value"][:], vectors @ axes.T, rtol=2**-13, atol=1e-12)


def test_three_dimensions_are_shown_as_they_are(tmp_path: Path, small_gas: Gas) -> None:
    small_gas.positions = np.ascontiguousarray(small_gas.positions[:, :3])
    write(tmp_path / "a.h5", small_gas)
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["particles/trajectory/axes"][:], np.eye(3))


def test_a_reader_follows_a_file_that_grows(tmp_path: Path, small_gas: Gas) -> None:
    writer = TrajectoryWriter(tmp_path / "a.h5", small_gas, precision="float64", provenance={})
    for steps in (range(3), range(3, 11)):
        for t in steps:
            writer.frame(t, t, small_gas.positions)
        writer.flush()
        with Trajectory(tmp_path / "a.h5") as growing:
            assert len(growing.positions()) == len(growing.steps) > 0
    writer.close()
    with Trajectory(tmp_path / "a.h5") as done:
        assert len(done) == 11


WRITES_UNTIL_KILLED = """
import sys, numpy as np
from pathlib import Path
from gasfield.gas import Gas
from gasfield.trajectory import TrajectoryWriter, writer
writer.FLUSH_SECONDS = 0.0
gas = Gas(np.zeros((50, 8)), np.zeros(50, int), ["a"], np.arange(50), [""] * 50)
w = TrajectoryWriter(Path(sys.argv[1]), gas, precision="float64", provenance={})
for t in range(10**6):
    w.frame(t, t, np.full((50, 8), float(t)))
    print(t, flush=True)
"""


@pytest.mark.parametrize("delay", [0.05, 0.11, 0.23, 0.31, 0.4])
def test_a_killed_writer_leaves_a_file_with_whole_frames(tmp_path: Path, delay: float) -> None:
    path = tmp_path / "killed.h5"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES_UNTIL_KILLED, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay)
    os.kill(process.pid, signal.SIGKILL)
    announced = process.stdout.read().splitlines()
    process.wait()
    with Trajectory(path) as left:
        np.testing.assert_array_equal(left.positions()[:, 0, 0], left.steps)
        assert len(left) >= len(announced)  # everything that was announced had been flushed


@pytest.mark.parametrize(
    "missing", ["particles/vectors/position/value", "particles/vectors/species", "parameters/provenance"]
)
def test_a_missing_data_set_is_named(tmp_path: Path, small_gas: Gas, missing: str) -> None:
    write(tmp_path / "a.h5", small_gas)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file[missing]
    with pytest.raises(InputError, match=f"a.h5: no (data set|group) {missing}"):
        Trajectory(tmp_path / "a.h5")


def test_a_file_without_group_names_is_refused(tmp_path: Path, small_gas: Gas) -> None:
    write(tmp_path / "a.h5", small_gas)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["particles/vectors/species"].attrs["names"]
    with pytest.raises(InputError, match="species needs an attribute 'names'"):
        Trajectory(tmp_path / "a.h5")


@pytest.mark.parametrize("keep", [0, 100, 4000])
def test_a_truncated_file_is_refused(tmp_path: Path, small_gas: Gas, keep: int) -> None:
    write(tmp_path / "a.h5", small_gas)
    (tmp_path / "cut.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:keep])
    with pytest.raises(InputError, match=r"cut\.h5: not readable as HDF5"):
        Trajectory(tmp_path / "cut.h5")


def test_damage_inside_a_chunk_is_said(tmp_path: Path, small_gas: Gas) -> None:
    write(tmp_path / "a.h5", small_gas)
    with h5py.File(tmp_path / "a.h5") as file:
        chunk = file["particles/vectors/position/value"].id.get_chunk_info(0)
    with (tmp_path / "a.h5").open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(b"\xff" * chunk.size)
    with Trajectory(tmp_path / "a.h5") as damaged:
        for read in (damaged.positions, lambda: damaged.frame(0), lambda: damaged.gas(0)):
            with pytest.raises(InputError, match="the file is damaged"):
                read()


def test_a_header_that_claims_too_much_memory_is_refused(tmp_path: Path, small_gas: Gas) -> None:
    write(tmp_path / "a.h5", small_gas)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["particles/vectors/position/value"].resize(10**10, axis=0)
        file["particles/vectors/position/step"].resize(10**10, axis=0)
    with pytest.raises(InputError, match=r"position/value has shape .* the file has no room"):
        Trajectory(tmp_path / "a.h5")


def test_chunks_are_long_in_time_and_bounded_in_size() -> None:
    assert chunk_shape((160, 64), 4) == (100, 20, 64)
    assert chunk_shape((), 8) == (100,)
    for shape in [(1, 2), (4000, 2560), (50_000, 64), (3, 100_000)]:
        assert np.prod(chunk_shape(shape, 4)) * 4 <= max(1 << 20, 100 * shape[-1] * 4)


@pytest.mark.parametrize("bits", [7, 12, 22])
def test_mantissa_is_rounded_to_nearest(bits: int) -> None:
    values = np.random.default_rng(bits).standard_normal(10_000).astype(np.float32)
    kept = keep_mantissa(values, bits)
    assert np.all(np.abs(kept - values) <= 2.0 ** -(bits + 1) * 2.0 ** np.floor(np.log2(np.abs(values))))
    np.testing.assert_array_equal(keep_mantissa(kept, bits), kept)
    assert not np.any(kept.view(np.uint32) & np.uint32((1 << (23 - bits)) - 1))
    np.testing.assert_array_equal(keep_mantissa(values, 23), values)


def test_symmetric_matrices_are_packed_without_loss() -> None:
    matrices = np.random.default_rng(1).standard_normal((3, 5, 5))
    matrices += matrices.swapaxes(-1, -2)
    assert pack_symmetric(matrices).shape == (3, 15)
    np.testing.assert_array_equal(unpack_symmetric(pack_symmetric(matrices)), matrices)


def test_last_motions_come_back_and_their_lack_is_said(tmp_path: Path, small_gas: Gas) -> None:
    write(tmp_path / "old.h5", small_gas)
    with Trajectory(tmp_path / "old.h5") as old, pytest.raises(InputError, match="vectors_survey/last_motion"):
        old.last_motion()
    with TrajectoryWriter(tmp_path / "new.h5", small_gas, precision="float32", provenance={}) as writer:
        writer.subset(schema.SURVEY, np.arange(3))
        writer.element(f"{schema.SURVEY}/{schema.LAST_MOTION}", (3,), "i8")
        writer.frame(0, 0, small_gas.positions)
        for step, last in ((0, [0, 0, 0]), (7, [7, 2, 0])):
            writer.append(f"{schema.SURVEY}/{schema.LAST_MOTION}", step, step, last)
    with Trajectory(tmp_path / "new.h5") as back:
        np.testing.assert_array_equal(back.last_motion().steps, [0, 7])
        np.testing.assert_array_equal(back.last_motion().values, [[0, 0, 0], [7, 2, 0]])


def test_a_file_that_is_just_being_extended_is_waited_for(bf16: Trajectory, tmp_path: Path) -> None:
    """While HDF5 extends a file its header announces more than is there. A file at rest is refused at once."""
    whole, path = bf16.path.read_bytes(), tmp_path / "growing.h5"
    path.write_bytes(whole[:-1000])
    rest = threading.Timer(0.06, lambda: path.write_bytes(whole))
    rest.start()
    with Trajectory(path) as grown:
        assert len(grown) == len(bf16)
    rest.join()
    path.write_bytes(whole[:-1000])
    os.utime(path, (0, 0))
    with pytest.raises(InputError, match="cut short"):
        Trajectory(path)


def test_a_series_whose_last_values_are_damaged_ends_before_them(tmp_path: Path, small_gas: Gas) -> None:
    """Of a file whose writer was killed; series are read later than positions, when nobody opens the file again."""
    writer = TrajectoryWriter(tmp_path / "a.h5", small_gas, precision="float64", provenance={})
    for step, loss in enumerate((1.5, 2.5, 1234.5)):
        writer.frame(step, step, small_gas.positions)
        writer.observe("loss", step, step, loss)
        writer.flush()
    writer.abandon()
    data = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(data.replace(np.float64(1234.5).tobytes(), np.float64(9.0).tobytes()))
    with Trajectory(tmp_path / "a.h5") as killed, pytest.warns(DamageWarning, match="1 frames after step 1"):
        np.testing.assert_array_equal(killed.observable("loss").values, [1.5, 2.5])
