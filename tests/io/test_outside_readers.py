"""Other people's programs open our files as they stand."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from paths import RECORDING_NAMES, RECORDINGS

from gasfield.gas import Gas
from gasfield.runs import simulate
from gasfield.scenario import load_scenario
from gasfield.simulation import Simulation
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
