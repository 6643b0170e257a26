"""Momentum and angular momentum over time, of a group and of the whole gas, and whether they are kept.

    P = sum_i m_i v_i        L = sum_i m_i (x_i v_i^T - v_i x_i^T)        (about the origin; D(D - 1)/2 components)

Newton's equations keep P if all forces are mutual and the space has no walls, and L if all forces point along the
lines between particles, or to the origin. Velocity Verlet keeps both exactly: kicks add forces that sum to zero, and
drifts move along velocities. What is left is rounding. A sum over N particles whose velocities were rounded n times by
a relative u is wrong by about u sqrt(n sum_i |m_i v_i|^2), which is the unit in which drifts are reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Scope, Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, missing

_KEPT = 1 << 22
"""Most numbers in the angular momenta of all frames; of more, evenly spaced frames are used."""
_WIDEST = 1000
"""Dimensions beyond which the components of the angular momentum, some D^2/2, are not computed."""
_ROUNDINGS = 2.0
"""Roundings of a velocity in a step: two half kicks."""
_NOISE = 10.0
"""Drift, in units of the rounding error, up to which a momentum counts as kept."""
_UNITS = {"momentum": "mass length/time", "angular_momentum": "mass length^2/time"}


@dataclass(frozen=True, kw_only=True)
class MomentumResult(Result):
    """Momenta over time.

    Attributes:
        times: (T,) of the frames used.
        momentum: (T, D) P [mass length/time]; NaN where it is undefined.
        angular_momentum: (T, D(D - 1)/2) components L_ij, i < j, about the origin [mass length^2/time]; NaN where it is
            undefined.

    Keys, for both: `momentum.start` and `.end`, the magnitudes in the first and the last frame (of L the root of the
    sum of squares over i < j), `.drift`, the largest |P(t) - P(0)|, and `.drift_in_rounding`, the same in units of the
    rounding error that the steps up to then can have caused: a few if it is kept.
    """

    times: Values
    momentum: Values
    angular_momentum: Values

    def draw(self, ax: Axes | None = None) -> Axes:
        """|P(t) - P(0)| and |L(t) - L(0)| over time, relative to the largest magnitude."""
        from gasfield.plots.momentum import drifts_over_time

        found = {"momentum": self.momentum, "angular momentum": self.angular_momentum}
        return drifts_over_time(self.times, found, f"{self.group}: change of momentum", ax)


@register
class Momentum(Diagnostic[MomentumResult]):
    """Momentum and angular momentum of a group."""

    kind: Literal["momentum"] = "momentum"

    def objection(self, group: Group) -> str | None:
        """Applies where velocities were kept."""
        return "no velocities were kept: momentum is undefined" if group.velocities is None else None

    def measure(self, group: Group, notes: list[str]) -> MomentumResult:
        """The results for one group."""
        pairs = group.dimensions * (group.dimensions - 1) // 2 if group.dimensions <= _WIDEST else 0
        frames = spread_over(len(group.steps), max(2, _KEPT // max(1, pairs)))
        if len(frames) < len(group.steps):
            notes.append(f"{len(frames)} of {len(group.steps)} frames are used")
            group = group.at_frames(frames)
        group = _with_velocities(group, notes)
        linear, angular = _undefined(group)
        notes += dict.fromkeys(reason for reason in (linear, angular) if reason is not None)
        found = _Momenta.of(group)
        return MomentumResult(
            group=group.name,
            estimates=_estimates("momentum", found.momentum, found.rounding, linear is None, notes)
            | _estimates("angular_momentum", found.angular, found.angular_rounding, angular is None, notes),
            notes=tuple(notes),
            times=group.times,
            momentum=found.momentum if linear is None else np.full_like(found.momentum, np.nan),
            angular_momentum=found.angular if angular is None else np.full_like(found.angular, np.nan),
        )


@register
class TotalMomentum(Momentum):
    """Momentum and angular momentum of the gas as a whole."""

    scope: ClassVar[Scope] = Scope.WHOLE

    kind: Literal["total_momentum"] = "total_momentum"  # type: ignore[assignment]


def _with_velocities(group: Group, notes: list[str]) -> Group:
    """The rows whose velocities are finite in every frame."""
    assert group.velocities is not None
    finite = np.ones(group.count, np.bool_)
    for v in group.velocities:
        finite &= np.isfinite(v).all(axis=1)
    if finite.all():
        return group
    notes.append(f"{np.sum(~finite)} of {len(finite)} rows have velocities that are not finite, and are left out")
    return group.of_rows(finite)


def _undefined(group: Group) -> tuple[str | None, str | None]:
    """Why momentum and angular momentum are undefined; None where they are not."""
    if not group.count or not len(group.steps):
        reason = "no particle is present throughout: momenta are undefined"
        return reason, reason
    linear = angular = None
    if group.curved:
        linear = "momentum: velocities at different places of a curved space cannot be added; angular_momentum can"
    if group.repeats:
        angular = (
            "angular_momentum: undefined in a periodic space, where every image has another distance to the origin"
        )
    elif group.dimensions < 2:
        angular = "angular_momentum: undefined in one dimension"
    elif group.dimensions > _WIDEST:
        angular = f"angular_momentum: not computed in more than {_WIDEST} dimensions"
    return linear, angular


@dataclass(frozen=True)
class _Momenta:
    """Momenta over time (T, D) and (T, D(D - 1)/2), and their rounding errors (T,)."""

    momentum: Values
    rounding: Values
    angular: Values
    angular_rounding: Values

    @classmethod
    def of(cls, group: Group) -> _Momenta:
        """Of every frame; errors grow with the root of the number of steps since the first."""
        frames, dimensions = len(group.steps), group.dimensions
        above = np.triu_indices(dimensions if dimensions <= _WIDEST else 0, 1)
        momentum, angular = np.zeros((frames, dimensions)), np.zeros((frames, len(above[0])))
        square, moment = np.zeros(frames), np.zeros(frames)
        relative = 0.0
        for span, x in group.blocks(parts=3):
            v = group.speeds(span)
            p = group.masses[:, None] * v
            momentum[span] = p.sum(axis=1)
            if len(above[0]):
                outer = np.einsum("tni,tnj->tij", x, p, optimize=True)
                angular[span] = (outer - outer.swapaxes(1, 2))[:, above[0], above[1]]
            own = np.square(p).sum(axis=2)
            square[span] = own.sum(axis=1)
            moment[span] = (own * np.square(x).sum(axis=2)).sum(axis=1)
            relative = max(relative, _unit_roundoff(v))
        steps = _ROUNDINGS * (group.steps - group.steps[:1]) if frames else np.empty(0)
        noise = np.hypot(relative, np.finfo(np.float64).eps / 2 * np.sqrt(steps))
        return cls(
            momentum,
            noise * np.sqrt(np.maximum.accumulate(square)),
            angular,
            noise * np.sqrt(np.maximum.accumulate(moment)),
        )


def _unit_roundoff(velocities: NDArray[np.float64]) -> float:
    """Of velocities as they were stored: in single or in double precision."""
    single = velocities.astype(np.float32)
    return 2.0**-24 if np.array_equal(single, velocities, equal_nan=True) else 2.0**-53


def _estimates(key: str, values: Values, rounding: Values, defined: bool, notes: list[str]) -> dict[str, Estimate]:
    """The keys of one quantity (T, n) with rounding errors (T,)."""
    unit = _UNITS[key]
    names = {"start": unit, "end": unit, "drift": unit, "drift_in_rounding": "1"}
    if not defined or not values.size or not np.isfinite(values).all():
        return {f"{key}.{name}": missing(its) for name, its in names.items()}
    away = np.linalg.norm(values - values[0], axis=1)
    times = np.divide(away, rounding, out=np.zeros(len(away)), where=rounding > 0)
    drift = float(times.max())
    if drift <= _NOISE:
        notes.append(f"{key} is kept to rounding: its largest change is {drift:.2g} rounding errors")
    found = (np.linalg.norm(values[0]), np.linalg.norm(values[-1]), away.max(), drift)
    return {f"{key}.{name}": exact(float(value), its) for (name, its), value in zip(names.items(), found, strict=True)}
