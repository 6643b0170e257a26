"""The sums of a kernel's fit, in one pass over the frames, and what they say of its identifiability."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.learned import Target
from gasfield.forces.learned.pair_kernel import Argument
from gasfield.learning.data import TrainingData, Transitions
from gasfield.learning.designs.pair_design import SplineSpace, arguments, coarsened, design
from gasfield.learning.least_squares.separable import SeparableEquations, SeparableSolution, eliminated
from gasfield.learning.motion import Scheme, sources_of, targets_of

Array = NDArray[np.float64]
External = Literal["none", "constant", "harmonic", "affine"]

_FRAMES, _ROWS = 200, 300
"""Most frames, and most rows of each, from which the range of the argument is found."""
_DESIGN_BYTES = 1 << 26
"""Most memory of one design."""


@dataclass(frozen=True)
class KernelProblem:
    """What is fitted to what.

    Attributes:
        argument: s.
        radius: of the sphere; 0 in free space [length].
        mean: whether forces of all others are averaged.
        external: the field besides.
        scheme: where the field is taken.
        target: what it is.
        splines: the finest.
    """

    argument: Argument
    radius: float
    mean: bool
    external: External
    scheme: Scheme
    target: Target
    splines: SplineSpace

    @property
    def wells(self) -> int:
        """Number of shared coefficients besides those of phi: the stiffness of a harmonic well."""
        return int(self.external == "harmonic")

    def features(self, dimensions: int) -> int:
        """Number of features z of the external field."""
        return {"none": 0, "constant": 1, "harmonic": 1, "affine": 1 + dimensions}[self.external]


class KernelSums:
    """The normal equations of a kernel and an external field, of intervals and of those of twice their length.

    Attributes:
        problem: what is fitted to what.
        data: that it is fitted to.
        reference: (D,) the place about which the external field is linear [length].
        equations: of all intervals, by block.
    """

    def __init__(self, problem: KernelProblem, data: TrainingData) -> None:
        """The sums over all data.

        Raises:
            InputError: if there is not enough memory.
        """
        self.problem, self.data = problem, data
        self.reference = data.sample().mean(axis=0)
        self._features = problem.features(data.dimensions)
        shape = (problem.splines.count + problem.wells, self._features, data.dimensions)
        self.equations, self._doubled = SeparableEquations(*shape, data.block_count), SeparableEquations(*shape, 1)
        for part in data.transitions():
            self._add(part)

    def _add(self, part: Transitions) -> None:
        """Adds the intervals of a part, and those of twice their length, for a bunch of rows after another."""
        places = np.concatenate([part.start, part.end[-1:]])
        targets = {1: targets_of(self.data, part, self.problem.target)}
        if len(places) > 2:
            targets[2] = targets_of(self.data, part, self.problem.target, 2)
        count = self.problem.splines.count + self.problem.wells
        size = max(1, _DESIGN_BYTES // (8 * count * places.shape[2]))
        for start in range(0, places.shape[1], size):
            self._add_rows(part, places, targets, slice(start, start + size))

    def _add_rows(self, part: Transitions, places: Array, targets: dict[int, Array], rows: slice) -> None:
        kept: list[tuple[Array, Array]] = []
        for last, design_there in enumerate(self._designs(part.source, places, rows)):
            kept = [*kept[-4:], design_there]
            for stride in (1, 2):
                first = last - stride
                back = 2 * stride if self.problem.scheme == "lagged" else stride
                if last < back:
                    continue
                shared, own = kept[-1 - back]
                if self.problem.scheme == "trapezoid":
                    shared, own = 0.5 * (shared + design_there[0]), 0.5 * (own + design_there[1])
                target = targets[stride][first, rows]
                if self.problem.radius:
                    ends = places[[first, last] if self.problem.scheme == "trapezoid" else [last - back]]
                    target = _tangential(ends[:, rows].mean(axis=0), target)
                if stride == 1:
                    self.equations.add(int(part.blocks[first]), shared, own, target)
                else:
                    self._doubled.add(0, shared, own, target)

    def _designs(self, source: int, places: Array, rows: slice) -> Iterator[tuple[Array, Array]]:
        """Of each frame: the design of the shared coefficients (p, n, D), and the features z (n, q)."""
        acting = sources_of(self.data, source)
        own = np.where(acting, np.cumsum(acting) - 1, -1)[rows]
        scale = 1.0 / max(int(acting.sum()), 1) if self.problem.mean else 1.0
        chosen = (self.problem.splines, self.problem.argument, self.problem.radius)
        for frame in places:
            shared = scale * design(frame[rows], frame[acting], own, *chosen)
            away = frame[rows] - self.reference
            if self.problem.wells:
                shared = np.concatenate([shared, -away[None]])
            ones = np.ones((len(own), 1))
            yield shared, np.concatenate([ones, away], axis=1)[:, : self._features]

    def restriction(self, intervals: int, pinned: bool) -> Array:
        """(p, p') R of fewer intervals; with phi zero at the largest distance, if pinned."""
        fewer = SplineSpace(self.problem.splines.low, self.problem.splines.high, intervals, self.problem.splines.degree)
        matrix = coarsened(self.problem.splines, fewer)
        if pinned:
            matrix = matrix[:, :-1]
        whole = np.zeros((matrix.shape[0] + self.problem.wells, matrix.shape[1] + self.problem.wells))
        whole[: matrix.shape[0], : matrix.shape[1]] = matrix
        if self.problem.wells:
            whole[-1, -1] = 1.0
        return whole

    def alias(self) -> float | None:
        """Share of the square force of a constant phi that the external part can make as well; None without one."""
        if not self._features:
            return None
        total = self.equations.total()
        left = eliminated(total).matrix
        constant = np.zeros(len(left))
        constant[: self.problem.splines.count] = 1.0  # cardinal B-splines add up to 1
        whole, rest = float(constant @ total.aa @ constant), float(constant @ left @ constant)
        if self.problem.wells and left[-1, -1] > 0.0:
            rest -= float(constant @ left[:, -1]) ** 2 / float(left[-1, -1])
        return 1.0 - max(rest, 0.0) / whole if whole > 0.0 else 1.0

    def interval_error(self, found: SeparableSolution, restriction: Array, sampled: Array) -> float:
        """Estimated error of phi by the finite interval, relative to its root mean square over sampled arguments: the
        difference from a fit with intervals of twice the length, over 3 for the trapezoidal rule, whose error is
        O(h^2), and over 1 for the others; it includes the statistical error of the difference."""
        if not self._doubled.total().samples:
            return np.nan
        other = self._doubled.solution_with(restriction, found.ridge)
        values = self.problem.splines.cardinal(sampled[:: max(1, len(sampled) // 5000)])
        one, two = values @ found.shared[: self.problem.splines.count], values @ other[: self.problem.splines.count]
        size = float(np.sqrt(np.mean(one**2)))
        order = 3.0 if self.problem.scheme == "trapezoid" else 1.0
        return float(np.sqrt(np.mean((one - two) ** 2))) / order / size if size > 0.0 else np.nan


def _tangential(places: Array, vectors: Array) -> Array:
    """(n, D) vectors without their part along places (n, D): of accelerations on a sphere, the centripetal one."""
    inward = np.sum(places * vectors, axis=1, keepdims=True) / np.sum(places * places, axis=1, keepdims=True)
    return np.asarray(vectors - inward * places)


def sampled_arguments(data: TrainingData, argument: Argument, radius: float) -> Array:
    """Values of s in evenly spaced frames, among evenly spaced rows."""
    values = []
    for group in data.groups:
        frames = np.unique(np.linspace(0, len(group.steps) - 1, max(2, _FRAMES // len(data.groups))).astype(np.int64))
        rows = np.unique(np.linspace(0, group.count - 1, min(group.count, _ROWS)).astype(np.int64))
        values += [arguments(group.frame(int(frame))[rows], argument, radius) for frame in frames]
    return np.concatenate(values)
