"""Other people's programs open our files as they stand."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from paths import RECORDING_NAMES, RECORDINGS

from gasfield.gas import Gas
from gasfield.runs import simulate
from gasfield.scenario import load_scenario
from gasfield.simulation import Simulation
from gasfield.spaces import SPACES, Space
from gasfield.trajectory import Trajectory, TrajectoryWriter


def projected(path: Path) -> np.ndarray:
    """(3, N, 3): the coordinates that should be seen in the first, a middle and the last frame."""
    with Trajectory(path) as ours:
        frames = ours.positions(frames=slice(None, None, (len(ours) - 1) // 2)).astype(np.float64)
        return frames @ ours.projection_axes.T


@pytest.mark.validate
@pytest.mark.parametrize("name", [*RECORDING_NAMES, "simulated"])
def test_mdanalysis_sees_the_projected_coordinates(tmp_path: Path, name: str) -> None:
    mdanalysis = pytest.importorskip("MDAnalysis", reason="needs the extra `gasfield[validate]`")
    path = RECORDINGS / f"{name}.h5"
    if name == "simulated":
        path = tmp_path / "simulated.h5"
        simulate(Simulation.from_scenario(load_scenario("dead-token-drift", ["run.steps=20"])), path)
    expected = projected(path)
    universe = mdanalysis.Universe.empty(expected.shape[1])
    universe.load_new(str(path), format="H5MD", convert_units=False)
    frames = len(universe.trajectory)
    for i, frame in zip((0, (frames - 1) // 2, frames - 1), expected, strict=True):
        seen = universe.trajectory[i].positions
        np.testing.assert_allclose(seen, frame, rtol=2**-12, atol=1e-6)  # 12 mantissa bits are kept
    universe.trajectory.close()


IN_SPACES: list[dict[str, Any]] = [
    {"kind": "free"},
    {"kind": "periodic", "side": 4.0},
    {"kind": "periodic", "sides": [4.0, 5.0, 6.0]},
    {"kind": "box", "side": 4.0},
    {"kind": "ball", "radius": 2.0},
    {"kind": "sphere"},
]


def written_in(space: Space, path: Path, frames: int = 130) -> np.ndarray:
    """A trajectory (frames, 5, D) in a space, with and without full chunks."""
    chance = np.random.default_rng(0)
    start = space.uniform(chance, 5) if np.isfinite(space.volume) else chance.standard_normal((5, space.dimensions))
    walk = start + 0.01 * np.arange(frames)[:, None, None]
    gas = Gas(start, np.zeros(5, int), ["a"], np.full(5, -1), [""] * 5)
    with TrajectoryWriter(path, gas, precision="float64", provenance={}, periods=space.periods) as writer:
        for step, places in enumerate(walk):
            writer.frame(step, 0.5 * step, places)
    return walk


def test_every_space_is_tried() -> None:
    assert {case["kind"] for case in IN_SPACES} == set(SPACES)


@pytest.mark.parametrize("dimensions", [2, 3, 4])
def test_the_box_is_there_frame_by_frame(tmp_path: Path, dimensions: int) -> None:
    """Programs that read `box/edges/value[frame]` find the sides of a periodic box in the group that they open."""
    space = SPACES.parse({"kind": "periodic", "dimensions": dimensions, "side": 4.0})
    written_in(space, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        box = file["particles/trajectory/box"]
        assert ("edges" in box) == (dimensions == 3)
        assert list(box.attrs["boundary"]) == (["periodic"] if dimensions == 3 else ["none"]) * 3
        if dimensions == 3:
            np.testing.assert_array_equal(box["edges/value"][:], np.full((130, 3), 4.0))
            np.testing.assert_array_equal(box["edges/step"][:], file["particles/trajectory/position/step"][:])
    with Trajectory(tmp_path / "a.h5") as ours:
        np.testing.assert_array_equal(ours.periods, np.full(dimensions, 4.0))


@pytest.mark.validate
@pytest.mark.parametrize("case", IN_SPACES, ids=lambda case: f"{case['kind']}-{case.get('side', '')}")
@pytest.mark.parametrize("dimensions", [2, 3, 5])
def test_mdanalysis_opens_a_trajectory_in_every_space(tmp_path: Path, case: dict[str, Any], dimensions: int) -> None:
    mdanalysis = pytest.importorskip("MDAnalysis", reason="needs the extra `gasfield[validate]`")
    if "sides" in case and dimensions != 3:
        pytest.skip("three sides")
    space = SPACES.parse({**case, "dimensions": dimensions})
    walk = written_in(space, tmp_path / "a.h5")
    universe = mdanalysis.Universe.empty(5)
    universe.load_new(str(tmp_path / "a.h5"), format="H5MD", convert_units=False)
    assert len(universe.trajectory) == len(walk)
    for index in (0, 64, 129):
        seen = universe.trajectory[index]
        assert seen.time == 0.5 * index
        if dimensions == 3:
            np.testing.assert_allclose(seen.positions, walk[index], rtol=2**-12, atol=1e-6)
        if dimensions == 3 and space.periods.any():
            np.testing.assert_allclose(seen.dimensions, [*space.periods, 90, 90, 90])
        else:
            assert seen.dimensions is None
    universe.trajectory.close()


@pytest.mark.validate
@pytest.mark.skipif(shutil.which("h5dump") is None, reason="needs HDF5's command-line tools (h5dump, h5ls)")
@pytest.mark.parametrize("state", ["recorded", "killed", "simulated"])
def test_the_tools_of_hdf5_read_every_data_set(tmp_path: Path, record_small: Callable[..., Path], state: str) -> None:
    path = tmp_path / "a.h5"
    if state == "recorded":
        path = record_small(precision="bf16", full_steps=3)
    elif state == "simulated":
        simulate(Simulation.from_scenario(load_scenario("dead-token-drift", ["run.steps=20"])), path)
    else:
        gas = Gas(np.zeros((50, 8), np.float32), np.zeros(50, int), ["a"], np.arange(50), [""] * 50)
        writer = TrajectoryWriter(path, gas, precision="float32", provenance={})
        for step in range(150):
            writer.frame(step, step, np.full((50, 8), step, np.float32))
        writer.flush()
        writer.abandon()
    listed = subprocess.run(["h5ls", "-r", str(path)], capture_output=True, text=True, check=True).stdout
    names = [line.split()[0] for line in listed.splitlines() if " Dataset " in line]
    assert len(names) > 10
    for name in names:
        done = subprocess.run(["h5dump", "-d", name, str(path)], capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        assert "DATA {" in done.stdout
