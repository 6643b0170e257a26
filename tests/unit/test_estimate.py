"""Standard errors: each is compared with the scatter of the estimate over many independent draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gasfield.statistics.estimate import Estimate, jackknife, mean, median, missing, quantile, share

DRAWS, ROWS = 600, 200


def _ratio(rows: NDArray[np.float64]) -> Estimate:
    """A smooth function of two means."""
    without = (len(rows) * rows.mean(axis=0) - rows) / (len(rows) - 1)
    middle = rows.mean(axis=0)
    return jackknife(middle[0] / middle[1], without[:, 0] / without[:, 1], "1")


ESTIMATORS: dict[str, Callable[[NDArray[np.float64]], Estimate]] = {
    "mean": lambda x: mean(x[:, 0], "1"),
    "share": lambda x: share(x[:, 0] > 2.5),
    "share of trials": lambda x: share(x > 2.5),
    "median": lambda x: median(x[:, 0], "1"),
    "quantile": lambda x: quantile(x[:, 0], 0.9, "1"),
    "jackknife": _ratio,
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_error_is_the_scatter_over_draws(name: str) -> None:
    x = np.random.default_rng(1).normal([2.0, 3.0], 1.0, (DRAWS, ROWS, 2))
    estimates = [ESTIMATORS[name](rows) for rows in x]
    scatter = np.std([estimate.value for estimate in estimates], ddof=1)
    claimed = np.sqrt(np.mean([np.square(estimate.error) for estimate in estimates]))
    # The scatter of DRAWS values is known to 1/sqrt(2 DRAWS) = 2.9%; errors from ranks are off by a few per cent too.
    assert claimed == pytest.approx(scatter, rel=4 * 0.029 + (0.05 if name in ("median", "quantile") else 0.0))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_error_of_a_difference_knows_that_rows_are_the_same(name: str) -> None:
    rng = np.random.default_rng(2)
    real = rng.normal([2.0, 3.0], 1.0, (DRAWS, ROWS, 2))
    simulated = real + rng.normal(0, 0.1, real.shape)
    pairs = [(ESTIMATORS[name](a), ESTIMATORS[name](b)) for a, b in zip(real, simulated, strict=True)]
    differences = [b - a for a, b in pairs]
    scatter = np.std([difference.value for difference in differences], ddof=1)
    claimed = np.sqrt(np.mean([np.square(difference.error) for difference in differences]))
    assert claimed > 0.85 * scatter
    assert claimed < (1.5 if name in ("median", "quantile") else 1.15) * scatter  # ranks: on the cautious side
    # Negative control: errors of independent rows, added in squares, would be several times too large.
    naive = np.sqrt(np.mean([np.square(a.error) + np.square(b.error) for a, b in pairs]))
    assert naive > 1.8 * scatter


@pytest.mark.parametrize("flag", [False, True])
def test_a_share_of_all_or_nothing_is_not_known_exactly(flag: bool) -> None:
    estimate = share(np.full(64, flag))
    assert estimate.value == flag
    assert estimate.error == pytest.approx(0.5 / 65)


def test_what_is_undefined_says_so() -> None:
    for estimate in (mean([], "1"), share([]), median([], "1"), missing("1")):
        assert estimate.quantity().leaf() == {"value": None, "unit": "1", "error": None}
    assert mean([2.0], "1").quantity().leaf() == {"value": 2.0, "unit": "1", "error": None}
    assert (mean([1.0, 2.0], "1") - missing("1")).quantity().value is None
