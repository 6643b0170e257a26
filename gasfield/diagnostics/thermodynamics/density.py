"""Where particles are, beside Boltzmann's law exp(-U/T) where quadrature can tell it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.density_law import (
    AlongAxis,
    KnownDensity,
    density_law,
    wrapped,
)
from gasfield.diagnostics.thermodynamics.equilibrium import equilibrium_frames, require_equilibrium
from gasfield.registry import register
from gasfield.statistics.blocking import agreement, independent_parts, merged, shares_of_parts
from gasfield.statistics.estimate import Estimate, exact, missing
from gasfield.statistics.r_hat import RHat

_MOST = 2_000_000
"""Positions that are used; of a longer run every k-th frame is taken."""
_BINS = 40
_FINE = 4
"""Points of the law's curve in a bin."""
_FEWEST = 10.0
"""Effective counts that the law gives to a bin of the test, at least."""
_GRID = 160
"""Places along each side of the law in a plane."""
_EACH = "the histories of single particles"


@dataclass(frozen=True)
class PlaneDensity:
    """Two dimensions in full.

    Attributes:
        x, y: (p,), (q,) places.
        law: (q, p) density of exp(-U/T); NaN outside of the space [1/length^2].
        edges: (k + 1,) and (l + 1,) of bins.
        sample: (l, k) density in them.
    """

    x: Values
    y: Values
    law: Values
    edges: tuple[Values, Values]
    sample: Values


@dataclass(frozen=True)
class Curve:
    """The law: density (p,) at places (p,), its shares (k,) of the bins of the picture, and how it is known."""

    places: Values
    density: Values
    shares: Values
    label: str


@dataclass(frozen=True, kw_only=True)
class DensityResult(Result):
    """Density of the steady part of a run along one coordinate, and the law for it.

    Attributes:
        coordinate: "x₀", or "|x − c|" about the centre c of a well.
        edges: (k + 1,) of bins [length].
        shares, errors: (k,) of the particles in each bin, and standard errors.
        law: Boltzmann's; None where no potential says one.
        plane: the density in both dimensions where there are two.

    The law of x0 is the integral of exp(-U/T) over all other coordinates (D <= 3; `quadrature.py`, each share within
    1e-6). In more dimensions it is known for the distance from the centre of a well U = k |x - c|^2/2 in free space,
    which has the chi law (|x - c| sqrt(k/T), of D components), and of x0 where U = f(x0) + g(the rest).

    Keys: `density.chi_squared` per degree of freedom and `density.p_value`, of counts that are correlated in time and
    put into bins of at least ten effective counts (`parts.agreement`); `density.distance`, the total variation between
    sample and law over these bins, and `density.expected_distance`, what scatter alone would make of it;
    `density.effective_size`, the independent draws that the sample is worth; `density.r_hat.bulk` and `.tail` of the
    coordinate (`RHat`), with the history of each particle as a chain. Particles do not interact, so the
    errors come from whole histories of particles, or from long stretches where particles are few.
    """

    coordinate: str
    edges: Values
    shares: Values
    errors: Values
    law: Curve | None
    plane: PlaneDensity | None = None

    def draw(self, ax: Axes | None = None) -> Axes:
        """The histogram with its errors on the law's curve; in two dimensions also both in the plane (into `ax` alone:
        only that). Returns the axes of the plane if there is one."""
        from gasfield.plots.distributions import Histogram, LawCurve, against_law, beside, chance, plane_density

        sample = Histogram(self.edges, self.shares, self.errors, "sample, ± one standard error")
        law, title, label = None, f"{self.group}: density", f"{self.coordinate} [length]"
        if self.law is not None:
            law = LawCurve(self.law.places, self.law.density, self.law.shares, self.law.label)
            title += f", χ² {chance(self.estimates['density.p_value'].value)}"
        if self.plane is None:
            return against_law(sample, law, title, label, ax)
        p, below = self.plane, None
        if ax is None:
            left, below, ax = beside()
            against_law(sample, law, title, label, left, below)
        return plane_density(p.x, p.y, p.law, p.edges, p.sample, f"{self.group}: density in the plane", ax)


@register
class Density(Diagnostic[DensityResult]):
    """Positions of the particles of a group against Boltzmann's law."""

    needs_run: ClassVar[bool] = True
    throughout: ClassVar[bool] = False
    telling: ClassVar[tuple[str, ...] | None] = ("density.distance", "density.p_value")

    kind: Literal["density"] = "density"

    def objection(self, group: Group) -> str | None:
        """Needs a bath, and particles that do not interact in a potential that quadrature can deal with; where
        a force is not a gradient a histogram is made all the same."""
        require_equilibrium(group)
        if group.forces.conservative:
            density_law(group)
        return None

    def measure(self, group: Group, notes: list[str]) -> DensityResult:
        """The results for one group."""
        late = equilibrium_frames(group.present(), _MOST)
        return _beside_law(late, density_law(group)) if group.forces.conservative else _without_law(late)


def _along(group: Group, coordinate: Callable[[Values], Values]) -> Values:
    """(T, N) a coordinate of the positions (t, N, D), a block of frames at a time."""
    return np.concatenate([coordinate(x) for _, x in group.blocks()])


