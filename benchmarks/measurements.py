"""From lines of timed processes to ratios with a spread, the rule of `make bench-check`, and fitted exponents."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

FALL = 0.2
"""A row has become slower if its ratio fell by more than this share of the recorded one ..."""
SPREADS = 3.0
"""... and by more than this many spreads."""
_NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True)
class Measurement:
    """One RESULT line."""

    name: str
    problem: str
    value: float
    unit: str

    @classmethod
    def lines(cls, text: str) -> list[Measurement]:
        """Those of the output of a process; other lines, and values that are not positive numbers, are skipped."""
        found = []
        for line in text.splitlines():
            fields = line.split("|")
            if len(fields) >= 5 and fields[0] == "RESULT":
                try:
                    value = float(fields[3])
                except ValueError:
                    continue
                if 0.0 < value < float("inf"):
                    found.append(cls(fields[1], fields[2], value, fields[4]))
        return found


def best(found: Iterable[Measurement], unit: str) -> Measurement | None:
    """The best in a unit, where a program was run in several ways: the least seconds, the most of all else."""
    fitting = [one for one in found if one.unit == unit]
    if not fitting:
        return None
    return (min if unit == "s" else max)(fitting, key=lambda one: one.value)


@dataclass(frozen=True)
class Ratio:
    """How much faster something is than a peer.

    Attributes:
        median: over rounds, of the ratios within each round; above 1 where it is faster.
        spread: standard deviation of the ratio of one round, from the median absolute deviation; NaN with one round.
        low, high: the least and the greatest ratio.
        rounds: how many.
    """

    median: float
    spread: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, ours: Sequence[float | None], peer: Sequence[float | None], unit: str) -> Ratio | None:
        """From values by round; rounds in which either is missing are left out. None if no round is left.

        Pairs by round, so that a machine whose speed drifts is fair to both.
        """
        pairs = [(a, b) for a, b in zip(ours, peer, strict=True) if a is not None and b is not None]
        if not pairs:
            return None
        ratios = [b / a if unit == "s" else a / b for a, b in pairs]
        middle = median(ratios)
        spread = _NORMAL * median(abs(ratio - middle) for ratio in ratios) if len(ratios) > 1 else float("nan")
        return cls(middle, spread, min(ratios), max(ratios), len(ratios))


def verdict(recorded: Ratio, now: Ratio) -> str:
    """`slower` if a ratio fell by more than 20% and by more than three spreads; `unclear` if by more than 20% only;
    else `as recorded`. The spread is that of single rounds, both of them: medians of five scatter less.
    """
    fall = recorded.median - now.median
    if not fall > FALL * recorded.median:
        return "as recorded"
    spreads = [ratio.spread for ratio in (recorded, now) if np.isfinite(ratio.spread)]
    return "slower" if len(spreads) == 2 and fall > SPREADS * math.hypot(*spreads) else "unclear"


@dataclass(frozen=True)
class Exponent:
    """value = factor size^exponent, by least squares in logarithms; `error` is one standard error; NaN with 2 sizes."""

    exponent: float
    error: float
    factor: float
    sizes: int

    @classmethod
    def fit(cls, sizes: Sequence[float], values: Sequence[float]) -> Exponent | None:
        """Of values at sizes; None with fewer than two different sizes."""
        if len(set(sizes)) < 2:
            return None
        x, y = np.log(np.asarray(sizes, float)), np.log(np.asarray(values, float))
        away = x - x.mean()
        slope = float(away @ y / (away @ away))
        start = float(y.mean() - slope * x.mean())
        rest = y - start - slope * x
        free = len(x) - 2
        error = float(np.sqrt(rest @ rest / free / (away @ away))) if free > 0 else float("nan")
        return cls(slope, error, float(np.exp(start)), len(x))

    def text(self) -> str:
        """`1.02 ± 0.03`."""
        return f"{self.exponent:.2f}" + (f" ± {self.error:.2f}" if np.isfinite(self.error) else "")


def by_round(rounds: Sequence[Mapping[str, Sequence[Measurement]]], key: str, unit: str) -> list[float | None]:
    """The best value of a command in each round; None where it has none."""
    found = [best(measured.get(key, ()), unit) for measured in rounds]
    return [None if one is None else one.value for one in found]
