"""Every physical strength of every force takes a schedule, and acts with the number of the step."""

from __future__ import annotations

import copy
from typing import Any, get_args

import numpy as np
import pytest
from force_cases import all_cases
from force_cases.case import SPEC, Case
from mutations import at, places, put

from gasfield.errors import InputError
from gasfield.forces import FORCES, Surroundings, build_force
from gasfield.gas import Gas
from gasfield.schedules import Ramp, Schedule
from gasfield.simulation import Simulation
from gasfield.spaces import Free
from gasfield.spec import Spec, parse

GEOMETRY = {
    "at", "through", "along", "normal", "width", "widths", "centre", "centres", "softening", "cutoff", "core",
    "diameter", "exponent", "screening", "radius", "phase", "angle", "wave_length", "bandwidth", "weights", "mass",
    "spread", "eps", "bias", "decay", "length", "sharpness", "threshold", "patterns", "offsets", "inner", "outer",
    "error",
}  # fmt: skip
"""Numbers of forces that are no strengths: places, lengths, exponents, shares, tolerances."""
RAMP = {"kind": "ramp", "from": 1.0, "to": 3.0, "steps": 10}


def numbers_in(spec: type[Spec], seen: set[type[Spec]]) -> list[tuple[str, bool]]:
    """(name, whether it takes a schedule) of every float field of a specification and of its parts."""
    found: list[tuple[str, bool]] = []
    if spec in seen:
        return found
    seen.add(spec)
    for name, field in spec.model_fields.items():
        types = list(_types(field.annotation))
        if float in types:
            found.append((name, Ramp in types))
        for part in types:
            if isinstance(part, type) and issubclass(part, Spec) and not issubclass(part, Schedule):
                found += numbers_in(part, seen)
    return found


def _types(annotation: Any) -> Any:
    inner = get_args(annotation)
    if not inner:
        yield annotation
    for part in inner:
        yield from _types(part)


@pytest.mark.parametrize("kind", sorted(FORCES))
def test_every_number_of_a_force_is_a_strength_with_schedule_or_geometry(kind: str) -> None:
    of_orbit = {"orbiting_wells": {"rate"}, "ridge": {"depth"}}.get(kind, set())
    for name, takes_schedule in numbers_in(FORCES[kind], set()):
        assert takes_schedule or name in GEOMETRY | of_orbit, f"{kind}: {name} is a strength without a schedule"


def scheduled(data: Any, schedule: Any) -> Any:
    """Data of a force with the first number that takes a schedule replaced; None if there is none."""
    for place in places(data):
        value = at(data, place)
        if isinstance(value, float | int) and not isinstance(value, bool) and place[-1] not in GEOMETRY:
            changed = copy.deepcopy(data)
            put(changed, place, schedule(float(value)))
            try:
                if SPEC.validate_python(changed).schedules:
                    return changed
            except ValueError:
                continue
    return None


def written(case: Case) -> dict[str, Any]:
    """The force of a case as in YAML."""
    return {"kind": case.kind, **case.right}


CASES = list({case.kind: case for case in reversed(all_cases()) if scheduled(written(case), lambda x: RAMP)}.values())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_a_scheduled_force_is_at_each_step_that_of_the_number_of_the_step(case: Case) -> None:
    """Bit for bit, forth and back; a constant schedule is the number."""
    data = written(case)
    around = Surroundings(case.space)
    law = SPEC.validate_python(scheduled(data, lambda x: {"kind": "ramp", "from": x, "to": 1.5 * x + 0.1, "steps": 8}))
    force, gas = build_force(law, around), case.gas()
    assert not force.steady
    for step in (0, 3, 8, 3, 100, 0):
        gas.step = step
        np.testing.assert_array_equal(pull(force, gas), pull(build_force(law.at(step), around), gas))
    gas.step = 0
    same = build_force(SPEC.validate_python(scheduled(data, lambda x: {"kind": "constant", "value": x})), around)
    np.testing.assert_array_equal(pull(same, gas), pull(build_force(SPEC.validate_python(data), around), gas))


def pull(force: Any, gas: Gas) -> np.ndarray:
    total = np.zeros(gas.positions.shape)
    force.add(gas, total)
    return total


