"""Run directories: created whole and under a number of their own, replaced without touching what is not theirs,
resumed only with what they began with, extended, and completed when only results are missing."""

from __future__ import annotations

import errno
import fcntl
import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from paths import unpack

import gasfield
from gasfield.errors import BlowUp, InputError, Note
from gasfield.operations import TrajectoryRecorder
from gasfield.plots import style
from gasfield.provenance import FileDigest
from gasfield.runs.directory import new_directory
from gasfield.runs.lock import only_one
from gasfield.runs.manifest import Manifest, scenario_digest
from gasfield.simulation import Simulation

RECORDING = Path(__file__).parents[2] / "scenarios" / "recordings" / "kjv-bf16.h5"
FORMER = Path(__file__).parents[1] / "data" / "before-format-1.tar.xz"
WELL = """
title: A small warm gas
question: Is anything lost?
seed: 4
space: {kind: box, dimensions: 2, side: 10}
gas: [{name: gas, from: {kind: gaussian, count: 6, spread: 0.5}}]
forces: [{kind: harmonic, stiffness: 1}]
dynamics: {kind: langevin, time_step: 0.1, friction: 1}
temperature: 1
run: {steps: 50, record_every: 10, observe_every: 4, checkpoint_every: 20}
diagnostics: [cloud]
"""
FIELD = f"""
title: Rows in their recorded field
question: Is it the same field?
space: {{kind: free, dimensions: 64}}
gas: [{{name: dead, from: {{kind: recording, file: {RECORDING}, group: dead}}}}]
forces: [{{kind: recorded_gradient, file: field.h5}}]
dynamics: {{kind: sgd, learning_rate: 0.1}}
run: {{steps: 20, record_every: 5, checkpoint_every: 5}}
diagnostics: [cloud]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "well.yaml").write_text(WELL)
    return tmp_path


def data_sets(path: Path) -> dict[str, Any]:
    """Every data set of a file, by its place."""
    found: dict[str, Any] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def assert_same(one: Path, two: Path) -> None:
    a, b = data_sets(one / "trajectory.h5"), data_sets(two / "trajectory.h5")
    assert set(a) == set(b)
    for name, values in a.items():
        np.testing.assert_array_equal(values, b[name], name)


def copied_at(step: int, source: Path, target: Path) -> Callable[[Simulation], Callable[[int], None]]:
    """A progress listener that copies a run directory at a step: what a kill leaves."""

    def listen(simulation: Simulation) -> Callable[[int], None]:
        return lambda _: simulation.gas.step >= step and not target.exists() and bool(shutil.copytree(source, target))

    return listen


# --- creation ---------------------------------------------------------------------------------------------------------


def test_simultaneous_starts_have_numbers_of_their_own(here: Path) -> None:
    manifest = Manifest(scenario_digest(WELL))

    def start(_: int) -> str:
        with new_directory("well", None, WELL, manifest) as directory:
            assert (directory / "scenario.yaml").read_text() == WELL
            assert Manifest.read(directory) == manifest
            with pytest.raises(InputError, match="another process"), only_one(directory):
                pass
            return directory.name

    with ThreadPoolExecutor(24) as pool:
        names = list(pool.map(start, range(120)))
    assert sorted(names) == [f"{number:03d}" for number in range(1, 121)]
    assert len(list((here / "outputs/well").iterdir())) == 120  # and no draft


def test_an_output_that_appears_in_the_meantime_is_kept(here: Path) -> None:
    with new_directory("well", here / "out", WELL, Manifest("")) as directory:
        pass
    for other in (directory, here / "well.yaml"):
        if other.is_dir():
            (other / "scenario.yaml").write_text("mine")
        with pytest.raises(InputError, match="exists already"):
            gasfield.run("well.yaml", output=other)
    assert (directory / "scenario.yaml").read_text() == "mine"


def test_latest_is_a_convenience(here: Path) -> None:
    gasfield.run("well.yaml")
    assert (here / "outputs/well/latest").resolve().name == "001"
    (here / "outputs/well/latest").unlink()
    (here / "outputs/well/latest/precious").mkdir(parents=True)
    assert gasfield.run("well.yaml").directory.name == "002"
    assert (here / "outputs/well/latest/precious").is_dir()


def test_latest_is_the_run_that_was_begun_last(here: Path) -> None:
    """Also while it runs, and when it was killed; a run that leaves nothing takes it back."""
    link, seen = here / "outputs/well/latest", []

    def killed(simulation: Simulation) -> Callable[[int], None]:
        def at(_: int) -> None:
            seen.append(link.resolve().name)
            raise KeyboardInterrupt

        return at

    with pytest.raises(KeyboardInterrupt):
        gasfield.run("well.yaml", progress=killed)
    assert set(seen) == {"001"}
    with gasfield.open(link) as opened:
        assert len(opened)
    assert gasfield.run("well.yaml").directory.name == "002"
    assert link.resolve().name == "002"
    hot = ["dynamics={kind: newton, time_step: 1e6}", "temperature=null", "gas.0.from={kind: places, at: [[1e200, 0]]}"]
    with pytest.raises(InputError):
        gasfield.run("well.yaml", overrides=hot)
    assert link.resolve().name == "002"
    assert not (here / "outputs/well/003").exists()


def test_pictures_and_slow_diagnostics_are_announced(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "well.yaml").write_text(WELL.replace("diagnostics: [cloud]", ""))
    stages: list[str] = []
    result = gasfield.run("well.yaml", stage=stages.append)
    drawn = [name for name in stages if name.startswith("picture ")]
    assert drawn == [f"picture {place} of {len(drawn)}" for place in range(1, len(drawn) + 1)]
    assert len(drawn) == len(result.plots) > 1
    monkeypatch.setattr("gasfield.runs.stages.PATIENCE", 0.0)
    Manifest.read(result.directory).write(result.directory, finished=False, seconds=1e-6)  # type: ignore[union-attr]
    with pytest.warns(Note, match=r"took longer than the simulation \(0.0 s\): .*cloud [0-9.]+ s"):
        gasfield.resume(result.directory)
    (here / "well.yaml").write_text(WELL)  # which says itself what is to be computed
    with warnings.catch_warnings():
        warnings.simplefilter("error", Note)
        gasfield.run("well.yaml")


# --- replacement ------------------------------------------------------------------------------------------------------


def test_a_run_is_replaced_and_what_others_put_there_stays(here: Path) -> None:
    operations = "operations=[{kind: trajectory, file: fine.h5, trigger: 5}]"
    gasfield.run("well.yaml", output="out", overrides=[operations, "diagnostics=[cloud, motion]"])
    (here / "out/notes.txt").write_text("mine")
    (here / "out/plots/mine.png").write_text("mine")
    gasfield.run("well.yaml", output="out", overrides=["run.steps=20"], overwrite=True)
    names = {str(path.relative_to(here / "out")) for path in (here / "out").rglob("*") if path.is_file()}
    checkpoints = {name for name in names if name.startswith("checkpoint")}
    ours = {".gasfield-lock", "run.json", "scenario.yaml", "summary.json", "trajectory.h5"}
    drawn = {"plots/gas-snapshots.png", "plots/gas-cloud.png"}
    assert names - checkpoints == {"notes.txt", "plots/mine.png", *ours, *drawn}
    with gasfield.open("out") as trajectory:
        assert trajectory.steps[-1] == 20


def test_somebodys_folder_is_not_a_run_directory(here: Path) -> None:
    """Whatever it is called: a scenario beside sources, a manifest of another program, an edited scenario."""
    (here / "scenario.yaml").write_text(WELL)
    (here / "src").mkdir()
    (here / "src/precious.py").write_text("mine")
    (here / "run.json").write_text('{"format": 1}')
    with pytest.raises(InputError, match="not a run directory"):
        gasfield.run("scenario.yaml", output=".", overwrite=True)
    with pytest.raises(InputError, match="not a run directory"):
        gasfield.resume(".")
    gasfield.run("well.yaml", output="out")
    edited = (here / "out/scenario.yaml").read_text().replace("seed: 4", "seed: 5")
    (here / "out/scenario.yaml").write_text(edited)
    with pytest.raises(InputError, match="was changed since its run"):
        gasfield.run("out/scenario.yaml", output="out", overwrite=True)
    assert (here / "scenario.yaml").read_text() == WELL
    assert (here / "src/precious.py").read_text() == "mine"
    assert (here / "out/scenario.yaml").read_text() == edited


def test_a_run_of_before_is_replaced(here: Path) -> None:
    unpack(FORMER, here)
    (here / "crowd-finished/notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is finished"):
        gasfield.resume("crowd-finished")
    with pytest.raises(InputError, match="no checkpoint from which it can be extended"):
        gasfield.resume("crowd-finished", steps=1000)
    gasfield.run("well.yaml", output="crowd-finished", overwrite=True)
    assert "A small warm gas" in (here / "crowd-finished/scenario.yaml").read_text()
    assert (here / "crowd-finished/notes.txt").read_text() == "mine"


def test_a_late_refusal_keeps_the_frames(here: Path) -> None:
    """Known only when it is planted: the place is beside the centroid of the gas, which moves to the wall."""
    tracer = (
        "tracers=[{name: late, shape: {kind: sheet, side: 2, spacing: 4.0}, place: {kind: centroid, of: gas}, "
        "frame: {kind: random}, plant_at: 25}]"
    )
    push = "forces=[{kind: constant, force: [40, 40]}]"
    with pytest.raises(InputError, match="outside") as refused:
        gasfield.run("well.yaml", output="out", overrides=[tracer, push])
    assert "kept in out" in str(refused.value)
    with gasfield.open("out") as trajectory:
        assert list(trajectory.steps) == [0, 10, 20]


def test_a_refusal_at_the_start_leaves_nothing(here: Path) -> None:
    """A start that is relaxed is examined after that, when the directory is there."""
    crowd = ["gas.0.from.spread=0.001", "minimize={steps: 1}", "forces=[{kind: lennard_jones, cutoff: 2.5}]"]
    with pytest.raises(InputError, match="gas: "):
        gasfield.run("well.yaml", output="out", overrides=crowd)
    assert not (here / "out").exists()


# --- resuming with what it began with ---------------------------------------------------------------------------------


@pytest.fixture
def in_a_field(here: Path) -> Path:
    """A run in a recorded field that was killed after step 10."""
    shutil.copy(RECORDING, here / "field.h5")
    (here / "field.yaml").write_text(FIELD)
    gasfield.run("field.yaml", output="whole", progress=copied_at(10, here / "whole", here / "killed"))
    return here / "killed"


def test_changed_data_are_refused(in_a_field: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File("field.h5", "r+") as file:
        place = file["field/affine/gradient/value"]
        place[12] = 1.5 * place[12]
    with pytest.raises(InputError, match=r"field\.h5: was changed since the run began"):
        gasfield.resume(in_a_field)
    monkeypatch.setattr(FileDigest, "of", lambda path: FileDigest(0, ""))  # a change between the samples
    stored = json.loads((in_a_field / "run.json").read_text())
    for entry in stored["files"].values():
        entry |= {"size": 0, "sha256": ""}
    (in_a_field / "run.json").write_text(json.dumps(stored))
    with pytest.raises(InputError, match=r"recorded data of forces\.0 were changed"):
        gasfield.resume(in_a_field)
    monkeypatch.undo()


def test_a_folder_is_identified_by_its_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    before = FileDigest.of(tmp_path)
    (tmp_path / "two").write_text("2wo")
    assert before.size == FileDigest.of(tmp_path).size == 6
    assert before != FileDigest.of(tmp_path)


def test_a_file_that_was_moved_is_the_same(in_a_field: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "elsewhere").mkdir()
    shutil.move("field.h5", "elsewhere")
    monkeypatch.chdir("elsewhere")
    gasfield.resume(in_a_field)
    assert_same(here / "whole", in_a_field)


def test_another_arithmetic_is_refused_and_another_release_noted(here: Path) -> None:
    gasfield.run("well.yaml", output="whole", progress=copied_at(30, here / "whole", here / "killed"))
    stored = json.loads((here / "killed/run.json").read_text())
    (here / "killed/run.json").write_text(json.dumps(stored | {"arithmetic": 0, "release": "0.0.1"}))
    with pytest.raises(InputError, match=r"gasfield 0\.0\.1, with arithmetic 0; .* Finish the run with that release"):
        gasfield.resume("killed")
    (here / "killed/run.json").write_text(json.dumps(stored | {"plugins": "mine.py abc"}))
    with pytest.raises(InputError, match=r"plug-ins: mine\.py abc; now there are: none"):
        gasfield.resume("killed")
    (here / "killed/run.json").write_text(json.dumps(stored | {"release": "0.0.1"}))
    with pytest.warns(Note, match=r"begun by gasfield 0\.0\.1"):
        gasfield.resume("killed")
    assert_same(here / "whole", here / "killed")


# --- extension --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dynamics",
    ["{kind: langevin, time_step: 0.1, friction: 1}", "{kind: nose_hoover, time_step: 0.1, relaxation_time: 1}"],
)
def test_an_extended_run_is_one_long_run(dynamics: str, here: Path) -> None:
    """The frame at the odd step 47 with which the shorter run ends is not in the longer one."""
    gasfield.run("well.yaml", output="long", overrides=[f"dynamics={dynamics}", "run.steps=93"])
    gasfield.run("well.yaml", output="short", overrides=[f"dynamics={dynamics}", "run.steps=47"])
    with gasfield.open("short") as trajectory:
        assert list(trajectory.steps) == [0, 10, 20, 30, 40, 47]
    with pytest.raises(InputError, match="47 steps are done already"):
        gasfield.resume("short", steps=47)
    extended = gasfield.resume("short", steps=93)
    assert extended.summary["run"]["steps"]["value"] == 93
    assert_same(here / "long", here / "short")
    assert (here / "long/scenario.yaml").read_text() == (here / "short/scenario.yaml").read_text()
    with pytest.raises(InputError, match="is finished"):
        gasfield.resume("short")


def test_an_extension_that_was_killed_goes_on(here: Path) -> None:
    gasfield.run("well.yaml", output="long", overrides=["run.steps=93"])
    gasfield.run("well.yaml", output="short", overrides=["run.steps=47"])
    gasfield.resume("short", steps=93, progress=copied_at(80, here / "short", here / "killed"))
    gasfield.resume("killed")
    assert_same(here / "long", here / "killed")


def test_a_field_that_ends_cannot_be_extended_and_nothing_is_lost(in_a_field: Path, here: Path) -> None:
    before = {path: path.read_bytes() for path in (here / "whole").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="is not recorded"):
        gasfield.resume("whole", steps=10**6)
    assert {path: path.read_bytes() for path in (here / "whole").rglob("*") if path.is_file()} == before


# --- results ----------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """A kill that Python sees."""


def killed(*_: Any) -> None:
    raise Killed


def test_results_are_made_again_and_the_simulation_is_not(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = ["diagnostics=[cloud, motion]"]
    whole = gasfield.run("well.yaml", output="whole", overrides=overrides)
    save, saved = style.save, []

    def killed_at_the_second(figure: Any, path: Path) -> Path:
        if saved:
            raise Killed
        saved.append(path)
        return save(figure, path)

    monkeypatch.setattr(style, "save", killed_at_the_second)
    with pytest.raises(Killed):
        gasfield.run("well.yaml", output="killed", overrides=overrides)
    monkeypatch.undo()
    monkeypatch.chdir(here)
    monkeypatch.setattr(Simulation, "step", lambda *_: pytest.fail("simulated again"))
    assert (here / "killed/summary.json").exists()
    result = gasfield.resume("killed")
    assert len(whole.plots) > 1
    for path in whole.plots:
        assert (result.directory / "plots" / path.name).read_bytes() == path.read_bytes()
    for summary in (one := whole.summary, two := result.summary):
        del summary["run"]["seconds"]
    assert one == two


def test_a_kill_after_the_last_checkpoint_loses_no_frame(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the frame of the last step, which comes after it, nor observables, which a restored state gives again."""
    overrides = ["run.steps=47"]
    gasfield.run("well.yaml", output="whole", overrides=overrides)
    monkeypatch.setattr(TrajectoryRecorder, "complete", killed)
    with pytest.raises(Killed):
        gasfield.run("well.yaml", output="killed", overrides=overrides)
    monkeypatch.undo()
    monkeypatch.chdir(here)
    gasfield.resume("killed")
    assert_same(here / "whole", here / "killed")


