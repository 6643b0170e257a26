"""The runs to which a calibration is fitted: small scenarios of different kinds, each predicted, then run in full."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gasfield.cost.calibration import FIXED, Calibration, Trial
from gasfield.cost.cost import Cost, predict_cost
from gasfield.errors import GasfieldError
from gasfield.scenario.yaml_1_2 import write

_HEAD = {"format": 1, "title": "a trial", "question": "how long does it take?", "seed": 1}
SCENARIOS: dict[str, dict[str, Any]] = {
    "independent particles in a harmonic well": {
        "space": {"kind": "free", "dimensions": 2},
        "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 4000, "spread": 1.0}}],
        "forces": [{"kind": "harmonic", "stiffness": 1.0}, {"kind": "constant", "force": [0.1, 0.0]}],
        "dynamics": {"kind": "brownian", "time_step": 0.01},
        "temperature": 0.5,
        "run": {"steps": 5000, "record_every": 50, "observe_every": 10},
    },
    "a Lennard-Jones gas with a thermostat": {
        "space": {"kind": "periodic", "dimensions": 3, "side": 9.0},
        "gas": [{"name": "gas", "from": {"kind": "lattice", "count": 343}}],
        "forces": [{"kind": "lennard_jones", "strength": 1.0, "diameter": 1.0, "cutoff": 2.5}],
        "dynamics": {"kind": "langevin", "time_step": 0.004, "friction": 1.0},
        "temperature": 1.0,
        "run": {"steps": 4000, "record_every": 40},
    },
    "rows in 64 dimensions under attention": {
        "space": {"kind": "sphere", "dimensions": 64},
        "gas": [{"name": "gas", "from": {"kind": "uniform", "count": 200}}],
        "forces": [{"kind": "attention", "beta": 4.0}],
        "dynamics": {"kind": "advection", "time_step": 0.05},
        "run": {"steps": 400, "record_every": 4},
    },
    "weights under an optimiser": {
        "space": {"kind": "free", "dimensions": 32},
        "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 500, "spread": 0.02}}],
        "forces": [{"kind": "harmonic", "stiffness": 1.0}],
        "dynamics": {"kind": "adamw", "learning_rate": 0.001},
        "run": {"steps": 2000, "record_every": 20},
    },
}


class Measured(NamedTuple):
    """What a run took.

    Attributes:
        seconds: of the command, from its start to its end.
        memory: peak of its process [bytes].
        file: size of the trajectory [bytes].
    """

    seconds: float
    memory: float
    file: float


def run_trials(progress: Callable[[str], None] | None = None) -> list[Trial]:
    """Predicts and runs every scenario.

    Raises:
        GasfieldError: if one of them fails.
    """
    trials = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (title, data) in enumerate(SCENARIOS.items()):
            if progress is not None:
                progress(title)
            path = Path(folder) / f"trial-{number}.yaml"
            path.write_text(write({**_HEAD, **data}), encoding="utf-8")
            predicted = predict_cost(path, calibration=Calibration())
            trials.append(trial_of(predicted, measure_run(str(path), Path(folder) / f"run-{number}")))
    return trials


def trial_of(predicted: Cost, measured: Measured) -> Trial:
    """A trial from a prediction without a calibration."""
    fixed = predicted.seconds_of(*FIXED)
    counted = sum(seconds for _, _, seconds in predicted.lines) - fixed
    memory = predicted.memory.value
    assert isinstance(memory, float | int)
    return Trial(fixed, counted, measured.seconds, memory, measured.memory)


def measure_run(scenario: str, output: Path) -> Measured:
    """Runs a scenario in a process of its own.

    Raises:
        GasfieldError: if it fails.
    """
    code = (
        "import json, resource, subprocess, sys; done = subprocess.run(sys.argv[1:], capture_output=True, text=True);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss;"
        "print(json.dumps([done.returncode, used, done.stderr[-2000:]]))"
    )
    command = [sys.executable, "-m", "gasfield.cli", "run", scenario, "--quiet", "--output", str(output)]
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begun
    status, memory, fault = json.loads(done.stdout)
    if status:
        raise GasfieldError(f"{scenario} failed: {fault.strip().splitlines()[-1]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Measured(seconds, float(memory * unit), float((output / "trajectory.h5").stat().st_size))
