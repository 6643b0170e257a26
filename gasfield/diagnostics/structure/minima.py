"""Is a place a minimum? Its gradient vanishes and its Hessian is positive, both up to stated tolerances.

The Hessian is that of the force, by central differences: in full up to 128 dimensions, beyond by products with vectors
(Lanczos 1950, 48 steps). At a wall it is enough that the force points outwards: such directions do not count, and a
curved wall or space adds the curvature of its geodesics, F.n/R for the outer normal n.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.structure.descent import Slope

Values = NDArray[np.float64]

FULL = 128
"""Dimensions up to which the whole Hessian is computed."""
_KRYLOV = 48
_NEWTON = 12
_STEP = 1e-5
"""Of the differences, in parts of the spread of the gas."""
_VANISHES = 1e-6
"""The gradient vanishes below this part of the largest curvature times the spread: the place is then this near."""
_NO_FORCE = 1e-9
"""It vanishes, and a curvature is none, below this part of the usual force (and the spread)."""
_POSITIVE = 1e-7
"""Curvatures below this part of the largest one are none."""
_WALL = 1e-6
"""A place nearer to a wall than this part of the spread is at the wall."""


class End(IntEnum):
    """What a place is."""

    UNFINISHED = 0
    """None of the others: the gradient does not vanish, or jumps there."""
    MINIMUM = 1
    SADDLE = 2
    """A place without a force that is no minimum: a saddle, a maximum, or flat in some direction."""


@dataclass(frozen=True)
class Scale:
    """Spread of the gas [length], and the usual force on it [energy/length]."""

    spread: float
    force: float


def examine(place: Values, slope: Slope, scale: Scale, reach: float) -> tuple[Values, End]:
    """The place (D,) after Newton's steps from it, no farther than `reach` [length] in all, and what it is."""
    here = place.copy()
    for _ in range(_NEWTON):
        local = _Local(here, slope, scale)
        curvatures = local.curvatures()
        largest = float(np.max(np.abs(curvatures), initial=0.0))
        floor = max(_POSITIVE * largest, _NO_FORCE * scale.force / scale.spread)
        vanishes = local.slope <= max(_VANISHES * largest * scale.spread, _NO_FORCE * scale.force)
        positive = bool(np.all(curvatures > floor))
        step = local.newton_step() if positive else np.zeros(len(here))
        if vanishes and np.linalg.norm(step) <= 1e-9 * scale.spread:
            return here + step, End.MINIMUM if positive else End.SADDLE
        there = here + step
        slope.keep(there[None])
        if not positive or not np.linalg.norm(there - place) <= reach or slope.work <= 0:
            break
        if not _is_lower(there, here, slope) and not vanishes:
            break
        here = there
    if not vanishes:
        return here, End.UNFINISHED
    return here, End.MINIMUM if positive else End.SADDLE


def _is_lower(there: Values, here: Values, slope: Slope) -> bool:
    new, old = slope.energy(np.stack([there, here]))
    return bool(new <= old + 1e-12 * abs(old))