def test_what_fails_is_named_and_prevents_nothing_else(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gasfield.diagnostics.kinematics.cloud import Cloud
    from gasfield.diagnostics.kinematics.motion import Motion

    monkeypatch.setattr(Motion, "result", lambda *_: 1 / 0)
    monkeypatch.setattr(Cloud, "result", lambda self, group, result=Cloud.result: _Unplottable(result(self, group)))
    with pytest.warns(Note, match="gas-cloud.png: ZeroDivisionError"), pytest.warns(Note, match="motion is left out"):
        result = gasfield.run("well.yaml", overrides=["diagnostics=[cloud, motion]"])
    (left_out,) = result.summary["left_out"]
    assert (left_out["diagnostic"], "ZeroDivisionError" in left_out["reason"]) == ("motion", True)
    assert "radius" in result.summary["groups"]["gas"]
    with pytest.raises(InputError, match="is finished"):
        gasfield.resume(result.directory)


class _Unplottable:
    def __init__(self, result: Any) -> None:
        self._result = result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._result, name)

    def plot(self) -> Any:
        return 1 / 0


def test_a_run_that_blew_up_is_not_finished(here: Path) -> None:
    overrides = ["forces=[{kind: harmonic, stiffness: 1e5}]", "run.steps=400", "space={kind: free, dimensions: 2}"]
    for again in (lambda: gasfield.run("well.yaml", output="out", overrides=overrides), lambda: gasfield.resume("out")):
        with pytest.raises(BlowUp, match="are in out/trajectory"):
            again()


