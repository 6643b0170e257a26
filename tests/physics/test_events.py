"""What is done to a gas on the way: each event has exactly its effect, and one that is taken back none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from touches import CASES, SHEET, SIDE, Touches, langevin_with_pairs, simulation

from gasfield.operations import Observables
from gasfield.simulation import Simulation
from gasfield.streams import Stream

CASE_NAMES = sorted(CASES)


def discs(folder: Path, events: Any = (), **changes: Any) -> Simulation:
    return simulation(langevin_with_pairs(folder) | changes, events)


def same_state(one: Simulation, other: Simulation) -> bool:
    """Whether every array of both states is the same to the bit."""
    a, b = one.state(), other.state()
    return set(a) == set(b) and all(np.array_equal(a[name], b[name], equal_nan=True) for name in a)


def momentum(sim: Simulation) -> NDArray[np.float64]:
    assert sim.gas.velocities is not None
    return np.asarray((sim.gas.masses[:, None] * sim.gas.velocities).sum(axis=0))


def test_a_kick_adds_exactly_m_v_to_the_momentum(tmp_path: Path) -> None:
    """Velocities of 2^-3 multiples are exact sums; the change of each momentum component is N m v."""
    sim = discs(tmp_path, forces=[])
    assert sim.gas.velocities is not None
    sim.gas.velocities[...] = np.round(sim.gas.velocities * 8.0) / 8.0
    before, kicked = momentum(sim), sim.gas.velocities + np.array([0.5, -0.25])
    work = 0.5 * np.sum(kicked**2 - sim.gas.velocities**2)
    sim.apply({"kick": {"group": "gas", "velocity": [0.5, -0.25]}})
    np.testing.assert_array_equal(momentum(sim) - before, 36 * np.array([0.5, -0.25]))
    assert sim.observe()["event_work"] == pytest.approx(work, rel=1e-13)


def test_a_kick_of_some_particles_leaves_all_others_alone(tmp_path: Path) -> None:
    sim, other = discs(tmp_path).step(3), discs(tmp_path).step(3)
    sim.apply({"kick": {"ids": [3, 5], "velocity": [1.0, 0.0]}})
    assert sim.gas.velocities is not None
    assert other.gas.velocities is not None
    changed = np.any(sim.gas.velocities != other.gas.velocities, axis=1)
    assert np.flatnonzero(changed).tolist() == [3, 5]


def test_a_quench_by_an_event_is_the_same_step_of_a_schedule(tmp_path: Path) -> None:
    """BAOAB takes the temperature of the step that it begins with, as an event does."""
    points = {"kind": "piecewise", "points": [[0, 0.4], [20, 0.05]]}
    schedule = discs(tmp_path, temperature=points).step(40)
    event = discs(tmp_path, [{"at": 20, "set": {"temperature": 0.05}}]).step(40)
    np.testing.assert_array_equal(event.gas.positions, schedule.gas.positions)
    late = discs(tmp_path, [{"at": 21, "set": {"temperature": 0.05}}]).step(40)
    assert not np.array_equal(late.gas.positions, schedule.gas.positions)


def test_a_schedule_starts_at_its_event(tmp_path: Path) -> None:
    ramp = {"kind": "ramp", "from": 0.4, "to": 0.1, "steps": 10}
    event = discs(tmp_path, [{"at": 20, "set": {"temperature": ramp}}]).step(40)
    schedule = discs(tmp_path, temperature={**ramp, "start": 20}).step(40)
    np.testing.assert_array_equal(event.gas.positions, schedule.gas.positions)


def test_a_lattice_planted_by_an_event_is_one_planted_by_plant_at(tmp_path: Path) -> None:
    """Ids, random frame and jitter, and all motion afterwards, also of what the structure pushes."""
    probe = {"name": "probe", "shape": SHEET, "jitter": 0.01, "place": {"kind": "centroid", "of": "gas"}}
    probe |= {"active": True, "mass": 2.0}
    first = {"name": "first", "shape": SHEET, "place": {"kind": "point", "at": [1.0, 1.0]}}
    tracer = discs(tmp_path, tracers=[first, {**probe, "plant_at": 15}]).step(30)
    event = discs(tmp_path, [{"at": 15, "plant": probe}], tracers=[first]).step(30)
    live = discs(tmp_path, tracers=[first]).step(15).apply({"plant": probe}).step(15)
    for name in ("positions", "velocities", "ids", "species", "masses", "appears"):
        for sim in (event, live):
            np.testing.assert_array_equal(getattr(sim.gas, name), getattr(tracer.gas, name), err_msg=name)
    np.testing.assert_array_equal(event.everyone.ids, live.everyone.ids)


def test_a_force_that_is_switched_off_is_one_that_is_not_there(tmp_path: Path) -> None:
    """The gas goes on to the bit like one that starts from the same state without the force."""
    sim = discs(tmp_path, [{"at": 10, "switch": {"forces.0": "off"}}]).step(10)
    state = sim.state()
    other = discs(tmp_path, forces=[langevin_with_pairs(tmp_path)["forces"][1]])
    other.restore({name: array for name, array in state.items() if not name.startswith("events/")})
    np.testing.assert_array_equal(sim.step(20).gas.positions, other.step(20).gas.positions)
    on = discs(tmp_path).step(30)
    assert not np.array_equal(sim.gas.positions, on.gas.positions)


def test_a_force_switched_off_and_on_at_one_step_changes_nothing(tmp_path: Path) -> None:
    events = [{"at": 10, "switch": {"forces.0": state}} for state in ("off", "on")]
    np.testing.assert_array_equal(
        discs(tmp_path, events).step(30).gas.positions, discs(tmp_path).step(30).gas.positions
    )


def test_a_strength_set_to_what_it_is_changes_nothing(tmp_path: Path) -> None:
    event = {"at": 10, "set": {"forces.0.strength": 3.0, "temperature": 0.4}}
    np.testing.assert_array_equal(
        discs(tmp_path, [event]).step(30).gas.positions, discs(tmp_path).step(30).gas.positions
    )


def test_a_move_by_a_lattice_vector_changes_nothing_physical(tmp_path: Path) -> None:
    """In a periodic box: the same positions in it to the bit, and the travelled path longer by the vector."""
    sim, other = discs(tmp_path).step(10), discs(tmp_path).step(10)
    sim.apply({"move": {"group": "gas", "by": [3 * SIDE, -SIDE]}})
    np.testing.assert_array_equal(sim.step(20).gas.positions, other.step(20).gas.positions)
    assert sim.gas.images is not None
    assert other.gas.images is not None
    np.testing.assert_array_equal(sim.gas.images - other.gas.images, np.tile([3, -1], (36, 1)))


def test_the_work_of_a_move_is_the_difference_of_the_potential(tmp_path: Path) -> None:
    """One particle by b in the force f does work -f.b against it, if nothing else acts."""
    field = [{"kind": "constant", "force": [0.2, 0.0]}]
    sim = discs(tmp_path, forces=field, space={"kind": "free", "dimensions": 2},
                gas=[{"name": "gas", "from": {"kind": "gaussian", "count": 5, "spread": 1.0}}])  # fmt: skip
    sim.apply({"move": {"ids": [2], "by": [0.5, 7.0]}})
    assert sim.observe()["event_work"] == pytest.approx(-0.1, abs=1e-13)


def test_particles_taken_away_leave_the_others_with_their_random_numbers(tmp_path: Path) -> None:
    """Without forces between them, nobody notices; the removed have no position in a frame."""
    events = [{"at": 5, "tag": {"name": "few", "ids": [0, 7, 20]}}, {"at": 5, "remove": "few"}]
    sim, other = discs(tmp_path, events, forces=[]).step(20), discs(tmp_path, forces=[]).step(20)
    kept = np.setdiff1d(np.arange(36), [0, 7, 20])
    np.testing.assert_array_equal(sim.gas.ids, kept)
    np.testing.assert_array_equal(sim.gas.positions, other.gas.positions[kept])
    rows = sim.in_rows(sim.gas.positions)
    assert np.flatnonzero(np.isnan(rows).all(axis=1)).tolist() == [0, 7, 20]


def test_ids_and_random_frames_of_removed_structures_are_not_given_again(tmp_path: Path) -> None:
    sheet = {"shape": SHEET, "place": {"kind": "point", "at": [1.0, 1.0]}}
    sim = discs(tmp_path).apply({"plant": {"name": "a", **sheet}}).apply({"remove": "a"})
    sim.apply({"plant": {"name": "b", **sheet}})
    assert sim.gas.ids[36:].tolist() == [40, 41, 42, 43]
    both = discs(tmp_path).apply({"plant": {"name": "a", **sheet}}).apply({"plant": {"name": "b", **sheet}})
    np.testing.assert_array_equal(sim.gas.positions[36:], both.gas.positions[40:])


def test_the_energy_gained_is_the_work_of_the_events(tmp_path: Path) -> None:
    """Newton's equations: E(end) - E(start) is the work of a kick, of a changed strength and of a field switched off,
    up to the error of velocity Verlet, which is of second order: a quarter with half the step."""
    errors = []
    for halves in (1, 2):
        at = 10 * halves
        events = [
            {"at": at, "kick": {"ids": list(range(12)), "velocity": [1.6, 0.2]}},
            {"at": 2 * at, "set": {"forces.0.strength": 6.0}},
            {"at": 3 * at, "switch": {"forces.1": "off"}},
        ]
        sim = discs(
            tmp_path, events, space={"kind": "free", "dimensions": 2}, temperature=None,
            gas=[{"name": "gas", "from": {"kind": "gaussian", "count": 36, "spread": 1.0},
                  "velocities": {"kind": "thermal", "temperature": 0.4}}],
            forces=[langevin_with_pairs(tmp_path)["forces"][0], {"kind": "harmonic", "stiffness": 1.0}],
            dynamics={"kind": "newton", "time_step": 0.02 / halves},
        )  # fmt: skip
        start = sim.energy()
        gained = sim.step(4 * at).energy() - start
        work = sim.observe()["event_work"]
        errors.append(abs(gained - work))
        assert errors[-1] < 0.01 * abs(work), "the energy is not the work"
    assert 3.0 < errors[0] / errors[1] < 5.0


@pytest.mark.parametrize("case", CASE_NAMES)
def test_touches_and_events_are_the_same(case: str, tmp_path: Path) -> None:
    """A gas that is touched while it moves, and one whose list of events holds these touches."""
    of, touches = CASES[case](tmp_path), Touches(1)
    live = simulation(of)
    for _ in range(12):
        live.step(2).apply(touches.next(live))
    read = simulation(of, [event.data() for event in live.events])
    assert same_state(live.step(3), read.step(27))


@pytest.mark.parametrize("case", CASE_NAMES)
@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.validate) for seed in range(3, 9))])
def test_a_touch_that_is_taken_back_never_was(case: str, seed: int, tmp_path: Path) -> None:
    """Random touches, some of them undone after some steps: the same bits as of only those that stay."""
    of, touches, chance = CASES[case](tmp_path), Touches(seed), np.random.default_rng(seed)
    live, undone = simulation(of), 0
    for _ in range(14):
        live.step(1)
        before = live.snapshot()
        live.apply(touches.next(live)).step(1)
        if chance.random() < 0.4:
            live.restore(before)
            undone += 1
    assert undone > 2
    only = simulation(of, [event.data() for event in live.events])
    assert same_state(live.step(2), only.step(live.gas.step - only.start))


@pytest.mark.parametrize("case", CASE_NAMES)
def test_an_undo_that_forgets_a_touch_is_seen(case: str, tmp_path: Path) -> None:
    """Negative control: one more touch is another state."""
    of = CASES[case](tmp_path)
    plain, touched = simulation(of).step(4), simulation(of).step(2)
    touched.apply({"move": {"ids": [1], "by": [1e-3] * touched.space.dimensions}}).step(2)
    assert not np.array_equal(plain.gas.positions, touched.gas.positions)


def test_undo_before_the_first_step_leaves_the_start(tmp_path: Path) -> None:
    sim, seen = discs(tmp_path), Observables(1)
    sim.add_operation(seen)
    before = sim.snapshot()
    sim.apply({"set": {"temperature": 1.0}})
    sim.restore(before)
    sim.step(2)
    assert seen.steps == [0, 1, 2]


def test_a_live_step_is_written_when_the_next_one_begins(tmp_path: Path) -> None:
    """Observations of a step show what was done to the gas after it."""
    sim, seen = discs(tmp_path, forces=[]), Observables(1)
    sim.live = True
    sim.add_operation(seen)
    sim.step(2)
    assert seen.steps == [0, 1]
    sim.apply({"kick": {"group": "gas", "velocity": [100.0, 0.0]}})
    sim.step(1)
    assert seen.steps == [0, 1, 2]
    assert seen.series["kinetic_energy"][2] > 1000 > seen.series["kinetic_energy"][1]
    sim.close()
    assert seen.steps == [0, 1, 2, 3]


def test_a_planted_particle_moves_by_the_noise_of_its_id(tmp_path: Path) -> None:
    """The stream of the bath is keyed by id: a particle planted by an event has the noise of one there from the start.

    Negative control: another id has other noise."""
    assert Stream.BATH == 7
    probe = {"name": "p", "shape": SHEET, "frame": {"kind": "axes"}, "place": {"kind": "point", "at": [1.0, 1.0]}}
    early = discs(tmp_path, [{"at": 0, "plant": probe}], forces=[]).step(10)
    tracer = discs(tmp_path, forces=[], tracers=[probe]).step(10)
    moved = [sim.gas.velocities[36:] for sim in (early, tracer) if sim.gas.velocities is not None]
    assert moved[0].shape == moved[1].shape == (4, 2)
    assert not np.array_equal(moved[0][0], moved[0][1])
