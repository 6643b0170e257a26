"""Exact samples of equilibria as groups of a run, for tests of diagnostics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gasfield.diagnostics import Group
from gasfield.diagnostics.context import Origin, RunContext
from gasfield.scenario import Scenario
from gasfield.trajectory import Series

LAWS: Mapping[str, dict[str, Any]] = {
    "langevin": {"kind": "langevin", "time_step": 0.01, "friction": 1.0},
    "brownian": {"kind": "brownian", "time_step": 0.01},
    "newton": {"kind": "newton", "time_step": 0.01},
    "sgd": {"kind": "sgd", "learning_rate": 0.01},
}


def experiment(
    space: dict[str, Any],
    temperature: Any = None,
    law: str = "langevin",
    forces: Sequence[dict[str, Any]] = (),
    degrees_of_freedom: int | None = None,
) -> RunContext:
    """The run context that is declared for a sample."""
    scenario = {
        "title": "an exact sample",
        "question": "Do the diagnostics reproduce the exact values?",
        "space": space,
        "gas": [{"name": "gas", "from": {"kind": "point", "count": 1, "at": [0.0] * space["dimensions"]}}],
        "forces": list(forces),
        "dynamics": LAWS[law],
        "run": {"steps": 1000},
    }
    if temperature is not None:
        scenario["temperature"] = temperature
    return RunContext.of(Scenario.model_validate(scenario), degrees_of_freedom)


def run_of(
    positions: np.ndarray,
    laws: RunContext,
    velocities: np.ndarray | None = None,
    masses: np.ndarray | None = None,
    series: Mapping[str, np.ndarray] | None = None,
    interval: float = 1.0,
    name: str = "gas",
) -> Group:
    """Frames (T, N, D), one step apart, as a group with series (S,) at consecutive steps."""
    steps = np.arange(len(positions))
    over_time = {}
    for key, values in (series or {}).items():
        at = np.arange(len(values))
        over_time[key] = Series(at, interval * at, np.asarray(values, np.float64))
    return Group(
        name=name,
        steps=steps,
        positions=positions,
        times=interval * steps,
        velocities=velocities,
        masses=np.empty(0) if masses is None else masses,
        series=over_time,
        origin=Origin(laws),
    )


def remembering(chance: np.random.Generator, frames: int, shape: tuple[int, ...], kept: float) -> np.ndarray:
    """(frames, *shape) standard normal AR(1) series with the correlation `kept` between successive frames."""
    x = np.empty((frames, *shape))
    x[0] = chance.standard_normal(shape)
    for t in range(1, frames):
        x[t] = kept * x[t - 1] + np.sqrt(1.0 - kept**2) * chance.standard_normal(shape)
    return x
