"""The calibration of a machine: what miniatures do not show of a run, fitted to whole runs, kept in the user's cache.

A few small scenarios of different kinds are predicted and then run, each in a process of its own. The model is

    seconds = a + b (start-up and pictures) + c (all that is counted),    bytes = d + those of the miniature,

with a, b, c by non-negative least squares of relative residuals, d the median difference, and the scatter of the
residuals as the error. Without a calibration a = d = 0, b = c = 1, and the errors are 20% of the
time and 10% of the memory.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import scipy

from gasfield.errors import InputError
from gasfield.files import make_folder, write_json
from gasfield.reading import read_object
from gasfield.version import __version__

FIXED = ("start-up", "pictures")
"""The parts whose cost does not grow with a run."""

_FORMAT = 1
_PULL = (0.1, 0.7, 0.7)
"""How strongly a, b, c are held at 0, 1, 1, in units of a run: a few runs cannot tell a factor from noise."""
_LEAST = 0.05
"""The least relative error: no run takes the same time twice."""


class Trial(NamedTuple):
    """A scenario as predicted without a calibration, and as it was.

    Attributes:
        fixed: predicted seconds of what does not grow with the run.
        counted: predicted seconds of the rest.
        seconds: that it took.
        predicted_memory, memory: peak of the process [bytes].
    """

    fixed: float
    counted: float
    seconds: float
    predicted_memory: float
    memory: float


@dataclass(frozen=True)
class Calibration:
    """A fitted cost model of one machine.

    Attributes:
        start: seconds of every run that no miniature shows.
        fixed, counted: factors of the two kinds of seconds.
        memory: bytes that every run needs besides those of the miniature.
        time_error, memory_error: relative, one standard error.
        machine: what it belongs to.
        release: of gasfield.
        trials: number of runs that it was fitted to; 0 for the default.
    """

    start: float = 0.0
    fixed: float = 1.0
    counted: float = 1.0
    memory: float = 0.0
    time_error: float = 0.2
    memory_error: float = 0.1
    machine: str = ""
    release: str = __version__
    trials: int = 0

    @classmethod
    def fit(cls, trials: Sequence[Trial]) -> Self:
        """The model of some runs."""
        seconds = np.array([trial.seconds for trial in trials])
        features = np.array([[1.0, trial.fixed, trial.counted] for trial in trials])
        pull = np.diag(_PULL)
        wanted = pull @ np.array([0.0, 1.0, 1.0])
        rows = np.vstack([features / seconds[:, None], pull])
        a, b, c = scipy.optimize.nnls(rows, np.concatenate([np.ones(len(trials)), wanted]))[0]
        residuals = features @ np.array([a, b, c]) / seconds - 1.0
        memory = np.array([[trial.predicted_memory, trial.memory] for trial in trials])
        extra = float(np.median(memory[:, 1] - memory[:, 0]))
        spread = (memory[:, 0] + extra) / memory[:, 1] - 1.0
        return cls(
            float(a), float(b), float(c), extra, _error(residuals), _error(spread), machine(), trials=len(trials)
        )

    @classmethod
    def load(cls) -> Self:
        """That of this machine and release; the default if there is none."""
        try:
            stored = read_object(path())
            kept_for = stored.pop("format"), stored["machine"], stored["release"]
            if kept_for == (_FORMAT, machine(), __version__):
                return cls(**stored)
        except (InputError, KeyError, TypeError):
            pass
        return cls()

    def save(self) -> Path:
        """Keeps it for this machine; the file.

        Raises:
            WriteError: if it cannot be written.
        """
        make_folder(path().parent, mode=0o700)
        return write_json(path(), {"format": _FORMAT, **asdict(self)})

    def seconds(self, fixed: float, counted: float) -> float:
        """Of a run, from those that its miniatures predict."""
        return self.start + self.fixed * fixed + self.counted * counted

    def as_json(self) -> dict[str, Any]:
        """All its numbers, with the file that keeps it."""
        return {**asdict(self), "file": str(path())}


def _error(residuals: np.ndarray[Any, Any]) -> float:
    """Relative standard error of a new run, from the residuals of those fitted."""
    free = max(len(residuals) - 1, 1)
    return max(_LEAST, float(np.sqrt(np.sum(residuals**2) / free)))


def machine() -> str:
    """Processor, number of cores that this process may use, and system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores, {platform.system()}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def path() -> Path:
    """The file of the calibration, in the user's cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "gasfield" / "calibration.json"


def calibrate(progress: Callable[[str], None] | None = None) -> Calibration:
    """Measures this machine, for a minute or two, and keeps the result for `predict_cost`.

    Args:
        progress: called with what is run next.

    Raises:
        WriteError: if the result cannot be written.
    """
    from gasfield.cost.trials import run_trials

    fitted = Calibration.fit(run_trials(progress))
    fitted.save()
    return fitted
