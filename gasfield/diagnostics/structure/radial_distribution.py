"""The radial distribution function g(r): how much likelier than by chance two particles are at a distance r."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import scipy
from scipy.special import gammaln

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.presence import Vectors
from gasfield.diagnostics.thermodynamics.confinement import require_confined
from gasfield.diagnostics.thermodynamics.equilibrium import equilibrium_frames, require_equilibrium
from gasfield.kernels.pair_counts import count_cross_pairs, count_pairs
from gasfield.registry import register
from gasfield.spaces import Space
from gasfield.statistics.blocking import agreement
from gasfield.statistics.estimate import Estimate, exact, jackknife, missing, stated

_PAIRS = 100_000_000
"""Pairs that are used: one or two seconds."""
_BATCHES = 16
_BINS = 150
_SPACINGS = 5.0
"""How far g is followed, in mean distances (V/N)^(1/D)."""
_ENOUGH = 25.0
"""Pairs by chance in a bin from which its g is looked at."""
_SIGNIFICANT = 5.0
"""Standard errors above 1 from which a maximum counts as a peak."""
_WINDOW = 2
"""Bins to each side of a peak that its parabola is fitted to."""
_ABSCISSAE = np.arange(-_WINDOW, _WINDOW + 1)
_MISFIT = 4.0
"""Standard errors off the parabola from which a peak is not a smooth one."""


@dataclass(frozen=True, kw_only=True)
class RadialDistributionResult(Result):
    """g(r) of the steady part of a run.

    Attributes:
        distances: (k,) middles of the bins of r [length].
        values: (k,) g; NaN where not one pair is expected by chance.
        errors: (k,) standard errors, of batches over time, and no less than that of the number of pairs.

    In a periodic box g is the number of pairs (nearest images, r below half of the shortest side) divided by the number
    in an ideal gas of as many particles, N (N - 1)/2 times the shell's share of the volume, which makes g = 1 exact for
    an ideal gas of any N. In other spaces density varies with the place, so the number by chance is counted: pairs of
    different particles at times half of the run apart, which are spread in the same way and do not interact, if
    the structure has decorrelated by then: that of a fluid is, that of a solid is not.

    Keys: `radial_distribution.peak_place` and `.peak_height`, of a parabola through the highest five bins
    (where no parabola fits, as at a jump at contact, the middle of the highest bin, half its width as error);
    `.contact`, the mean of g over the innermost distances that 100 pairs would have by chance (0 for particles that
    exclude each other, exp(-u(0)/T) for soft ones in a dilute gas); `.chi_squared` per degree of freedom and `.p_value`
    against the ideal gas in a periodic box. Frames are cut into 16 successive batches, whose scatter gives the errors:
    they are right if a batch is longer than the memory of the structure.
    """

    distances: Values
    values: Values
    errors: Values

    def draw(self, ax: Axes | None = None) -> Axes:
        """g(r) with its errors about that of an ideal gas, with its peak."""
        from gasfield.plots.distributions import radial

        place, height = (self.estimates[f"radial_distribution.peak_{name}"] for name in ("place", "height"))
        peak = (float(place.value), float(height.value)) if np.isfinite(place.value) else None
        return radial(self.distances, self.values, self.errors, peak, f"{self.group}: radial distribution", ax)


@register
class RadialDistribution(Diagnostic[RadialDistributionResult]):
    """Distances between the particles of a group, against chance."""

    needs_run: ClassVar[bool] = True
    throughout: ClassVar[bool] = False

    kind: Literal["radial_distribution"] = "radial_distribution"

    def objection(self, group: Group) -> str | None:
        """Needs two particles, and a run that can be steady; outside of a periodic box also forces between them."""
        require_equilibrium(group)
        if group.count < 2:
            return "a single particle has no distance to another one"
        if not _repeats(group.run.space):
            if not group.forces.interacting:
                return "the particles do not interact, and the space is not periodic"
            if len(group.steps) < 2 * _BATCHES:
                return f"fewer than {2 * _BATCHES} frames, too few to know how the particles are spread by chance"
            require_confined(group)
        return None

    def measure(self, group: Group, notes: list[str]) -> RadialDistributionResult:
        """The results for one group."""
        space = group.run.space
        late = equilibrium_frames(group.present(), len(group.steps) * group.count)
        pairs = _in_periodic_box(late, space) if _repeats(space) else _against_other_times(late)
        notes = [*late.notes, *pairs.notes]
        return RadialDistributionResult(
            group=group.name,
            estimates=_estimates(pairs, notes),
            notes=tuple(notes),
            distances=pairs.distances,
            values=pairs.values,
            errors=pairs.errors,
        )


@dataclass(frozen=True)
class _Pairs:
    """Numbers of pairs by distance.

    Attributes:
        edges: (k + 1,) of the bins [length].
        found: (B, k) in each batch of frames.
        chance: (B, k) expected by chance.
        total: (B,) pairs at any distance; None where the number by chance was counted.
        notes: what was left out.
    """

    edges: Values
    found: Values
    chance: Values
    total: Values | None = None
    notes: tuple[str, ...] = ()

    @property
    def distances(self) -> Values:
        """(k,) middles of the bins."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def values(self) -> Values:
        """(k,) g."""
        return _ratio(self.found.sum(axis=0), self.chance.sum(axis=0))

    @property
    def errors(self) -> Values:
        """(k,) standard errors of g."""
        chance = self.chance.sum(axis=0)
        least = _ratio(np.sqrt(np.maximum(self.found.sum(axis=0), 1.0)), chance)
        if len(self.found) < 4:
            return least
        spread = np.std(self.found - self.values * self.chance, axis=0, ddof=1) * np.sqrt(len(self.found))
        return np.fmax(_ratio(spread, chance), least)

    def without(self, batch: int) -> Values:
        """(k,) g without one batch."""
        found, chance = self.found.sum(axis=0) - self.found[batch], self.chance.sum(axis=0) - self.chance[batch]
        return _ratio(found, chance)


