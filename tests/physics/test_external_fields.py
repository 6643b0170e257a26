"""Fields that one can place: what is known of their flows, their wells and their equilibria."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from force_cases import convection, landscape
from force_cases.case import SPEC, build, gas_at, pull
from pydantic import ValidationError
from scipy.linalg import expm

from gasfield.errors import InputError
from gasfield.forces.fields.mixture import Mixture, fit_mixture
from gasfield.simulation import Simulation
from gasfield.spaces import Free, Periodic, Space, Sphere

FLOW: dict[str, Any] = {
    "kind": "linear_flow",
    "translation": [0.3, 0.0, -0.2, 0.1],
    "rotation": [{"plane": [0, 1], "rate": 1.3}, {"plane": [1, 3], "rate": -0.4}],
    "dilation": -0.2,
    "shear": [{"axes": [2, 0], "rate": 0.5, "angle": 30.0}],
    "centre": [0.5, 0.0, 0.0, -1.0],
}


def energies(force: dict[str, Any], places: np.ndarray) -> np.ndarray:
    parameters = {key: value for key, value in force.items() if key != "kind"}
    return build(force["kind"], Free(dimensions=places.shape[1]), **parameters).energy(gas_at(places))


def advected(force: dict[str, Any], start: np.ndarray, time: float, steps: int, space: Any = None) -> np.ndarray:
    law = {"kind": "advection", "time_step": time / steps}
    return Simulation(start, dynamics=law, forces=[force], space=space, seed=1).step(steps).gas.positions


def cloud(count: int, dimensions: int) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((count, dimensions))


# Linear flows.


def carried(law: dict[str, Any], start: np.ndarray, time: float) -> np.ndarray:
    """By the exponential of the matrix of (y, 1) -> (A y + D, 0)."""
    spec = SPEC.validate_python(law)
    d = start.shape[1]
    whole = np.zeros((d + 1, d + 1))
    whole[:d, :d], whole[:d, d] = spec.matrix(d), spec.translation
    flow = expm(time * whole)
    centre = np.array(spec.centre)
    return (start - centre) @ flow[:d, :d].T + flow[:d, d] + centre


def test_linear_flow_is_the_exponential_of_its_matrix() -> None:
    """The classical Runge-Kutta method is of fourth order: halved steps have a 16th of the error."""
    start, time = cloud(10, 4), 3.0
    truth = carried(FLOW, start, time)
    coarse, fine = (np.abs(advected(FLOW, start, time, steps) - truth).max() for steps in (30, 60))
    assert 14 < coarse / fine < 18
    assert fine < 1e-5
    assert np.abs(advected(FLOW | {"dilation": -0.202}, start, time, 60) - truth).max() > 1e-3  # negative control


def test_simple_shear_is_a_pure_shear_and_a_rotation() -> None:
    """dx0/dt = s x1: stretching by s/2 at 45 degrees, turning by -s/2."""
    law = {
        "kind": "linear_flow",
        "shear": [{"axes": [0, 1], "rate": 0.4, "angle": 45.0}],
        "rotation": [{"plane": [0, 1], "rate": -0.4}],
    }
    both = SPEC.validate_python(law).matrix(2)
    plain = SPEC.validate_python({"kind": "linear_flow", "simple_shear": [{"axes": [0, 1], "rate": 0.8}]}).matrix(2)
    np.testing.assert_allclose(both, plain, atol=1e-16)
    np.testing.assert_array_equal(plain, [[0.0, 0.8], [0.0, 0.0]])


def test_simple_shear_slides_layers() -> None:
    """x0(t) = x0 + s t x1, which Runge-Kutta's method of the fourth order has exactly but for rounding."""
    start, rate, time = cloud(10, 2), 0.7, 2.0
    law = {"kind": "linear_flow", "simple_shear": [{"axes": [0, 1], "rate": rate}]}
    exact = start + np.array([1.0, 0.0]) * rate * time * start[:, 1:]
    np.testing.assert_allclose(advected(law, start, time, 20), exact, rtol=0, atol=1e-14)
    other = law | {"simple_shear": [{"axes": [1, 0], "rate": rate}]}  # negative control
    assert np.abs(advected(other, start, time, 20) - exact).max() > 0.1


