"""Rank-normalised split R-hat: equal to ArviZ, invariant as ranks are, and 1 only where histories agree."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from gasfield.statistics.r_hat import RHat

Values = NDArray[np.float64]

ARVIZ = [
    ("even", 0.9918802741937106, 0.9952712612705926),
    ("odd", 0.992177746154873, 0.9956056059081635),
    ("apart", 1.0672726175201266, 1.0027666873375365),
    ("wider", 0.9922664234120009, 1.0643044963735109),
    ("correlated", 1.056823705767611, 1.0072157250686944),
    ("ties", 0.9924396264485342, 0.9975677435915797),
    ("one", 0.9928943597647473, 0.9908698176283675),
    ("heavy", 1.0020738325180987, 0.9967966165060089),
]
"""Bulk and tail of `chains` by ArviZ 0.23.4, whose `rhat(method="rank")` is the larger one."""


def chains(case: str) -> Values:
    """(T, N)."""
    x = np.random.default_rng(7).normal(size=(101, 5))
    correlated = x.copy()
    for t in range(1, 101):
        correlated[t] = 0.9 * correlated[t - 1] + x[t]
    return {
        "even": x[:100],
        "odd": x,
        "apart": x + np.array([0, 0, 0, 0, 0.8]),
        "wider": x * np.array([1, 1, 1, 1, 2.5]),
        "correlated": correlated,
        "ties": np.round(x),
        "one": x[:, :1],
        "heavy": np.tan(np.pi * (np.random.default_rng(8).random((60, 8)) - 0.5)),
    }[case]


@pytest.mark.parametrize(("case", "bulk", "tail"), ARVIZ)
def test_it_is_that_of_arviz(case: str, bulk: float, tail: float) -> None:
    found = RHat.of(chains(case))
    assert (found.bulk, found.tail) == pytest.approx((bulk, tail), rel=1e-12)


def test_four_observations_by_hand() -> None:
    """1, 2 | 3, 4: scores z of the ranks, symmetric about 0; W = (z2 - z1)^2/2, the means differ by 2 m."""
    z = norm.ppf((np.arange(1, 5) - 0.375) / 4.25)
    within, mean = (z[1] - z[0]) ** 2 / 2, (z[2] + z[3]) / 2
    between = 2 * (2 * mean**2)
    assert RHat.of(np.array([1.0, 2.0, 3.0, 4.0])).bulk == pytest.approx(np.sqrt((between / within + 1) / 2))


def test_the_bulk_depends_on_ranks_only() -> None:
    x = chains("apart")
    assert RHat.of(np.exp(x)).bulk == pytest.approx(RHat.of(x).bulk, rel=1e-12)
    assert RHat.of(x).largest > RHat.of(x[:, :4]).largest  # negative control: without the history that is apart


def test_what_is_undefined_says_so() -> None:
    for values in (np.zeros((3, 2)), np.ones((50, 4)), np.empty((0, 3)), np.full((8, 2), np.nan)):
        found = RHat.of(values)
        assert np.isnan(found.largest)
        assert "undefined" in str(found.note("x", "particles"))
        assert all(not np.isfinite(estimate.value) for estimate in found.estimates("x").values())
    assert RHat.of(chains("even")).note("x", "particles") is None
    assert "have not mixed" in str(RHat.of(chains("apart")).note("x", "particles"))
