"""Whether numbers fall into two classes, and the probability that each belongs to the lower one.

A mixture of two normal distributions fits any heavy tail better than one does, so that neither a likelihood ratio nor
BIC is evidence of two classes. Evidence is a valley: two modes of the density, and between them fewer numbers than
chance explains. Densities are sums of Gaussian kernels of several widths h. With m = 2 sqrt(pi) h n f(z) effective
numbers in a kernel (the variance of the estimate is that of a Poisson number m), a valley is significant by

    (m_peak - m_valley) / sqrt(m_peak + m_valley)

standard errors, where m_peak is the lower of the highest modes on both sides. The numbers are two classes if that is
at least 5 (3e-7 by chance at one place; the density is looked at in a few hundred), the valley is at most two thirds
as high as the lower mode, the means are at least two widths apart (D of Ashman, Bird and Zepf 1994), each class has a
least number of members, and the lower one is not nearly everything (a few outliers are no class). The limits are
conventions, set with the matrices of docs/dead-rows.md in view; what they do on others is measured there.

The upper class extends below the valley. Its density there is taken to fall linearly from that of the valley to zero
at the lower end of the numbers; what the density exceeds it by belongs to the lower class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Values = NDArray[np.float64]

LEAST = 20
"""Least number of members of a class."""
MOST = 0.9
"""Largest share of the lower class."""
SIGNIFICANT = 5.0
"""Least significance of a valley, in standard errors."""
DEEP = 2 / 3
"""Largest height of a valley relative to the lower of the two modes."""
APART = 2.0
"""Least distance of the means, in widths (Ashman's D)."""
_BINS_PER_WIDTH, _MOST_BINS = 6, 1 << 15


@dataclass(frozen=True)
class TwoClasses:
    """The best division of numbers into a lower and an upper class.

    Attributes:
        threshold: the number at which both classes are equally likely; NaN if there are no two classes.
        probability: (n,) that a number belongs to the lower class; zeros if there are no two classes.
        significance: of the valley between the classes, in standard errors; 0 without a valley.
        separation: Ashman's D of the classes.
        why_not: why these are not two classes; None if they are.
    """

    threshold: float
    probability: Values
    significance: float
    separation: float
    why_not: str | None = None


@dataclass(frozen=True)
class _Valley:
    """A valley of a density (bins,) at bin `at`, over bin centres (bins,)."""

    significance: float
    at: int
    density: Values
    centres: Values


def two_classes(values: Values, width: float) -> TwoClasses:
    """Divides numbers (n,) at the most significant valley of their density.

    Args:
        values: the numbers, finite.
        width: the least width (standard deviation) that a class can have.
    """
    if len(values) < 2 * LEAST:
        return _one_class(values, f"{len(values)} rows are too few (at least {2 * LEAST} are needed)")
    valley = _deepest_valley(values, width)
    if valley is None:
        return _one_class(values, "their density has one mode")
    place = float(valley.centres[valley.at])
    lower, upper = values[values < place], values[values >= place]
    separation = _ashman(lower, upper, width)
    if why_not := _objection(valley, len(lower) / len(values), separation):
        return _one_class(values, why_not, valley.significance, separation)
    threshold, probability = _memberships(valley, values)
    if not (probability > 0.5).any():
        return _one_class(values, "the upper class covers the lower one", valley.significance, separation)
    return TwoClasses(threshold, probability, valley.significance, separation)


def _one_class(values: Values, why_not: str, significance: float = 0.0, separation: float = 0.0) -> TwoClasses:
    return TwoClasses(np.nan, np.zeros(len(values)), significance, separation, why_not)


def _objection(valley: _Valley, share: float, separation: float) -> str | None:
    """Why the two sides of a valley are not two classes; None if they are."""
    if valley.significance < SIGNIFICANT:
        return f"the valley of their density is explained by chance ({valley.significance:.1f} standard errors)"
    peak = min(valley.density[: valley.at].max(), valley.density[valley.at :].max())
    if valley.density[valley.at] > DEEP * peak:
        return f"the valley of their density is shallow ({valley.density[valley.at] / peak:.0%} of the lower mode)"
    if separation < APART:
        return f"the two modes overlap (Ashman's D is {separation:.2g}, less than {APART:g})"
    if share > MOST:
        return f"the dense class would be {share:.1%} of the rows, and the others no more than outliers"
    return None


def _deepest_valley(values: Values, width: float) -> _Valley | None:
    """The most significant valley at any kernel width; None if no kernel shows one."""
    low, high = float(values.min()), float(values.max())
    best: _Valley | None = None
    kernel = 0.5 * width
    while 8 * kernel < high - low or best is None:
        found = _valley(values, low, high, kernel)
        if found is not None and (best is None or found.significance > best.significance):
            best = found
        kernel *= 2
        if 8 * kernel >= high - low:
            break
    return best


def _valley(values: Values, low: float, high: float, kernel: float) -> _Valley | None:
    """The most significant valley of a density with at least `LEAST` numbers on each side; None if there is none."""
    bins = int(np.clip((high - low) / kernel * _BINS_PER_WIDTH, 32, _MOST_BINS))
    counts, edges = np.histogram(values, bins, (low - 4 * kernel, high + 4 * kernel))
    step = edges[1] - edges[0]
    density = gaussian_filter1d(counts.astype(np.float64), kernel / step, mode="constant")
    members = 2 * np.sqrt(np.pi) * kernel / step * density
    peak = np.minimum(np.maximum.accumulate(members), np.maximum.accumulate(members[::-1])[::-1])
    below = np.cumsum(counts)
    allowed = (below >= LEAST) & (below <= len(values) - LEAST)
    significance = np.where(allowed, (peak - members) / np.sqrt(np.maximum(peak + members, 1e-300)), 0.0)
    at = int(np.argmax(significance))
    if not significance[at] > 0:
        return None
    return _Valley(float(significance[at]), at, density, 0.5 * (edges[1:] + edges[:-1]))


def _ashman(lower: Values, upper: Values, width: float) -> float:
    """Distance of the means of two classes in units of their widths, which are at least `width`."""
    widths = max(float(lower.std()), width), max(float(upper.std()), width)
    return float(np.sqrt(2) * (upper.mean() - lower.mean()) / np.hypot(*widths))


def _memberships(valley: _Valley, values: Values) -> tuple[float, Values]:
    """The threshold, and the probability of each number to belong to the lower class."""
    centres, density, at = valley.centres, valley.density, valley.at
    mode = int(np.argmax(density[:at]))
    end = int(np.searchsorted(centres, values.min()))
    upper = density[at] * np.clip((np.arange(at + 1) - end) / max(at - end, 1), 0.0, 1.0)
    share = np.clip(1.0 - upper / np.maximum(density[: at + 1], 1e-300), 0.0, 1.0)
    share[:mode] = share[mode]  # numbers below the mode belong to it no less
    share = np.minimum.accumulate(share)
    share[-1] = 0.0  # at the valley, also if nothing is there
    probability: Values = np.interp(values, centres[: at + 1], share, right=0.0)
    crossing = int(np.searchsorted(-share, -0.5))  # the first bin below 1/2; the last is 0
    before = share[max(crossing - 1, 0)]
    fraction = (before - 0.5) / (before - share[crossing]) if before > 0.5 else 0.0
    return float(centres[crossing] - (1.0 - fraction) * (centres[1] - centres[0])), probability
