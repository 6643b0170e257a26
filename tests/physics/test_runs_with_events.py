"""Runs with events: the same bits for any number of threads and across a kill, and results that follow the law."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numba
import numpy as np
import pytest
import yaml
from touches import CASES, SHEET

import gasfield
from gasfield.cost.sizes import without_events
from gasfield.kernels import threads
from gasfield.profiling import Profile
from gasfield.runs import simulate
from gasfield.scenario import Scenario, load_scenario
from gasfield.simulation import Simulation
from gasfield.trajectory import Checkpoint, Trajectory, TrajectoryWriter

STEPS = 40
EVERY: list[dict[str, Any]] = [
    {"at": 5, "set": {"forces.0.strength": {"kind": "ramp", "from": 3.0, "to": 5.0, "steps": 10}}},
    {"at": 12, "plant": {"name": "probe", "shape": SHEET, "place": {"kind": "centroid", "of": "gas"}, "active": True}},
    {"at": 12, "tag": {"name": "some", "ids": [0, 1, 36]}},
    {"at": 15, "kick": {"group": "some", "velocity": [1.0, 0.0]}},
    {"at": 20, "move": {"ids": [4], "by": [0.1, 0.0]}},
    {"at": 21, "plant": {"name": "late", "shape": SHEET, "place": {"kind": "centroid", "of": "probe"}, "jitter": 0.02}},
    {"at": 25, "remove": "probe"},
    {"at": 28, "set": {"temperature": 0.1}},
    {"at": 28, "switch": {"forces.1": "off"}},
]
"""One of every kind."""


MISTAKE = {"shape": SHEET, "place": {"kind": "point", "at": [0.3, 0.2]}}


def scenario_file(folder: Path, events: list[dict[str, Any]], **changes: Any) -> Path:
    of = {
        "title": "a gas that is touched",
        "question": "Does it give the same bits?",
        **CASES["langevin"](folder),
        "run": {"steps": STEPS, "record_every": 3, "observe_every": 2, "checkpoint_every": 6},
        "events": events,
        "diagnostics": ["motion", "thermodynamics", "cloud"],
    }
    path = folder / "touched.yaml"
    path.write_text(json.dumps({**of, **changes}))
    return path


def contents(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with h5py.File(file) as opened:
        opened.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        found["events"] = opened["parameters/provenance"].attrs["events"]
    return found


def assert_same(one: Path, other: Path) -> None:
    a, b = contents(one), contents(other)
    assert set(a) == set(b)
    for name, value in a.items():
        np.testing.assert_array_equal(value, b[name], err_msg=name)


def test_bits_do_not_depend_on_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_ALONE", 0)
    before, scenario = numba.get_num_threads(), load_scenario(scenario_file(tmp_path, EVERY))
    try:
        for number in (1, 2):
            numba.set_num_threads(number)
            simulate(Simulation.from_scenario(scenario), tmp_path / f"{number}.h5")
    finally:
        numba.set_num_threads(before)
    assert_same(tmp_path / "1.h5", tmp_path / "2.h5")


@pytest.mark.parametrize("killed_at", [13, 25, pytest.param(31, marks=pytest.mark.validate)])
def test_a_run_resumed_across_events_ends_with_the_same_bits(killed_at: int, tmp_path: Path) -> None:
    """The files as they lie on the disk in the middle of a run are what a kill leaves."""
    path, whole, killed = scenario_file(tmp_path, EVERY), tmp_path / "whole", tmp_path / "killed"

    def freeze(simulation: Simulation) -> Any:
        def listen(_: int) -> None:
            if simulation.gas.step >= killed_at and not killed.exists():
                shutil.copytree(whole, killed)

        return listen

    gasfield.run(path, output=whole, progress=freeze, pictures="none")
    assert Checkpoint.load_newest(killed) is not None
    gasfield.resume(killed, pictures="none")
    assert_same(whole / "trajectory.h5", killed / "trajectory.h5")


@pytest.mark.validate
def test_a_run_killed_by_the_system_is_resumed_to_the_same_bits(tmp_path: Path) -> None:
    """kill -9 among the events, again and again, until the run is through."""
    events = [{**event, "at": 1000 * event["at"]} for event in EVERY]
    run = {"steps": 40_000, "record_every": 50, "checkpoint_every": 100}
    path = scenario_file(tmp_path, events, run=run, diagnostics=["cloud"])
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    gasfield.run(path, output=whole, pictures="none")
    command = [sys.executable, "-m", "gasfield.cli"]
    begin, seen = [*command, "run", str(path), "--output", str(killed)], [0]
    while seen[-1] < 33_000:
        process = subprocess.Popen(begin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
        while process.poll() is None and _checkpointed(killed) < seen[-1] + 5_000:
            time.sleep(0.02)
        assert process.poll() is None, "it has ended before it was killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen.append(_checkpointed(killed))
        begin = [*command, "resume", str(killed)]
    assert len(seen) > 4
    subprocess.run(begin, check=True, stdout=subprocess.DEVNULL)
    assert_same(whole / "trajectory.h5", killed / "trajectory.h5")


def _checkpointed(folder: Path) -> int:
    """The step of the last checkpoint; 0 where there is none."""
    checkpoint = Checkpoint.load_newest(folder) if folder.is_dir() else None
    return 0 if checkpoint is None else int(checkpoint.state["gas/step"])


def test_played_live_and_run_from_its_events_are_one_file(tmp_path: Path) -> None:
    """A simulation that is touched between its steps writes the frames and observations that a run of its events
    writes, where the file has room for what is planted."""
    read = load_scenario(scenario_file(tmp_path, EVERY))
    simulate(Simulation.from_scenario(read), tmp_path / "read.h5")
    plants = [event for event in EVERY if "plant" in event]
    live = Simulation.from_scenario(read.model_copy(update={"events": tuple(e for e in read.events if e.plant)}))
    live.live = True
    live.add_operation({"kind": "trajectory", "file": "live.h5", "trigger": 3, "observables": 2})
    live.directory = tmp_path
    for event in EVERY:
        live.step(event["at"] - live.gas.step)
        if event not in plants:
            live.apply(event)
    live.step(STEPS - live.gas.step)
    live.close()
    one, other = contents(tmp_path / "read.h5"), contents(tmp_path / "live.h5")
    assert set(one) == set(other)
    assert one.pop("events") == other.pop("events")
    for name, value in other.items():  # a run also ends with the frame of its last step
        np.testing.assert_array_equal(one[name][: len(value)] if np.ndim(value) else one[name], value, err_msg=name)
    assert len(one["particles/vectors/position/step"]) - len(other["particles/vectors/position/step"]) == 1


def test_frames_and_observations_show_who_is_there(tmp_path: Path) -> None:
    forces = [{"kind": "soft_repulsion", "strength": strength, "cutoff": 0.8} for strength in (3.0, 0.5)]
    gasfield.run(scenario_file(tmp_path, EVERY, forces=forces), output=tmp_path / "run", pictures="none")
    with Trajectory(tmp_path / "run" / "trajectory.h5") as trajectory:
        assert trajectory.count == 36 + 4 + 4
        for frame, step in enumerate(trajectory.steps):
            there = np.isfinite(trajectory.frame(frame)).all(axis=1)
            np.testing.assert_array_equal(there, trajectory.present(frame))
            assert there[36:40].all() == (12 <= step < 25)
            assert there[40:].all() == (step >= 21)
        assert "late" in trajectory.bonds
        work = trajectory.observable("event_work")
        steps, changes = work.steps[1:], np.diff(work.values)
        acts = {int(step) for step in steps[changes != 0.0]}
        assert acts == {12, 16, 20, 22, 26, 28}, "a work without an event, or an event without"


def test_diagnostics_look_at_the_stretch_since_the_last_event(tmp_path: Path) -> None:
    """A gas in a harmonic well that is cooled on the way: results are those of a run that begins with the state after
    the event, and the temperature is that of the bath there. Without the restriction it would be a mean of both."""
    hot, cold, at = 1.0, 0.1, 300
    changes: dict[str, Any] = {
        "space": {"kind": "free", "dimensions": 2},
        "forces": [{"kind": "harmonic", "stiffness": 4.0}],
        "dynamics": {"kind": "brownian", "time_step": 0.05, "friction": 1.0},
        "temperature": hot,
        "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 400, "spread": 0.5}}],
        "run": {"steps": 600, "record_every": 2},
        "diagnostics": ["thermodynamics", "cloud"],
    }
    events = [{"at": at, "set": {"temperature": cold}}]
    found = gasfield.run(scenario_file(tmp_path, events, **changes), output=tmp_path / "run", pictures="none")
    leaves = found.diagnosis.as_json()["groups"]["gas"]
    text = str(found.diagnosis.as_json()["notes"])
    assert f"event at step {at}" in text
    measured = leaves["temperature"].get("configurational", None)
    assert measured is not None
    assert abs(measured["value"] - cold) < 5 * measured["error"]
    assert abs(measured["value"] - hot) > 20 * measured["error"]


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_state_with_events_is_restored_by_a_simulation_without(case: str, tmp_path: Path) -> None:
    """A state says which events belong to it; it goes on to the same bits."""
    from touches import Touches, simulation

    of, touches = CASES[case](tmp_path), Touches(11)
    live = simulation(of)
    for _ in range(6):
        live.step(2).apply(touches.next(live))
    state, fresh = live.state(), simulation(of)
    fresh.restore(state)
    assert fresh.events == live.events
    np.testing.assert_array_equal(fresh.step(3).gas.positions, live.step(3).gas.positions)


def test_a_scenario_without_events_is_what_it_was() -> None:
    """Its text, and thus its digest and those of runs and sweeps, have no key for them."""
    assert "events" not in load_scenario("mueller-brown").yaml()


def test_the_text_of_a_scenario_with_events_reads_back(tmp_path: Path) -> None:
    text = load_scenario(scenario_file(tmp_path, EVERY)).yaml()
    assert Scenario.model_validate(yaml.safe_load(text)).yaml() == text


def test_a_file_with_events_that_are_none_is_read(tmp_path: Path) -> None:
    """An attribute of others: what is no event is passed over, and ids out of range are none."""
    from gasfield.gas import Gas

    gas = Gas(np.zeros((3, 2)))
    texts = ["no JSON", "[1, {}]", '[{"at": -5, "remove": "gas"}]', '[{"at": 1e99, "remove": "gas"}]',
             '[{"at": 2, "tag": {"name": "t", "ids": [-1, 99, 1e30, "x", 1]}}, {"at": 2, "remove": "t"}]']  # fmt: skip
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.h5"
        with TrajectoryWriter(path, gas, precision="float64", provenance={"source": "simulation", "events": text}) as w:
            w.frame(0, 0.0, gas.positions)
        with Trajectory(path) as trajectory:
            gone = np.flatnonzero(trajectory.disappears <= 2).tolist()
            assert gone == {2: [0, 1, 2], 4: [1]}.get(number, [])


def test_a_file_in_the_making_takes_in_who_was_not_announced(tmp_path: Path) -> None:
    """Touches that plant, and their undoing, leave the file of a run that has read them; only, the temperature of the
    bath of a group that nobody has announced is not known before it comes."""
    read = load_scenario(scenario_file(tmp_path, EVERY))
    recorder = {"kind": "trajectory", "file": "read.h5", "trigger": 3, "observables": 2}
    whole = Simulation.from_scenario(read, directory=tmp_path)
    whole.add_operation(recorder)
    whole.step(STEPS).close()
    live = Simulation.from_scenario(load_scenario(scenario_file(tmp_path, [])), directory=tmp_path)
    live.live = True
    live.add_operation({**recorder, "file": "live.h5"})
    live.step(2)
    start = live.snapshot()
    live.apply({"plant": {**MISTAKE, "name": "mistake"}}).step(9).apply({"set": {"temperature": 5.0}}).step(2)
    live.restore(start)
    for event in EVERY:
        live.step(event["at"] - live.gas.step)
        before = live.snapshot()
        live.apply({"plant": {**MISTAKE, "name": f"mistake{live.gas.step}"}}).step(4)
        live.restore(before)
        live.apply(event)
    live.step(STEPS - live.gas.step).close()
    one, other = contents(tmp_path / "read.h5"), contents(tmp_path / "live.h5")
    assert set(one) == set(other)
    for name, value in one.items():
        since = len(value) - len(other[name]) if name.startswith(("series/late/t", "series/probe/t")) else 0
        np.testing.assert_array_equal(value[since:] if since else value, other[name], err_msg=name)
    with Trajectory(tmp_path / "read.h5") as a, Trajectory(tmp_path / "live.h5") as b:
        assert a.attributes["id"] == b.attributes["id"]
        assert a.attributes["degrees_of_freedom"] == b.attributes["degrees_of_freedom"]


def test_the_time_after_an_event_has_lines_of_its_own_in_a_profile(tmp_path: Path) -> None:
    """Dynamics and forces that an event has put in the place of others are timed like those."""
    profile = Profile()
    simulate(
        Simulation.from_scenario(load_scenario(scenario_file(tmp_path, EVERY))), tmp_path / "a.h5", profile=profile
    )
    calls = {line.name: line.calls for line in profile.lines()}
    assert calls["forces.0 soft_repulsion: force"] >= STEPS


def test_the_cost_of_a_run_with_events_is_that_without(tmp_path: Path) -> None:
    """Miniatures end before most events; what is planted is there from the start."""
    scenario = without_events(load_scenario(scenario_file(tmp_path, EVERY)))
    assert not scenario.events
    assert [tracer.name for tracer in scenario.tracers] == ["probe", "late"]
    Simulation.from_scenario(scenario.model_copy(update={"tracers": scenario.tracers[:1]})).step(2)
