"""The Boltzmann density of one coordinate of particles that do not interact, where it is known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.context import NotApplicable
from gasfield.diagnostics.group import Group, once
from gasfield.diagnostics.thermodynamics.confinement import BY_QUADRATURE, UNCONFINED, domain, require_confined
from gasfield.diagnostics.thermodynamics.equilibrium import equilibrium_part
from gasfield.errors import InputError
from gasfield.forces import TotalForce
from gasfield.spaces import Space
from gasfield.statistics.quadrature import TOLERANCE, Energy, NotConfined, Round, shares

Values = NDArray[np.float64]

_TAIL = 5e-4
"""Share of the law that lies beyond its span, on each side."""
_COARSE = 200
"""Bins on which the span is sought."""
_PROBES = 64
"""Places at which it is tried whether the energy of x0 is its own."""
_FITTED = 256
"""Dimensions up to which a parabola is fitted."""
_EXACT = 1e-9
"""Relative rounding within which a potential is a parabola, a sum, or does not change."""


class KnownDensity(ABC):
    """The law of one coordinate of a particle at a temperature."""

    name: str
    """Of the coordinate."""
    label: str
    """How the law is known."""
    note: str | None = None
    """What is not quite certain about the law."""

    @abstractmethod
    def coordinate(self, positions: NDArray[np.floating]) -> Values:
        """(T, N) the coordinate of positions (T, N, D) [length]."""

    @abstractmethod
    def shares(self, edges: Values) -> Values:
        """(k,) shares of bins between edges (k + 1,); the outer bins reach to the ends of the space."""

    @abstractmethod
    def span(self) -> tuple[float, float]:
        """Between which all but a thousandth lies [length]."""


class AlongAxis(KnownDensity):
    """x0 under exp(-U/T) integrated over the other coordinates; in more than three dimensions these drop out, because
    x0 has an energy of its own."""

    name = "x₀"
    label = "exp(−U/T), by quadrature"

    def __init__(self, space: Space, energy: Energy, temperature: float, places: Values) -> None:
        """Finds out where the law is.

        Args:
            space: where the particles live.
            energy: potential energy of places.
            temperature: T [energy].
            places: (M, D), some that particles were seen at: from there the domain is sought.

        Raises:
            NotApplicable: if exp(-U/T) has no finite integral.
        """
        self.space, self.energy, self.temperature = space, energy, temperature
        if places.shape[1] > BY_QUADRATURE:
            self.energy, places = _at_rest(energy, places[0]), places[:, :1]
        try:
            self.domain = domain(space, self.energy, temperature, places)
        except NotConfined:
            raise NotApplicable(UNCONFINED) from None

    def coordinate(self, positions: NDArray[np.floating]) -> Values:
        return wrapped(self.space, positions)[..., 0]

    def shares(self, edges: Values) -> Values:
        found, change = shares(self.energy, self.temperature, self.domain, edges)
        if change > TOLERANCE:
            self.note = f"the quadrature is not finer than {change:.1g} in each bin"
        return found

    def span(self) -> tuple[float, float]:
        first, last = self.ends
        edges = np.linspace(first, last, _COARSE + 1)
        reached = np.cumsum(shares(self.energy, self.temperature, self.domain, edges, tolerance=0.1 * _TAIL)[0])
        low, high = np.searchsorted(reached, [_TAIL, 1.0 - _TAIL]).tolist()
        return float(edges[low]), float(edges[min(high + 1, _COARSE)])

    @property
    def ends(self) -> tuple[float, float]:
        """Of x0 [length]."""
        if isinstance(self.domain, Round):
            return -self.domain.radius, self.domain.radius
        return self.domain.ends


class AroundWell(KnownDensity):
    """The distance r from the centre of an isotropic parabola: r sqrt(k/T) has the chi law of D components."""

    label = "exp(−U/T): the chi law"

    def __init__(self, centre: Values, stiffness: float, temperature: float) -> None:
        """U = k |x - c|^2/2 with its centre c (D,) and stiffness k [energy/length^2] at temperature T [energy]."""
        self.name = "|x|" if not np.any(np.abs(centre) > _EXACT) else "|x − c|"
        self.centre = centre
        from scipy import stats  # heavy: only when it is needed

        self.chi = stats.chi(len(centre), scale=np.sqrt(temperature / stiffness))

    def coordinate(self, positions: NDArray[np.floating]) -> Values:
        distances = np.empty(positions.shape[:2])
        for frame, x in enumerate(positions):
            distances[frame] = np.linalg.norm(x - self.centre, axis=1)
        return distances

    def shares(self, edges: Values) -> Values:
        return np.diff(self.chi.cdf(np.concatenate([[0.0], edges[1:-1], [np.inf]])))

    def span(self) -> tuple[float, float]:
        low, high = self.chi.ppf([_TAIL, 1.0 - _TAIL])
        return float(low), float(high)


@dataclass(frozen=True)
class Potential:
    """The potential energy of a lone particle of a group at the time of a frame."""

    forces: TotalForce
    group: Group
    frame: int

    def __call__(self, places: Values) -> Values:
        """(M,) at places (M, D) [energy]."""
        gas = self.group.probe(places, self.frame)
        energy: Values = self.forces.energy(gas)
        return energy


@once
def density_law(group: Group) -> KnownDensity:
    """The law of a group of a run to whose steadiness nothing is to be said.

    Raises:
        NotApplicable: if none is known; the text says why.
    """
    space, forces = group.run.space, group.forces
    temperature = equilibrium_part(group).temperature
    if temperature is None:
        raise NotApplicable("no bath: the temperature is undefined")
    if not forces.conservative:
        raise NotApplicable("one of the forces is not a gradient: there is no Boltzmann law")
    if forces.interacting:
        raise NotApplicable("the particles interact: their density cannot be computed by quadrature")
    places = wrapped(space, group.present().places(slice(-1, None)))[0]
    first, energy = (Potential(forces, group, frame) for frame in (0, -1))
    if _changes(first, energy, places):
        raise NotApplicable("the potential changes with time")
    if group.dimensions <= BY_QUADRATURE:
        return AlongAxis(space, energy, temperature, places)
    require_confined(group)
    well = isotropic_well(energy, places) if space.edges is None and space.outer_radius is None else None
    if well is not None:
        return AroundWell(*well, temperature)
    if space.outer_radius is None and separates(energy, places):
        return AlongAxis(space, energy, temperature, places)
    raise NotApplicable(
        f"in more than {BY_QUADRATURE} dimensions the density is known only where x₀ has an energy of its own"
    )


def isotropic_well(energy: Energy, places: Values) -> tuple[Values, float] | None:
    """Centre (D,) and stiffness of U = u0 + k |x - c|^2/2, if the energy is that about some places (M, D).

    A parabola a |x|^2 + b.x + u0 is fitted to random places in their neighbourhood; nothing may be left over. In many
    dimensions, where the fit would take D^3 operations, it is that through three places along each axis.
    """
    dimensions = places.shape[1]
    if dimensions > _FITTED:
        return _well_along_axes(energy, places)
    middle, reach = places.mean(axis=0), max(float(np.std(places)), 1.0)
    x = np.random.default_rng(0).normal(0.0, reach, (4 * (dimensions + 2), dimensions))
    heights = energy(middle + x)
    columns = np.column_stack([np.sum(x**2, axis=1), x, np.ones(len(x))])
    fit = np.linalg.lstsq(columns, heights, rcond=None)[0]
    left = np.max(np.abs(heights - columns @ fit))
    if not fit[0] > 0.0 or left > _EXACT * (np.ptp(heights) + np.max(np.abs(heights))):
        return None
    return np.round(middle - 0.5 * fit[1:-1] / fit[0], 12), 2.0 * float(fit[0])


def _well_along_axes(energy: Energy, places: Values) -> tuple[Values, float] | None:
    """As `isotropic_well`, from the differences along each axis; tried at random places."""
    dimensions = places.shape[1]
    middle, reach = places.mean(axis=0), max(float(np.std(places)), 1.0)
    here = float(energy(middle[None])[0])
    sides = np.empty((2, dimensions))
    for first in range(0, dimensions, _FITTED):
        moves = reach * np.eye(dimensions)[first : first + _FITTED]
        sides[:, first : first + _FITTED] = energy(middle + moves), energy(middle - moves)
    curvature = float(np.mean(sides[0] + sides[1] - 2.0 * here)) / reach**2
    slopes = (sides[0] - sides[1]) / (2.0 * reach)
    x = np.random.default_rng(0).normal(0.0, reach, (_PROBES, dimensions))
    heights = energy(middle + x)
    left = np.max(np.abs(heights - here - x @ slopes - 0.5 * curvature * np.sum(x**2, axis=1)))
    if not curvature > 0.0 or left > _EXACT * (np.ptp(heights) + np.max(np.abs(heights))):
        return None
    return np.round(middle - slopes / curvature, 12), curvature


def separates(energy: Energy, places: Values) -> bool:
    """Whether U = f(x0) + g(the rest): whether a change of x0 costs the same wherever the rest is.

    It is tried at random about places (M, D) that were visited.
    """
    middle, reach = places.mean(axis=0), max(float(np.std(places)), 1.0)
    here = middle + np.random.default_rng(0).normal(0.0, reach, (_PROBES, places.shape[1]))
    there = np.column_stack([here[::-1, 0], here[:, 1:]])
    usual = _at_rest(energy, middle)
    cost = energy(there) - energy(here)
    left = cost - (usual(there[:, :1]) - usual(here[:, :1]))
    return bool(np.max(np.abs(left)) <= _EXACT * (np.ptp(cost) + np.max(np.abs(energy(here)))))


def wrapped(space: Space, positions: NDArray[np.floating]) -> Values:
    """Positions (..., D) in float64, in a periodic box between minus and plus half of its sides."""
    x = positions.astype(np.float64)
    return np.asarray(space.wrapped(x.reshape(-1, x.shape[-1])).reshape(x.shape))


def _at_rest(energy: Energy, place: Values) -> Energy:
    """The energy of x0 (M, 1) with all other coordinates as at one place (D,)."""

    def along(x0: Values) -> Values:
        places = np.tile(place, (len(x0), 1))
        places[:, 0] = x0[:, 0]
        return energy(places)

    return along


def _changes(first: Potential, last: Potential, places: Values) -> bool:
    """Whether the potential at some places (M, D) is another one at the start; so if it is not known there."""
    some = places[:200]
    try:
        before, after = first(some), last(some)
    except InputError:
        return True
    return not np.allclose(before, after, rtol=_EXACT, atol=_EXACT * float(np.max(np.abs(after), initial=0.0)))
