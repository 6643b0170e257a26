"""A stationary histogram is not yet equilibrium: does the gas keep giving heat to its bath?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.steady import CHANGING, known, steady_part
from gasfield.registry import register
from gasfield.statistics.correlation import correlated_rate
from gasfield.statistics.estimate import missing

_UNIT = "1/time"


@dataclass(frozen=True, kw_only=True)
class EntropyProductionResult(Result):
    """The entropy that a particle gives to the bath, in the part of a run at one temperature and in a steady state.

    Attributes:
        times: (T,).
        entropy: (T,) heat given to the bath since the steady part began, mean per particle, divided by the temperature
            of that part.
        start: time at which the steady part begins; NaN if there is none.
        conservative: whether the forces are, and at every time the same ones, so that
            equilibrium has rate 0; None if they are not known.

    Keys: `entropy_production.rate`, (d heat / dt) / T per particle (Sekimoto 1998, Progress of Theoretical Physics
    Supplement 130:17; Seifert 2012, Reports on Progress in Physics 75:126001). It is 0 in equilibrium, and positive
    where a non-conservative force keeps a current going, whatever the histogram. The error is that of
    `correlated_rate`: energy that the gas stores for a while does not count as noise that adds up.
    """

    times: Values
    entropy: Values
    start: float
    conservative: bool | None

    def draw(self, ax: Axes | None = None) -> Axes:
        """Cumulated entropy over time with the fitted rate, and the line of equilibrium for conservative forces."""
        from gasfield.plots.thermal import heat_over_time

        estimate = self.estimates["entropy_production.rate"]
        return heat_over_time(
            self.times,
            self.entropy,
            self.start,
            (float(estimate.value), None if estimate.error is None else float(estimate.error)),
            f"{self.group}: entropy given to the bath",
            equilibrium=bool(self.conservative),
            ax=ax,
        )


@register
class EntropyProduction(Diagnostic[EntropyProductionResult]):
    """Rate of entropy production of a group."""

    throughout: ClassVar[bool] = False
    telling: ClassVar[tuple[str, ...] | None] = ("entropy_production.rate",)

    kind: Literal["entropy_production"] = "entropy_production"

    def objection(self, group: Group) -> str | None:
        """Applies where the heat given to a bath was tallied and the bath's temperature has come to rest."""
        if known(group, "heat") is None or known(group, "temperature") is None:
            return "no heat was recorded: there is no bath, or its dynamics do not record heat"
        steady = steady_part(group)
        if steady is None:
            return CHANGING
        if not steady.temperature or steady.temperature <= 0:
            return "the bath is at temperature 0"
        return steady.drift

    def measure(self, group: Group, notes: list[str]) -> EntropyProductionResult:
        """The results for one group."""
        reason, steady, heat = self.objection(group), steady_part(group), known(group, "heat")
        rate = missing(_UNIT)
        times = entropy = np.empty(0)
        start = np.nan
        forces, _ = group.known_forces
        balanced = None if forces is None else forces.conservative and forces.steady
        if reason is not None or steady is None or steady.temperature is None or heat is None:
            notes.append(reason or CHANGING)
        else:
            start = steady.time
            part = steady.part(heat)
            first = part.values[0] if len(part.values) else heat.values[-1]
            times, entropy = heat.times, (heat.values - first) / steady.temperature
            rate = correlated_rate(part.times, part.values / steady.temperature, _UNIT)
            notes.append(_verdict(rate.value, rate.error, balanced))
        return EntropyProductionResult(
            group=group.name,
            estimates={"entropy_production.rate": rate},
            notes=tuple(notes),
            times=times,
            entropy=entropy,
            start=start,
            conservative=balanced,
        )


def _verdict(rate: Values, error: Values | None, conservative: bool | None) -> str:
    """Whether the rate is 0, as far as its error tells."""
    if not np.isfinite(rate):
        return "fewer than two observations: the rate is undefined"
    if error is None:
        return "too few observations: the error of the rate is undefined"
    if abs(rate) <= 3 * error:
        return "the entropy production is zero within 3 standard errors"
    deviation = "exactly known" if error == 0 else f"{float(rate / error):.1f} standard errors from zero"
    note = f"entropy is produced ({deviation}): this steady state is not equilibrium"
    if conservative:
        note += "; forces are conservative, so the time step is too long, or the run has not equilibrated"
    return note