# Convection.

CELLS: dict[str, tuple[dict[str, Any], Callable[[np.ndarray], Any], int]] = {
    "rolls": ({"kind": "rolls", "wave_length": 2.0}, convection.rolls(1.0, 2.0), 2),
    "shell": ({"kind": "shell", "inner": 0.5, "outer": 2.5, "waves": 2}, convection.shell(1.0, 0.5, 2.5, 2), 2),
    "sphere": ({"kind": "sphere", "waves": 2}, lambda x: x[2] * (x[0] ** 2 - x[1] ** 2), 3),
}


def beginnings(cells: str) -> np.ndarray:
    """In the middle of the cells, away from their walls."""
    points = cloud(200, CELLS[cells][2])
    radii = np.linalg.norm(points, axis=1)
    if cells == "sphere":
        return points[:40] / radii[:40, None]
    return points[(radii > 0.8) & (radii < 2.2)][:40]


@pytest.mark.parametrize("cells", CELLS)
def test_convection_keeps_its_stream_function(cells: str) -> None:
    """Along every path, to the fourth order of the scheme; another stream function is not kept."""
    spec, stream, dimensions = CELLS[cells]
    start, force = beginnings(cells), {"kind": "convection", "speed": 1.0, "cells": spec}
    space = {"kind": "sphere" if cells == "sphere" else "free", "dimensions": dimensions}

    def drift(steps: int, of: Callable[[np.ndarray], Any]) -> float:
        end = advected(force, start, 2.0, steps, space)
        return max(abs(of(after) - of(before)) for after, before in zip(end, start, strict=True))

    coarse, fine = drift(40, stream), drift(80, stream)
    assert coarse / fine > 14
    assert fine < 1e-6
    assert drift(80, lambda x: stream(x + 0.05)) > 1e-3  # negative control


@pytest.mark.parametrize("cells", CELLS)
def test_convection_has_no_divergence(cells: str) -> None:
    """By central differences, whose truncation is h^2/6 times a third derivative of the order of 100."""
    spec, _, d = CELLS[cells]
    force = build("convection", Free(dimensions=d), speed=1.0, cells=spec)
    places, h = beginnings(cells), 1e-5
    rows = [pull(force, gas_at(places + h * e)) - pull(force, gas_at(places - h * e)) for e in np.eye(d)]
    slopes = np.stack(rows, axis=2) / (2 * h)
    assert np.abs(np.trace(slopes, axis1=1, axis2=2)).max() < 1e-7
    assert np.abs(slopes).max() > 0.5  # it has slopes that could have added up
    if cells == "sphere":
        np.testing.assert_allclose(np.sum(places * pull(force, gas_at(places)), axis=1), 0.0, atol=1e-15)


def test_rolls_close_at_the_sides_of_a_periodic_space() -> None:
    cells = {"kind": "rolls", "wave_length": 1.5}
    force = build("convection", Periodic(dimensions=2, side=3.0), speed=1.0, cells=cells)
    places = cloud(10, 2)
    there, image = (pull(force, gas_at(places + shift)) for shift in ([0.0, 0.0], [3.0, -6.0]))
    np.testing.assert_allclose(there, image, atol=1e-13)


# Wells.


def test_small_swings_in_a_gaussian_well() -> None:
    """omega = sqrt(d/w^2). Velocity Verlet turns a harmonic swing by 2 asin(omega h/2) each step, exactly; at an
    amplitude of a thousandth of the width the true frequency is lower by 3/16 of 1e-6 (Duffing)."""
    depth, width, h, steps = 3.0, 0.8, 0.02, 1500
    omega, start = math.sqrt(depth) / width, 1e-3 * width
    wells = {"kind": "gaussian_wells", "wells": [{"at": [0.0, 0.0], "depth": depth, "width": width}]}
    run = Simulation(np.array([[start, 0.0]]), dynamics={"kind": "newton", "time_step": h}, forces=[wells], seed=1)
    end = run.step(steps).gas.positions[0]

    def swing(frequency: float) -> float:
        return start * math.cos(steps * 2 * math.asin(frequency * h / 2))

    phase = omega * h * steps
    assert abs(end[0] - swing(omega)) < start * phase * 3 / 16 * 1e-6 * 1.5
    assert abs(end[0] - swing(1.001 * omega)) > 100 * start * phase * 3 / 16 * 1e-6  # negative control
    assert end[1] == 0.0


