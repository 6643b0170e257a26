"""What a run will cost: time by part, peak memory, size of the trajectory, each with an error."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gasfield.cost.calibration import FIXED, Calibration
from gasfield.errors import BlowUp, GasfieldError, InputError
from gasfield.quantity import Quantity

_DRIFT = 0.05
"""Relative error of a size that is extrapolated."""


@dataclass(frozen=True)
class Cost:
    """The prediction.

    Attributes:
        time: of `gasfield run` [s].
        memory: peak of the process [byte].
        file: size of trajectory.h5 [byte].
        parts: part of the run -> its time [s]: start-up, forces, dynamics, lists, output, operations, diagnostics,
            pictures, the rest.
        lines: what takes the time in detail, the longest first: (part, name, seconds).
        notes: on what the prediction rests.
    """

    time: Quantity
    memory: Quantity
    file: Quantity
    parts: Mapping[str, Quantity]
    lines: Sequence[tuple[str, str, float]]
    notes: tuple[str, ...] = ()

    def seconds_of(self, *parts: str) -> float:
        """Seconds of some parts of the run."""
        return sum(seconds for part, _, seconds in self.lines if part in parts)

    def as_json(self) -> dict[str, Any]:
        """All numbers as {"value", "unit", "error"}, and the notes."""
        return {
            "time": self.time.leaf(),
            "memory": self.memory.leaf(),
            "file": self.file.leaf(),
            "parts": {part: quantity.leaf() for part, quantity in self.parts.items()},
            "lines": [
                {"part": part, "name": name, "time": Quantity(seconds, "s").leaf()}
                for part, name, seconds in self.lines
            ],
            "notes": list(self.notes),
        }


def predict_cost(
    scenario: str | Path,
    *,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path | str] = (),
    calibration: Calibration | None = None,
) -> Cost:
    """Predicts what a run will cost, from two miniatures of it (a few seconds) and the calibration of this machine.

    Args:
        scenario: its name or path.
        overrides: `a.b=value`.
        plugins: Python files to run first, in the process of the miniatures.
        calibration: of the machine; that in the user's cache, or a default, if left out.

    Raises:
        InputError: if the scenario cannot be run, a recording that it needs is missing, or it does not fit in memory
            or on the disk.
        BlowUp: if the state becomes non-finite in the first steps.
    """
    model = calibration or Calibration.load()
    begun = time.perf_counter()
    found = _ask(scenario, overrides, plugins)
    started = max(time.perf_counter() - begun - found["seconds"], 0.0)
    notes = []
    if found["compiled"]:
        notes.append(f"{found['compiled']} kernels were compiled now and are kept; a run does not compile them again")
        begun = time.perf_counter()
        found = _ask(scenario, overrides, plugins)
        started = max(time.perf_counter() - begun - found["seconds"], 0.0)
    if found["copies"]:
        sizes = ", ".join(f"{count:,}" for count in found["copies"])
        notes.append(f"a step takes long, so that copies with {sizes} particles were measured, as a + b N + c N^2")
    if not model.trials:
        notes.append(
            "this machine is not calibrated (`gasfield calibrate`): the error of the time is that of another one"
        )
    return predict(found, started + found["imports"], model, notes)


def predict(found: Mapping[str, Any], imports: float, model: Calibration, notes: Sequence[str] = ()) -> Cost:
    """The prediction from what the miniatures have found.

    Args:
        found: see `gasfield.cost.worker.measure`.
        imports: seconds until a process begins with the scenario.
        model: of the machine.
        notes: on the way in which it was found.
    """
    lines = [("start-up", "modules", imports), ("start-up", "kernels and data", found["once"])]
    lines += [(line["part"], _name(line), line["seconds"]) for line in found["lines"]]
    fixed = sum(seconds for part, _, seconds in lines if part in FIXED)
    counted = sum(seconds for part, _, seconds in lines if part not in FIXED)
    scaled = [
        (part, name, seconds * (model.fixed if part in FIXED else model.counted)) for part, name, seconds in lines
    ]
    scaled.append(("start-up", "process", model.start))
    merged: dict[tuple[str, str], float] = {}
    for part, name, seconds in scaled:
        merged[part, name] = merged.get((part, name), 0.0) + seconds
    parts: dict[str, float] = {}
    for (part, _), seconds in merged.items():
        parts[part] = parts.get(part, 0.0) + seconds
    total = model.seconds(fixed, counted)
    unsteady = abs(found["loop"][0] - found["loop"][1]) / max(found["loop"][1], 1e-12)
    drift = min(unsteady, 1.0) * sum(parts.get(part, 0.0) for part in ("forces", "dynamics", "lists", "operations"))
    error = math.hypot(model.time_error * total, drift)
    size, peak = found["file"], found["memory"] + model.memory
    return Cost(
        Quantity(total, "s", error),
        Quantity(peak, "byte", math.hypot(model.memory_error * peak, 0.5 * found["growth"])),
        Quantity(size, "byte", _DRIFT * size),
        {
            part: Quantity(seconds, "s", seconds * error / total)
            for part, seconds in sorted(parts.items(), key=lambda item: -item[1])
        },
        sorted(((part, name, seconds) for (part, name), seconds in merged.items()), key=lambda line: -line[2]),
        tuple(notes),
    )


def _name(line: Mapping[str, Any]) -> str:
    return line["names"][-1] if line["names"] else "the rest"


def _ask(scenario: str | Path, overrides: Sequence[str], plugins: Sequence[Path | str]) -> dict[str, Any]:
    """What the miniatures find in a process of their own.

    Raises:
        InputError, BlowUp: what they raise there.
    """
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder) / "request.json"
        data = {
            "name": str(scenario),
            "overrides": list(overrides),
            "plugins": list(map(str, plugins)),
            "folder": folder,
        }
        request.write_text(json.dumps(data), encoding="utf-8")
        command = [sys.executable, "-m", "gasfield.cost.worker", str(request)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        lines = done.stderr.strip().splitlines() or ["it was ended by the system, as when memory is exhausted"]
        raise GasfieldError(f"the miniature of {scenario} failed: {lines[-1]}") from None
    if "fault" in found:
        raise InputError(found["fault"]) if found["exit_code"] == InputError.exit_code else _fault(found)
    return found


def _fault(found: Mapping[str, Any]) -> GasfieldError:
    if found["exit_code"] == BlowUp.exit_code:
        return BlowUp(f"in a miniature of the run: {found['fault']}", last_good_step=0)
    return GasfieldError(found["fault"])
