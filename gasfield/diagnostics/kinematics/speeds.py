"""The distribution of speeds, compared with Maxwell's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.equilibrium import equilibrium_frames, equilibrium_part, require_equilibrium
from gasfield.registry import register
from gasfield.statistics.blocking import independent_parts, kolmogorov, shares_of_parts
from gasfield.statistics.estimate import Estimate, exact
from gasfield.statistics.r_hat import RHat

_MOST = 2_000_000
"""Most speeds used; of a longer run every k-th frame is taken."""
_BINS = 40
_TAIL = 5e-4
"""Probability beyond the plot range, on each side."""


@dataclass(frozen=True, kw_only=True)
class SpeedsResult(Result):
    """Speeds u = sqrt(m) |v| of the steady part of a run, and their Maxwell distribution.

    Attributes:
        freedom: components f of a velocity: D, or D - 1 on the sphere.
        temperature: of the Maxwell distribution: that of the bath, less the share of conserved momenta; without a bath
            the kinetic temperature of the sample itself [energy].
        edges: (k + 1,) of bins of u [energy^(1/2)].
        shares, errors: (k,) of the speeds in each bin, and their standard errors.

    Maxwell's law: u/sqrt(T) has the chi distribution with f degrees of freedom. Keys: `speed.mean`, the mean |v|, and
    `speed.maxwell_mean`, its value by that law; `speed.ks`, the Kolmogorov-Smirnov distance of the distribution of u
    from the law, its `speed.p_value`, and the `speed.effective_size` used for it; `speed.r_hat.bulk` and `.tail` of u
    (`RHat`), with the history of each particle as a chain. Errors come from independent
    parts (`parts.py`), which account for the correlation in time. The p-value is conservative: too large where
    speeds are correlated over many frames, and where the temperature was taken from the speeds themselves. Dynamics
    with a finite time step have a slightly different distribution (BAOAB in a well of frequency w: slower by
    (h w)^2/8), which a long run distinguishes from Maxwell's.
    """

    freedom: int
    temperature: float
    edges: Values
    shares: Values
    errors: Values

    def draw(self, ax: Axes | None = None) -> Axes:
        """The histogram with its errors on Maxwell's curve, and below it their difference in standard errors."""
        from scipy import stats  # slow to import: only when needed

        from gasfield.plots.distributions import Histogram, LawCurve, against_law, chance

        chi = stats.chi(self.freedom, scale=np.sqrt(self.temperature))
        u = np.linspace(self.edges[0], self.edges[-1], 400)
        law = LawCurve(u, chi.pdf(u), np.diff(chi.cdf(self.edges)), f"Maxwell, T = {self.temperature:.4g}")
        return against_law(
            Histogram(self.edges, self.shares, self.errors, "speeds, ± one standard error"),
            law,
            f"{self.group}: speeds, Kolmogorov-Smirnov {chance(self.estimates['speed.p_value'].value)}",
            "√m |v|  [energy$^{1/2}$]",
            ax,
        )


@register
class Speeds(Diagnostic[SpeedsResult]):
    """Speeds of the particles of a group against Maxwell's law."""

    needs_run: ClassVar[bool] = True
    throughout: ClassVar[bool] = False
    telling: ClassVar[tuple[str, ...] | None] = ("speed.mean", "speed.maxwell_mean", "speed.p_value")

    kind: Literal["speeds"] = "speeds"

    def objection(self, group: Group) -> str | None:
        """Needs velocities, and a part of the run that may be in equilibrium."""
        require_equilibrium(group, "kinetic_energy")
        if group.velocities is None:
            return "no velocities were kept"
        still = not np.any(group.velocities[len(group.steps) - 1])
        return "nothing moves at the end" if still or equilibrium_part(group).temperature == 0.0 else None

    def measure(self, group: Group, notes: list[str]) -> SpeedsResult:
        """The results for one group."""
        bath = equilibrium_part(group).temperature
        late = equilibrium_frames(group.present(), _MOST)
        notes, freedom = list(late.notes), group.run.space.freedom
        speeds = _speeds(late)
        scaled = speeds * np.sqrt(late.masses)
        if bath is None:
            temperature = float(np.mean(scaled**2)) / freedom
            notes.append("no bath: Maxwell's law is drawn at the kinetic temperature of these speeds")
        else:
            temperature = bath * _free_share(group, freedom)
        parts, warning = independent_parts(scaled)
        mixing = RHat.of(scaled)
        notes += [
            note for note in (warning, mixing.note("speed", "the speeds of single particles")) if note is not None
        ]
        from scipy import stats  # slow to import: only when needed

        chi = stats.chi(freedom, scale=np.sqrt(temperature))
        test = kolmogorov(parts, chi.cdf)
        edges = np.linspace(float(chi.ppf(_TAIL)), float(chi.ppf(1.0 - _TAIL)), _BINS + 1)
        shares = shares_of_parts(parts, np.concatenate([[-np.inf], edges, [np.inf]]))[:, 1:-1]
        expected = float(chi.mean() * np.mean(1.0 / np.sqrt(late.masses)))
        return SpeedsResult(
            group=group.name,
            estimates={
                "speed.mean": _mean_of_parts(speeds, "length/time"),
                "speed.maxwell_mean": exact(expected, "length/time"),
                "speed.ks": test.distance,
                "speed.p_value": exact(test.p_value, "1"),
                "speed.effective_size": exact(test.effective_size, "1"),
                **mixing.estimates("speed"),
            },
            notes=tuple(notes),
            freedom=freedom,
            temperature=temperature,
            edges=edges,
            shares=shares.mean(axis=0),
            errors=shares.std(axis=0, ddof=1) / np.sqrt(len(shares)),
        )


def _speeds(group: Group) -> Values:
    """(T, N) |v| [length/time]."""
    assert group.velocities is not None
    speeds = np.empty(group.velocities.shape[:2])
    for frame, v in enumerate(group.velocities):
        speeds[frame] = np.linalg.norm(v.astype(np.float64), axis=1)
    return speeds


def _free_share(group: Group, freedom: int) -> float:
    """N_f / (N f), below one where the total momentum is kept; one if the group is not the whole gas, where the share
    of the other particles is not known (an effect of order 1/N)."""
    known = group.run.degrees_of_freedom
    return 1.0 if known is None else min(1.0, known / (group.count * freedom))


def _mean_of_parts(values: Values, unit: str) -> Estimate:
    """The mean of (T, N) values with the error of independent parts."""
    parts, _ = independent_parts(values)
    own = parts.mean(axis=1)
    return Estimate(np.array(own.mean()), unit, own)