def test_a_magnetic_field_that_grows_turns_velocities_by_its_integral() -> None:
    """dv/dt = q B(t) v / m: the angle is the sum of h q B / m over the steps, exactly, whatever B does."""
    gas = Gas(np.zeros((1, 2)), velocities=np.array([[1.0, 0.0]]), charges=np.array([2.0]), masses=np.array([4.0]))
    ramp = {"kind": "ramp", "from": 0.5, "to": 2.5, "steps": 100}
    simulation = Simulation(
        gas, forces=[{"kind": "lorentz", "field": ramp}], dynamics={"kind": "newton", "time_step": 0.01}
    )
    simulation.step(150)
    fields = np.array([min(0.5 + 0.02 * step, 2.5) for step in range(151)])
    angle = -0.01 * 0.5 * (0.5 * fields[:-1] + 0.5 * fields[1:]).sum()
    turned = simulation.gas.velocities
    assert turned is not None
    assert abs(np.arctan2(turned[0, 1], turned[0, 0]) - angle) < 0.5 * 0.01 * 2.0  # half a step of the change of B
    np.testing.assert_allclose(np.linalg.norm(turned), 1.0, rtol=1e-13)


def test_a_well_that_stiffens_slowly_keeps_its_adiabatic_invariant() -> None:
    """E / omega of a harmonic oscillator (Ehrenfest): omega doubles as k grows fourfold, and so does the energy."""
    ramp = {"kind": "ramp", "from": 1.0, "to": 4.0, "steps": 20_000}
    positions, velocities = np.array([[1.0], [0.0], [0.6]]), np.array([[0.0], [1.0], [0.8]])
    simulation = Simulation(Gas(positions, velocities=velocities), space=Free(dimensions=1),
                            forces=[{"kind": "harmonic", "stiffness": ramp}],
                            dynamics={"kind": "newton", "time_step": 0.05})  # fmt: skip
    simulation.step(20_000)
    gas = simulation.gas
    energies = gas.kinetic_energies() + simulation.forces.energy(gas)
    np.testing.assert_allclose(energies, 2 * 0.5, rtol=1e-2)  # (omega h)^2/4 = 2.5e-3, omega changes by 1e-3 a radian


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ({"kind": "harmonic", "stiffness": {"kind": "ramp", "from": 1, "to": -1, "steps": 5}},
         "stiffness: should be greater than or equal to 0 at every step"),
        ({"kind": "harmonic", "stiffness": {"kind": "ramp", "from": "1", "to": 1, "steps": 5}},
         "stiffness.from: should be a number, not '1': write it without quotes."),
        ({"kind": "harmonic", "stiffness": [1.0, {"kind": "spline"}]}, "stiffness.1.kind: there is no kind"),
        ({"kind": "lorentz", "field": "x"}, "field: should be a number, a schedule such as {kind: ramp, "),
        ({"kind": "lorentz", "field": {"kind": "ramp", "from": -1e308, "to": 1e308, "steps": 3}},
         "field: its numbers differ by more than the range of numbers, 1.8e308"),
    ],
)  # fmt: skip
def test_a_schedule_that_is_none_is_refused_in_one_sentence(law: dict[str, Any], message: str) -> None:
    from gasfield.forces import AnyForce

    with pytest.raises(InputError) as refused:
        parse(AnyForce, law)
    assert message in str(refused.value)
    assert len(refused.value.faults) == 1


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ({"kind": "lorentz", "field": [[0, 1], [1]]}, "field: the rows of the matrix are unequal: row 1 has 1 numbers"),
        ({"kind": "lorentz", "field": [[0, RAMP], [-1, 0]]}, "field: at step 5: the matrix must be antisymmetric"),
        ({"kind": "gaussian_wells", "wells": [{"at": [0, 0], "depth": 1e308, "width": 0.1}]}, ""),
        ({"kind": "gravity", "softening": 1e300}, "its numbers are too large or too small to compute with"),
        ({"kind": "harmonic", "stiffness": RAMP, "centre": [0, 0, 0]}, "centre: 3 numbers are given"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_sentence(law: dict[str, Any], message: str) -> None:
    simulation = {"dynamics": {"kind": "newton", "time_step": 0.1}, "forces": [law]}
    gas = Gas(np.array([[0.1, 0.0], [1.0, 2.0]]), velocities=np.zeros((2, 2)), charges=np.ones(2))
    with pytest.raises(InputError) as refused:
        Simulation(gas, **simulation).step()
    assert message in str(refused.value)
    assert str(refused.value).startswith("forces.0")
    assert len(refused.value.faults) == 1