# --- locks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "busy"), [(errno.EWOULDBLOCK, True), (errno.ENOLCK, False), (errno.EINVAL, False)])
def test_a_file_system_without_locks_is_no_other_process(
    number: int, busy: bool, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: Any) -> None:
        raise OSError(number, "as the system says")

    (here / "scenario.yaml").write_text(WELL)
    monkeypatch.setattr(fcntl, "flock", flock)
    expected = pytest.raises(InputError, match="another process") if busy else pytest.warns(Note, match="has no locks")
    with expected, only_one(here):
        pass


@pytest.fixture(params=[None, True, False, "best-effort"])
def theirs(request: pytest.FixtureRequest) -> Iterator[h5py.File]:
    with h5py.File(RECORDING, "r", locking=request.param) as file:
        yield file


def test_other_libraries_may_have_the_file_open(theirs: h5py.File) -> None:
    with gasfield.open(RECORDING) as trajectory:
        assert len(trajectory.steps) == len(theirs["particles/vectors/position/step"])


def test_other_libraries_may_open_the_file_after_us(here: Path) -> None:
    shutil.copy(RECORDING, "r.h5")
    with gasfield.open("r.h5") as trajectory, h5py.File("r.h5") as file:
        assert len(trajectory.steps) == len(file["particles/vectors/position/step"])


@pytest.mark.parametrize("they_are_first", [True, False])
def test_mdanalysis_may_have_the_file_open(they_are_first: bool, here: Path) -> None:
    mda = pytest.importorskip("MDAnalysis")

    def frames() -> Any:
        return mda.coordinates.H5MD.H5MDReader(RECORDING, convert_units=False)

    theirs = frames() if they_are_first else None
    with gasfield.open(RECORDING) as trajectory:
        theirs = theirs or frames()
        assert theirs.n_frames == len(trajectory.steps)


def test_a_file_that_another_process_writes_is_read(here: Path) -> None:
    """It holds an exclusive lock; a copy that only it has open for writing is read without."""
    shutil.copy(RECORDING, "r.h5")
    code = "import h5py, sys; f = h5py.File('r.h5', 'r+'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        with gasfield.open("r.h5") as trajectory:
            assert len(trajectory.steps) > 1
        writer.kill()