WHEELS: dict[str, Any] = {
    "wells": [
        {"radius": 1.0, "rate": 0.5, "depth": 1.0, "width": 0.6},
        {"around": 0, "radius": 0.5, "rate": -1.5, "phase": 0.3, "depth": 0.5, "width": 0.4},
        {"around": 1, "radius": 0.2, "rate": 4.0, "plane": [1, 2], "depth": -0.4, "width": 0.3},
    ]
}


def test_wheels_in_wheels_come_back_after_a_whole_period() -> None:
    """Rates .5, -1.5 and 4 have the period 4 pi in common; after half of it they are elsewhere."""
    force, places = build("orbiting_wells", Free(dimensions=3), **WHEELS), cloud(10, 3)

    def at(time: float) -> np.ndarray:
        gas = gas_at(places)
        gas.time = time
        return pull(force, gas)

    np.testing.assert_allclose(at(0.7 + 4 * np.pi), at(0.7), atol=1e-13)
    assert np.abs(at(0.7 + 2 * np.pi) - at(0.7)).max() > 0.1


def test_a_particle_follows_the_well_that_carries_it() -> None:
    """dx/dt = -k (x - c(t)), k = d/w^2, has the solution that lags by the angle atan(omega/k) on a circle smaller by
    its cosine. The bottom is harmonic to lag^2/2 of the force, and the scheme, of fourth order in time too, leaves
    (k h)^4/120 of the lag."""
    depth, width, omega, radius, h = 100.0, 1.0, 1.0, 1.0, 0.002
    k = depth / width**2
    well = {"kind": "orbiting_wells", "wells": [{"radius": radius, "rate": omega, "depth": depth, "width": width}]}
    run = Simulation(np.array([[radius, 0.0]]), dynamics={"kind": "advection", "time_step": h}, forces=[well], seed=1)
    gas = run.step(1000).gas
    lag = math.atan(omega / k)
    angle = omega * gas.time - lag
    expected = radius * math.cos(lag) * np.array([math.cos(angle), math.sin(angle)])
    assert np.abs(gas.positions[0] - expected).max() < 1.01 * (0.5 * lag**3 + (k * h) ** 4 / 120 * lag)
    assert np.linalg.norm(gas.positions[0] - radius * np.array([math.cos(gas.time), math.sin(gas.time)])) > 0.5 * lag


# Ridges and cliffs.


def test_a_tunnel_leads_through_at_the_height_of_the_ground() -> None:
    ridge = {"kind": "ridge", "through": [0.0, 0.0], "along": [[0.0, 1.0]], "height": 5.0, "width": 0.3}
    across = np.stack([np.linspace(-1, 1, 21), np.full(21, 0.7)], axis=1)
    opened = ridge | {"tunnel": {"at": [9.0, 0.7], "width": 0.2}}
    np.testing.assert_allclose(energies(opened, across), 0.0, atol=1e-15)
    assert energies(ridge, across).max() == pytest.approx(5.0)
    half = ridge | {"tunnel": {"at": [9.0, 0.7], "width": 0.2, "depth": 0.5}}
    assert energies(half, across).max() == pytest.approx(2.5)


def test_a_cliff_is_climbed_once() -> None:
    cliff = {"kind": "cliff", "through": [1.0, 0.0], "normal": [2.0, 0.0], "height": 4.0, "width": 0.1}
    np.testing.assert_allclose(energies(cliff, np.array([[0.0, 5.0], [1.0, -3.0], [2.0, 0.0]])), [0, 2, 4], atol=1e-7)


