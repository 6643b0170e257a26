"""Transport: mean square displacement, velocity autocorrelation, diffusion coefficients, and exponent of the spread.

Einstein's diffusion coefficient is the slope of the mean square displacement over 2D, that of Green and Kubo
is the integral of the velocity autocorrelation over D; over the same lags they must agree. Both are given for all
motion and for the thermal motion, relative to the centroid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.kinematics.diffusion_temperature import temperature_of_diffusion
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, jackknife, mean, median, missing
from gasfield.statistics.lags import autocorrelations, square_displacements
from gasfield.streams import Stream, generator

_FEWEST = 16
"""Fewest frames for a fit over lags."""
_WINDOW = (0.1, 0.25)
"""Lags of the long-time fit, as shares of the length: longer ones have hardly any independent pairs of frames."""
_NUMBERS = 1 << 25
"""Most numbers used; beyond that, rows are drawn at random."""


@dataclass(frozen=True, kw_only=True)
class TransportResult(Result):
    """Displacements over lags, and over time.

    Attributes:
        lags: (T,) [time].
        square, thermal_square: (T,) mean square displacement over a lag, for all and for thermal motion [length^2].
        velocity: (T - 1,) or (T,) autocorrelation of thermal velocities, 1 at lag 0.
        times: (T,) since the first frame.
        bulk, spread: (T,) square displacement of the centroid since the first frame, and its mean over rows about
            it [length^2]; they sum to the mean square displacement of the rows, exactly.

    Keys: `transport.diffusion.einstein` and `.green_kubo` [length^2/time], `transport.exponent.short` (from one frame
    to two) and `.long` (over lags of a tenth to a quarter of the run), `transport.straightness` (median over rows of
    distance over path), the same under `transport.thermal`, `transport.bulk_share` (of the centroid in the square
    displacement from the first frame to the last), and `transport.temperature`, the temperature of fluctuation and
    dissipation, D gamma m, where a friction and at most a constant force is known to act. Errors are over rows.
    """

    lags: Values
    square: Values
    thermal_square: Values
    velocity: Values
    times: Values
    bulk: Values
    spread: Values

    def draw(self, ax: Axes | None = None) -> Axes:
        """Mean square displacements over lags, with slopes 1 (diffusion) and 2 (flight)."""
        from gasfield.plots.spreading import square_displacements_over_lags

        curves = {"all motion": self.square, "thermal": self.thermal_square}
        return square_displacements_over_lags(self.lags, curves, f"{self.group}: mean square displacement of rows", ax)


@register
class Transport(Diagnostic[TransportResult]):
    """Transport of the rows of a group."""

    telling: ClassVar[tuple[str, ...] | None] = ("transport.exponent.long", "transport.thermal.diffusion.einstein")

    kind: Literal["transport"] = "transport"

    def objection(self, group: Group) -> str | None:
        """Applies to many equally spaced frames, in flat space."""
        if group.curved:
            return "on a curved space displacements of different times cannot be added"
        if len(group.steps) < _FEWEST:
            return f"{len(group.steps)} frames: {_FEWEST} are needed for a fit over lags"
        gaps = np.diff(group.times)
        if np.ptp(gaps) > 1e-6 * gaps.mean():
            return "frames are not equally spaced in time"
        return None

    def measure(self, group: Group, notes: list[str]) -> TransportResult:
        """The results for one group."""
        chosen = _affordable(group, notes)
        interval = float(group.times[1] - group.times[0]) if len(group.times) > 1 else 1.0
        lags = interval * np.arange(len(group.steps), dtype=np.float64)
        if chosen.count < 2 or len(lags) < _FEWEST:
            notes.append("fewer than two rows, or frames, are present throughout: transport is undefined")
            empty = np.full(len(lags), np.nan)
            return _result(group, {key: missing(unit) for key, unit in _UNITS.items()}, notes, lags, *[empty] * 5)
        together = _Together.of(chosen)
        drift = together.velocity
        measured = drift is not None
        all_motion, thermal = (_Motion(len(lags), group.dimensions, interval, measured) for _ in range(2))
        spread = np.zeros(len(lags))
        for part in chosen.row_blocks(parts=4):
            rows = np.arange(chosen.count)[part]  # by index: each history is then contiguous
            paths, velocities = chosen.places(rows=rows), None if drift is None else chosen.speeds(rows=rows)
            all_motion.add(paths, velocities)
            spread += np.sum((paths - paths[0] - together.moved) ** 2, axis=2).sum(axis=1)
            thermal.add(paths - together.place, None if drift is None or velocities is None else velocities - drift)
        if not measured:
            notes.append(
                "velocities are displacements between frames: in a steady run Green-Kubo then equals Einstein's sum"
            )
        estimates = all_motion.estimates("transport") | thermal.estimates("transport.thermal")
        estimates["transport.bulk_share"] = _bulk_share(chosen.frame(-1) - chosen.frame(0))
        for name, motion in (("transport", all_motion), ("transport.thermal", thermal)):
            _say_what_is_no_diffusion(name, estimates, notes)
            _say_what_is_not_resolved(name, estimates, motion, notes)
        estimates["transport.temperature"] = temperature_of_diffusion(
            group, estimates["transport.thermal.diffusion.einstein"], interval * thermal.low, notes
        )
        correlation = thermal.correlation / chosen.count
        first = correlation[0] if correlation[0] > 0 else np.nan
        bulk = np.sum(together.moved[:, 0] ** 2, axis=1)
        squares = (all_motion.squares / chosen.count, thermal.squares / chosen.count)
        return _result(group, estimates, notes, lags, *squares, correlation / first, bulk, spread / chosen.count)


@dataclass(frozen=True)
class _Together:
    """The mean motion of all rows over time.

    Attributes:
        place: (T, 1, D) their mean position.
        moved: (T, 1, D) their mean displacement since the first frame.
        velocity: (T, 1, D) their mean velocity; None where velocities were not kept.
    """

    place: Values
    moved: Values
    velocity: Values | None

    @classmethod
    def of(cls, group: Group) -> Self:
        """Computed from all rows of a group, a block of frames at a time."""
        place, moved, velocity = np.zeros((3, len(group.steps), 1, group.dimensions))
        first = group.frame(0)
        for frames, x in group.blocks():
            place[frames], moved[frames] = x.mean(axis=1, keepdims=True), (x - first).mean(axis=1, keepdims=True)
            if group.velocities is not None:
                velocity[frames] = group.speeds(frames).mean(axis=1, keepdims=True)
        return cls(place, moved, None if group.velocities is None else velocity)


_PER_MOTION = {
    "diffusion.einstein": "length^2/time",
    "diffusion.green_kubo": "length^2/time",
    "exponent.short": "1",
    "exponent.long": "1",
    "straightness": "1",
}
_UNITS = {
    **{f"transport.{key}": unit for key, unit in _PER_MOTION.items()},
    **{f"transport.thermal.{key}": unit for key, unit in _PER_MOTION.items()},
    "transport.bulk_share": "1",
    "transport.temperature": "energy",
}


class _Motion:
    """The motion of rows, accumulated block by block.

    Attributes:
        low: first lag of the long-time fit [frames].
        squares: (T,) square displacements over lags, summed over rows.
        correlation: (T,) autocorrelation of velocities, summed over rows; (T - 1,) of displacements.
    """

    def __init__(self, frames: int, dimensions: int, interval: float, measured: bool) -> None:
        """Motion over a number of frames; velocities are `measured`, or displacements between frames."""
        self._dimensions, self._interval, self._measured = dimensions, interval, measured
        self.low, self._high = max(1, round(_WINDOW[0] * frames)), max(3, round(_WINDOW[1] * frames))
        self._rows: list[Values] = []
        self.squares, self.correlation = np.zeros(frames), np.zeros(frames if measured else frames - 1)

    def add(self, paths: Values, velocities: Values | None) -> None:
        """Paths (T, n, D) of some rows, and their velocities."""
        squares = square_displacements(paths)
        correlation = autocorrelations(np.diff(paths, axis=0) / self._interval if velocities is None else velocities)
        low, high = self.low, self._high
        lags = self._interval * np.arange(low, high + 1)
        away = lags - lags.mean()
        slopes = away @ squares[low : high + 1] / np.sum(away**2)
        path = np.linalg.norm(np.diff(paths, axis=0), axis=2).sum(axis=0)
        way = np.linalg.norm(paths[-1] - paths[0], axis=1)
        integral = self._integral(correlation, (low + high) // 2)
        self._rows.append(np.stack([slopes, integral, *squares[[1, 2, low, high]], path, way]))
        self.squares += squares.sum(axis=1)
        self.correlation += correlation.sum(axis=1)

    def estimates(self, prefix: str) -> dict[str, Estimate]:
        """All keys, from all rows."""
        slopes, integral, first, second, near, far, path, way = np.concatenate(self._rows, axis=1)
        moved = path > 0
        found = {
            "diffusion.einstein": replace(mean(slopes / (2 * self._dimensions), "length^2/time"), positive=True),
            "diffusion.green_kubo": replace(mean(integral / self._dimensions, "length^2/time"), positive=True),
            "exponent.short": _exponent(first, second, 2.0),
            "exponent.long": _exponent(near, far, self._high / self.low),
            "straightness": median(way[moved] / path[moved], "1") if moved.any() else missing("1"),
        }
        return {f"{prefix}.{key}": estimate for key, estimate in found.items()}

    def excess(self) -> float:
        """The share by which trapezoids of measured velocities overestimate the integral of their autocorrelation, of
        second order in the interval between frames: a third of the change when the interval is doubled, less than the
        truth where the decay is exponential. 0 for displacements, whose sum is exact."""
        part = self.correlation[: (self.low + self._high) // 4 * 2 + 1]
        once, twice = np.trapezoid(part), 2.0 * np.trapezoid(part[::2])
        return float((twice - once) / 3.0 / once) if self._measured and once > 0 else 0.0

    def _integral(self, correlation: Values, last: int) -> Values:
        """(n,) of the autocorrelation from lag 0 to `last`: by trapezoids of measured velocities; of displacements the
        sum C_0/2 + C_1 + ... + C_last, which is half the slope of the square displacement there."""
        summed = correlation[: last + 1].sum(axis=0) - 0.5 * correlation[0]
        if self._measured:
            summed = summed - 0.5 * correlation[last]
        integral: Values = summed * self._interval
        return integral


def _say_what_is_no_diffusion(name: str, estimates: dict[str, Estimate], notes: list[str]) -> None:
    exponent = estimates[f"{name}.exponent.long"]
    error = exponent.error
    away = abs(float(exponent.value) - 1.0)
    if np.isfinite(away) and away > 0.1 and (error is None or away > 3.0 * float(error)):
        notes.append(
            f"{name}: square displacements grow as lag^{float(exponent.value):.2f}, which is not diffusive: the "
            "coefficients are slopes over these lags, not constants"
        )


def _say_what_is_not_resolved(name: str, estimates: dict[str, Estimate], motion: _Motion, notes: list[str]) -> None:
    integral, excess = estimates[f"{name}.diffusion.green_kubo"], motion.excess()
    if excess > 0.01 and (integral.error is None or excess * abs(float(integral.value)) > float(integral.error)):
        notes.append(
            f"{name}.diffusion.green_kubo is too large, by {excess:.0%} or more: the velocity autocorrelation falls "
            "within few frames; einstein does not depend on the interval between frames"
        )


def _exponent(near: Values, far: Values, ratio: float) -> Estimate:
    """Slope of log MSD over log lag between two lags, from the rows' own squares (N,) at both."""
    sums, count = (float(near.sum()), float(far.sum())), len(near)
    if not (sums[0] > 0 and sums[1] > 0) or count < 3:
        return missing("1")
    with np.errstate(divide="ignore", invalid="ignore"):
        without = np.log((sums[1] - far) / (sums[0] - near)) / np.log(ratio)
    return jackknife(np.log(sums[1] / sums[0]) / np.log(ratio), without, "1")


