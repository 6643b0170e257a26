"""Particles with a pair force: steps compiled together have the bits of one step after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import pytest
from numba import config

from gasfield.dynamics import mechanics
from gasfield.errors import BlowUp
from gasfield.gas import Gas
from gasfield.neighbours import neighbour_list
from gasfield.simulation import Simulation
from gasfield.stepping.interacting import InteractingSteps

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="steps are compiled")  # type: ignore[attr-defined]

DYNAMICS: dict[str, dict[str, Any]] = {
    "newton": {"kind": "newton", "time_step": 0.005},
    "baoab": {"kind": "langevin", "time_step": 0.005, "friction": 1.0},
    "obabo": {"kind": "langevin", "time_step": 0.005, "friction": 1.0, "scheme": "obabo"},
    "leimkuhler_matthews": {"kind": "brownian", "time_step": 2e-4, "friction": 1.0},
    "euler_maruyama": {"kind": "brownian", "time_step": 2e-4, "friction": 1.0, "scheme": "euler_maruyama"},
}
PAIRS = {"kind": "lennard_jones", "cutoff": 2.0}
FIELDS: list[dict[str, Any]] = [{"kind": "harmonic", "stiffness": 0.3}, PAIRS, {"kind": "harmonic", "stiffness": 0.1}]
"""Laws of one particle before and after the pairs in the sum."""
SPACING = 1.15
STEPS = 40


def simulation(
    dynamics: str, space: str, forces: Any = (PAIRS,), temperature: Any = 1.2, count: int = 300, tracers: Any = ()
) -> Simulation:
    """A dense gas of two groups with several masses and some passive tracers, in no order."""
    chance = np.random.default_rng(3)
    across = int(np.ceil(count ** (1 / 3)))
    corners = np.stack(np.meshgrid(*[np.arange(across)] * 3, indexing="ij"), -1).reshape(-1, 3)[:count]
    places = (corners[chance.permutation(count)] + 0.5 - 0.5 * across) * SPACING
    sides = {} if space == "free" else {"side": across * SPACING}
    gas = Gas(
        places,
        np.arange(count) % 2,
        ["light", "heavy"],
        masses=1.0 + chance.random(count),
        is_source=chance.random(count) < 0.9,
        velocities=1.5 * chance.normal(size=places.shape),
    )
    return Simulation(
        gas,
        dynamics=DYNAMICS[dynamics],
        space={"kind": space, "dimensions": 3, **sides},
        forces=list(forces),
        temperature=None if dynamics == "newton" else temperature,
        seed=5,
        tracers=tracers,
    )


def alike(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[str]:
    """Names of arrays that differ; what is watched at the ends of calls depends on where they end."""
    assert one.keys() == other.keys()
    names = [name for name in one if not name.startswith("watch/")]
    return [name for name in names if not np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f")]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Steps are compiled at once; on one thread."""
    monkeypatch.setattr(mechanics, "_WORTH_COMPILING", 0.0)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield monkeypatch
    numba.set_num_threads(threads)


def together(sim: Simulation, calls: list[int]) -> dict[str, np.ndarray]:
    """The state after calls of compiled steps."""
    for steps in calls:
        sim.step(steps)
    assert isinstance(sim.dynamics._compiled, InteractingSteps)  # type: ignore[attr-defined]
    assert sim.dynamics._compiled._ready  # type: ignore[attr-defined]
    return sim.state()


def one_by_one(patch: pytest.MonkeyPatch, sim: Simulation, steps: int) -> dict[str, np.ndarray]:
    """The state after plain steps."""
    with patch.context() as plain:
        plain.setattr(mechanics.Mechanics, "_compiled_for", lambda self, gas, steps: None)
        return sim.step(steps).state()


RAMP = {"kind": "by_group", "groups": {"light": 0.8, "heavy": {"kind": "ramp", "from": 1.5, "to": 0.2, "steps": 30}}}
CASES: list[tuple[str, str, list[dict[str, Any]], Any]] = [
    ("newton", "periodic", [PAIRS], None),
    ("newton", "box", FIELDS, None),
    ("baoab", "free", FIELDS, RAMP),
    ("baoab", "periodic", [PAIRS], 1.2),
    ("obabo", "box", FIELDS, RAMP),
    ("leimkuhler_matthews", "periodic", [PAIRS], RAMP),
    ("leimkuhler_matthews", "box", FIELDS, 1.2),
    ("euler_maruyama", "free", FIELDS, 1.2),
]