# Landscapes from data.

TWO: dict[str, Any] = {
    "kind": "landscape",
    "temperature": 0.7,
    "centres": [[-0.8, 0.0], [0.8, 0.4]],
    "weights": [2.0, 1.0],
    "widths": [0.5, 0.7],
}


@pytest.mark.usefixtures("one_numba_thread")
def test_a_gas_at_its_temperature_has_the_density_of_the_data() -> None:
    """E = -T log p: first and second moments of the gas are those of p, within four standard errors of independent
    particles; at a temperature 5% off the second are not."""
    centres, weights, widths = np.array(TWO["centres"]), np.array([2, 1]) / 3, np.array(TWO["widths"])
    mean = weights @ centres
    second = weights @ (centres**2 + widths[:, None] ** 2)

    def found(temperature: float) -> tuple[np.ndarray, ...]:
        run = Simulation(
            np.random.default_rng(0).standard_normal((3000, 2)),
            dynamics={"kind": "brownian", "scheme": "leimkuhler_matthews", "time_step": 0.03},
            forces=[TWO],
            temperature=temperature,
            seed=1,
        )
        run.step(600)
        samples = run.sample(80, 10, lambda gas: np.concatenate([gas.positions, gas.positions**2], axis=1))
        own = samples.mean(axis=0)
        return own.mean(axis=0), own.std(axis=0, ddof=1) / np.sqrt(len(own))

    value, error = found(0.7)
    expected = np.concatenate([mean, second])
    assert np.all(np.abs(value - expected) < 4 * error), (value, expected, error)
    value, error = found(0.7 * 1.05)
    assert np.any(np.abs(value - expected)[2:] > 4 * error[2:]), (value, expected, error)


def test_a_fitted_mixture_finds_its_components() -> None:
    """From 4,000 points: means within four standard errors s/sqrt(n), widths within four of s/sqrt(2 n D), n = 1,000 or
    more points a component, weights within four of sqrt(w (1 - w)/N). The same seed gives the same bits."""
    places = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 5.0, 1.0]])
    truth = Mixture(places, np.array([0.25, 0.25, 0.5]), np.array([0.5, 0.8, 0.3]))
    chance = np.random.default_rng(1)
    which = chance.choice(3, 4000, p=truth.weights)
    points = truth.centres[which] + truth.widths[which, None] * chance.standard_normal((4000, 3))
    found = fit_mixture(points, 3, seed=2)
    order = [int(np.argmin(np.linalg.norm(found.centres - centre, axis=1))) for centre in truth.centres]
    for k, (centre, weight, width) in enumerate(zip(truth.centres, truth.weights, truth.widths, strict=True)):
        assert np.abs(found.centres[order[k]] - centre).max() < 4 * width / math.sqrt(4000 * weight)
        assert abs(found.widths[order[k]] - width) < 4 * width / math.sqrt(2 * 3 * 4000 * weight)
        assert abs(found.weights[order[k]] - weight) < 4 * math.sqrt(weight * (1 - weight) / 4000)
    np.testing.assert_array_equal(found.centres, fit_mixture(points, 3, seed=2).centres)


def test_a_landscape_of_a_recording_has_its_rows_in_the_wells() -> None:
    """Fitted components lie lower under the dead rows than under rows twice as far out."""
    rows = landscape.dead_rows()[:50]
    law = {"kind": "landscape", "temperature": 1.0, "file": landscape.RECORDED, "group": "dead", "components": 3}
    centre = rows.mean(axis=0)
    assert energies(law, rows).max() < energies(law, centre + 2 * (rows - centre)).min()


# Experts and hierarchies.

WELLS = cloud(9, 3)


