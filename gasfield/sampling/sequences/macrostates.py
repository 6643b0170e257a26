"""Ask twice: two answers to one question differ token by token, and agree in everything that is measured of many.

Two sets of sequences from different seeds at the same temperature are compared. The microstates are the sequences:
the share of answers that both seeds give at the same place is counted. The macrostates are the observables: their
differences in standard errors, each of which is normal under the hypothesis that nothing but chance differs (of few
groups Student's t, which is then replaced by the normal score of its probability). They agree if the largest is below
the quantile of all of them together at the level of 1 in 100.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr

from gasfield.errors import InputError
from gasfield.language.base import Ids
from gasfield.statistics.estimate import Estimate

LEVEL = 0.01
"""Probability that two sets which differ by chance alone are said to disagree."""


@dataclass(frozen=True)
class AskedTwice:
    """The comparison of two sets of sequences.

    Attributes:
        differences: observable -> difference in standard errors.
        threshold: what the largest may be.
        shared: share of sequences that both give at the same place.
    """

    differences: Mapping[str, float]
    threshold: float
    shared: float

    @property
    def largest(self) -> float:
        """The largest difference in standard errors."""
        return max(abs(value) for value in self.differences.values())

    @property
    def agree(self) -> bool:
        """Whether the macrostates agree."""
        return self.largest <= self.threshold

    @property
    def statement(self) -> str:
        """The result in a sentence."""
        name = max(self.differences, key=lambda key: abs(self.differences[key]))
        verb = "agree" if self.agree else "disagree"
        return (
            f"{1.0 - self.shared:.3g} of the sequences differ; the macrostates {verb}: the largest of "
            f"{len(self.differences)} differences is {self.differences[name]:+.2f} standard errors ({name}), "
            f"threshold {self.threshold:.2f}"
        )


def ask_twice(
    first: Mapping[str, Estimate], second: Mapping[str, Estimate], tokens: tuple[Ids, Ids], level: float = LEVEL
) -> AskedTwice:
    """Compares the observables and the sequences (N, L) of two seeds; what has no error in one of them is left out.

    Raises:
        InputError: if no observable has an error in both.
    """
    differences = {}
    for name in first.keys() & second.keys():
        one_error, other_error = first[name].error, second[name].error
        if one_error is None or other_error is None:
            continue
        gap = np.atleast_1d(first[name].value - second[name].value)
        errors = np.atleast_1d(one_error), np.atleast_1d(other_error)
        for i, (apart, *own) in enumerate(zip(gap, *errors, strict=True)):
            if any(own):
                freedom = _freedom(own, (first[name], second[name]))
                score = _normal_score(float(apart / np.hypot(*own)), freedom)
                differences[name if len(gap) == 1 else f"{name}.{i}"] = score
    if not differences:
        raise InputError("no observable has an error in both sets: more sequences are needed.")
    count = min(len(tokens[0]), len(tokens[1]))
    shared = float(np.mean((tokens[0][:count] == tokens[1][:count]).all(axis=1)))
    threshold = float(-ndtri(0.5 * level / len(differences)))
    return AskedTwice(dict(sorted(differences.items())), threshold, shared)


def _freedom(errors: Sequence[float], estimates: Sequence[Estimate]) -> float:
    """Degrees of freedom of the error of a difference (Welch 1947, Biometrika 34:28), infinite of errors that were
    not estimated from groups."""
    variances = np.square(errors)
    groups = [np.inf if one.stated is not None or one.pseudo is None else len(one.pseudo) for one in estimates]
    with np.errstate(divide="ignore"):
        return float(variances.sum() ** 2 / sum(v**2 / (n - 1.0) for v, n in zip(variances, groups, strict=True)))


def _normal_score(difference: float, freedom: float) -> float:
    """The normal score with the probability of a difference in standard errors that follows Student's t."""
    if np.isinf(freedom):
        return difference
    tail = stdtr(freedom, -abs(difference))
    return float(np.sign(difference) * min(abs(difference), -ndtri(max(tail, 1e-300))))
