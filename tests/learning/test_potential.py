"""Conservative fields: the force of known landscapes within its error, from overdamped motion and from velocities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gasfield
from gasfield.errors import InputError
from gasfield.forces import FORCES, Surroundings
from gasfield.forces.learned import LearnedField
from gasfield.learning.designs.basis import Basis, Frame, draw_features, pairs_of_axes
from gasfield.learning.least_squares.uncertainty import errors_at, force_of
from gasfield.operations import TrajectoryRecorder
from gasfield.simulation import Simulation
from gasfield.spaces import Free
from gasfield.testing.tools import gas_of

Array = NDArray[np.float64]
WELL = {"kind": "double_well", "barrier": 2.0, "width": 1.0, "stiffness": 2.0}
EULER = {"kind": "brownian", "scheme": "euler_maruyama", "time_step": 0.005}


def recorded(path: Path, law: dict[str, Any], *, steps: int, every: int = 1, count: int = 100, **more: Any) -> Path:
    """A gas, in the double well if no forces are given."""
    start = np.random.default_rng(0).normal(size=(count, 2))
    sim = Simulation(start, dynamics=law, seed=1, **({"forces": [WELL]} | more))
    sim.step(20 * every)
    sim.add_operation(TrajectoryRecorder(path, every))
    sim.step(steps * every)
    sim.close()
    return path


def truth(places: Array, **changes: float) -> tuple[Array, Array]:
    """Force and energy of the double well."""
    well = FORCES.parse(WELL | changes).build(Surroundings(Free(dimensions=2)))
    gas, force = gas_of(places), np.zeros(places.shape)
    well.add(gas, force)
    return force, np.asarray(well.energy(gas))


def visited(path: Path) -> Array:
    with gasfield.open(path) as trajectory:
        return np.asarray(trajectory.positions()[-1], np.float64)


@pytest.mark.parametrize("features", ["gaussian", "fourier"])
def test_a_double_well_is_learned_from_brownian_motion_within_its_errors(tmp_path: Path, features: str) -> None:
    """Every Euler step is kept, so that forward differences are unbiased. The mean squared difference from the true
    force is that of the errors within a factor of three (a smooth field has few independent errors); that from a
    barrier of twice the height is not. The energy is right up to a constant, so that the Boltzmann densities agree to
    KL = Var(dU/T)/2."""
    path = recorded(tmp_path / "t.h5", EULER, steps=400, temperature=1.0)
    fit = gasfield.fit(path, {"kind": "potential", "features": features, "count": 60})
    term, places = fit.field.terms["potential"], visited(path)
    force, error = force_of(term).force_at(places), errors_at(term, places)[0]
    assert 1 / 3 < np.mean((force - truth(places)[0]) ** 2) / np.mean(error**2) < 3.0
    assert np.mean((force - truth(places, barrier=4.0)[0]) ** 2) / np.mean(error**2) > 10.0
    energy = force_of(term).energy_at(places) - truth(places)[1]
    assert np.std(energy) < 3.0 * float(np.asarray(fit.quantities["energy_error"].value))
    predicted, measured, noise = term.arrays["held_out_forces"].T
    assert np.mean(((measured - predicted) / noise) ** 2) < 4.0 < np.mean(((measured - 0.5 * predicted) / noise) ** 2)
    assert fit.quantities["temperature"].value == pytest.approx(1.0, rel=0.02)
    assert fit.field.moved.target == "velocity"


def test_the_learned_energy_confines_far_outside_the_sample(tmp_path: Path) -> None:
    path = recorded(tmp_path / "t.h5", EULER, steps=200, temperature=1.0)
    fit = gasfield.fit(path, {"kind": "potential", "count": 40})
    force = force_of(fit.field.terms["potential"])
    around = np.stack([np.cos(np.linspace(0, 6, 9)), np.sin(np.linspace(0, 6, 9))], axis=1)
    assert float(np.asarray(fit.quantities["least_stiffness"].value)) > 0.0
    assert np.all(np.diff([force.energy_at(radius * around) for radius in (50, 100, 200)], axis=0) > 0.0)


def test_deterministic_motion_gives_the_force_to_second_order(tmp_path: Path) -> None:
    """Half way between frames: four times the error for twice the interval, and the default. At the start of intervals
    the field is taken a time h/2 too early, which leaves (h/2)^2 <(v . grad F)^2> over, a hundred times more."""
    well = {"kind": "harmonic", "stiffness": 1.0}
    model = {"kind": "potential", "count": 5, "length_scale": 2.0}
    errors = []
    for every in (10, 20):
        law = {"kind": "newton", "time_step": 0.01}
        path = recorded(tmp_path / f"{every}.h5", law, steps=40, every=every, forces=[well])
        fit, places = gasfield.fit(path, model), visited(path)
        assert fit.field.moved.target == "force"
        off = force_of(fit.field.terms["potential"]).force_at(places) + places
        errors.append(float(np.sqrt(np.mean(off**2) / np.mean(places**2))))
        early = gasfield.fit(path, model | {"scheme": "forward"})
        assert float(early.quantities["held_out"].value) > 100 * float(fit.quantities["held_out"].value)  # type: ignore[arg-type]
    assert errors[1] / errors[0] == pytest.approx(4.0, rel=0.1)


def test_langevin_motion_gives_force_friction_and_temperature(tmp_path: Path) -> None:
    """With a step of 0.01, differences of velocities are off by the share gamma h/2 = 1%."""
    law = {"kind": "langevin", "scheme": "obabo", "time_step": 0.01, "friction": 2.0}
    path = recorded(tmp_path / "t.h5", law, steps=500, temperature=1.0, count=200)
    fit = gasfield.fit(path, {"kind": "potential", "count": 60})
    friction = fit.quantities["friction"]
    assert friction.value == pytest.approx(2.0, abs=0.04 + 3 * float(np.asarray(friction.error)))
    assert fit.quantities["temperature"].value == pytest.approx(1.0, rel=0.06)


def test_velocities_that_are_drawn_anew_give_no_force(tmp_path: Path) -> None:
    """Hybrid Monte Carlo draws velocities at every step, so that successive ones do not correlate."""
    law = {"kind": "hmc", "time_step": 0.1, "leapfrog_steps": 5}
    path = recorded(tmp_path / "t.h5", law, steps=20, temperature=1.0)
    for model in ({"kind": "potential", "count": 5}, {"kind": "general", "count": 5}):
        with pytest.raises(InputError, match=r"correlation of the velocities in successive frames is -?0\.0"):
            gasfield.fit(path, model)


def test_noise_that_two_steps_share_leaves_the_whole_force(tmp_path: Path) -> None:
    """Half of the noise of a step of Leimkuhler and Matthews is in the place where the next one starts, so that forward
    differences of all steps give half of the force -k x in equilibrium; one interval earlier the place is independent
    of it. The slope is known to sqrt(2 k / time) = 1% from 200 x 2000 steps of 0.005."""
    law, well = {"kind": "brownian", "time_step": 0.005}, {"kind": "harmonic", "stiffness": 2.0}
    path = recorded(tmp_path / "t.h5", law, steps=2000, temperature=1.0, count=200, forces=[well])
    slopes = {}
    for scheme in (None, "forward"):
        fit = gasfield.fit(path, {"kind": "potential", "count": 5, "scheme": scheme})
        places = visited(path)
        force = force_of(fit.field.terms["potential"]).force_at(places)
        slopes[scheme] = -float(np.vdot(force, places) / np.vdot(places, places))
    assert slopes[None] == pytest.approx(2.0, abs=0.12)
    assert slopes["forward"] == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize("kind", ["fourier", "gaussian"])
@pytest.mark.parametrize("full", [True, False])
def test_inner_products_are_those_of_the_design(kind: str, full: bool) -> None:
    """The factorised sums equal the products of the forces themselves, field by field."""
    chance = np.random.default_rng(0)
    places = chance.normal(size=(30, 3)) @ chance.normal(size=(3, 3)) + 1.0
    frame = Frame.of(places)
    z = frame.inwards(places)
    basis = Basis(frame, draw_features(kind, 5, z, 1.3, 0), *pairs_of_axes(3, full=full))
    field = chance.normal(size=places.shape)
    gram, (right,) = basis.sums(z, frame.turned(field))
    columns = [force_of(basis.term(unit)).force_at(places).ravel() for unit in np.eye(basis.size)]
    design = np.stack(columns, axis=1)
    np.testing.assert_allclose(gram, design.T @ design, atol=1e-11 * np.abs(gram).max())
    np.testing.assert_allclose(right, design.T @ field.ravel(), atol=1e-11 * np.abs(right).max())


def test_the_file_holds_the_same_field_with_its_errors(tmp_path: Path) -> None:
    path = recorded(tmp_path / "t.h5", EULER, steps=60, temperature=1.0, count=30)
    fit = gasfield.fit(path, {"kind": "potential", "count": 20}, tmp_path / "field.h5")
    again, places = LearnedField.read(tmp_path / "field.h5"), visited(path)
    for one, other in zip(
        errors_at(fit.field.terms["potential"], places), errors_at(again.terms["potential"], places), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert set(fit.model.figures(again)) == {"energy", "held-out-forces"}


@pytest.mark.validate
def test_the_mueller_brown_surface_is_learned_within_its_errors(tmp_path: Path) -> None:
    """600,000 Euler steps at T = 20 over a range of 250: squared difference in units of the errors 1 within a factor of
    two, energies to a tenth of T."""
    surface = {"kind": "mueller_brown"}
    start = np.random.default_rng(0).normal(size=(2000, 2)) * 0.3 + [-0.3, 0.9]
    law = {"kind": "brownian", "scheme": "euler_maruyama", "time_step": 1e-4}
    sim = Simulation(start, forces=[surface], dynamics=law, temperature=20.0, seed=3).step(500)
    sim.add_operation(TrajectoryRecorder(tmp_path / "t.h5", 1))
    sim.step(300)
    sim.close()
    fit = gasfield.fit(tmp_path / "t.h5", "potential")
    term, places = fit.field.terms["potential"], visited(tmp_path / "t.h5")
    true, force = FORCES.parse(surface).build(Surroundings(Free(dimensions=2))), np.zeros(places.shape)
    true.add(gas_of(places), force)
    off = (force_of(term).force_at(places) - force) / errors_at(term, places)[0]
    assert 0.5 < np.mean(off**2) < 2.0
    assert np.std(force_of(term).energy_at(places) - true.energy(gas_of(places))) < 2.0