@pytest.mark.parametrize(("dynamics", "space", "forces", "warm"), CASES, ids=lambda x: x if isinstance(x, str) else "")
def test_compiled_steps_have_the_bits_of_single_ones(
    compiled: pytest.MonkeyPatch, dynamics: str, space: str, forces: list[Any], warm: Any
) -> None:
    found = together(simulation(dynamics, space, forces, warm), [1, STEPS - 8, 7])
    assert alike(found, one_by_one(compiled, simulation(dynamics, space, forces, warm), STEPS)) == []


def test_many_particles_on_two_threads(compiled: pytest.MonkeyPatch) -> None:
    states = []
    for threads in {1, min(2, numba.config.NUMBA_NUM_THREADS)}:  # type: ignore[attr-defined]
        numba.set_num_threads(threads)
        states.append(together(simulation("newton", "periodic", count=2_197), [STEPS]))
    plain = one_by_one(compiled, simulation("newton", "periodic", count=2_197), STEPS)
    assert [alike(state, plain) for state in states] == [[]] * len(states)


def test_particles_planted_on_the_way(compiled: pytest.MonkeyPatch) -> None:
    """The list, and what goes with each particle, grow with the gas."""
    shape = {"kind": "line", "count": 2, "spacing": 9.0}  # at both sides of the drop, within reach
    late = {"name": "late", "shape": shape, "place": {"kind": "centroid", "of": "light"}, "plant_at": 15}
    found = simulation("baoab", "free", count=216, tracers=[late])
    together(found, [10, 30])
    assert found.gas.count == 218
    plain = one_by_one(compiled, simulation("baoab", "free", count=216, tracers=[late]), 40)
    assert alike(found.state(), plain) == []


def test_resumed_in_the_middle(compiled: pytest.MonkeyPatch) -> None:
    whole = together(simulation("leimkuhler_matthews", "periodic"), [STEPS])
    half = together(simulation("leimkuhler_matthews", "periodic"), [17])
    other = simulation("leimkuhler_matthews", "periodic")
    other.restore(half)
    assert alike(together(other, [STEPS - 17]), whole) == []


def test_energies_and_changes_between_calls(compiled: pytest.MonkeyPatch) -> None:
    """Observables do not disturb steps; positions and velocities that are changed from outside are taken over."""

    def disturb(sim: Simulation) -> None:
        sim.gas.positions[:] = -sim.gas.positions[::-1]
        sim.gas.velocities *= 0.5
        sim.dynamics.restore(sim.dynamics.state())  # forgets the force

    found, plain = simulation("newton", "periodic"), simulation("newton", "periodic")
    together(found, [11])
    found.energy()
    together(found, [9])
    one_by_one(compiled, plain, 20)
    for sim in (found, plain):
        disturb(sim)
    assert alike(together(found, [20]), one_by_one(compiled, plain, 20)) == []


@pytest.mark.parametrize("dynamics", ["newton", "baoab", "leimkuhler_matthews"])
def test_a_list_that_fits_no_longer(compiled: pytest.MonkeyPatch, dynamics: str) -> None:
    """Memory runs out when a list is built anew within a call: its steps are taken over all pairs."""
    sim = simulation(dynamics, "periodic")
    together(sim, [3])
    at = sim.forces.paired(sim.gas).pairs.neighbours  # type: ignore[attr-defined]
    at._skin, at.start = 0.02, None
    sim.step(1)
    real, tried = neighbour_list.NeighbourList.rebuild, []

    def refuse(self: Any, *arguments: Any) -> bool:
        tried.append(1)
        if len(tried) < 2:
            return real(self, *arguments)
        self.start, self._rests = None, 100
        return False

    with compiled.context() as patch:
        patch.setattr(neighbour_list.NeighbourList, "rebuild", refuse)
        found = sim.step(STEPS).state()
    assert len(tried) >= 2
    assert alike(found, one_by_one(compiled, simulation(dynamics, "periodic"), STEPS + 4)) == []


def test_steps_over_a_stale_list_differ(compiled: pytest.MonkeyPatch) -> None:
    """The negative control."""
    wrong = property(lambda at: 1e3)
    sim = simulation("newton", "periodic")
    with compiled.context() as patch:
        patch.setattr(neighbour_list.NeighbourList, "allowance", wrong)
        patch.setattr(neighbour_list.NeighbourList, "near_allowance", wrong)
        try:
            found = together(sim, [200])
        except BlowUp:  # particles have met without noticing
            return
    assert alike(found, one_by_one(compiled, simulation("newton", "periodic"), 200)) != []
