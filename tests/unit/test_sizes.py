"""What a scenario asks for fits into memory, or is refused before anything is allocated."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.memory import free_memory, require_memory
from gasfield.simulation import Simulation
from gasfield.tracers.shapes.lattices import E8
from gasfield.trajectory import Trajectory, TrajectoryWriter

LAW = {"kind": "brownian", "time_step": 0.01}


def simulation(dimensions: int = 2, count: int = 3, **more: Any) -> Simulation:
    gas = [{"name": "gas", "from": {"kind": "gaussian", "count": count, "spread": 1.0}}]
    space = {"kind": "free", "dimensions": dimensions}
    return Simulation(gas, space=space, dynamics=LAW, temperature=1.0, **more)


@pytest.mark.parametrize(
    ("asked", "parameter", "says"),
    [
        ({"count": 10**12}, "gas.0.from.count", "1,000,000,000,000 particles (gas.0.from.count) in 2 dimensions"),
        ({"dimensions": 10**12}, "space.dimensions", "1,000,000,000,000 dimensions (space.dimensions)"),
        ({"count": 2**63 - 1, "dimensions": 2**63 - 1}, "gas.0.from.count", "9.22e+18 particles"),
        ({"count": 10**6, "dimensions": 10**6}, "gas.0.from.count", "GB, more than the memory that is free"),
        ({"dimensions": 10**6, "forces": [{"kind": "attention", "value": 2}]}, "forces.0", "attention with 1,000,000"),
        ({"dimensions": 10**6, "forces": [{"kind": "linear_flow"}]}, "forces.0", "linear_flow"),
        ({"forces": [{"kind": "hopfield", "patterns": {"count": 10**12}}]}, "forces.0", "hopfield"),
        ({"forces": [{"kind": "experts", "centres": {"count": 10**12}}]}, "forces.0", "experts"),
        (
            {"tracers": [{"name": "t", "shape": {"kind": "cubic", "side": 10**6, "spacing": 1.0},
                          "place": {"kind": "point", "at": [0, 0]}}]},
            "tracers.0.shape", "particles (tracers.0.shape)",
        ),
    ],
)  # fmt: skip
def test_sizes_beyond_memory_are_refused_before_they_are_allocated(
    asked: dict[str, Any], parameter: str, says: str
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as refused:
        simulation(**asked)
    assert refused.value.parameter == parameter
    assert says in refused.value.message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


def test_what_fits_is_built_as_before() -> None:
    assert simulation(count=1000, dimensions=100).gas.positions.shape == (1000, 100)


def test_the_limit_of_the_process_counts_as_memory() -> None:
    limits = resource.getrlimit(resource.RLIMIT_AS)
    free = free_memory()
    assert 0 < free < 2**60
    try:
        used = free_memory.__globals__["_address_space"]
        resource.setrlimit(resource.RLIMIT_AS, (2**62, limits[1]))
        taken = 2**62 - used()
        resource.setrlimit(resource.RLIMIT_AS, (taken + 2**28, limits[1]))
        assert free_memory() <= 2**28
        with pytest.raises(InputError, match=r"needs 0\.3 GB, more than the memory that is free"):
            require_memory(2**28, "it")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.parametrize("stiffness", [1e125, 1e300])
def test_a_start_with_forces_beyond_the_range_of_numbers_is_refused(stiffness: float) -> None:
    """No smaller time step would help; before, it was called a blow-up at step 1 after a good frame."""
    start = Simulation(np.array([[0.0, 0.0], [1e35, 0.0]]), forces=[{"kind": "harmonic", "stiffness": stiffness}],
                       dynamics=LAW, temperature=1.0)  # fmt: skip
    with pytest.raises(InputError, match="at the start its force on particle 1") as refused:
        start.step()
    assert refused.value.parameter == "forces.0"


@pytest.mark.parametrize("position", [1e39, 1e200, -np.inf])
def test_a_position_beyond_the_range_of_float32_is_refused(position: float) -> None:
    """Squares and moments of what is within stay finite, and so do float32 files."""
    with pytest.raises(InputError, match=r"positions of 1 of 2 particles are not finite or beyond 3.4e\+38"):
        Simulation(Gas(np.array([[0.0, 0.0], [position, 0.0]])), dynamics={"kind": "newton", "time_step": 0.1})


@pytest.mark.parametrize("dimensions", [4000, 4096, 7168, 16_384])
def test_rows_as_wide_as_those_of_large_models_are_kept(tmp_path: Path, dimensions: int) -> None:
    """An attribute holds 64 KiB; H5MD wants one string for each dimension of the box."""
    positions = np.random.default_rng(0).standard_normal((3, dimensions)).astype(np.float32)
    with TrajectoryWriter(tmp_path / "a.h5", Gas(positions), precision="float32", provenance={}) as writer:
        writer.frame(0, 0.0, positions)
        writer.frame(1, 1.0, positions + 1)
    with Trajectory(tmp_path / "a.h5") as trajectory:
        np.testing.assert_array_equal(trajectory.positions()[1], positions + 1)
    with h5py.File(tmp_path / "a.h5") as file:
        boundary = file["particles/vectors/box"].attrs.get("boundary")
    assert boundary is None if dimensions == 16_384 else len(boundary) == dimensions


def test_more_groups_than_a_file_can_name_are_refused(tmp_path: Path) -> None:
    gas = Gas(np.zeros((4001, 2)), np.arange(4001), [f"g{number}" for number in range(4001)])
    with pytest.raises(InputError, match="at most 4000 groups"):
        TrajectoryWriter(tmp_path / "a.h5", gas, precision="float64", provenance={})


@pytest.mark.parametrize("spacing", [1e-30, 1.0, 1e35, 1e200])
def test_bonds_of_a_lattice_do_not_depend_on_its_spacing(spacing: float) -> None:
    assert len(E8(spacing=spacing).structure().bonds) == len(E8(spacing=1.0).structure().bonds)