def test_all_experts_together_are_the_soft_minimum() -> None:
    """Of a mixture with widths s^2 = 1/(beta q), up to the constant that makes it a density."""
    places, beta, stiffness = 2 * cloud(20, 3), 1.7, 0.6
    law = {"kind": "experts", "centres": WELLS.tolist(), "stiffness": stiffness, "beta": beta}
    whole, width = energies(law | {"top": 9}, places), (beta * stiffness) ** -0.5
    mixture = {
        "kind": "landscape",
        "temperature": 1 / beta,
        "centres": WELLS.tolist(),
        "widths": width,
    }
    constant = (math.log(9) + 1.5 * math.log(2 * math.pi / (beta * stiffness))) / beta
    np.testing.assert_allclose(whole, energies(mixture, places) - constant, atol=1e-13)
    assert np.abs(energies(law | {"top": 4}, places) - whole).max() > 1e-3


def test_energy_goes_on_where_experts_change() -> None:
    """At a change of the felt set found by bisection: energies a hair's breadth apart agree, forces do not."""
    force: Any = build("experts", Free(dimensions=3), centres=WELLS.tolist(), top=4)

    def at(share: float) -> Any:
        return gas_at((1 - share) * np.array([[-2.0, 0.1, 0.3]]) + share * np.array([[2.0, -0.4, 0.2]]))

    def felt(share: float) -> set[int]:
        return set(np.flatnonzero(force.routing(at(share))[0]).tolist())

    left, right = 0.0, 1.0
    assert felt(left) != felt(right)
    while right - left > 1e-13:
        middle = 0.5 * (left + right)
        left, right = (middle, right) if felt(middle) == felt(left) else (left, middle)
    assert len(felt(left) - felt(right)) == 1
    before, after = at(left), at(right)
    assert abs(force.energy(before)[0] - force.energy(after)[0]) < 1e-11
    assert np.abs(pull(force, before) - pull(force, after)).max() > 1e-3


def test_the_nearest_experts_are_felt() -> None:
    force: Any = build("experts", Free(dimensions=3), centres=WELLS.tolist(), top=4)
    places = cloud(20, 3)
    distances = np.linalg.norm(places[:, None] - WELLS, axis=2)
    nearest = np.argsort(distances, axis=1)[:, :4]
    weights = force.routing(gas_at(places))
    np.testing.assert_array_equal(np.sort(nearest, axis=1), np.nonzero(weights)[1].reshape(20, 4))
    assert (np.diff(np.take_along_axis(weights, nearest, axis=1), axis=1) < 0).all()


def test_a_hierarchy_of_one_level_is_a_mixture() -> None:
    """Masses are weights; the root only routes."""
    places, masses, beta = cloud(20, 3), 1 + np.arange(9) / 3, 0.8
    children = [{"at": at, "mass": mass, "stiffness": 2.0} for at, mass in zip(WELLS.tolist(), masses, strict=True)]
    tree = {"kind": "hierarchy", "root": {"at": [0.0] * 3, "stiffness": 0.0, "children": children}, "beta": beta}
    mixture = {
        "kind": "landscape", "temperature": 1 / beta, "centres": WELLS.tolist(), "weights": masses.tolist(),
        "widths": (2 * beta) ** -0.5,
    }  # fmt: skip
    constant = (math.log(masses.sum()) + 1.5 * math.log(2 * math.pi / (2 * beta))) / beta
    np.testing.assert_allclose(energies(tree, places), energies(mixture, places) - constant, atol=1e-13)
    children[0]["mass"] *= 1.01
    assert np.abs(energies(tree, places) - energies(mixture, places) + constant).max() > 1e-4  # negative control


# Input that is refused.

TORUS, FLAT = Periodic(dimensions=3, side=5.0), Free(dimensions=2)
RING = {"kind": "shell", "inner": 1.0, "outer": 2.0}
NODE = {"at": [0.0, 0.0], "children": [{"at": [0.0, 0.0]}, {"at": [0.0]}]}


