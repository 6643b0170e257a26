"""A run is killed, or the power is cut, at every change of a file: nothing that was durable is lost, and the resumed
run ends with the bits of an undisturbed one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import crashes
import h5py
import numpy as np
import pytest
from crashes import Files, Trace

from gasfield import runs
from gasfield.errors import InputError
from gasfield.hdf5 import GrowingFile
from gasfield.scenario import Scenario
from gasfield.trajectory import writer

STEPS = "particles/vectors/position/step"
Recover = Callable[[Path, Files, int], None]


def scenario(steps: int, every: int) -> Scenario:
    return Scenario.model_validate(
        {
            "title": "a gas to be killed",
            "question": "Is anything lost?",
            "seed": 4,
            "space": {"kind": "box", "dimensions": 2, "side": 3.0},
            "gas": [{"name": "gas", "from": {"kind": "uniform", "count": 10}}],
            "forces": [{"kind": "harmonic", "stiffness": 0.5}],
            "dynamics": {"kind": "brownian", "time_step": 0.02, "friction": 1.0},
            "temperature": 0.5,
            "run": {"steps": steps, "record_every": 1, "checkpoint_every": every},
            "diagnostics": ["cloud"],
        }
    )


def content(path: Path) -> dict[str, Any]:
    """Every data set of a file, but not its provenance."""
    found: dict[str, Any] = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return sorted(
        name
        for name in one.keys() | other.keys()
        if name not in one or name not in other or not np.array_equal(one[name], other[name])
    )


def promises(trace: Trace) -> list[int]:
    """Number of durable frames after each change."""
    frames, found = 0, []
    for change in trace.changes:
        frames = change.note if change.kind == "note" else frames
        found.append(frames)
    return found


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Trace]:
    """Begins a trace of the changes of files in a folder, in which every commit promises its frames."""

    def begin(root: Path) -> Trace:
        trace = Trace(root)
        monkeypatch.setattr(writer, "FLUSH_SECONDS", 1e9)  # the clock must not decide what is written
        trace.start(monkeypatch.setattr)
        for name in ("commit", "finish"):
            monkeypatch.setattr(GrowingFile, name, _promising(getattr(GrowingFile, name), trace))
        return trace

    return begin


def _promising(method: Callable[[GrowingFile], None], trace: Trace) -> Callable[[GrowingFile], None]:
    def call(file: GrowingFile) -> None:
        method(file)
        column = file.columns.get(STEPS)
        if column is not None and not file.path.name.startswith("."):  # the copy that compacts it promises nothing new
            trace.note(len(column))

    return call


def check_durable(path: Path, promised: int, frames: np.ndarray) -> None:
    """Plain h5py finds at least the promised frames in a file."""
    if promised:
        with h5py.File(path, "r") as file:
            values = file["particles/vectors/position/value"][:]
            assert len(values) == len(file[STEPS]) >= promised
            np.testing.assert_array_equal(file[STEPS][:], np.arange(len(values)))
            np.testing.assert_array_equal(values, frames[: len(values)])


def states(trace: Trace, every: int) -> Iterator[tuple[str, int, Files]]:
    """Distinct crash states: all, or each n-th of both kinds."""
    seen: set[str] = set()
    for kind, crashed in (("kill", trace.kills()), ("power cut", trace.power_cuts())):
        for number, files in crashed:
            name = crashes.digest(files)
            if name not in seen:
                seen.add(name)
                if len(seen) % every == 0:
                    yield kind, number, files


def survive(trace: Trace, every: int, folder: Path, recover: Recover) -> int:
    """Recovers from all states; returns how many there were."""
    expected, count = promises(trace), 0
    shm = Path("/dev/shm")
    place = (shm if os.access(shm, os.W_OK) else folder) / f"gasfield-crash-{os.getpid()}"
    for kind, number, files in states(trace, every):
        place.mkdir()
        try:
            crashes.build(files, place)
            recover(place, files, expected[number] if number >= 0 else 0)
        except BaseException as fault:
            fault.add_note(f"{kind} after change {number}: {trace.changes[number].kind} {trace.changes[number].path}")
            raise
        finally:
            shutil.rmtree(place)
        count += 1
    return count


def recovered_run(frames: np.ndarray, undisturbed: dict[str, Any], resume: Callable[[Path], object]) -> Recover:
    def recover(root: Path, files: Files, promised: int) -> None:
        run = root / "run"
        check_durable(run / "trajectory.h5", promised, frames)
        if not run.exists():
            assert not promised
            return
        assert (run / "scenario.yaml").exists()
        try:
            resume(run)
        except InputError as fault:
            if "finished" not in str(fault):
                raise
        assert not differences(content(run / "trajectory.h5"), undisturbed)
        assert (run / "summary.json").exists()
        assert sorted(each.name for each in (run / "plots").iterdir()) == ["gas-cloud.png"]
        assert not list(run.rglob(".gasfield-[0-9]*"))

    return recover


def undisturbed_run(folder: Path, steps: int, every: int) -> dict[str, Any]:
    runs.run(scenario(steps, every), output=folder / "whole")
    return content(folder / "whole" / "trajectory.h5")


@pytest.mark.parametrize(
    ("steps", "every", "each"),
    [(106, 20, 40), pytest.param(106, 20, 1, marks=pytest.mark.validate)],
)
def test_a_run_survives_every_crash(
    tmp_path: Path, record: Callable[[Path], Trace], monkeypatch: pytest.MonkeyPatch, steps: int, every: int, each: int
) -> None:
    """Past the end of a block of 100 frames, and through closing, diagnosing and drawing."""
    undisturbed = undisturbed_run(tmp_path, steps, every)
    (tmp_path / "traced").mkdir()
    trace = record(tmp_path / "traced")
    runs.run(scenario(steps, every), output=tmp_path / "traced" / "run")
    monkeypatch.undo()
    final = {str(p.relative_to(trace.root)): p for p in trace.root.rglob("*") if p.is_file()}
    rebuilt = {path: data for path, data in trace.final().items() if data is not None}
    assert final.keys() == rebuilt.keys()
    assert all(final[path].read_bytes() == data for path, data in rebuilt.items())
    frames = undisturbed["particles/vectors/position/value"]
    count = survive(trace, each, tmp_path, recovered_run(frames, undisturbed, runs.resume))
    assert count > (1000 if each == 1 else 20)
