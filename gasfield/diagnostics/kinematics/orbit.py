"""Orbits: a drift and a circle about it, fitted to the path of a particle.

    x(t) = x0 + u t + a cos(w t) + b sin(w t)

is linear in x0, u, a and b (each of D numbers) for a given rate w, which is found by minimising the residual. A charge
in an electric and a magnetic field moves like this, with |a| = |b| its radius of gyration and w = q B/m.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import scipy

from gasfield.diagnostics.base import Axes, Diagnostic, GroupedResult, Values
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, mean, missing

_MOST = 100
"""Most particles whose paths are fitted."""
_FRAMES = 16
"""Frames that a fit needs."""
_GOOD = 0.05
"""Largest residual, relative to the motion, for the fit to count as an orbit."""


@dataclass(frozen=True, kw_only=True)
class OrbitResult(GroupedResult):
    """Orbits of the particles of a group.

    Attributes:
        ways: (T, N, D) positions.
        drifts: (N, D) velocity of each orbit's centre.

    Keys, means over the particles: `orbit.drift` (D numbers), `orbit.radius`, root mean square distance from the
    drifting centre, `orbit.rate` [1/time], `orbit.left` (residual of the fit, relative to the radius).
    """

    ways: Values
    drifts: Values

    @classmethod
    def plot_grouped(cls, results: Sequence[OrbitResult], ax: Axes | None = None) -> Axes:
        """The paths in the plane of the first two coordinates, with the drift of each."""
        from gasfield.plots.time_series import tracks

        return tracks({result.group: (result.ways, result.drifts) for result in results}, "Orbits", ax)


@register
class Orbit(Diagnostic[OrbitResult]):
    """Drift, radius and rate of gyration of each particle."""

    needs_run: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("orbit.drift", "orbit.radius", "orbit.rate")

    kind: Literal["orbit"] = "orbit"

    def objection(self, group: Group) -> str | None:
        """Needs few particles with velocities, in two dimensions or more, under a force that rotates velocities."""
        if not group.run.dynamics.has_velocities:
            return "without velocities there are no orbits"
        if not group.forces.rotates_velocities:
            return "no magnetic field acts on it"
        if group.count > _MOST:
            return f"more than {_MOST} particles: their paths are not fitted one by one"
        return f"fewer than {_FRAMES} frames" if len(group.present().steps) < _FRAMES else None

    def measure(self, group: Group, notes: list[str]) -> OrbitResult:
        """The results for one group."""
        ways = group.places()
        fits = [fit_orbit(group.times, ways[:, i]) for i in range(group.count)]
        drifts = np.array([fit.drift for fit in fits])
        left = np.array([fit.left for fit in fits])
        estimates = {
            "orbit.drift": Estimate(drifts.mean(axis=0), "length/time", drifts),
            "orbit.radius": mean([fit.radius for fit in fits], "length"),
            "orbit.rate": mean([fit.rate for fit in fits], "1/time"),
            "orbit.left": exact(float(left.mean()), "1"),
        }
        if left.max() > _GOOD:
            notes.append("the paths are not circles about a steady drift: radius and rate are undefined")
            estimates |= {"orbit.radius": missing("length"), "orbit.rate": missing("1/time")}
        return OrbitResult(group=group.name, estimates=estimates, notes=tuple(notes), ways=ways, drifts=drifts)


@dataclass(frozen=True)
class Fit:
    """One orbit: drift (D,) [length/time], radius [length], rate [1/time], and the residual relative to the radius."""

    drift: Values
    radius: float
    rate: float
    left: float


def fit_orbit(times: Values, way: Values) -> Fit:
    """The best drift and circle for positions (T, D) at times (T,)."""
    span, spacing = float(times[-1] - times[0]), float(np.min(np.diff(times)))

    def left_at(rate: float) -> float:
        return _solve(times, way, rate)[1]

    rates = np.arange(np.pi / span, 0.5 * np.pi / spacing, 0.25 * np.pi / span)  # about four per width of a resonance
    near = rates[int(np.argmin([left_at(rate) for rate in rates]))]
    step = 0.25 * np.pi / span
    rate = float(
        scipy.optimize.minimize_scalar(
            left_at, bounds=(near - step, near + step), method="bounded", options={"xatol": 1e-12}
        ).x
    )
    parts, left = _solve(times, way, rate)
    radius = float(np.sqrt(0.5 * np.sum(parts[2:] ** 2)))
    return Fit(parts[1], radius, rate, float(np.sqrt(left / len(times)) / radius) if radius else np.inf)


def _solve(times: Values, way: Values, rate: float) -> tuple[Values, float]:
    """((4, D) x0, u, a, b; sum of squares left) for one rate."""
    design = np.stack([np.ones(len(times)), times - times[0], np.cos(rate * times), np.sin(rate * times)], axis=1)
    parts = np.linalg.lstsq(design, way, rcond=None)[0]
    return parts, float(np.sum((way - design @ parts) ** 2))
