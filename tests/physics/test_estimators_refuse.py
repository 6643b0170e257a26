"""What cannot be estimated is not: series that drift have no mean, places that coincide have no density."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from thermal_groups import ar1, harmonic

from gasfield.diagnostics.context import NotApplicable
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.entropy import why_no_density
from gasfield.diagnostics.thermodynamics.equilibrium import require_equilibrium
from gasfield.diagnostics.thermodynamics.thermodynamics import Thermodynamics
from gasfield.statistics.correlation import equilibrated_from
from gasfield.statistics.stationarity import SIGNIFICANCE, trend

RNG = np.random.default_rng(7)


@pytest.mark.parametrize(("length", "memory"), [(64, 0.0), (512, 0.0), (512, 0.7), (2048, 0.95)])
def test_a_stationary_series_is_found_to_drift_as_rarely_as_stated(length: int, memory: float) -> None:
    """At least 50 independent observations: 3,000 series, one in a thousand of which is expected, and 9 are allowed."""
    series = ar1(memory, length, (3000,), np.random.default_rng(1)).T
    assert sum(trend(x).drifts for x in series) <= 9
    p_values = np.sort([trend(x).p_value for x in series])
    assert np.max(np.abs(p_values - np.linspace(0, 1, 3000))) < 0.05  # and at every other level: uniform


def test_the_search_for_equilibration_does_not_change_the_rate() -> None:
    series = ar1(0.7, 1000, (400,), np.random.default_rng(2)).T
    assert sum(trend(x[equilibrated_from(x) :]).drifts for x in series) <= 3


@pytest.mark.parametrize("memory", [0.0, 0.7, 0.9])
def test_a_drift_of_three_standard_deviations_is_found(memory: float) -> None:
    place = np.linspace(0.0, 1.0, 1024)
    noise = ar1(memory, 1024, (100,), np.random.default_rng(3)).T
    for way in (3.0 * place, -3.0 * place, np.exp(1.6 * place), 4.0 * np.exp(-3.0 * place)):
        assert np.mean([trend(x + way).drifts for x in noise]) > 0.9
    assert trend(1e-9 * noise[0] + place).p_value < 1e-9


def test_what_changes_by_rounding_does_not_drift() -> None:
    assert not trend(1.0 + 1e-12 * np.arange(1000)).drifts
    assert not trend(np.arange(10.0)).drifts  # too few observations to tell
    assert trend(np.full(100, 3.0)).p_value == 1.0
    assert SIGNIFICANCE == 1e-3


def drifting(gas: Group, name: str) -> Group:
    """The same with one of its energies rising by four times its standard deviation."""
    series = gas.series[name]
    rise = 4.0 * float(series.values.std()) * np.linspace(0.0, 1.0, len(series.values))
    return replace(gas, series={**gas.series, name: replace(series, values=series.values + rise)})


def test_a_drifting_energy_has_no_equilibrium_values() -> None:
    gas = harmonic(np.random.default_rng(8), length=2000)
    steady, moving = (Thermodynamics().compute(g) for g in (gas, drifting(gas, "potential_energy")))
    gone = (
        "energy.potential",
        "energy.total",
        "heat_capacity",
        "entropy",
        "free_energy",
        "temperature.configurational",
    )
    for key in gone:
        assert steady.quantities()[key].value is not None, key
        assert moving.quantities()[key].value is None, key
    assert moving.quantities()["temperature.kinetic"].value is not None
    assert "not stationary: the potential energy drifts from" in " ".join(moving.notes)
    require_equilibrium(gas)
    with pytest.raises(NotApplicable, match="not stationary: the potential energy drifts"):
        require_equilibrium(drifting(gas, "potential_energy"))
    require_equilibrium(drifting(gas, "potential_energy"), "kinetic_energy")  # speeds have an equilibrium of their own


def lattice(spacing: float, dimensions: int = 2, count: int = 4000) -> np.ndarray:
    return spacing * np.round(RNG.normal(size=(count, dimensions)) / spacing)


def test_places_with_ties_are_no_sample_of_a_density() -> None:
    """A lattice, a structure that was copied, particles at one place, a plane in space."""
    continuous = RNG.normal(size=(4000, 2))
    assert why_no_density(continuous) is None
    assert why_no_density(continuous.astype(np.float32).astype(float)) is None  # a fine lattice is as good as none
    assert "on a lattice" in str(why_no_density(lattice(0.01)))
    assert "share x0" in str(why_no_density(np.concatenate([continuous[:3900], np.zeros((100, 2))])))
    assert "share x1" in str(why_no_density(np.column_stack([continuous[:, 0], np.round(continuous[:, 1])])))
    high = RNG.normal(size=(500, 8))
    assert why_no_density(high) is None
    assert "plane of 3 dimensions" in str(why_no_density(high[:, :3] @ RNG.normal(size=(3, 8))))
    assert "only 5 of 500 places" in str(why_no_density(np.tile(high[:5], (100, 1))))


def test_the_entropy_of_a_lattice_is_refused_and_that_of_a_fine_one_is_not() -> None:
    """bfloat16 has 8 bits: a coordinate about 1 takes some hundred values. float32 has 24."""
    gas = harmonic(np.random.default_rng(9), length=1000)
    truth = Thermodynamics().compute(gas).quantities()["entropy"]
    bits = np.ascontiguousarray(gas.places(), np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    coarse = Thermodynamics().compute(replace(gas, positions=bits.view(np.float32)))
    assert coarse.quantities()["entropy"].value is None
    assert coarse.quantities()["free_energy"].value is None
    assert "on a lattice" in " ".join(coarse.notes)
    fine = Thermodynamics().compute(replace(gas, positions=gas.places().astype(np.float32))).quantities()["entropy"]
    assert fine.value == pytest.approx(truth.value, abs=1e-3)
