"""Polar order on the sphere: R = |mean of x|, which is 1 where all point one way and about 1/sqrt(N) where none do.

Its moments tell phases apart (Binder, Z. Phys. B 43:119, 1981): the cumulant U = 1 - <R^4>/(3 <R^2>^2) is 2/3 in an
ordered gas and 2/3 (1 - 1/d) for many independent directions in d dimensions; curves of gases of different sizes
cross at the transition. chi = N (<R^2> - <R>^2) peaks there. N <R^2>, 1 for independent directions, diverges as
T/(T - T_c) in a mean field above T_c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gasfield.diagnostics.base import Axes, Diagnostic, GroupedResult, Values
from gasfield.diagnostics.fields.noisy_attention_law import critical_temperature, steady_order
from gasfield.diagnostics.group import Group
from gasfield.forces.base import MeanField
from gasfield.registry import register
from gasfield.statistics.correlation import FEWEST, correlated, correlated_mean, equilibrated_from
from gasfield.statistics.estimate import Estimate, exact, missing
from gasfield.statistics.stationarity import trend

MOMENTS = ("mean", "square", "fourth", "fluctuation", "binder", "susceptibility")
"""Estimates over the equilibrated part."""


@dataclass(frozen=True, kw_only=True)
class OrderResult(GroupedResult):
    """Order over time and in the steady part of a run.

    Attributes:
        times: (T,).
        values: (T,) R in each frame.
        temperature: of the group's bath at the end; None without one.
        chance: root mean square of R of as many directions drawn at random, 1/sqrt(N).
        dimensions: d of the space.
        law: the mean field of attention (`noisy_attention_law`); None where it is not known.

    Keys: `order.start`, `order.end`, `order.chance`, and over the equilibrated part, with their errors: `order.mean`,
    `order.square` <R^2>, `order.fourth` <R^4>, `order.fluctuation` N <R^2>, `order.binder` U, `order.susceptibility`
    chi.
    """

    times: Values
    values: Values
    temperature: float | None
    chance: float
    dimensions: int
    law: MeanField | None = None

    @classmethod
    def plot_grouped(cls, results: Sequence[OrderResult], ax: Axes | None = None) -> Axes:
        """Order over temperature where groups have temperatures of their own; else over time."""
        from gasfield.plots.time_series import order_over_temperature, over_time

        warm = [r for r in results if r.temperature is not None and r.estimates["order.mean"].error is not None]
        if len({result.temperature for result in warm}) > 2:
            means = [result.estimates["order.mean"].quantity() for result in warm]
            points = [(result.temperature, mean.value, mean.error) for result, mean in zip(warm, means, strict=True)]
            law = results[0].law if len({result.law for result in results}) == 1 else None
            theory = _theory(law, results[0].dimensions, max(result.temperature or 0.0 for result in warm))
            return order_over_temperature(points, results[0].chance, "Polar order over temperature", theory, ax)
        lines = {result.group: (result.times, result.values) for result in results}
        return over_time(lines, "Polar order", "|mean of x|", ax)


@register
class Order(Diagnostic[OrderResult]):
    """Length of the mean direction."""

    needs_run: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("order.mean", "order.chance")

    kind: Literal["order"] = "order"

    def objection(self, group: Group) -> str | None:
        """Needs particles on a sphere."""
        return None if group.curved else "its particles are not on a sphere"

    def measure(self, group: Group, notes: list[str]) -> OrderResult:
        """The results for one group."""
        values = np.concatenate([np.linalg.norm(x.mean(axis=1), axis=1) for _, x in group.blocks()])
        start = equilibrated_from(values)
        late = values[start:]
        moments, drift = dict.fromkeys(MOMENTS, missing("1")), trend(late)
        if drift.drifts:
            notes.append(
                f"not stationary: the order drifts from {drift.start:.4g} to {drift.end:.4g}: no mean is taken"
            )
        elif len(late) >= FEWEST:
            moments = moments_of(late, group.count)
        else:
            notes.append(f"fewer than {FEWEST} frames lie after equilibration: no mean is taken")
        warmth = group.series.get("temperature")
        return OrderResult(
            group=group.name,
            estimates={
                "order.start": exact(values[0], "1"),
                "order.end": exact(values[-1], "1"),
                **{f"order.{name}": moment for name, moment in moments.items()},
                "order.chance": exact(group.count**-0.5, "1"),
            },
            notes=tuple(notes),
            times=group.times,
            values=values,
            temperature=None if warmth is None else float(warmth.values[-1]),
            chance=group.count**-0.5,
            dimensions=group.dimensions,
            law=_mean_field(group),
        )


def moments_of(order: Values, count: int) -> dict[str, Estimate]:
    """Moments of the order of N particles and what they make, by the names in `MOMENTS`, with errors that allow for
    correlation in time.

    Args:
        order: (T,) R in successive frames.
        count: N.
    """
    square, fourth = order**2, order**4
    first, second, last = float(order.mean()), float(square.mean()), float(fourth.mean())
    ratio = last / second**2 if second > 0.0 else 0.0
    of_ratio = (fourth / second**2 - 2.0 * ratio * square / second) if second > 0.0 else np.zeros(len(order))
    return {
        "mean": correlated_mean(order, "1"),
        "square": correlated_mean(square, "1"),
        "fourth": correlated_mean(fourth, "1"),
        "fluctuation": correlated_mean(count * square, "1"),
        "binder": correlated(1.0 - ratio / 3.0, -of_ratio / 3.0, "1"),
        "susceptibility": correlated(count * (second - first**2), count * (square - 2.0 * first * order), "1"),
    }


def _mean_field(group: Group) -> MeanField | None:
    """Of the one attention force on a group, if no other group has a part in it."""
    laws = group.run.acting(group.name)
    if group.dimensions < 2 or len(laws) != 1:
        return None
    alone = laws[0].groups in ("each", (group.name,)) or len(group.run.groups) == 1
    return laws[0].mean_field if alone else None


def _theory(law: MeanField | None, dimensions: int, highest: float) -> tuple[Values, Values, float] | None:
    """Temperatures, orders and the critical temperature of the mean field."""
    if law is None:
        return None
    critical = critical_temperature(law.beta, law.form, dimensions)
    below = critical * (1.0 - np.linspace(0.99, 0.02, 60) ** 2)  # order is a root there: even steps of it
    above = critical * np.linspace(1.02, max(highest / critical, 1.1), 12)
    temperatures = np.concatenate([below, above])
    orders = [steady_order(law.beta, t, law.form, dimensions=dimensions) for t in temperatures]
    return temperatures, np.array(orders), critical