@pytest.mark.parametrize(
    ("kind", "space", "parameters", "says"),
    [
        ("linear_flow", TORUS, {}, "linear_flow depends on absolute positions"),
        ("linear_flow", FLAT, {"translation": [1.0]}, "translation: 1 numbers .* 2 dimensions"),
        ("linear_flow", FLAT, {"centre": []}, "centre: 0 numbers .* 2 dimensions"),
        ("linear_flow", FLAT, {"rotation": [{"plane": [0, 2], "rate": 1.0}]}, r"rotation.0.plane: \[0, 2\] is not a"),
        ("linear_flow", FLAT, {"shear": [{"axes": [1, 1], "rate": 1.0}]}, r"shear.0.axes: \[1, 1\] is not a plane"),
        ("gaussian_wells", FLAT, {"wells": [{"at": [0.0], "depth": 1.0, "width": 1.0}]}, "wells.0.at: 1 numbers"),
        ("ridge", FLAT, {"through": [0, 0], "along": [[0, 1], [1, 0]], "height": 1, "width": 1}, "at most 1"),
        ("ridge", FLAT, {"through": [0, 0], "along": [[0, 0]], "height": 1, "width": 1}, "linearly dependent"),
        ("cliff", FLAT, {"through": [0, 0], "normal": [0, 0], "height": 1, "width": 1}, "normal: it is zero"),
        ("convection", Free(dimensions=1), {"speed": 1, "cells": {"kind": "rolls", "wave_length": 1}}, "2 dimens"),
        ("convection", TORUS, {"speed": 1, "cells": {"kind": "rolls", "wave_length": 2}}, "2.5 x 2.5 waves"),
        ("convection", TORUS, {"speed": 1, "cells": RING}, "absolute positions"),
        ("convection", FLAT, {"speed": 1, "cells": RING | {"outer": 1}}, r"outer: 1 must be greater"),
        ("convection", Sphere(dimensions=4), {"speed": 1, "cells": {"kind": "sphere"}}, "needs 3 dimensions"),
        ("orbiting_wells", FLAT, {"wells": [{"around": 0, "depth": 1, "width": 1}]}, "well 0 does not precede"),
        ("orbiting_wells", Free(dimensions=1), {"wells": [{"depth": 1, "width": 1}]}, r"plane: \[0, 1\] is not a"),
        ("landscape", FLAT, {"temperature": 1, "centres": [[0.0]], "widths": 1}, "centres.0: 1 numbers"),
        ("landscape", FLAT, {"temperature": 1, "centres": [[0, 0]], "widths": [1, 2]}, "widths: 2 .* 1 centres"),
        ("landscape", FLAT, {"temperature": 1, "file": landscape.RECORDED}, "64 dimensions, the space 2"),
        ("landscape", TORUS, {"temperature": 1, "centres": [[0, 0, 0]], "widths": 1}, "absolute positions"),
        ("experts", FLAT, {"centres": [[0, 0], [1, 1]], "top": 3}, "cannot feel 3 of 2 experts; give at most 2"),
        ("hierarchy", FLAT, {"root": NODE}, "root.children.1.at: 1 numbers"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_space_is_refused(kind: str, space: Space, parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        build(kind, space, **parameters)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("gaussian_wells", {"wells": []}),
        ("gaussian_wells", {"wells": [{"at": [0.0], "depth": 1.0, "width": 0.0}]}),
        ("ridge", {"through": [0, 0], "along": [], "height": 1, "width": 1}),
        ("convection", {"speed": 1, "cells": {"kind": "hexagons"}}),
        ("landscape", {"temperature": 1}),
        ("landscape", {"temperature": 1, "centres": [[0.0]]}),
        ("landscape", {"temperature": 1, "centres": [[0.0]], "widths": 1, "components": 2}),
        ("landscape", {"temperature": 1, "file": "a.h5", "widths": 1}),
        ("landscape", {"temperature": 1, "file": "a.h5", "components": 2, "bandwidth": 1}),
        ("landscape", {"temperature": 0, "centres": [[0.0]], "widths": 1}),
        ("experts", {"top": 0}),
        ("hierarchy", {"root": {"at": [0.0], "mass": 0.0}}),
    ],
)
def test_numbers_without_meaning_are_refused(kind: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SPEC.validate_python({"kind": kind, **parameters})
