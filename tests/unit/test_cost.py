"""What a run costs: the stopwatch, the extrapolation of miniatures, the fit of a machine, and sizes of files."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gasfield.cost import Calibration, predict_cost
from gasfield.cost import cost as predictions
from gasfield.cost.calibration import Trial as Fitted
from gasfield.cost.miniature import Counts, Miniature, Trial, counts_of, events, lengths
from gasfield.cost.sizes import at_size, copies, particles_of
from gasfield.errors import BlowUp, InputError, Note
from gasfield.gas import Gas
from gasfield.operations import At, Every
from gasfield.profiling import Profile, Section, Sections
from gasfield.scenario import Scenario
from gasfield.scenario.scenario import RunLength
from gasfield.simulation import Simulation
from gasfield.simulation.room import require_room_for_run
from gasfield.trajectory import TrajectoryWriter
from gasfield.trajectory.size import file_bytes, frame_bytes, waiting_bytes

RUN: dict[str, Any] = {
    "title": "t", "question": "q", "space": {"kind": "free", "dimensions": 2},
    "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 50, "spread": 1.0}}],
    "forces": [{"kind": "harmonic", "stiffness": 1.0}],
    "dynamics": {"kind": "langevin", "time_step": 0.01, "friction": 1.0}, "temperature": 1.0,
    "run": {"steps": 1000, "record_every": 10},
}  # fmt: skip


class Ticks:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_second_belongs_to_the_innermost_section() -> None:
    clock = Ticks()
    watch = Sections(clock)
    clock.now = 1.0
    with watch.section("step"):
        clock.now = 3.0
        with watch.section("force"):
            clock.now = 7.0
        clock.now = 8.0
    clock.now = 10.0
    with watch.section("step"):
        pass
    found = {names: (each.seconds, each.calls) for names, each in watch.found.items()}
    assert found == {(): (3.0, 1), ("step",): (3.0, 2), ("step", "force"): (4.0, 1)}


def test_calls_of_other_threads_and_missing_methods_are_not_timed() -> None:
    watch, gas = Sections(), Gas(np.zeros((2, 2)))
    watch.time(gas, "copy", "copy")
    watch.time(gas, "no_such_method", "nothing")
    other = threading.Thread(target=gas.copy)
    other.start()
    other.join()
    assert ("copy",) not in watch.found
    assert gas.copy().count == 2
    assert watch.found["copy",].calls == 1


def test_a_profile_names_forces_and_dynamics_and_changes_no_bit() -> None:
    plain, watched = (Simulation.from_scenario(Scenario.model_validate(RUN)) for _ in range(2))
    profile = Profile()
    profile.attach(watched)
    np.testing.assert_array_equal(plain.step(20).gas.positions, watched.step(20).gas.positions)
    calls = {line.name: line.calls for line in profile.lines()}
    assert "stability monitor" in calls
    assert any(name.startswith("langevin") for name in calls)
    assert any(name.startswith("forces.0 harmonic: ") for name in calls)
    data = profile.as_json()
    lines = sum(line["time"]["value"] for line in data["lines"])
    assert (
        data["total"]["value"]
        == pytest.approx(lines)
        == pytest.approx(sum(part["value"] for part in data["parts"].values()))
    )


def test_compiled_steps_name_the_forces_inside() -> None:
    simulation, profile = Simulation.from_scenario(Scenario.model_validate(RUN)), Profile()
    simulation.dynamics.run = lambda gas, steps: None  # type: ignore[method-assign]
    profile.attach(simulation)
    simulation.dynamics.run(simulation.gas, 100)
    assert "langevin: compiled steps with harmonic" in {line.name for line in profile.lines()}


@pytest.mark.parametrize("steps", [1, 99, 100, 1000, 100_000])
def test_events_are_the_union_of_all_triggers(steps: int) -> None:
    triggers = [Every(steps=100), Every(steps=7), At(steps=(3, 50))]
    expected = {*range(100, steps + 1, 100), *range(7, steps + 1, 7), *({3, 50} & set(range(steps + 1))), steps}
    assert events(triggers, steps) == pytest.approx(len(expected), rel=2e-3)


def miniature(counts: Counts, once: float, clock: dict[str, float]) -> Miniature:
    """A run whose costs are exactly linear: so much a step, an event, a frame, an observation."""
    seconds = {
        ("langevin",): counts.steps * clock["step"],
        ("langevin", "forces.0 harmonic: force"): counts.steps * clock["force"],
        ("stability monitor",): counts.events * clock["event"],
        ("trajectory",): counts.frames * clock["frame"],
        ("trajectory", "observables"): counts.observations * clock["observation"],
        ("gas: density",): once + counts.frames * clock["diagnostic"],
        ("pictures",): once + clock["pictures"],
        ("building",): clock["building"],
    }
    parts = {"langevin": "dynamics", "forces.0 harmonic: force": "forces", "stability monitor": "dynamics",
             "trajectory": "output", "observables": "output", "gas: density": "diagnostics", "pictures": "pictures",
             "building": "start-up"}  # fmt: skip
    sections = {names: Section(each, 1) for names, each in seconds.items()}
    return Miniature(counts, sections, parts, 1000 + 70 * counts.frames, 2 * 10**8 + 500 * min(counts.frames, 200))


def test_costs_that_are_linear_are_extrapolated_exactly() -> None:
    clock = {"step": 1e-5, "force": 3e-5, "event": 2e-4, "frame": 1e-3, "observation": 5e-4, "diagnostic": 2e-3,
             "pictures": 0.7, "building": 0.1}  # fmt: skip
    short, long, whole = (
        counts_of(RunLength(steps=steps, record_every=every, observe_every=7), [])
        for steps, every in ((200, 20), (900, 30), (100_000, 50))
    )
    trial = Trial(0.0, miniature(short, 0.4, clock), miniature(short, 0.0, clock), miniature(long, 0.0, clock))
    for names, seconds in trial.extrapolate(whole).items():
        assert seconds == pytest.approx(miniature(whole, 0.4, clock).sections[names].seconds), names
    assert trial.file(whole) == pytest.approx(1000 + 70 * whole.frames)
    assert trial.memory(whole)[0] == pytest.approx(2e8 + 500 * 155, abs=10_000)  # blocks bound what grows


def test_miniatures_are_shorter_than_the_run_and_hold_frames() -> None:
    scenario = Scenario.model_validate(RUN)
    short, long = lengths(scenario, 1e-5)
    assert short.steps < long.steps <= scenario.run.steps // 5
    assert long.steps // long.record_every >= 20
    slow = lengths(scenario, 1e6)
    assert [each.steps for each in slow] == [1, 2]


def test_a_slow_step_is_measured_on_smaller_copies() -> None:
    """N^2 pairs and N D numbers: exact for a law a + b N + c N^2, and not for one that is no such law."""
    law = lambda n: 0.5 + 2e-6 * n + 3e-9 * n**2  # noqa: E731
    counts = [10_000, 20_000, 40_000]
    assert at_size(counts, [law(n) for n in counts], 10**6) == pytest.approx(law(10**6), rel=1e-6)
    assert at_size(counts, [n**3 for n in counts], 10**6) < 0.5 * 1e18
    large = {"gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 10**6, "spread": 1.0}}]}
    scenario = Scenario.model_validate(RUN | large)
    assert copies(scenario, interacting=False) == [scenario]
    sizes = [particles_of(copy) for copy in copies(scenario, interacting=True)]
    assert sizes[-1] ** 2 * 2 == pytest.approx(1e9, rel=1e-3)
    assert [size / sizes[-1] for size in sizes] == pytest.approx([0.25, 0.5, 1.0], rel=1e-3)


def trials(a: float, b: float, c: float, noise: float) -> list[Fitted]:
    rng = np.random.default_rng(1)
    work = [(2.0, 1.0), (3.0, 10.0), (2.5, 4.0), (5.0, 20.0), (2.0, 30.0), (4.0, 2.0)]
    return [
        Fitted(x, y, (a + b * x + c * y) * (1.0 + noise * rng.standard_normal()), 3e8, 2.7e8) for x, y in work
    ]  # fmt: skip


def test_a_calibration_predicts_a_run_that_it_was_not_fitted_to() -> None:
    model = Calibration.fit(trials(1.0, 1.1, 0.9, 0.0))
    assert model.seconds(3.0, 7.0) == pytest.approx(1.0 + 3.3 + 6.3, rel=0.05)
    assert model.memory == pytest.approx(-3e7)
    assert model.time_error < 0.1 < Calibration.fit(trials(1.0, 1.1, 0.9, 0.3)).time_error


def test_a_calibration_of_another_machine_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = Calibration.fit(trials(1.0, 1.0, 1.0, 0.0))
    path = kept.save()
    assert Calibration.load() == kept
    path.write_text(path.read_text().replace(kept.machine, "another"))
    assert Calibration.load() == Calibration()
    path.write_text("not JSON")
    assert Calibration.load().trials == 0


FOUND: dict[str, Any] = {
    "lines": [{"names": ["langevin"], "part": "dynamics", "seconds": 8.0},
              {"names": ["pictures"], "part": "pictures", "seconds": 1.0}],
    "imports": 0.5, "once": 0.5, "compiled": 0, "copies": [], "file": 7300.0,
    "memory": 2e8, "growth": 0.0, "loop": [0.01, 0.01], "seconds": 0.0,
}  # fmt: skip


def test_a_prediction_is_the_sum_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "_ask", lambda *_: FOUND)
    found = predict_cost("any", calibration=Calibration(start=1.0, fixed=2.0, counted=0.5, memory=1e7, trials=3))
    parts = {part: quantity.value for part, quantity in found.parts.items()}
    assert parts == pytest.approx({"dynamics": 4.0, "start-up": 3.0, "pictures": 2.0}, abs=0.1)
    assert found.time.value == pytest.approx(sum(parts.values()))
    assert found.file.value == pytest.approx(1000 + 90 * 70)
    assert found.memory.value == pytest.approx(2.1e8)
    assert json.loads(json.dumps(found.as_json()))["time"]["unit"] == "s"


def test_what_goes_wrong_in_a_miniature_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for code, error in ((2, InputError), (3, BlowUp)):
        monkeypatch.setattr(
            subprocess, "run",
            lambda *_, code=code, **__: type("Done", (), {"stdout": json.dumps({"fault": "no", "exit_code": code})}),
        )  # fmt: skip
        with pytest.raises(error, match="no"):
            predict_cost("any", calibration=Calibration())


@pytest.mark.parametrize("velocities", [False, True])
def test_sizes_by_the_schema_are_those_of_the_file(tmp_path: Path, velocities: bool) -> None:
    gas = Gas(np.random.default_rng(0).standard_normal((30, 5)))
    gas.velocities = np.ones((30, 5)) if velocities else None
    with TrajectoryWriter(tmp_path / "a.h5", gas, precision="float64", provenance={}) as writer:
        for step in range(4):
            writer.frame(step, step, gas.positions, gas.velocities)
    sizes: list[int] = []
    with h5py.File(tmp_path / "a.h5") as file:
        file.visititems(
            lambda name, item: sizes.append(item.nbytes) if name.endswith(("/value", "/step", "/time")) else None
        )
    assert sum(sizes) == 4 * frame_bytes(30, 5, precision="float64", velocities=velocities)
    assert file_bytes(30, 5, 4, 0, precision="float64", velocities=velocities) > sum(sizes)
    assert waiting_bytes(30, 5, 4, precision="float64", velocities=velocities) < sum(sizes)


@pytest.mark.parametrize("temperature", [1.0, 0.0])
def test_a_run_that_cannot_fit_on_the_disk_is_refused_and_one_that_may_not_is_noted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, temperature: float
) -> None:
    """101 frames of 50 particles with velocities are 230 kB; noise cannot be compressed to half of that, rest can."""
    scenario = Scenario.model_validate(RUN | {"temperature": temperature})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"total": 10**13, "free": 120_000}))
    if temperature:
        with pytest.raises(InputError, match="more than the disk has free") as refused:
            require_room_for_run(scenario, 50, tmp_path / "not" / "there")
        assert refused.value.parameter == "run.record_every"
        require_room_for_run(scenario, 50, tmp_path, written=200_000)
    else:
        with pytest.warns(Note, match="may need"):
            require_room_for_run(scenario, 50, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"total": 10**13, "free": 10**12}))
        require_room_for_run(scenario, 50, tmp_path)