def _without_law(group: Group) -> DensityResult:
    """The histogram of x0 where a force is not a gradient."""
    values = _along(group, lambda x: wrapped(group.run.space, x)[..., 0])
    parts, warning = independent_parts(values)
    mixing = RHat.of(values)
    low, high = np.quantile(parts, [0.0, 1.0])
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    found = shares_of_parts(parts, edges)
    size = agreement(*merged(found, found.mean(axis=0), 0.05)).effective_size
    note = (
        "one of the forces is not a gradient: a stationary histogram is not equilibrium, and no law is claimed for it"
    )
    return DensityResult(
        group=group.name,
        estimates=_nothing() | {"density.effective_size": exact(size, "1")} | mixing.estimates("density"),
        notes=(*group.notes, note, *(said for said in (warning, mixing.note("density", _EACH)) if said is not None)),
        coordinate="x₀",
        edges=edges,
        shares=found.mean(axis=0),
        errors=_errors(found),
        law=None,
    )


def _beside_law(group: Group, law: KnownDensity) -> DensityResult:
    """The histogram of the coordinate of a law, and how well they agree."""
    values = _along(group, law.coordinate)
    parts, warning = independent_parts(values)
    mixing = RHat.of(values)
    seen = np.quantile(parts, [0.001, 0.999])  # a sample that is where the law is not shall be seen there
    low, high = min(law.span()[0], seen[0]), max(law.span()[1], seen[1])
    fine = np.linspace(low, high, _FINE * _BINS + 1)
    expected = law.shares(fine)
    edges, whole = fine[::_FINE], expected.reshape(_BINS, _FINE).sum(axis=1)
    found = shares_of_parts(parts, edges)
    notes = [*group.notes, *(note for note in (warning, law.note, mixing.note("density", _EACH)) if note is not None)]
    inner = slice(1, -1)  # the outermost bins hold the tails
    return DensityResult(
        group=group.name,
        estimates=_estimates(found, whole, notes) | mixing.estimates("density"),
        notes=tuple(notes),
        coordinate=law.name,
        edges=edges,
        shares=found.mean(axis=0),
        errors=_errors(found),
        law=Curve((0.5 * (fine[1:] + fine[:-1]))[inner], (expected / np.diff(fine))[inner], whole, law.label),
        plane=_plane(group, law) if isinstance(law, AlongAxis) and group.dimensions == 2 else None,
    )


def _nothing() -> dict[str, Estimate]:
    keys = ("chi_squared", "p_value", "distance", "expected_distance", "effective_size")
    return {f"density.{key}": missing("1") for key in keys}


def _estimates(found: Values, law: Values, notes: list[str]) -> dict[str, Estimate]:
    """Agreement of the shares (U, k) of parts with a law (k,); `notes` grows if they cannot be compared."""
    pilot = agreement(*merged(found, law, 0.05))
    if not np.isfinite(pilot.effective_size):
        notes.append("too few independent parts to estimate an error: the law is not tested")
        return _nothing()
    test = agreement(*merged(found, law, min(_FEWEST / pilot.effective_size, 0.2)))
    return {
        "density.chi_squared": test.chi_squared,
        "density.p_value": exact(test.p_value, "1"),
        "density.distance": test.distance,
        "density.expected_distance": exact(test.expected_distance, "1"),
        "density.effective_size": exact(pilot.effective_size, "1"),
    }


def _errors(found: Values) -> Values:
    """(k,) standard errors of the mean of the parts' shares (U, k); NaN for a single part."""
    if len(found) < 2:
        return np.full(found.shape[1], np.nan)
    errors: Values = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    return errors


def _plane(group: Group, law: AlongAxis) -> PlaneDensity | None:
    """Sample and law in both dimensions; None on a circle, which is not a plane."""
    if law.space.curved:
        return None
    x = wrapped(law.space, group.places()).reshape(-1, 2)
    bins = int(np.clip(np.sqrt(len(x) / 100), 10, _BINS))  # some hundred draws where it is dense
    low, high = np.quantile(x, [0.002, 0.998], axis=0)
    low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
    edges = np.linspace(low, high, bins + 1).T
    counts = np.histogram2d(x[:, 0], x[:, 1], [edges[0], edges[1]])[0]
    sample = counts / len(x) / np.outer(np.diff(edges[0]), np.diff(edges[1]))
    axes = np.linspace(low, high, _GRID + 1).T
    axes = 0.5 * (axes[:, 1:] + axes[:, :-1])
    places = np.stack(np.meshgrid(*axes), axis=-1)
    inside = law.space.contains(places.reshape(-1, 2)).reshape(places.shape[:2])
    heights = law.energy(places.reshape(-1, 2)).reshape(places.shape[:2]) / law.temperature
    density = np.where(inside, np.exp(np.min(heights[inside]) - heights), np.nan)
    cell = float(np.prod((high - low) / _GRID))
    share = np.mean(np.all((x >= low) & (x <= high), axis=1))  # what lies beyond is negligible for a picture
    density *= share / (np.nansum(density) * cell)
    return PlaneDensity(axes[0], axes[1], density, (edges[0], edges[1]), sample.T)
