"""Polar order on the sphere: R = |mean of x|, which is 1 where all point one way and about 1/sqrt(N) where none do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Scope, Together, simulated
from gasfield.diagnostics.fields.noisy_attention_law import critical_temperature, steady_order
from gasfield.diagnostics.group import Group
from gasfield.forces.attention.attention import Attention
from gasfield.statistics.correlation import FEWEST, correlated_mean, equilibrated_from
from gasfield.statistics.estimate import exact, missing
from gasfield.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class OrderResult(Together):
    """Order over time and in the steady part of a run.

    Attributes:
        times: (T,).
        values: (T,) R in each frame.
        temperature: of the group's bath at the end; None without one.
        chance: root mean square of R of as many directions drawn at random, 1/sqrt(N).
        law: the attention force whose mean field is known (`noisy_attention_law`); None where it is not.

    Keys: `order.start`, `order.end`, `order.mean` over the part that has forgotten the start, with its error,
    `order.chance`.
    """

    times: Values
    values: Values
    temperature: float | None
    chance: float
    law: Attention | None = None

    @classmethod
    def plot_together(cls, results: Sequence[OrderResult], ax: Axes | None = None) -> Axes:
        """Order over temperature where groups have temperatures of their own; else over time."""
        from gasfield.plots.courses import order_over_temperature, over_time

        warm = [r for r in results if r.temperature is not None and r.estimates["order.mean"].error is not None]
        if len({result.temperature for result in warm}) > 2:
            means = [result.estimates["order.mean"].quantity() for result in warm]
            points = [(result.temperature, mean.value, mean.error) for result, mean in zip(warm, means, strict=True)]
            law = results[0].law if all(_alike(result.law, results[0].law) for result in results) else None
            theory = _theory(law, max(result.temperature or 0.0 for result in warm))
            return order_over_temperature(points, results[0].chance, "Polar order over temperature", theory, ax)
        lines = {result.group: (result.times, result.values) for result in results}
        return over_time(lines, "Polar order", "|mean of x|", ax)


@dataclass(frozen=True)
class Order:
    """Length of the mean direction."""

    name: ClassVar[str] = "order"
    scope: ClassVar[Scope] = Scope.GROUP

    def left_out(self, group: Group) -> str | None:
        """Needs particles on a sphere."""
        if group.experiment is None or not group.experiment.scenario.space.curved:
            return "its particles are not on a sphere"
        return "no row has a position throughout" if not group.present().count else None

    def compute(self, source: Group | Trajectory) -> OrderResult:
        """The results for one group.

        Raises:
            ValueError: if the diagnostic does not apply.
        """
        group, _ = simulated(self, source)
        group = group.present()
        values = np.array([np.linalg.norm(x.astype(np.float64).mean(axis=0)) for x in group.positions])
        start = equilibrated_from(values)
        late, notes = values[start:], list(group.notes)
        mean = missing("1")
        if len(late) >= FEWEST:
            mean = correlated_mean(late, "1")
        else:
            notes.append(f"fewer than {FEWEST} frames have forgotten the start: no mean is taken")
        warmth = group.series.get("temperature")
        return OrderResult(
            group=group.name,
            estimates={
                "order.start": exact(values[0], "1"),
                "order.end": exact(values[-1], "1"),
                "order.mean": mean,
                "order.chance": exact(group.count**-0.5, "1"),
            },
            notes=tuple(notes),
            times=group.times,
            values=values,
            temperature=None if warmth is None else float(warmth.values[-1]),
            chance=group.count**-0.5,
            law=_known_law(group),
        )


def _known_law(group: Group) -> Attention | None:
    """The one attention force on a group, if it has no matrices and no other group has a part in it, in three
    dimensions."""
    if group.experiment is None or group.dimensions != 3:
        return None
    scenario = group.experiment.scenario
    laws = [law for law in scenario.forces if law.acts_on(group.name)]
    if len(laws) != 1 or not isinstance(laws[0], Attention):
        return None
    law = laws[0]
    alone = law.groups in ("each", (group.name,)) or len(scenario.gas) + len(scenario.tracers) == 1
    return law if alone and law.plain and law.beta > 0.0 else None


def _alike(one: Attention | None, other: Attention | None) -> bool:
    """Whether two laws have one mean field."""
    return one is not None and other is not None and (one.beta, one.form) == (other.beta, other.form)


def _theory(law: Attention | None, highest: float) -> tuple[Values, Values, float] | None:
    """Temperatures, orders and the critical temperature of the mean field."""
    if law is None:
        return None
    critical = critical_temperature(law.beta, law.form)
    below = critical * (1.0 - np.linspace(0.99, 0.02, 60) ** 2)  # order is a root there: even steps of it
    above = critical * np.linspace(1.02, max(highest / critical, 1.1), 12)
    temperatures = np.concatenate([below, above])
    return temperatures, np.array([steady_order(law.beta, t, law.form) for t in temperatures]), critical
