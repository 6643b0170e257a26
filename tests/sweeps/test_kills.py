"""A worker or the whole sweep is killed: nothing is lost, no point is run twice, the table has the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

psutil = pytest.importorskip("psutil")
pytest.importorskip("distributed")

SCENARIO = """
title: A well
question: How far do particles go?
space: {kind: free, dimensions: 2}
gas: [{name: gas, from: {kind: gaussian, count: 40, spread: 0.5}}]
forces: [{kind: harmonic, stiffness: 1.0}]
dynamics: {kind: langevin, time_step: 0.05, friction: 1.0}
temperature: 0.5
run: {steps: 30000, record_every: 200, checkpoint_every: 2000}
diagnostics: [cloud]
scan: {temperature: [0.25, 0.5, 1.0, 2.0], seeds: 2}
"""


def start(directory: Path, *where: str) -> subprocess.Popen[bytes]:
    """The command line, with two workers of its own unless others are given."""
    where = where or ("--workers", "2")
    command = [sys.executable, "-m", "gasfield.cli", "sweep", "well.yaml", "-o", str(directory), *where]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def runs(directory: Path, *, finished: bool = True) -> dict[str, tuple[int, int]]:
    """The trajectories of points, as files."""
    found = list(directory.glob("points/*/*/trajectory.h5"))
    kept = [path for path in found if not finished or '"finished": true' in (path.parent / "run.json").read_text()]
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in kept}


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Waits until something has happened while a process goes on."""
    deadline = time.monotonic() + 240
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Process ids of the workers, which are the descendants that hold a trajectory open."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child.pid for child in children if any("points" in file.path for file in child.open_files())]


@pytest.fixture
def undisturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The table of a sweep that nothing disturbs."""
    monkeypatch.chdir(tmp_path)
    Path("well.yaml").write_text(SCENARIO)
    process = start(Path("whole"))
    output = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return Path("whole/table.parquet").read_bytes()


@pytest.mark.validate
def test_a_killed_worker_loses_its_own_time_only(undisturbed: bytes) -> None:
    process = start(Path("s"))
    wait_for(lambda: len(runs(Path("s"))) >= 2 and len(runs(Path("s"), finished=False)) > len(runs(Path("s"))), process)
    wait_for(lambda: bool(workers_of(process)), process)
    before = runs(Path("s"))
    os.kill(workers_of(process)[0], signal.SIGKILL)
    output = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert before.items() <= runs(Path("s")).items()
    assert Path("s/table.parquet").read_bytes() == undisturbed


@pytest.mark.validate
def test_a_killed_sweep_goes_on_with_the_same_command(undisturbed: bytes) -> None:
    """The scheduler lives in the process of the command; its workers end with it."""
    process = start(Path("s"))
    wait_for(lambda: len(runs(Path("s"))) >= 3, process)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    before = runs(Path("s"))
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive
    assert 3 <= len(before) < 8
    again = start(Path("s"))
    output = again.communicate(timeout=300)
    assert again.returncode == 0, output
    assert before.items() <= runs(Path("s")).items()
    assert len(runs(Path("s"))) == 8
    assert Path("s/table.parquet").read_bytes() == undisturbed
