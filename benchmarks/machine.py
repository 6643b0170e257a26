"""The machine: its processor's model, and processes that all have the same share of it."""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measurements import Measurement
from benchmarks.peers import OWN, python
from benchmarks.table import Run

ROOT = Path(__file__).parent.parent
TIMEOUT = 600.0
"""Seconds after which a process is ended, and its row left out."""
_THROTTLING = (
    *("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"),
    *("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "NUMBA_NUM_THREADS"),
)
"""Variables of the environment that make a library slower than it is on this machine."""


def processor() -> str:
    """Model of the processor, with family and model number where the name alone is shared by several."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    words = [re.search(rf"^{key}\s*:\s*(.+)$", text, re.MULTILINE) for key in ("model name", "cpu family", "model")]
    name, family, model = (word[1].strip() if word else "" for word in words)
    return f"{name or platform.machine()}, family {family} model {model}, {cores()} cores"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Outcome:
    """What a process gave.

    Attributes:
        measured: its measurements.
        about: versions and threads, as it states them.
        fault: why it gave nothing; None if it did.
        seconds: how long it took.
    """

    measured: tuple[Measurement, ...]
    about: str
    fault: str | None
    seconds: float


def carry_out(run: Run, threads: int) -> Outcome:
    """Runs a process on so many cores, without settings that throttle BLAS."""
    program = python(run.environment)
    if program is None:
        return Outcome((), "", f"{run.environment} is not installed (python -m benchmarks.peers)", 0.0)
    environment = {name: value for name, value in os.environ.items() if name not in _THROTTLING}
    if run.environment != OWN:
        environment.pop("PYTHONPATH", None)
    environment |= {"OMP_NUM_THREADS": str(threads)}
    start = time.monotonic()
    process = subprocess.Popen(
        [program, "-m", run.module, *run.arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: _keep_to(threads),
    )
    try:
        output, errors = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return Outcome((), "", f"took more than {TIMEOUT:.0f} s", TIMEOUT)
    measured = tuple(Measurement.lines(output))
    about = [line.removeprefix("ABOUT|") for line in output.splitlines() if line.startswith("ABOUT|")]
    fault = None if measured else (errors.strip().splitlines() or ["it printed no measurement"])[-1]
    return Outcome(measured, " ".join(about), fault, time.monotonic() - start)


def _keep_to(threads: int) -> None:
    """Gives a process the first cores only, so that a program that takes all it sees has no more than the others."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