def _bulk_share(moved: Values) -> Estimate:
    """|mean u|^2 over the mean of |u|^2, of displacements u (N, D)."""
    count, total, square = len(moved), moved.sum(axis=0), np.sum(moved**2, axis=1)
    if not square.sum() > 0:
        return missing("1")
    left = np.sum((total - moved) ** 2, axis=1) / (count - 1)
    share = float(total @ total) / count / float(square.sum())
    rest = square.sum() - square
    return jackknife(share, np.divide(left, rest, out=np.full(count, np.nan), where=rest > 0), "1")


def _affordable(group: Group, notes: list[str]) -> Group:
    """The group, or as many of its rows as the budget allows."""
    most = max(2, _NUMBERS // max(1, len(group.steps) * group.dimensions))
    if group.count <= most:
        return group
    notes.append(f"{most} of {group.count} rows are used")
    return group.of_rows(np.sort(generator(0, Stream.PERMUTATIONS, 2).choice(group.count, most, replace=False)))


def _result(
    group: Group,
    estimates: dict[str, Estimate],
    notes: list[str],
    lags: Values,
    square: Values,
    thermal_square: Values,
    velocity: Values,
    bulk: Values,
    spread: Values,
) -> TransportResult:
    return TransportResult(
        group=group.name,
        estimates=estimates,
        notes=tuple(notes),
        lags=lags,
        square=square,
        thermal_square=thermal_square,
        velocity=velocity,
        times=group.times - group.times[0] if len(group.times) else group.times,
        bulk=bulk,
        spread=spread,
    )
