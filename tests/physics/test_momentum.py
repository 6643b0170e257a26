"""Momentum and angular momentum are kept to rounding where the law keeps them, and grow as known where it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gasfield.diagnostics import Diagnosis, Group
from gasfield.diagnostics.context import Origin, RunContext
from gasfield.diagnostics.kinematics.momentum import Momentum, MomentumResult
from gasfield.dynamics import Newton
from gasfield.runs import run
from gasfield.scenario import Scenario
from gasfield.spaces import Periodic, Sphere

Values = NDArray[np.float64]
GRAVITY = {"kind": "gravity", "softening": 0.3}
SPRING = {"kind": "harmonic", "stiffness": 1.0}


def diagnosed(tmp_path: Any, forces: list[dict[str, Any]], **more: Any) -> Diagnosis:
    """Two groups of unlike masses under Newton's equations, 600 steps."""
    start = {"kind": "gaussian", "count": 20, "spread": 1.0}
    warm = {"kind": "thermal", "temperature": 0.5}
    scenario = {
        "title": "a test", "question": "Is it kept?", "seed": 5, "space": {"kind": "free", "dimensions": 3},
        "gas": [{"name": "light", "from": start, "velocities": warm},
                {"name": "heavy", "from": start, "velocities": warm, "mass": 4.0}],
        "forces": forces, "dynamics": {"kind": "newton", "time_step": 0.02},
        "run": {"steps": 600, "record_every": 50}, "diagnostics": ["momentum", "total_momentum"],
    } | more  # fmt: skip
    return run(Scenario.model_validate(scenario), output=tmp_path / "out", pictures="none").diagnosis


@pytest.mark.parametrize(
    ("force", "total", "each"),
    [(GRAVITY, (True, True), (False, False)), (SPRING, (False, True), (False, True))],
    ids=["between particles", "to the origin"],
)
def test_newton_keeps_what_its_forces_keep(
    force: dict[str, Any], total: tuple[bool, bool], each: tuple[bool, bool], tmp_path: Any
) -> None:
    """Mutual forces keep P and L of all, and not those of a part; central ones L of every part, and not P. What is kept
    changes by less than ten rounding errors; what is not, by more than 1e9."""
    diagnosis = diagnosed(tmp_path, [force])
    found = {"gas": diagnosis.whole["total_momentum"]}
    found |= {name: diagnosis.results[name]["momentum"] for name in ("light", "heavy")}
    for name, result in found.items():
        for key, kept in zip(("momentum", "angular_momentum"), total if name == "gas" else each, strict=True):
            drift = float(result.estimates[f"{key}.drift_in_rounding"].value)
            assert drift < 10.0 if kept else drift > 1e9, (name, key, drift)
            assert any(note.startswith(f"{key} is kept") for note in result.notes) == kept


def group(x: Values, v: Values, masses: Values, times: Values, **more: Any) -> Group:
    return Group("rows", np.arange(len(x)), x, times=times, velocities=v, masses=masses, **more)


def measured(*arguments: Any, **more: Any) -> MomentumResult:
    return Momentum().compute(group(*arguments, **more))


def test_a_shear_flow_keeps_and_a_constant_force_adds_what_is_known() -> None:
    """x' = g y: P = g sum m y along x, L_01 = -g sum m y^2, at any time. Under a force F per mass from rest:
    P = M F t, L_01 = sum m (X_0 F_1 - X_1 F_0) t, for the flight x + F t^2/2 is along F."""
    rng, times = np.random.default_rng(3), np.linspace(0.0, 4.0, 9)
    x0, masses = rng.normal(size=(30, 2)), rng.uniform(0.5, 2.0, 30)
    y = np.broadcast_to(x0[:, 1], (9, 30))
    sheared = np.stack([x0[:, 0] + 0.7 * times[:, None] * y, y], axis=2)
    result = measured(sheared, np.stack([0.7 * y, 0 * y], axis=2), masses, times)
    assert result.momentum == pytest.approx(np.tile([0.7 * masses @ x0[:, 1], 0.0], (9, 1)))
    assert result.angular_momentum == pytest.approx(np.full((9, 1), -0.7 * masses @ x0[:, 1] ** 2))
    assert result.estimates["momentum.drift"].value == 0.0
    push = np.array([0.3, -1.1])
    fallen = x0 + 0.5 * times[:, None, None] ** 2 * push
    result = measured(fallen, np.broadcast_to(times[:, None, None] * push, fallen.shape).copy(), masses, times)
    assert result.momentum == pytest.approx(masses.sum() * np.outer(times, push))
    torque = masses @ (x0[:, 0] * push[1] - x0[:, 1] * push[0])
    assert result.angular_momentum[:, 0] == pytest.approx(torque * times, abs=1e-12)
    found = result.quantities()
    assert found["momentum.end"].value == pytest.approx(masses.sum() * 4.0 * np.hypot(*push))
    assert found["angular_momentum.drift"].value == pytest.approx(abs(torque) * 4.0)


def test_a_rotation_in_four_dimensions_has_its_six_components() -> None:
    """v = W x with W antisymmetric: L = I W + W I, I = sum m x x^T, in each plane."""
    rng = np.random.default_rng(4)
    x, w, masses = rng.normal(size=(1, 12, 4)), rng.normal(size=(4, 4)), rng.uniform(1, 2, 12)
    w -= w.T
    inertia = (x[0] * masses[:, None]).T @ x[0]
    expected = -(inertia @ w + w @ inertia)  # x p^T - p x^T with p = m W x
    result = measured(x, x @ w.T, masses, np.zeros(1))
    assert result.angular_momentum[0] == pytest.approx(expected[np.triu_indices(4, 1)])


@pytest.mark.parametrize(
    ("space", "undefined", "says"),
    [
        (Periodic(dimensions=2, side=3.0), "angular_momentum", "periodic space"),
        (Sphere(dimensions=2), "momentum", "curved space"),
    ],
)
def test_what_a_space_does_not_define_is_missing_with_the_reason(space: Any, undefined: str, says: str) -> None:
    rng = np.random.default_rng(5)
    x, v = rng.normal(size=(2, 3, 5, 2))
    origin = Origin(RunContext(space, (), Newton(time_step=0.1)))
    result = Momentum().compute(group(x, v, np.ones(5), np.arange(3.0), origin=origin))
    for key in ("momentum", "angular_momentum"):
        assert (result.quantities()[f"{key}.drift"].value is None) == (key == undefined)
    assert any(says in note for note in result.notes)


def test_without_velocities_there_is_no_momentum() -> None:
    still = Group("rows", np.arange(3), np.zeros((3, 4, 2)))
    assert "no velocities" in str(Momentum().why_not(still))


def test_the_angular_momentum_of_thousands_of_dimensions_is_not_computed() -> None:
    """It would have half a D^2 of components: 400 MB a frame in 10,000 dimensions."""
    rng = np.random.default_rng(6)
    x, v = rng.normal(size=(2, 2, 3, 1001))
    result = measured(x, v, np.ones(3), np.arange(2.0))
    assert result.angular_momentum.shape == (2, 0)
    assert result.quantities()["angular_momentum.drift"].value is None
    assert result.quantities()["momentum.drift"].value is not None
    assert any("not computed in more than 1000 dimensions" in note for note in result.notes)
