"""The temperature of rows from their motion. Samples of a density fix only U/T, so that T must come from elsewhere.

* kinetic: <m v^2>/D, from stored velocities [energy];
* configurational: <|grad U|^2>/<Laplacian U> of the forces of a simulation (Rugh 1997) [energy];
* diffusion: the slope at time 0 of the mean square displacement, from a parabola through those over one, two and three
  frames: T = (-5 m_1 + 8 m_2 - 3 m_3)/(4 D h). What is added to every displacement (rounding; noise that steps share)
  has no slope, and forces bend the curve. It is the diffusion coefficient [length^2/time], and times m/mobility an
  energy where the dynamics are known. Forces of a rate k leave a relative error of (k h)^2.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.context import NotApplicable
from gasfield.diagnostics.group import Group
from gasfield.errors import InputError
from gasfield.learning.data import TrainingData
from gasfield.quantity import Quantity

Array = NDArray[np.float64]
Estimator = Literal["kinetic", "configurational", "diffusion"]


def temperature_of(data: TrainingData, estimator: Estimator | None) -> tuple[Quantity, Estimator]:
    """T with its error from blocks in time, and its estimator: if none is named, kinetic where there are velocities,
    diffusion otherwise.

    Raises:
        InputError: if the data do not give it.
    """
    if estimator is None:
        stored = all(group.velocities is not None for group in data.groups)
        estimator = "kinetic" if stored else "diffusion"
    sums = {"kinetic": _kinetic, "configurational": _configurational, "diffusion": _diffusion}[estimator]
    try:
        value, error = _ratio(np.concatenate([_by_block(group, data.blocks, sums) for group in data.groups]))
    except NotApplicable as reason:
        raise InputError(f"no {estimator} temperature: {reason}. Give a number.", parameter="temperature") from None
    unit = "energy"
    if estimator == "diffusion":
        mobility = _mobility(data)
        unit = "length^2/time" if mobility is None else "energy"
        value, error = value / (mobility or 1.0), error / (mobility or 1.0)
    if not value > 0.0:
        raise InputError(f"the {estimator} temperature is {value:.3g}: give a number.", parameter="temperature")
    return Quantity(value, unit, error), estimator


def _by_block(group: Group, blocks: int, sums: Callable[[Group, slice], tuple[float, float]]) -> Array:
    """(B, 2) numerators and denominators over blocks of frames."""
    frames = len(group.steps)
    ends = np.linspace(0, frames, min(blocks, max(1, frames // 4)) + 1).astype(int)
    return np.array([sums(group, slice(start, stop)) for start, stop in pairwise(ends)])


def _ratio(parts: Array) -> tuple[float, float]:
    """The ratio of the sums of numerators and denominators (B, 2), and its standard error over blocks."""
    above, below = parts.sum(axis=0)
    if below == 0.0:
        raise NotApplicable("there are no four frames at even distances in time")
    value, count = float(above / below), len(parts)
    if count < 3:
        return value, np.nan
    residuals = parts[:, 0] - value * parts[:, 1]
    return value, float(np.sqrt(count / (count - 1) * np.sum(residuals**2)) / abs(below))


def _kinetic(group: Group, frames: slice) -> tuple[float, float]:
    speeds = group.speeds(frames)
    return float(np.sum(group.masses[:, None] * speeds**2)), float(speeds.size)


def _configurational(group: Group, frames: slice) -> tuple[float, float]:
    forces, above, below = group.forces, 0.0, 0.0
    if not forces.conservative:
        raise NotApplicable("its forces have no potential")
    for frame in range(frames.start, frames.stop):
        gas = group.gas(frame)
        above += float(np.sum(forces.force(gas) ** 2))
        below += float(np.sum(forces.laplacian(gas)))
    return above, below


def _diffusion(group: Group, frames: slice) -> tuple[float, float]:
    """The slope over all sets of four evenly spaced frames, as a ratio."""
    above, below = 0.0, 0.0
    for start in range(frames.start, frames.stop - 3):
        times = group.times[start : start + 4]
        spans = np.diff(times)
        if np.ptp(spans) > 1e-6 * spans[0]:
            continue
        places = group.places(slice(start, start + 4))
        squares = [float(np.mean([np.sum((b - a) ** 2) for a, b in zip(places, places[lag:], strict=False)]))
                   for lag in (1, 2, 3)]  # fmt: skip
        above += -5.0 * squares[0] + 8.0 * squares[1] - 3.0 * squares[2]
        below += 4.0 * float(spans[0]) * places[0].size
    return above, below


def _mobility(data: TrainingData) -> float | None:
    """Of each particle, D/T, where the dynamics of all trajectories say so and masses are equal; None otherwise."""
    found = set()
    for group in data.groups:
        run = group.origin.context
        free = None if run is None else run.dynamics.free_diffusion
        if free is None or free.memory > 0.0 or np.ptp(group.masses) > 0.0:
            return None
        found.add(free.mobility / float(group.masses[0]))
    return found.pop() if len(found) == 1 else None
