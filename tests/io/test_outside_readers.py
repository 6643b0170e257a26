"""Other people's programs open our files as they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from paths import RECORDING_NAMES, RECORDINGS

from gasfield.scenario import load_scenario
from gasfield.simulation import Simulation
from gasfield.trajectory import Trajectory


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
        Simulation(load_scenario("dead-token-drift", ["run.steps=20"])).run(path)
    expected = projected(path)
    universe = mdanalysis.Universe.empty(expected.shape[1])
    universe.load_new(str(path), format="H5MD", convert_units=False)
    frames = len(universe.trajectory)
    for i, frame in zip((0, (frames - 1) // 2, frames - 1), expected, strict=True):
        seen = universe.trajectory[i].positions
        np.testing.assert_allclose(seen, frame, rtol=2**-12, atol=1e-6)  # 12 mantissa bits are kept
    universe.trajectory.close()
