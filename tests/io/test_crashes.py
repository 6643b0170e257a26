"""A run is killed, or the power is cut, at every change of a file: nothing that was durable is lost, and the resumed
run ends with the bits of an undisturbed one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import crashes
import h5py
import numpy as np
import pytest
from crashes import Files, Trace
from failing_writes import ERRORS, failing

import gasfield
from gasfield import runs
from gasfield.errors import InputError, WriteError
from gasfield.gas import Gas
from gasfield.hdf5 import GrowingFile, growing
from gasfield.importing import import_recording
from gasfield.scenario import Scenario
from gasfield.trajectory import TrajectoryWriter, writer

STEPS = "particles/vectors/position/step"
Recover = Callable[[Path, Files, int], None]


def scenario(steps: int, every: int, *diagnostics: str) -> Scenario:
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
            "diagnostics": diagnostics,
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
            monkeypatch.setattr(GrowingFile, name, _promising(getattr(GrowingFile, name), trace.note))
        return trace

    return begin


def _promising(method: Callable[..., None], promise: Callable[[int], object]) -> Callable[..., None]:
    """Calls `promise` with the number of frames that are durable."""

    def call(file: GrowingFile, **options: bool) -> None:
        method(file, **options)
        if STEPS in file.columns and not file.path.name.startswith(
            "."
        ):  # the copy that compacts it promises nothing new
            promise(len(file.columns[STEPS]))

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
    """Distinct crash states among all, or among each n-th, of both kinds."""
    seen: set[str] = set()
    for kind, crashed in (("kill", trace.kills()), ("power cut", trace.power_cuts())):
        for number, files in islice(crashed, every - 1, None, every):
            name = crashes.digest(files)
            if name not in seen:
                seen.add(name)
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


def finish(run: Path, resume: Callable[[Path], object] = runs.resume) -> None:
    """Resumes a run, unless it is finished."""
    try:
        resume(run)
    except InputError as fault:
        if "finished" not in str(fault):
            raise


def recovered_run(folder: Path, resume: Callable[[Path], object]) -> Recover:
    """Continues a run and compares it with an undisturbed one."""
    undisturbed, pictures = content(folder / "trajectory.h5"), sorted(each.name for each in folder.rglob("*.png"))
    frames = undisturbed["particles/vectors/position/value"]

    def recover(root: Path, files: Files, promised: int) -> None:
        run = root / "run"
        check_durable(run / "trajectory.h5", promised, frames)
        if not run.exists():
            assert not promised
            return
        finish(run, resume)
        assert not differences(content(run / "trajectory.h5"), undisturbed)
        assert (run / "summary.json").exists()
        assert sorted(each.name for each in run.rglob("*.png")) == pictures
        assert not list(run.rglob(".gasfield-[0-9]*"))

    return recover


def check_complete(trace: Trace) -> None:
    """All changes were recorded: they make the files that are there."""
    final = {str(each.relative_to(trace.root)): each for each in trace.root.rglob("*") if each.is_file()}
    rebuilt = {path: data for path, data in trace.final().items() if data is not None}
    assert final.keys() == rebuilt.keys()
    assert all(final[path].read_bytes() == data for path, data in rebuilt.items())


@pytest.mark.parametrize(
    ("diagnostics", "every"),
    [
        ([], 1000),
        pytest.param([], 1, marks=pytest.mark.validate),
        pytest.param(["cloud"], 8, marks=pytest.mark.validate),
    ],
)
def test_a_run_survives_every_crash(
    tmp_path: Path,
    record: Callable[[Path], Trace],
    monkeypatch: pytest.MonkeyPatch,
    diagnostics: list[str],
    every: int,
) -> None:
    """Past the end of a block of 100 frames, and through closing, diagnosing and drawing."""
    wanted = scenario(106, 20, *diagnostics)
    runs.run(wanted, output=tmp_path / "whole")
    (tmp_path / "traced").mkdir()
    trace = record(tmp_path / "traced")
    runs.run(wanted, output=tmp_path / "traced" / "run")
    monkeypatch.undo()
    check_complete(trace)
    count = survive(trace, every, tmp_path, recovered_run(tmp_path / "whole", runs.resume))
    print(f"{count} states")
    assert count >= 2000 // every


@pytest.mark.parametrize("every", [1000, pytest.param(1, marks=pytest.mark.validate)])
def test_a_resume_and_an_extension_survive_every_crash(
    tmp_path: Path, record: Callable[[Path], Trace], monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """A run of 60 steps is extended to 110; the extension is killed, and resumed."""
    runs.run(scenario(110, 20), output=tmp_path / "whole")
    runs.run(scenario(60, 20), output=tmp_path / "run")
    begun = {
        f"run/{each.relative_to(tmp_path / 'run')}": each.read_bytes()
        for each in (tmp_path / "run").rglob("*")
        if each.is_file()
    }
    (tmp_path / "traced").mkdir()
    trace = record(tmp_path / "traced")
    trace.there(begun, 61)
    runs.resume(tmp_path / "traced" / "run", steps=110)
    monkeypatch.undo()
    check_complete(trace)

    def extend(run: Path) -> None:
        try:
            runs.resume(run, steps=110)
        except InputError as fault:
            if "done already" not in str(fault):
                raise
            runs.resume(run)

    count = survive(trace, every, tmp_path, recovered_run(tmp_path / "whole", extend))
    print(f"{count} states")
    assert count >= 1000 // every


@pytest.mark.parametrize(("errors", "most"), [(ERRORS[:1], 4), pytest.param(ERRORS, 50, marks=pytest.mark.validate)])
def test_a_run_whose_writes_fail_keeps_its_frames_and_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errors: tuple[int, ...], most: int
) -> None:
    """From the n-th change of a file on every change fails: one error that names a file, and no frame less."""
    wanted, run = scenario(106, 20), tmp_path / "run"
    runs.run(wanted, output=tmp_path / "whole", pictures="none")
    with failing(errors[0]) as changes:  # now that kernels are compiled
        runs.run(wanted, output=run, pictures="none")
    shutil.rmtree(run)
    undisturbed = content(tmp_path / "whole" / "trajectory.h5")
    frames, flushed = undisturbed["particles/vectors/position/value"], list[int]()
    for name in ("commit", "finish"):
        monkeypatch.setattr(GrowingFile, name, _promising(getattr(GrowingFile, name), flushed.append))
    count = 0
    for error in errors:
        for first in np.unique(np.linspace(0, changes.count - 1, most).astype(int)):
            flushed.clear()
            with failing(error, int(first)), pytest.raises(WriteError, match=os.strerror(error)):
                runs.run(wanted, output=run, pictures="none")
            if run.exists():
                check_durable(run / "trajectory.h5", max(flushed, default=0), frames)
                finish(run)
                assert not differences(content(run / "trajectory.h5"), undisturbed)
                shutil.rmtree(run)
            assert not list(tmp_path.glob(".gasfield-[0-9]*"))
            count += 1
    print(f"{count} places")


def walk(frames: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng(3).standard_normal((frames, 6, 4)), axis=0)


def gas() -> Gas:
    return Gas(np.zeros((6, 4)), np.zeros(6, int), ["a"], np.arange(6), [""] * 6)


def check_recording(path: Path) -> Recover:
    def recover(root: Path, files: Files, promised: int) -> None:
        check_durable(root / "a.h5", promised, walk(260))
        if promised:
            with gasfield.open(root / "a.h5") as left:
                assert len(left) >= promised
                np.testing.assert_array_equal(left.observable("loss").values[:promised], np.arange(promised))

    return recover


@pytest.mark.parametrize("every", [250, pytest.param(1, marks=pytest.mark.validate)])
def test_a_recording_survives_every_crash(
    tmp_path: Path, record: Callable[[Path], Trace], monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """A writer as `Recorder` uses it, with elements that appear later: nothing that was flushed is lost."""
    trace = record(tmp_path)
    with TrajectoryWriter(tmp_path / "a.h5", gas(), precision="float64", provenance={}) as file:
        for step, frame in enumerate(walk(260)):
            file.observe("loss", step, step, float(step))
            file.frame(step, step, frame)
            if step == 130:
                file.subset("particles/vectors_survey", np.arange(2), np.arange(2))
                file.element("particles/vectors_survey/position", (2, 4), "f4", chunks=(1, 2, 4))
            if step >= 130:
                file.append("particles/vectors_survey/position", step, step, frame[:2])
            if step % 37 == 0:
                file.flush()
    monkeypatch.undo()
    check_complete(trace)
    count = survive(trace, every, tmp_path, check_recording(tmp_path / "a.h5"))
    print(f"{count} states")
    assert count >= 1000 // every


@pytest.mark.parametrize("every", [60, pytest.param(1, marks=pytest.mark.validate)])
def test_an_import_is_there_whole_or_not_at_all(
    tmp_path: Path, record: Callable[[Path], Trace], monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    np.savez(tmp_path / "w.npz", W=walk(130))
    (tmp_path / "traced").mkdir()
    import_recording(tmp_path / "w.npz", tmp_path / "whole.h5")
    trace = record(tmp_path / "traced")
    import_recording(tmp_path / "w.npz", tmp_path / "traced" / "a.h5")
    monkeypatch.undo()
    check_complete(trace)
    undisturbed = content(tmp_path / "whole.h5")

    def recover(root: Path, files: Files, promised: int) -> None:
        if "a.h5" in files:
            assert not differences(content(root / "a.h5"), undisturbed)
        else:
            import_recording(tmp_path / "w.npz", root / "a.h5")

    count = survive(trace, every, tmp_path, recover)
    print(f"{count} states")
    assert count >= 100 // every


def test_a_writer_that_forgets_to_sync_is_found_out(
    tmp_path: Path, record: Callable[[Path], Trace], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without the sync between the data and the superblock a power cut destroys the file."""
    monkeypatch.setattr(growing, "_sync", lambda descriptor: None)
    trace = record(tmp_path)
    with TrajectoryWriter(tmp_path / "a.h5", gas(), precision="float64", provenance={}) as file:
        for step, frame in enumerate(walk(12)):
            file.frame(step, step, frame)
            file.observe("loss", step, step, float(step))
            file.flush()
    monkeypatch.undo()
    with pytest.raises((AssertionError, OSError, KeyError, InputError)):
        survive(trace, 1, tmp_path, check_recording(tmp_path / "a.h5"))