class _Local:
    """Force and Hessian at a place, in the directions that are free."""

    def __init__(self, place: Values, slope: Slope, scale: Scale) -> None:
        self.place, self._field = place, slope
        self._h = _STEP * scale.spread
        force = slope.fields.force(slope.group.probe(place[None]))[0]
        self._fixed, self._normal, self._bend = _walls(place, force, slope, _WALL * scale.spread)
        self.force = self.project(force[None])[0]
        self.slope = float(np.linalg.norm(self.force))

    def project(self, vectors: Values) -> Values:
        """Vectors (M, D) without their components along directions that are not free."""
        free = np.where(self._fixed, 0.0, vectors)
        return free if self._normal is None else free - np.outer(free @ self._normal, self._normal)

    def times(self, vectors: Values) -> Values:
        """The Hessian times vectors (M, D) of free directions."""
        away = self._h * vectors
        ahead, behind = (self._raw(self.place + sign * away) for sign in (1.0, -1.0))
        return self.project((behind - ahead) / (2.0 * self._h) + self._bend * vectors)

    def _raw(self, places: Values) -> Values:
        self._field.work -= places.size
        with np.errstate(all="ignore"):
            return np.nan_to_num(self._field.fields.force(self._field.group.probe(places)), posinf=0.0, neginf=0.0)

    @property
    def _basis(self) -> Values:
        """(d, D) orthonormal free directions."""
        basis = np.eye(len(self.place))[~self._fixed]
        if self._normal is None:
            return basis
        turned, _ = np.linalg.qr(np.column_stack([self._normal, np.eye(len(self.place))]))
        return np.asarray(turned[:, 1 : len(self.place)].T, np.float64)

    def _matrix(self) -> tuple[Values, Values]:
        basis = self._basis
        matrix = self.times(basis) @ basis.T
        return basis, 0.5 * (matrix + matrix.T)

    def curvatures(self) -> Values:
        """Eigenvalues of the Hessian, all of them or Lanczos' approximations of the outer ones."""
        if len(self.place) <= FULL:
            return np.asarray(np.linalg.eigvalsh(self._matrix()[1]), np.float64)
        return self._lanczos()

    def _lanczos(self) -> Values:
        start = self.project(np.random.default_rng(0).normal(size=(1, len(self.place))))[0]
        vectors, diagonal, beside = [start / np.linalg.norm(start)], [], []
        for _ in range(_KRYLOV):
            image = self.times(vectors[-1][None])[0]
            diagonal.append(float(image @ vectors[-1]))
            known = np.array(vectors)
            image -= known.T @ (known @ image)
            image -= known.T @ (known @ image)  # twice is enough
            norm = float(np.linalg.norm(image))
            if norm <= 1e-8 * max(map(abs, diagonal)) or len(diagonal) == _KRYLOV:
                break
            beside.append(norm)
            vectors.append(image / norm)
        off = np.diag(beside[: len(diagonal) - 1], 1)
        return np.asarray(np.linalg.eigvalsh(np.diag(diagonal) + off + off.T), np.float64)

    def newton_step(self) -> Values:
        """H^-1 F (D,) for a positive Hessian; beyond `FULL` dimensions by conjugate gradients."""
        if len(self.place) <= FULL:
            basis, matrix = self._matrix()
            return np.asarray(basis.T @ np.linalg.solve(matrix, basis @ self.force), np.float64)
        step, left, way = np.zeros(len(self.place)), self.force.copy(), self.force.copy()
        square = first = float(left @ left)
        for _ in range(_KRYLOV):
            if square <= 1e-20 * first or first == 0.0:
                break
            image = self.times(way[None] / np.linalg.norm(way))[0] * np.linalg.norm(way)
            bend = float(way @ image)
            if bend <= 0.0:
                break
            step += square / bend * way
            left -= square / bend * image
            square, before = float(left @ left), square
            way = left + square / before * way
        return step


def _walls(place: Values, force: Values, slope: Slope, near: float) -> tuple[NDArray[np.bool_], Values | None, float]:
    """(D,) coordinates at a wall that the force pushes against; the normal (D,) of a curved space, or of a curved wall
    that it pushes against; and the curvature F.n/R that geodesics across it have."""
    space, fixed = slope.space, np.zeros(len(place), bool)
    if space.outer_radius is not None:
        distance = float(np.linalg.norm(place))
        if distance == 0.0 or not (space.curved or distance >= space.outer_radius - near):
            return fixed, None, 0.0
        normal = place / distance
        push = float(force @ normal)
        return (fixed, normal, push / space.outer_radius) if space.curved or push > 0 else (fixed, None, 0.0)
    if space.edges is not None and space.wall_area > 0:
        fixed = (np.abs(place) >= 0.5 * space.edges - near) & (force * place > 0)
    return fixed, None, 0.0
