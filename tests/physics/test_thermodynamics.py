"""Equilibrium from series: harmonic and double wells against closed forms and quadrature, driven gases against theirs.

The groups are drawn from the exact distributions, so that any disagreement is the diagnostic's.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from thermal_groups import DoubleWell, ar1, group, harmonic

from gasfield.diagnostics.context import Origin
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.entropy_production import EntropyProduction
from gasfield.diagnostics.thermodynamics.thermodynamics import UNITS, Thermodynamics, ThermodynamicsResult
from gasfield.trajectory import Series

T, K, D = 0.7, 2.0, 2
PARTITION = (2 * np.pi * T / K) ** (D / 2) * (2 * np.pi * T) ** (D / 2)
HARMONIC = {
    "energy.potential": D * T / 2,
    "energy.kinetic": D * T / 2,
    "energy.total": D * T,
    "temperature.kinetic": T,
    "temperature.configurational": T,
    "heat_capacity": D,
    "entropy": D + np.log(PARTITION),
    "free_energy": -T * np.log(PARTITION),
    "correlation.time": 0.5 * (1 + 0.8**2) / (1 - 0.8**2),  # of x^2, whose memory is that of x squared
}
"""Of a particle of mass 1 in U = k x^2 / 2, by the formulas of any textbook."""


def deviations(result: ThermodynamicsResult, truth: dict[str, float]) -> dict[str, float]:
    """Distances from the truth in standard errors."""
    found = {key: result.estimates[key] for key in truth}
    return {key: float((e.value - truth[key]) / e.error) for key, e in found.items()}


def notes(result: ThermodynamicsResult) -> str:
    return "; ".join(result.notes)


def test_a_harmonic_gas_is_what_the_textbook_says() -> None:
    result = Thermodynamics().compute(harmonic(np.random.default_rng(1), length=2000))
    for key, deviation in deviations(result, HARMONIC).items():
        assert abs(deviation) < 4, key
    assert result.estimates["temperature.bath"].value == T
    assert "temperatures agree within 3" in notes(result)
    assert {key: quantity.unit for key, quantity in result.quantities().items()} == UNITS


def test_a_bath_that_is_five_per_cent_off_is_seen() -> None:
    """The negative control: both temperatures are many errors away, and a note says so."""
    result = Thermodynamics().compute(harmonic(np.random.default_rng(1), length=2000, bath=1.05 * T))
    for name in ("kinetic", "configurational"):
        estimate = result.estimates[f"temperature.{name}"]
        assert abs(estimate.value - 1.05 * T) > 8 * estimate.error
    assert "temperatures differ, by more than 3" in notes(result)


def test_error_bars_of_a_harmonic_gas_hold_the_truth_as_often_as_they_say() -> None:
    rng, runs = np.random.default_rng(2), 60
    scores = {key: np.empty(runs) for key in HARMONIC}
    for run in range(runs):
        found = deviations(Thermodynamics().compute(harmonic(rng, count=20, length=600)), HARMONIC)
        for key in HARMONIC:
            scores[key][run] = found[key]
    for key, score in scores.items():
        assert np.mean(np.abs(score) < 1.96) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / runs), key
        if key not in ("entropy", "free_energy", "correlation.time"):  # cautious errors
            assert np.std(score) > 0.7, key


def test_without_velocities_only_places_have_energy() -> None:
    result = Thermodynamics().compute(harmonic(np.random.default_rng(3), velocities=False))
    places = {
        "heat_capacity": D / 2,
        "entropy": D / 2 * np.log(2 * np.pi * np.e * T / K),
        "free_energy": -T * D / 2 * np.log(2 * np.pi * T / K),
    }
    for key, deviation in deviations(result, places).items():
        assert abs(deviation) < 4, key
    assert not np.isfinite(result.estimates["energy.total"].value)
    assert "those of the places alone" in notes(result)
    assert "that of the potential energy" in notes(result)


@pytest.mark.parametrize("temperature", [0.2, 1.0])
def test_a_double_well_against_quadrature(temperature: float) -> None:
    well = DoubleWell(temperature)
    result = Thermodynamics().compute(well.gas(100, 2000, np.random.default_rng(4)))
    truth = {
        "energy.potential": well.energy,
        "temperature.configurational": temperature,
        "heat_capacity": well.heat_capacity,
        "entropy": well.entropy,
        "free_energy": well.free_energy,
    }
    for key, deviation in deviations(result, truth).items():
        assert abs(deviation) < 4, key


def test_kept_momentum_takes_its_share_of_the_kinetic_energy() -> None:
    """Five particles without drift: <K> is 4/5 of D T / 2, and so are the degrees of freedom."""
    rng = np.random.default_rng(5)
    v = np.sqrt(T) * ar1(0.5, 4000, (5, D), rng)
    v -= v.mean(axis=1, keepdims=True)
    energies = {
        "temperature": np.full(4000, T),
        "potential_energy": np.zeros(4000),
        "kinetic_energy": 0.5 * np.sum(v**2, axis=2).mean(axis=1),
    }
    moving = group(v, energies, freedom=4 * D, interacting=True)
    estimate = Thermodynamics().compute(moving).estimates["temperature.kinetic"]
    assert abs(estimate.value - T) < 4 * estimate.error
    whole = group(v, energies, freedom=5 * D)
    estimate = Thermodynamics().compute(whole).estimates["temperature.kinetic"]
    assert abs(estimate.value - T) > 20 * estimate.error


def with_start(still: Group, factor: np.ndarray) -> Group:
    """The same group with its energies multiplied by a factor (T,)."""
    warm = {
        name: Series(s.steps, s.times, s.values * factor) if name.endswith("energy") else s
        for name, s in still.series.items()
    }
    return replace(still, series=warm)


def test_the_relaxation_from_the_start_is_not_averaged() -> None:
    still = harmonic(np.random.default_rng(6), length=2000)
    hot = with_start(still, 1 + 5 * np.exp(-np.arange(2000) / 30))
    result = Thermodynamics().compute(hot)
    assert 40 < result.start < 400
    deviation = deviations(result, {"energy.total": D * T})["energy.total"]
    assert abs(deviation) < 4
    averaged = result.energies["total"].values.mean()  # negative control
    assert abs(averaged - D * T) > 10 * result.estimates["energy.total"].error


def test_only_the_last_temperature_counts_and_a_bath_that_never_rests_is_left_out() -> None:
    group = harmonic(np.random.default_rng(7), length=1000)
    ramp = np.full(1000, T)
    ramp[:300] = np.linspace(3, T, 301)[:300]
    bath = group.series["temperature"]
    changing = replace(group, series={**group.series, "temperature": replace(bath, values=ramp)})
    result = Thermodynamics().compute(changing)
    assert result.start >= bath.times[300]
    assert result.estimates["temperature.bath"].value == T
    never = replace(group, series={**group.series, "temperature": replace(bath, values=np.linspace(3, T, 1000))})
    for diagnostic in (Thermodynamics(), EntropyProduction()):
        group_with_heat = replace(never, series={**never.series, "heat": bath})
        assert "changes until the end" in (diagnostic.why_not(group_with_heat) or "")


@pytest.mark.parametrize("kind", ["recording", "optimiser", "recorded gradient"])
def test_what_has_no_temperature_is_left_out(kind: str) -> None:
    still = harmonic(np.random.default_rng(8), length=20)
    kept = {"potential_energy": still.series["potential_energy"]} if kind == "recorded gradient" else {}
    bare = replace(still, series=kept, origin=Origin() if kind == "recording" else still.origin)
    assert "neither a bath nor velocities" in (Thermodynamics().why_not(bare) or "")
    assert "no heat was recorded" in (EntropyProduction().why_not(bare) or "")
    for diagnostic in (Thermodynamics(), EntropyProduction()):
        result = diagnostic.compute(bare)
        assert all(quantity.value is None for quantity in result.quantities().values())
        assert result.notes


def test_a_steady_state_of_a_non_conservative_field_is_not_called_boltzmann() -> None:
    result = Thermodynamics().compute(harmonic(np.random.default_rng(9), conservative=False))
    for key in ("temperature.configurational", "heat_capacity", "entropy", "free_energy"):
        assert result.quantities()[key].value is None
    assert "not called Boltzmann" in notes(result)
    assert result.quantities()["temperature.kinetic"].value is not None
    driven = circulating(1.0, np.random.default_rng(9), length=20)
    assert "no energy was observed" in (Thermodynamics().why_not(driven) or "")


def test_interacting_particles_have_a_heat_capacity_together_and_no_entropy_alone() -> None:
    alone = Thermodynamics().compute(harmonic(np.random.default_rng(10), interacting=True))
    assert alone.quantities()["heat_capacity"].value is not None
    assert alone.quantities()["entropy"].value is None
    part = Thermodynamics().compute(harmonic(np.random.default_rng(10), interacting=True, groups=2))
    assert part.quantities()["heat_capacity"].value is None
    assert "exchanges energy with others" in notes(part)


def test_without_a_bath_the_temperature_is_still_measured() -> None:
    still = harmonic(np.random.default_rng(11), length=2000)
    newton = replace(still, series={name: s for name, s in still.series.items() if name != "temperature"})
    result = Thermodynamics().compute(newton)
    measured = {"temperature.kinetic": T, "temperature.configurational": T}
    assert all(abs(deviation) < 4 for deviation in deviations(result, measured).values())
    assert result.quantities()["heat_capacity"].value is None
    assert "no bath" in notes(result)


@pytest.mark.parametrize("length", [1, 2, 5, 12])
def test_a_short_run_says_what_it_cannot_know(length: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = Thermodynamics().compute(harmonic(np.random.default_rng(12), length=length, count=3))
        result.plot().figure.canvas.draw()
    assert result.quantities()["energy.potential"].value is not None
    if length < 8:
        assert result.quantities()["energy.potential"].error is None
        assert "fewer than 8 observations" in notes(result)
    assert result.quantities()["entropy"].value is None
    assert "fewer than 128 independent places" in notes(result)


def test_a_gas_that_sits_in_one_of_two_wells_is_not_taken_for_the_whole() -> None:
    """Places that never change sides are remembered as long as the run; those that mix, shortly."""
    still = harmonic(np.random.default_rng(16), length=1000, velocities=False)
    assert "correlation time of positions" not in notes(Thermodynamics().compute(still))
    sides = np.where(np.arange(100) < 50, -3.0, 3.0)[:, None]
    stuck = replace(still, positions=still.positions + sides)
    assert "metastable" in notes(Thermodynamics().compute(stuck))
    hopping = np.sign(ar1(0.98, 1000, (100, 1), np.random.default_rng(17)))
    slow = Thermodynamics().compute(replace(still, positions=still.positions + 3 * hopping))
    assert "slow exchange between basins" in notes(slow)


def test_a_structure_that_is_planted_later_has_no_numbers_before() -> None:
    still = harmonic(np.random.default_rng(13), length=1000)
    late = {
        name: replace(s, values=np.where(np.arange(1000) < 200, np.nan, s.values)) for name, s in still.series.items()
    }
    planted = replace(
        still, series=late, positions=np.where(np.arange(1000)[:, None, None] < 200, np.nan, still.positions)
    )
    assert all(abs(deviation) < 4 for deviation in deviations(Thermodynamics().compute(planted), HARMONIC).values())


# ------------------------------------------------------------------------------------------- entropy production


def circulating(
    omega: float, rng: np.random.Generator, count: int = 50, length: int = 4000, step: float = 0.05
) -> Group:
    """Overdamped F = -x + omega J x at temperature T in the plane, drawn exactly; heat is F at the middle times dx."""
    turn = omega * step
    rotation = np.exp(-step) * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    spread = np.sqrt(T * (1 - np.exp(-2 * step)))
    x = np.empty((length, count, 2))
    x[0] = rng.normal(0, np.sqrt(T), (count, 2))
    for t in range(1, length):
        x[t] = x[t - 1] @ rotation.T + rng.normal(0, spread, (count, 2))
    middle, moved = 0.5 * (x[1:] + x[:-1]), np.diff(x, axis=0)
    force = -middle + omega * np.stack([-middle[..., 1], middle[..., 0]], axis=-1)
    heat = np.append(0.0, np.sum(force * moved, axis=2).mean(axis=1).cumsum())
    numbers = {"temperature": np.full(length, T), "heat": heat}
    return group(x, numbers, interval=step, conservative=omega == 0)


@pytest.mark.parametrize("omega", [0.0, 0.3, 2.0])
def test_a_current_produces_entropy_although_the_histogram_is_that_of_equilibrium(omega: float) -> None:
    """2 omega^2 in continuous time; with a step h, 2 omega exp(-h) sin(omega h) / h."""
    step = 0.05
    expected = 2 * omega * np.exp(-step) * np.sin(omega * step) / step
    assert expected == pytest.approx(2 * omega**2, rel=0.06)
    result = EntropyProduction().compute(circulating(omega, np.random.default_rng(14)))
    estimate = result.estimates["entropy_production.rate"]
    assert abs(estimate.value - expected) < 4 * estimate.error
    assert estimate.error < 0.003 + 0.1 * expected
    if omega:
        assert estimate.value > 4 * estimate.error  # negative control: it is not equilibrium
        assert "not equilibrium" in notes(result)
    else:
        assert "zero within 3 standard errors" in notes(result)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = result.plot()
    labels = ax.get_legend_handles_labels()[1]
    assert any("equilibrium" in label for label in labels) == (omega == 0)


# ---------------------------------------------------------------------------------------------------- pictures


def test_the_picture_shows_what_is_averaged_and_whether_temperatures_agree() -> None:
    still = harmonic(np.random.default_rng(6), length=2000)
    hot = with_start(still, 1 + 5 * np.exp(-np.arange(2000) / 30))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = Thermodynamics().compute(hot).plot()
        ax.figure.canvas.draw()
    assert ax.get_title(loc="left").startswith("gas")
    assert "not averaged" in ax.get_legend_handles_labels()[1]
    (side,) = [other for other in ax.figure.axes if other is not ax]
    bath, *measured = [text.get_text() for text in side.texts]
    assert bath == "0.7"
    assert len(measured) == 2
    assert all("s.e." in text for text in measured)


@pytest.mark.parametrize("origin", [Origin(), Origin(reason="its scenario cannot be rebuilt: forces.0")])
def test_a_run_whose_forces_are_not_known_is_in_no_known_equilibrium(origin: Origin) -> None:
    still = harmonic(np.random.default_rng(15), length=50)
    result = Thermodynamics().compute(replace(still, origin=origin))
    assert f"the forces are not known ({origin.reason}): heat capacity, entropy" in notes(result)
