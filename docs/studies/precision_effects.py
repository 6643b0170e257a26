"""What a cause changes, with error bars over seeds.

The rows of one run all feel the same field and are no independent samples; runs from different seeds are. So each
effect is a difference within one run (the same rows in the same field), and its error comes from the spread of that
difference over the seeds alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from precision_replays import Case, Cloud
from scipy.stats import t as student

Outcomes = dict[Case, float]
"""A number for each replay in one field."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class OverSeeds:
    """A number found once a seed.

    Attributes:
        values: one a seed.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return float(np.mean(self.values))

    @property
    def error(self) -> float:
        """Standard error of the mean; NaN for a single seed."""
        count = len(self.values)
        return float(np.std(self.values, ddof=1) / np.sqrt(count)) if count > 1 else np.nan

    @property
    def half_width(self) -> float:
        """Half of the 95% interval by Student's t: with three seeds 4.3 standard errors, not 2."""
        count = len(self.values)
        return float(student.ppf(0.5 + CONFIDENCE / 2, count - 1)) * self.error if count > 1 else np.nan

    def text(self, digits: int = 1, *, effect: bool = True) -> str:
        """Mean ± standard error. Where all seeds agree to all digits shown, that alone, as their spread is not known; a
        dash where it is undefined for a seed.

        Args:
            digits: after the point.
            effect: whether it is a difference, with a sign, and a mark where the interval leaves 0 out.
        """
        if np.isnan(self.values).any():
            return "–"
        form = f"{'+' if effect else ''}.{digits}f"
        shown = {_number(value, form) for value in self.values}
        if len(shown) == 1:
            return shown.pop() + (" in each" if len(self.values) > 1 else "")
        mark = " ●" if effect and abs(self.mean) > self.half_width else ""
        return f"{_number(self.mean, form)} ± {self.error:.{digits}f}{mark}"


def _number(value: float, form: str) -> str:
    """With a true minus, and none before a zero."""
    text = format(value, form)
    return text.lstrip("+-") if not float(text) else text.replace("-", "−")


def _kept(weights: str, first: str, second: str) -> Case:
    return Case(weights, first, second)


_BOTH = ("bfloat16", "float32")


def of_weights(second: str) -> Callable[[Outcomes], float]:
    """Of rounding the weights, at a precision of v, averaged over that of m."""
    return lambda found: float(
        np.mean([found[_kept("bfloat16", m, second)] - found[_kept("float32", m, second)] for m in _BOTH])
    )


def of_first(weights: str) -> Callable[[Outcomes], float]:
    """Of rounding m, at a precision of the weights, averaged over that of v."""
    return lambda found: float(
        np.mean([found[_kept(weights, "bfloat16", v)] - found[_kept(weights, "float32", v)] for v in _BOTH])
    )


def of_second(weights: str) -> Callable[[Outcomes], float]:
    """Of rounding v, at a precision of the weights, averaged over that of m."""
    return lambda found: float(
        np.mean([found[_kept(weights, m, "bfloat16")] - found[_kept(weights, m, "float32")] for m in _BOTH])
    )


def of_both_together(found: Outcomes) -> float:
    """Interaction on bfloat16 weights: by how much rounding m changes what rounding v does."""
    corner = {(m, v): found[_kept("bfloat16", m, v)] for m in _BOTH for v in _BOTH}
    rounded, exact = _BOTH
    return (corner[rounded, rounded] - corner[exact, rounded]) - (corner[rounded, exact] - corner[exact, exact])


def of_each_operation(found: Outcomes) -> float:
    """Of rounding each operation, not only what is stored, where all is in bfloat16."""
    return found[Case.as_trained("bf16")] - found[_kept("bfloat16", "bfloat16", "bfloat16")]


def of_fading(precision: str) -> Callable[[Outcomes], float]:
    """Of the fading of the field, with the precisions of a training."""
    return lambda found: found[Case.as_trained(precision)] - found[Case.as_trained(precision, held=True)]


CAUSES: dict[str, Callable[[Outcomes], float]] = {
    "rounding the weights, v in fp32": of_weights("float32"),
    "rounding the weights, v in bf16": of_weights("bfloat16"),
    "rounding m, on bf16 weights": of_first("bfloat16"),
    "rounding v, on bf16 weights": of_second("bfloat16"),
    "both moments: interaction, on bf16 weights": of_both_together,
    "rounding m, on fp32 weights": of_first("float32"),
    "rounding v, on fp32 weights": of_second("float32"),
    "rounding each operation, all in bf16": of_each_operation,
    "the fading of the field, all in bf16": of_fading("bf16"),
    "the fading of the field, bf16 weights, fp32 moments": of_fading("bf16-fp32state"),
    "the fading of the field, all in fp32": of_fading("fp32"),
}
"""By what it is called: the effect of a cause within one field."""


NOT_FADING = tuple(cause for cause in CAUSES if "fading" not in cause)
"""Causes that act before a held field is held."""


# Outcomes of one cloud.


def contraction(cloud: Cloud, at: int = -1) -> float:
    """By how much the mean radius fell from the first step to another, the last by default [per cent of the first]."""
    return 100.0 * float(1 - cloud["radius"][at] / cloud["radius"][0])


def half_cell(rows: NDArray[np.floating]) -> float:
    """Median over coordinates of half the distance between neighbouring bfloat16 numbers there [length]."""
    _, exponents = np.frexp(np.abs(rows.astype(np.float64)))  # |x| in [2^(e - 1), 2^e), where cells are 2^(e - 8)
    return float(np.median(np.exp2(exponents - 9.0)))


def frozen(cloud: Cloud, quiet: int, at: int = -1) -> float:
    """Rows of which no bit changed in the last `quiet` steps before a step of the survey [per cent]; NaN where the
    recording is no longer than that."""
    step = int(cloud["survey"][at])
    return 100.0 * float(np.mean(cloud["last_motion"][at] <= step - quiet)) if step > quiet else np.nan


def collapsed(cloud: Cloud) -> int:
    """Coordinates along which the spread of the rows fell below a twentieth of what it was."""
    first, last = (cloud[name].astype(np.float64).std(axis=0) for name in ("start", "end"))
    return int(np.sum(last < first / 20))


def standing(cloud: Cloud, steps: int = 50) -> float:
    """Rows unmoved in one step, mean over the last steps [per cent]."""
    return 100.0 * float(np.mean(cloud["unmoved"][-steps:]))


def thawed(cloud: Cloud, quiet: int) -> tuple[float, float]:
    """Rows that had been still for `quiet` steps at some step of the survey, and those of them that moved again later
    [per cent of all rows]. Both are lower bounds: the survey looks at a few steps only."""
    steps, last = cloud["survey"][:, None], cloud["last_motion"]
    was_still = (last <= steps - quiet) & (steps > quiet)
    moved_later = was_still & (last[-1] > steps)
    return 100.0 * float(was_still.any(axis=0).mean()), 100.0 * float(moved_later.any(axis=0).mean())


def deepest_thaw(unmoved: NDArray[np.floating], window: int = 50) -> tuple[int, float, int, float]:
    """The largest fall of the fraction of rows unmoved in a step, averaged over `window` steps: the last step of the
    window at its top and what it was, the same at its bottom [per cent]."""
    smooth = 100.0 * np.convolve(unmoved, np.ones(window) / window, "valid")
    top = np.maximum.accumulate(smooth)
    bottom = int(np.argmax(top - smooth))
    peak = int(np.argmax(smooth[: bottom + 1]))
    return peak + window, float(smooth[peak]), bottom + window, float(smooth[bottom])