def _in_periodic_box(group: Group, space: Space) -> _Pairs:
    """Pairs by nearest images, and those of an ideal gas."""
    dimensions, periods = group.dimensions, np.asarray(space.periods, np.float64)
    x, notes = _chosen(group, _PAIRS)
    count = x.shape[1]
    spacing = (space.volume / group.count) ** (1.0 / dimensions)
    reach = min(0.5 * float(periods.min()), _SPACINGS * spacing)
    edges = np.linspace(0.0, reach, _BINS + 1)
    shells = np.diff(_ball_volume(edges, dimensions)) / space.volume
    batches = np.array_split(np.arange(len(x)), min(_BATCHES, len(x)))
    found = [count_pairs(x[batch].astype(np.float64), periods, reach, _BINS) for batch in batches]
    total = np.array([0.5 * count * (count - 1) * len(batch) for batch in batches])
    return _Pairs(edges, np.array(found, np.float64), total[:, None] * shells, total, notes)


def _against_other_times(group: Group) -> _Pairs:
    """Pairs at one time, and pairs of different particles at two times half of the run apart."""
    x, notes = _chosen(group, _PAIRS // 2)
    flat = np.zeros(group.dimensions)
    reach = _reach(x[-1].astype(np.float64))
    if not reach > 0.0:
        nothing = np.zeros((1, _BINS))
        tied = "particles coincide, more of them than neighbours that are looked for: no distance to follow g to"
        return _Pairs(np.linspace(0.0, 1.0, _BINS + 1), nothing, nothing, notes=(*notes, tied))
    found, chance = [], []
    for batch in np.array_split(np.arange(len(x)), min(_BATCHES, len(x))):
        here, there = x[batch].astype(np.float64), x[(batch + len(x) // 2) % len(x)].astype(np.float64)
        found.append(count_pairs(here, flat, reach, _BINS))
        chance.append(count_cross_pairs(here, there, flat, reach, _BINS))
    edges = np.linspace(0.0, reach, _BINS + 1)
    return _Pairs(edges, np.array(found, np.float64), np.array(chance, np.float64), notes=notes)


def _chosen(group: Group, most: int) -> tuple[Vectors, tuple[str, ...]]:
    """Positions (T, n, D) with at most about `most` pairs in all, and what was left out for it.

    Rows are left out only as far as 16 frames of all of them would be too many: errors need frames.
    """
    rows = -(-group.count // int(np.sqrt(2.0 * most / min(len(group.steps), _BATCHES))))
    x = group.positions[:, ::rows]
    frames = -(-len(x) * x.shape[1] * (x.shape[1] - 1) // (2 * most))
    x = x[(len(x) - 1) % frames :: frames] if frames > 1 else x
    notes = []
    if rows > 1:
        notes.append(f"{x.shape[1]} of {group.count} rows are used")
    if frames > 1:
        notes.append(f"{len(x)} of {len(group.steps)} frames are used")
    return x, tuple(notes)


def _reach(x: Values) -> float:
    """Some five times the usual distance (N, D) of neighbours, where density varies [length]."""
    sample = x[:: max(1, len(x) // 1000)]

    distances = scipy.spatial.distance.pdist(sample)
    volume_by_pair = np.quantile(distances, min(1.0, 2.0 / len(sample)))  # about two neighbours within it
    return float(min(_SPACINGS * volume_by_pair * (len(sample) / len(x)) ** (1.0 / x.shape[1]), distances.max()))


def _ball_volume(radii: Values, dimensions: int) -> Values:
    """Volumes of balls [length^D]; by logarithms, because the factor overflows or underflows in many dimensions."""
    factor = 0.5 * dimensions * np.log(np.pi) - gammaln(0.5 * dimensions + 1.0)
    with np.errstate(divide="ignore"):
        volumes: Values = np.exp(factor + dimensions * np.log(radii))
    return volumes


def _estimates(pairs: _Pairs, notes: list[str]) -> dict[str, Estimate]:
    """The estimates from g; `notes` grows by what is undefined."""
    key = "radial_distribution."
    estimates = {f"{key}peak_place": missing("length"), f"{key}peak_height": missing("1")}
    estimates |= dict.fromkeys((f"{key}contact", f"{key}chi_squared", f"{key}p_value"), missing("1"))
    if pairs.chance.sum() < 4 * _ENOUGH:
        notes.append("too few pairs are expected within range: g is undefined")
        return estimates
    if len(pairs.found) < 4:
        notes.append("fewer than four frames: errors are those of the number of pairs only")
    estimates[f"{key}contact"] = _contact(pairs)
    peak = _peak_bin(pairs)
    if peak is None:
        notes.append(f"g nowhere rises above 1 by {_SIGNIFICANT:.0f} standard errors: it has no peak")
    else:
        estimates[f"{key}peak_place"], estimates[f"{key}peak_height"] = _peak(pairs, peak)
    if pairs.total is None:
        notes.append(
            "outside a periodic box the ideal gas is no valid reference for the test: g is relative to other times"
        )
    elif len(pairs.found) >= 4:
        test = agreement(*_shares(pairs, pairs.total))
        estimates[f"{key}chi_squared"], estimates[f"{key}p_value"] = test.chi_squared, exact(test.p_value, "1")
    return estimates


def _contact(pairs: _Pairs) -> Estimate:
    """The mean of g over the innermost bins."""
    inner = int(np.searchsorted(np.cumsum(pairs.chance.sum(axis=0)), 4 * _ENOUGH)) + 1
    found, chance = pairs.found[:, :inner].sum(axis=1), pairs.chance[:, :inner].sum(axis=1)
    ratio = found.sum() / chance.sum()
    pseudo = ratio + (found - ratio * chance) / chance.mean()
    return Estimate(np.array(ratio), "1", pseudo, floor=float(np.sqrt(max(found.sum(), 1.0)) / chance.sum()))


def _peak_bin(pairs: _Pairs) -> int | None:
    """The bin about which g, smoothed over five bins, is highest; None if that is not above 1 beyond doubt."""
    window = np.ones(2 * _WINDOW + 1)
    chance = np.convolve(pairs.chance.sum(axis=0), window, "valid")
    smooth = _ratio(np.convolve(pairs.found.sum(axis=0), window, "valid"), chance)
    known = chance >= _ENOUGH * len(window)
    if not known.any():
        return None
    best = int(np.argmax(np.where(known, smooth, -np.inf))) + _WINDOW
    error = np.sqrt(np.sum(pairs.errors[best - _WINDOW : best + _WINDOW + 1] ** 2)) / len(window)
    return best if smooth[best - _WINDOW] > 1.0 + _SIGNIFICANT * error else None


def _peak(pairs: _Pairs, middle: int) -> tuple[Estimate, Estimate]:
    """Place and height of the peak about a bin."""
    span = slice(middle - _WINDOW, middle + _WINDOW + 1)
    g, errors = pairs.values[span], pairs.errors[span]
    misfit = np.abs(g - np.polyval(_parabola(g), _ABSCISSAE)) / errors
    width = float(pairs.edges[1] - pairs.edges[0])
    place, height = _top(g)
    if np.max(misfit) > _MISFIT or abs(place) >= _WINDOW:
        near = slice(max(middle - 2 * _WINDOW, 0), middle + 2 * _WINDOW + 1)
        highest = near.start + int(np.argmax(pairs.values[near]))
        return (
            stated(pairs.distances[highest], 0.5 * width, "length"),
            stated(pairs.values[highest], pairs.errors[highest], "1"),
        )
    without = np.array([_top(pairs.without(batch)[span]) for batch in range(len(pairs.found))])
    return (
        jackknife(pairs.distances[middle] + place * width, pairs.distances[middle] + without[:, 0] * width, "length"),
        jackknife(height, without[:, 1], "1"),
    )


def _parabola(values: Values) -> Values:
    """Coefficients (3,) of the parabola through values (5,) of neighbouring bins, least squares."""
    return np.asarray(np.polyfit(_ABSCISSAE, values, 2))


def _top(values: Values) -> tuple[float, float]:
    """Place [bins from the middle] and height of the top of the parabola through values (5,); at an end of the window
    where it has none inside."""
    bend, slope, level = _parabola(values)
    top = float(np.clip(-0.5 * slope / bend, -_WINDOW, _WINDOW)) if bend < 0 else float(_WINDOW)
    return top, float(level + slope * top + bend * top**2)


def _shares(pairs: _Pairs, total: Values) -> tuple[Values, Values]:
    """Shares (B, m + 1) of pairs in wider bins and beyond them, and the law (m + 1,) of the ideal gas."""
    chance = np.cumsum(pairs.chance.sum(axis=0))
    whole, wide = float(total.sum()), max(_ENOUGH, chance[-1] / 30)
    ends = np.unique(np.searchsorted(chance, wide * np.arange(1, int(chance[-1] / wide) + 1)).clip(max=len(chance) - 1))
    found = np.diff(np.cumsum(pairs.found, axis=1)[:, ends], axis=1, prepend=0) / total[:, None]
    law = np.diff(chance[ends], prepend=0.0) / whole
    return np.column_stack([found, 1.0 - found.sum(axis=1)]), np.append(law, 1.0 - law.sum())


def _ratio(numerator: Values, denominator: Values) -> Values:
    """Elementwise; NaN where the denominator is zero."""
    ratio: Values = np.divide(numerator, denominator, out=np.full(len(denominator), np.nan), where=denominator > 0)
    return ratio


def _repeats(space: Space) -> bool:
    return bool(np.all(space.periods > 0))
