"""Killed runs are resumed and end with the same bits; runs that blow up; runs that cannot be resumed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

from gasfield.files import remove_drafts
from gasfield.trajectory import Trajectory

SCENARIO = """
title: A gas to be killed
question: Does it end with the same bits?
seed: 9
space: {kind: periodic, dimensions: 3, side: 6.0}
gas:
  - {name: gas, from: {kind: uniform, count: 200}}
forces:
  - {kind: soft_repulsion, strength: 5.0, cutoff: 1.0}
dynamics: {kind: langevin, time_step: 0.02, friction: 0.5}
temperature: {kind: ramp, from: 2.0, to: 1.0, steps: 1500}
run: {steps: 1500, record_every: 40, observe_every: 20, checkpoint_every: 100}
diagnostics: [cloud]
"""


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gasfield.cli", *arguments, "--quiet"]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)


def checkpoints(run: Path) -> dict[Path, int]:
    """The checkpoints of a run, and when they were written."""
    with suppress(FileNotFoundError):
        return {path: path.stat().st_mtime_ns for path in run.glob("checkpoint*")}
    return {}


def kill_in_the_middle(process: subprocess.Popen[str], run: Path, delay: float) -> bool:
    """Sends SIGKILL some time after a new checkpoint; returns whether the process was still running."""
    before = checkpoints(run)
    while process.poll() is None and checkpoints(run) in ({}, before):
        time.sleep(0.002)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return process.returncode == -signal.SIGKILL


def same_trajectories(a: Path, b: Path) -> bool:
    """Whether every data set is the same, bit for bit."""
    names: list[str] = []
    with h5py.File(a) as one, h5py.File(b) as two:
        one.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        return all(name in two and np.array_equal(one[name][()], two[name][()]) for name in names)


def killed_and_resumed(folder: Path, name: str, delays: list[float]) -> tuple[Path, int]:
    """Runs, kills after each delay, resumes until the end: the trajectory, and how often it was killed."""
    output, kills = folder / name, 0
    process = start(folder, "run", "mine.yaml", "--output", name)
    for delay in delays:
        kills += kill_in_the_middle(process, output, delay)
        process = start(folder, "resume", name)
    process.wait()
    message = process.stderr.read()
    assert process.returncode == 0 or "finished" in message, message
    return output / "trajectory.h5", kills


@pytest.fixture(scope="module")
def end_of_a_whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    (folder / "mine.yaml").write_text(SCENARIO)
    process = start(folder, "run", "mine.yaml", "--output", "whole")
    process.wait()
    assert process.returncode == 0
    return folder / "whole"


@pytest.fixture
def whole(end_of_a_whole_run: Path, tmp_path: Path) -> Path:
    """The trajectory of an uninterrupted run, and its scenario."""
    (tmp_path / "mine.yaml").write_text(SCENARIO)
    shutil.copytree(end_of_a_whole_run, tmp_path / "whole")
    return tmp_path / "whole" / "trajectory.h5"


def test_two_kills_and_the_same_end(whole: Path, tmp_path: Path) -> None:
    end, kills = killed_and_resumed(tmp_path, "killed", [0.05, 0.2])
    assert kills == 2
    assert same_trajectories(whole, end)
    assert len(checkpoints(tmp_path / "killed")) == 1  # it can be extended


def test_another_seed_ends_otherwise(whole: Path, tmp_path: Path, gasfield: Callable) -> None:
    """Negative control."""
    gasfield("run", "mine.yaml", "--output", "other", "--set", "seed=10", "--set", "run.steps=40")
    with Trajectory(whole) as one, Trajectory(tmp_path / "other" / "trajectory.h5") as other:
        assert not np.array_equal(one.positions(frames=slice(0, 2)), other.positions())


def test_what_cannot_go_on(whole: Path, tmp_path: Path, gasfield: Callable, refuses: Callable[..., str]) -> None:
    assert "not a run directory" in refuses("resume", tmp_path)
    assert "--steps: whole: this run is finished; " in refuses("resume", "whole")
    process = start(tmp_path, "run", "mine.yaml", "--output", "killed", "--set", "run.steps=40000")
    while not checkpoints(tmp_path / "killed"):
        time.sleep(0.01)
    busy = gasfield("resume", "killed")
    assert (busy.returncode, "another process" in busy.stderr) == (2, True)
    busy = gasfield("run", "mine.yaml", "--output", "killed", "--overwrite")
    assert (busy.returncode, "another process" in busy.stderr) == (2, True)
    process.kill()
    process.wait()
    remove_drafts(
        tmp_path / "killed"
    )  # of a checkpoint that was being written: a resume would remove it, refused or not
    resolved = tmp_path / "killed" / "scenario.yaml"
    text = resolved.read_text()
    resolved.write_text(text.replace("seed: 9", "seed: 8"))
    assert "another scenario" in refuses("resume", "killed")
    resolved.write_text(text)
    kept = {path: path.read_bytes() for path in checkpoints(tmp_path / "killed")}
    for path, content in kept.items():
        path.write_bytes(content[: len(content) // 2])
    assert "damaged" in refuses("resume", "killed")
    for path, content in kept.items():
        path.write_bytes(content)
    trajectory = tmp_path / "killed" / "trajectory.h5"
    trajectory.write_bytes(trajectory.read_bytes()[:4096])
    assert "trajectory.h5: " in refuses("resume", "killed")


def blow_up(folder: Path, gasfield: Callable, *settings: str) -> tuple[str, Path]:
    (folder / "mine.yaml").write_text(
        SCENARIO.replace("langevin, time_step: 0.02, friction: 0.5", "newton, time_step: 0.02")
        .replace("temperature: {kind: ramp, from: 2.0, to: 1.0, steps: 1500}\n", "")
        .replace("count: 200}", "count: 200}, velocities: {kind: thermal, temperature: 1.0}")
    )
    done = gasfield("run", "mine.yaml", "--output", "bad", *[part for s in settings for part in ("--set", s)])
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr, folder / "bad" / "trajectory.h5"


def test_an_energy_jump_ends_with_code_3(tmp_path: Path, gasfield: Callable) -> None:
    """Stiff spheres (omega h up to 4) heat up without bound: the message gives step, particle, force and a remedy."""
    message, file = blow_up(tmp_path, gasfield, "forces.0.strength=5000", "run.record_every=10")
    assert "whose mean energy " in message
    assert "Try a smaller time_step" in message
    step = int(message.split("step ")[1].split(":")[0])
    with Trajectory(file) as kept:
        assert kept.steps[-1] < step
        assert step - kept.steps[-1] <= 10
        assert np.isfinite(kept.positions()).all()


def test_a_number_that_is_none_ends_with_code_3(tmp_path: Path, gasfield: Callable) -> None:
    """In a double well with far too long a step positions overflow within a few steps of Brownian motion."""
    (tmp_path / "mine.yaml").write_text(
        SCENARIO.replace("periodic, dimensions: 3, side: 6.0", "free, dimensions: 3")
        .replace("kind: uniform, count: 200", "kind: gaussian, count: 200, spread: 1.0")
        .replace("soft_repulsion, strength: 5.0, cutoff: 1.0", "double_well")
        .replace("langevin, time_step: 0.02, friction: 0.5", "brownian, time_step: 2.0")
    )
    done = gasfield("run", "mine.yaml", "--output", "bad")
    assert done.returncode == 3, done.stderr
    assert "particle" in done.stderr
    assert "The force on it one step before was (" in done.stderr
    with Trajectory(tmp_path / "bad" / "trajectory.h5") as kept:
        assert list(kept.steps) == [0]
