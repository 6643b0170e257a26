"""What is drawn of learned fields: energies and forces over the plane of the leading axes of the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.base import Force, Surroundings
from gasfield.forces.learned import LearnedField, Region, Term
from gasfield.gas import Gas
from gasfield.learning.least_squares.uncertainty import errors_at
from gasfield.learning.model import Figures
from gasfield.spaces import Free

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

Array = NDArray[np.float64]

_REACH = 3.0
"""Half width of a picture in standard deviations of the sample."""
_FINE, _COARSE = 81, 21
"""Points along a side, of an energy and of arrows."""


class Plane(NamedTuple):
    """Places in the plane of the leading axes.

    Attributes:
        x: (n,) along the first axis [length].
        y: (m,) along the second; one zero in one dimension.
        places: (m n, D), row by row.
        inside: (m, n) whether a place is in the sampled region.
    """

    x: Array
    y: Array
    places: Array
    inside: NDArray[np.bool_]


def energy_figures(field: LearnedField, name: str) -> Figures:
    """The energy of a term, and its standard error where the file has it."""

    def draw() -> Figure | SubFigure:
        from gasfield.plots.learning_potential import energy_map

        plane, term = _plane(field.region, _FINE), field.terms[name]
        shape = (len(plane.y), len(plane.x))
        energy = _built(term, field).energy(_gas(plane.places)).reshape(shape)
        error = errors_at(term, plane.places)[1].reshape(shape) if "amplitudes_by_block" in term.arrays else None
        energy, inside = energy - np.min(energy, initial=np.inf, where=plane.inside), plane.inside
        return energy_map(plane.x, plane.y, energy, error, inside, _temperature(field), f"learned {name}").figure

    return {} if field.region is None else {"energy": draw}


def force_figures(field: LearnedField, name: str) -> Figures:
    """Forces of held-out blocks against what was predicted, in bins."""

    def draw() -> Figure | SubFigure:
        from gasfield.plots.learning_potential import held_out_forces

        return held_out_forces(*field.terms[name].arrays["held_out_forces"].T).figure

    return {"held-out-forces": draw} if "held_out_forces" in field.terms[name].arrays else {}


def general_figures(field: LearnedField) -> Figures:
    """Both parts of a field as arrows, with their shares."""

    def draw() -> Figure | SubFigure:
        from gasfield.plots.learning_potential import split_maps

        plane = _plane(field.region, _COARSE)
        assert field.region is not None
        along = field.region.axes[:2]
        parts = [
            _force(_built(field.terms[name], field), plane.places) @ along.T for name in ("gradient", "rotational")
        ]
        shares = [field.report["share"][name] for name in ("gradient", "rotational")]
        return split_maps(plane.x, plane.y, parts, [share["value"] for share in shares], shares[0]["error"]).figure

    return {"split": draw} if field.region is not None and len(field.region.axes) > 1 else {}


def _plane(region: Region | None, points: int) -> Plane:
    assert region is not None
    sides = [np.linspace(-_REACH * scale, _REACH * scale, points) for scale in region.scales[:2]]
    x, y = sides[0], sides[1] if len(sides) > 1 else np.zeros(1)
    axes = region.axes[:2] if len(sides) > 1 else np.vstack([region.axes[:1], np.zeros_like(region.axes[:1])])
    across, up = np.meshgrid(x, y)
    places = region.mean + across.reshape(-1, 1) * axes[0] + up.reshape(-1, 1) * axes[1]
    return Plane(x, y, places, ~region.outside(places).reshape(len(y), len(x)))


def _built(term: Term, field: LearnedField) -> Force:
    return term.law.build(term.arrays, Surroundings(Free(dimensions=field.dimensions)))


def _force(force: Force, places: Array) -> Array:
    total = np.zeros(places.shape)
    force.add(_gas(places), total)
    return total


def _gas(places: Array) -> Gas:
    count = len(places)
    return Gas(places, np.zeros(count, np.int64), ["grid"], np.full(count, -1), [""] * count)


def _temperature(field: LearnedField) -> float | None:
    value = field.report.get("temperature", {}).get("value")
    return None if value is None else float(value)
