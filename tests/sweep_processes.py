"""`gasfield sweep` in a process of its own, that can be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

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
