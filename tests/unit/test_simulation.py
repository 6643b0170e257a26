"""The simulation in memory: built from arrays and specifications, stepped, looked at, restored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paths import RECORDINGS

import gasfield
from gasfield.errors import BlowUp, InputError
from gasfield.gas import Gas
from gasfield.operations import Callback, Observables, Operation, Seconds, SimulationLike, TrajectoryRecorder
from gasfield.operations.triggers import STRIDE, At, Every, Trigger, any_of, trigger_of
from gasfield.simulation import Simulation
from gasfield.trajectory import Trajectory

LANGEVIN = {"kind": "langevin", "time_step": 0.05, "friction": 1.0}
WELL = {"kind": "harmonic", "stiffness": 1.0}
CLOUD = np.random.default_rng(0).standard_normal((20, 3))
RECORDING = str(RECORDINGS / "kjv-bf16.h5")


def warm(positions: Any = CLOUD, **more: Any) -> Simulation:
    return Simulation(positions, dynamics=LANGEVIN, forces=[WELL], temperature=0.5, seed=3, **more)


def line(name: str, plant_at: int = 0) -> dict[str, Any]:
    shape = {"kind": "line", "count": 4, "spacing": 0.1}
    return {"name": name, "shape": shape, "place": {"kind": "centroid", "of": "gas"}, "plant_at": plant_at}


# --- stepping ---------------------------------------------------------------------------------------------------------


def test_steps_in_pieces_are_the_steps_of_one_run() -> None:
    """Bit for bit, whatever is looked at in between. Negative control: another seed."""
    whole, pieces = warm().step(237), warm()
    for steps in (1, 0, 99, 100, 37):
        pieces.step(steps)
        pieces.energy()
        pieces.observe()
    np.testing.assert_array_equal(pieces.gas.positions, whole.gas.positions)
    np.testing.assert_array_equal(pieces.gas.velocities, whole.gas.velocities)
    other = Simulation(CLOUD, dynamics=LANGEVIN, forces=[WELL], temperature=0.5, seed=4).step(237)
    assert not np.array_equal(other.gas.positions, whole.gas.positions)


def test_a_scenario_is_the_same_simulation(tmp_path: Path) -> None:
    """Built from YAML and built in Python from the same specifications: the same bits."""
    scenario = gasfield.load_scenario("double-well")
    by_yaml = Simulation.from_scenario(scenario).step(50)
    by_hand = Simulation(
        [{"name": group.name, "from": group.source} for group in scenario.gas],
        space=scenario.space, dynamics=scenario.dynamics, forces=scenario.forces,
        temperature=scenario.temperature, seed=scenario.seed,
    ).step(50)  # fmt: skip
    np.testing.assert_array_equal(by_hand.gas.positions, by_yaml.gas.positions)


def test_a_simulation_goes_on_beyond_the_steps_of_its_scenario() -> None:
    simulation = Simulation.from_scenario("double-well", ["run.steps=10"]).step(25)
    assert simulation.gas.step == simulation.steps_done == 25


def test_the_array_of_the_user_is_left_alone() -> None:
    before = CLOUD.copy()
    for law in (LANGEVIN | {"kind": "langevin"}, {"kind": "sgd", "learning_rate": 0.1}):
        gas = Gas(CLOUD, velocities=np.ones_like(CLOUD))
        bath = 0.5 if law["kind"] == "langevin" else None
        Simulation(gas, dynamics=law, forces=[WELL], temperature=bath).step(5)
        np.testing.assert_array_equal(CLOUD, before)
        np.testing.assert_array_equal(gas.velocities, 1.0)


def test_given_velocities_are_kept() -> None:
    """Free flight x + v t."""
    velocities = np.arange(60.0).reshape(20, 3)
    moved = Simulation(Gas(CLOUD, velocities=velocities), dynamics={"kind": "newton", "time_step": 0.5}).step(4)
    np.testing.assert_allclose(moved.gas.positions, CLOUD + 2.0 * velocities, rtol=1e-14)


# --- operations and triggers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (100, [0, 100, 200, 300]),
        ([7, 150, 290, 1000], [7, 150, 290]),
        ({"kind": "at", "steps": [0, 250]}, [0, 250]),
        ({"kind": "any", "triggers": [130, [7]]}, [0, 7, 130, 260]),
        ({"kind": "seconds", "seconds": 1e-9}, [0, 50, 100, 200, 300]),  # looked at every 100 steps at least
        ({"kind": "seconds", "seconds": 1e9}, []),
    ],
)
def test_an_operation_fires_at_its_steps(trigger: Any, expected: list[int]) -> None:
    fired: list[int] = []
    sim = warm(operations=[Callback(lambda s: fired.append(s.gas.step), trigger=trigger)])
    for steps in (50, 50, 100, 100):  # wherever the user stops to look
        sim.step(steps)
    assert fired == expected


def test_triggers_count_from_the_start_of_the_run() -> None:
    """A gas that starts at step 30 fires every 20 steps at 30, 50, 70."""
    fired: list[int] = []
    Simulation(
        Gas(CLOUD, step=30), dynamics=LANGEVIN, forces=[WELL], temperature=0.5,
        operations=[Callback(lambda s: fired.append(s.gas.step), every=20)],
    ).step(50)  # fmt: skip
    assert fired == [30, 50, 70]


def test_any_of_one_trigger_is_that_trigger() -> None:
    every = Every(steps=3)
    assert any_of(every, every) is every
    assert any_of(every, At(steps=(4,))).next(3, 0) == 4
    assert trigger_of(every) is every


@pytest.mark.parametrize("bad", ["often", 0, [], True, {"kind": "never"}, {"kind": "seconds", "seconds": 0}])
def test_what_is_no_trigger_is_refused(bad: Any) -> None:
    with pytest.raises(InputError) as refused:
        warm(operations=[{"kind": "trajectory", "file": "a.h5", "trigger": bad}])
    assert str(refused.value.parameter).startswith("operations.0.trigger")


def test_operations_fire_in_order_after_planting() -> None:
    """At the step at which a tracer is planted, an operation sees it there."""
    counts: dict[int, int] = {}
    sim = warm(
        tracers=[line("late", 40)], operations=[Callback(lambda s: counts.update({s.gas.step: s.gas.count}), every=20)]
    )
    sim.step(60)
    assert counts == {0: 20, 20: 20, 40: 24, 60: 24}


def test_an_operation_added_between_two_calls_begins_there() -> None:
    class Counter(Operation):
        trigger: Trigger = Every(steps=10)

        def __init__(self) -> None:
            self.began: list[int] = []
            self.fired: list[int] = []
            self.closed = 0

        def begin(self, simulation: SimulationLike) -> None:
            self.began.append(simulation.gas.step)

        def fire(self, simulation: SimulationLike) -> None:
            self.fired.append(simulation.gas.step)

        def close(self) -> None:
            self.closed += 1

    counter = Counter()
    with warm().step(15) as sim:
        sim.add_operation(counter)
        sim.step(20)
    assert (counter.began, counter.fired, counter.closed) == ([15], [20, 30], 1)


def test_observables_in_memory_are_those_of_the_file(tmp_path: Path) -> None:
    kept = Observables(10)
    with warm(operations=[kept, TrajectoryRecorder(tmp_path / "t.h5", 20, 10)]) as sim:
        sim.step(100)
    with Trajectory(tmp_path / "t.h5") as trajectory:
        assert list(trajectory.steps) == list(range(0, 101, 20))
        np.testing.assert_array_equal(trajectory.positions(frames=slice(-1, None))[0], sim.gas.positions)
        written = trajectory.observable("potential_energy")
        np.testing.assert_array_equal(written.steps, kept.steps)
        np.testing.assert_array_equal(written.values, kept.series["potential_energy"])


def test_a_trajectory_of_python_is_diagnosed_with_its_physics(tmp_path: Path) -> None:
    """Its laws are in the file, though no scenario was written."""
    with warm(operations=[TrajectoryRecorder(tmp_path / "t.h5", 5)]) as sim:
        sim.step(2000)
    found = gasfield.diagnose(tmp_path / "t.h5", ["thermodynamics"]).results["gas"]["thermodynamics"].quantities()
    assert found["temperature.bath"].value == 0.5
    kinetic = found["temperature.kinetic"]
    assert abs(kinetic.value - 0.5) < 4 * kinetic.error


def test_two_seconds_triggers_at_one_step_agree() -> None:
    """A trigger that is asked twice at a step answers the same."""
    clock = Seconds(seconds=1e-9)
    assert [clock.fires(STRIDE, 0), clock.fires(STRIDE, 0)] == [True, True]


# --- state ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("planted", [10, 45])
def test_a_restored_simulation_ends_with_the_same_bits(planted: int) -> None:
    """Back in the same one, and on in a new one; a tracer is planted before, or after, the state was taken."""
    sim = warm(tracers=[line("late", planted)]).step(30)
    there = sim.state()
    end = sim.step(40).gas.positions.copy()
    sim.restore(there)
    assert sim.gas.step == 30
    np.testing.assert_array_equal(sim.step(40).gas.positions, end)
    other = warm(tracers=[line("late", planted)])
    other.restore(there)
    np.testing.assert_array_equal(other.step(40).gas.positions, end)


def test_the_state_of_another_simulation_is_refused() -> None:
    state = warm().step(3).state()
    with pytest.raises(InputError, match="another simulation"):
        warm(CLOUD[:5]).restore(state)
    with pytest.raises(InputError, match="another simulation"):
        warm().restore({"gas/positions": CLOUD})


# --- where a gas comes from -------------------------------------------------------------------------------------------


def test_array_matrix_and_recording_are_the_same_gas(tmp_path: Path) -> None:
    with Trajectory(RECORDING) as recording:
        rows = recording.members("dead")
        positions = np.asarray(recording.gas(0).positions[rows], np.float64)
    np.save(tmp_path / "rows.npy", positions)
    space, law = {"kind": "free", "dimensions": 64}, {"kind": "sgd", "learning_rate": 1e-3}
    sources: list[Any] = [
        positions,
        Gas(positions),
        {"kind": "matrix", "file": str(tmp_path / "rows.npy")},
        {"kind": "matrix", "file": RECORDING, "rows": "dead", "step": 0},
        {"kind": "matrix", "file": RECORDING, "rows": rows.tolist(), "step": 0},
        {"kind": "recording", "file": RECORDING, "group": "dead"},
    ]
    field = [{"kind": "recorded_gradient", "file": RECORDING}]
    ends = [Simulation(gas, space=space, dynamics=law, forces=field).step(20).gas.positions for gas in sources]
    for end in ends[1:]:
        np.testing.assert_array_equal(end, ends[0])


def test_rows_of_a_matrix_are_tokens(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.arange(20.0).reshape(10, 2))
    source = {"kind": "matrix", "file": str(tmp_path / "m.npy"), "rows": "2:8:3"}
    sim = Simulation(source, space={"kind": "free", "dimensions": 2}, dynamics={"kind": "sgd", "learning_rate": 1.0})
    assert sim.gas.token_ids.tolist() == [2, 5]
    np.testing.assert_array_equal(sim.gas.positions, [[4, 5], [10, 11]])


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"kind": "matrix", "file": "m.npy", "rows": [10]}, "no row 10"),
        ({"kind": "matrix", "file": "m.npy", "rows": "5:99"}, "rows are 0 to 9"),
        ({"kind": "matrix", "file": "nan.npy"}, "row 3 is not finite"),
        ({"kind": "matrix", "file": "wide.npy"}, "rows have 3 dimensions"),
        ({"kind": "matrix", "file": "absent.npy"}, "no file 'absent.npy'"),
        ({"kind": "array", "count": 5}, "given as an array"),
    ],
)
def test_rows_that_are_not_there_are_refused(
    source: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good = np.arange(20.0).reshape(10, 2)
    np.save("m.npy", good)
    np.save("nan.npy", np.where(np.arange(10)[:, None] == 3, np.nan, good))
    np.save("wide.npy", np.zeros((4, 3)))
    with pytest.raises(InputError, match=says) as refused:
        Simulation(source, space={"kind": "free", "dimensions": 2}, dynamics={"kind": "sgd", "learning_rate": 1.0})
    assert str(refused.value.parameter).startswith("gas")


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "parameter"),
    [
        ({"dynamics": {"kind": "newton"}}, "dynamics"),
        ({"forces": [WELL, {"kind": "harmonic", "stiffness": -1.0}]}, "forces.1.stiffness"),
        ({"forces": [{"kind": "gravitation"}]}, "forces.0.kind"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": None}, "dynamics"),
        ({"space": {"kind": "free", "dimensions": 2}}, None),
        ({"tracers": [line("gas")]}, None),
        ({"gas": Gas(CLOUD, names=["1 st"])}, None),
        ({"tracers": [line("a"), {**line("b"), "place": {"kind": "centroid", "of": "c"}}]}, "tracers.1"),
        ({"operations": [{"kind": "thermometer"}]}, "operations.0.kind"),
        ({"gas": np.zeros(3)}, "gas"),
        ({"gas": [[0.0, np.inf]]}, "gas"),
        ({"gas": "mueller-brown"}, "gas"),
        ({"gas": [{"name": "a", "from": {"kind": "gaussian", "count": 3}}]}, "space"),
    ],
)
def test_a_wrong_part_is_named(changed: dict[str, Any], parameter: str | None) -> None:
    right: dict[str, Any] = {"gas": CLOUD, "dynamics": LANGEVIN, "forces": [WELL], "temperature": 0.5}
    whole = right | changed
    with pytest.raises(InputError) as refused:
        Simulation(whole.pop("gas"), **whole)
    found = refused.value.faults[0].parameter
    assert found is None if parameter is None else str(found).startswith(parameter)


def test_a_blow_up_in_memory_says_when_and_what_to_try() -> None:
    """h = 2.1 is beyond the limit 2 of velocity Verlet in a well of frequency 1."""
    sim = Simulation(CLOUD, dynamics={"kind": "newton", "time_step": 2.1}, forces=[WELL])
    with pytest.raises(BlowUp, match=r"step \d+: particle .* smaller time_step") as fault:
        sim.step(100_000)
    assert fault.value.last_good_step is not None
    assert sim.gas.step > fault.value.last_good_step


def test_a_field_that_ends_is_refused_before_a_step_is_done() -> None:
    field = {"kind": "recorded_gradient", "file": RECORDING}
    source = {"kind": "recording", "file": RECORDING, "group": "dead"}
    sim = Simulation(
        source,
        space={"kind": "free", "dimensions": 64},
        dynamics={"kind": "sgd", "learning_rate": 1e-3},
        forces=[field],
    )
    with pytest.raises(InputError) as refused:
        sim.step(501)
    assert refused.value.parameter == "forces.0"
    assert sim.step(500).gas.step == 500


# --- from YAML --------------------------------------------------------------------------------------------------------


def test_a_second_trajectory_goes_on_after_a_kill(tmp_path: Path) -> None:
    """A scenario asks for frames of its own cadence beside those of the run; both files survive a kill, bit for bit."""
    import shutil

    path = tmp_path / "two.yaml"
    path.write_text(
        "title: t\nquestion: q\nspace: {kind: free, dimensions: 2}\n"
        "gas: [{name: gas, from: {kind: gaussian, count: 9}}]\nforces: [{kind: harmonic, stiffness: 1}]\n"
        "dynamics: {kind: brownian, time_step: 0.1}\ntemperature: 1\n"
        "operations: [{kind: trajectory, file: fine.h5, trigger: 2}]\n"
        "run: {steps: 60, record_every: 20, checkpoint_every: 15}\ndiagnostics: [cloud]\n"
    )
    whole, killed = tmp_path / "whole", tmp_path / "killed"

    def freeze(simulation: Simulation) -> Any:
        def report(_: int) -> None:
            if simulation.gas.step >= 34 and not killed.exists():
                shutil.copytree(whole, killed)

        return report

    gasfield.run(path, output=whole, pictures="none", progress=freeze)
    gasfield.resume(killed, pictures="none")
    for name, count in (("trajectory.h5", 4), ("fine.h5", 31)):
        with Trajectory(whole / name) as one, Trajectory(killed / name) as two:
            assert len(one) == len(two) == count
            np.testing.assert_array_equal(one.positions(), two.positions())
