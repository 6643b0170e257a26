"""Do counts factorise? Whether categorical columns are independent of each other, and how many combinations they make.

Rows i = 1..N have a value in each of k columns. Under mutual independence, given how often each value occurs in its own
column, a combination c is expected E_c = N prod_j p_j(c_j) times. Two statistics of the counts n_c:

    G = 2 sum_c n_c ln(n_c / E_c)        X^2 = sum_c (n_c - E_c)^2 / E_c = sum_c n_c^2 / E_c - N

Both follow chi-square on prod_j K_j - 1 - sum_j (K_j - 1) degrees of freedom where every expected count is large. Where
one is below 5, the p-value is that of a permutation test: the entries of each column are permuted over the rows, which
leaves all p_j as they are and is exact under the null whatever the counts (Monte Carlo, with the observed table counted
among the draws; Phipson and Smyth, 2010). Its statistic is G: in X^2 a single row in a combination that is expected a
thousandth of a time counts as much as all others together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

Table = NDArray[np.int64]
Values = NDArray[np.float64]

DRAWS, FEWEST_DRAWS = 999, 99
"""Permutations, and where the table is large; the smallest p-value is 1/(draws + 1)."""
FEWEST = 5.0
"""Smallest expected count of any combination at which the chi-square distribution is used."""
_MOST = 1 << 20
"""Combinations up to which expected numbers are summed."""


@dataclass(frozen=True)
class ProductTest:
    """A test of mutual independence.

    Attributes:
        g, chi_square: the two statistics.
        freedom: degrees of freedom; 0 if at most one column varies, and there is nothing to test.
        p_value: probability of a table at least as far from a product under independence; 1 if there is nothing to
            test.
        permutations: number of draws of the permutation test; 0 if the p-value is that of chi-square (X^2).
    """

    g: float
    chi_square: float
    freedom: float
    p_value: float
    permutations: int


@dataclass(frozen=True)
class Occupied:
    """Expected numbers of different combinations among N independent rows.

    Attributes:
        any, any_spread: that occur, and the standard deviation of their number.
        shared, shared_spread: that occur twice or more.
    """

    any: float
    any_spread: float
    shared: float
    shared_spread: float


def independence(columns: Table, draws: int = DRAWS, seed: int = 0) -> ProductTest:
    """Tests whether columns are mutually independent.

    Args:
        columns: (N, k) values, any integers.
        draws: permutations, where a permutation test is needed.
        seed: of the permutations.
    """
    codes, sizes = _codes(columns)
    varying = sizes > 1
    codes, sizes = codes[:, varying], sizes[varying]
    count = len(codes)
    if len(sizes) < 2:
        return ProductTest(0.0, 0.0, 0.0, 1.0, 0)
    shares = [np.bincount(codes[:, j]) / count for j in range(len(sizes))]
    combinations, counts = np.unique(codes, axis=0, return_counts=True)
    logs = np.sum([np.log(share)[combinations[:, j]] for j, share in enumerate(shares)], axis=0) + np.log(count)
    g = max(0.0, 2.0 * float(np.sum(counts * (np.log(counts) - logs))))
    with np.errstate(over="ignore"):  # infinite for combinations that are practically impossible
        chi_square = max(0.0, float(np.sum(counts**2 * np.exp(-logs))) - count)
    freedom = float(np.prod(sizes.astype(np.float64)) - 1.0 - np.sum(sizes - 1))
    if count * np.prod([share.min() for share in shares]) >= FEWEST:
        return ProductTest(g, chi_square, freedom, float(chdtrc(freedom, chi_square)), 0)
    return ProductTest(g, chi_square, freedom, _permuted(codes, counts, draws, seed), draws)


def independence_of_table(table: Table, draws: int = DRAWS, seed: int = 0) -> ProductTest:
    """As `independence`, for counts with one axis a column."""
    return independence(np.repeat(np.argwhere(table > 0), table[table > 0], axis=0), draws, seed)


def odds_ratio(table: Table) -> float:
    """n_00 n_11 / (n_01 n_10) of a 2 x 2 table: 1 in a product; infinite or NaN where a denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(table[0, 0] * table[1, 1]) / np.float64(table[0, 1] * table[1, 0]))


def expected_occupied(shares: Sequence[Values], count: int) -> Occupied | None:
    """How many combinations N independent rows are expected to occupy.

    A combination of probability q is empty with (1 - q)^N and occurs once with N q (1 - q)^(N - 1). The spreads add up
    the variances of single combinations; the correlations between them are negative, so that they are upper bounds.

    Args:
        shares: k arrays of probabilities, each with sum 1.
        count: N.

    Returns:
        None for more than a million combinations.
    """
    if np.prod([float(len(share)) for share in shares]) > _MOST:
        return None
    joint = np.ones(1)
    for share in shares:
        joint = np.multiply.outer(joint, share).ravel()
    with np.errstate(divide="ignore"):
        rest = np.log1p(-np.minimum(joint, 1.0))
    empty = np.exp(count * rest)
    once = count * joint * np.exp((count - 1) * rest) if count > 1 else joint * count
    any_, shared = 1.0 - empty, np.clip(1.0 - empty - once, 0.0, 1.0)
    return Occupied(float(any_.sum()), _spread(any_), float(shared.sum()), _spread(shared))


def _spread(chances: Values) -> float:
    """Standard deviation of a number of independent events."""
    return float(np.sqrt(np.sum(chances * (1.0 - chances))))


def _codes(columns: Table) -> tuple[Table, Table]:
    """(N, k) values numbered from 0 in each column, and (k,) how many there are."""
    codes = np.empty(columns.shape, np.int64)
    sizes = np.zeros(columns.shape[1], np.int64)
    for j in range(columns.shape[1]):
        values, codes[:, j] = np.unique(columns[:, j], return_inverse=True)
        sizes[j] = len(values)
    return codes, sizes


def _permuted(codes: Table, counts: Table, draws: int, seed: int) -> float:
    """p-value of the permutation test.

    Given the marginal counts, G is 2 sum n ln n plus a constant. Combinations are identified by sums of random 64-bit
    labels of their values, modulo 2^64, so that a draw is a sum of permuted columns; two combinations share a sum with
    probability 2^-64.
    """
    generator = np.random.default_rng(seed)
    labels = [generator.integers(0, 1 << 64, int(column.max()) + 1, dtype=np.uint64)[column] for column in codes.T]
    observed = _entropy(counts)
    beyond = 0
    for _ in range(draws):
        total = labels[0].copy()
        for column in labels[1:]:
            total += generator.permutation(column)
        # The tolerance keeps ties (the same table in another order of summation) on the side of the null.
        beyond += _entropy(np.unique(total, return_counts=True)[1]) >= observed * (1.0 - 1e-12)
    return (1 + beyond) / (draws + 1)


def _entropy(counts: Table) -> float:
    """sum n ln n."""
    return float(np.sum(counts * np.log(counts)))
