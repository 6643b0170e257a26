"""What a Hopfield network remembers: how much of a stored pattern is in a state at the end, against its sharpness.

For two patterns a and -a the fixed points on the line between them are x = m a with m = tanh(beta |a|^2 m): only m = 0
up to beta |a|^2 = 1, and +-m beyond (a pitchfork). Several groups, each with a beta of its own, are the points of a
curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Scope, Values
from gasfield.diagnostics.group import Group
from gasfield.forces.base import Memory
from gasfield.registry import register
from gasfield.statistics.estimate import stated


@dataclass(frozen=True, kw_only=True)
class RetrievalResult(Result):
    """The end of a run.

    Attributes:
        names: (G,) groups that a network acts on.
        sharpness: (G,) beta times the mean |p|^2 of its patterns.
        overlaps: for each group (N,) max over patterns of p . x / |p|^2.
        firsts: the same of the first pattern alone, negative where a state is nearer to its opposite.
        pair: whether every network stores a and -a, for which the overlap is known.

    Keys: `retrieval.sharpness` and `retrieval.overlap`, lists over the groups, the overlap with its standard error over
    particles.
    """

    names: tuple[str, ...]
    sharpness: Values
    overlaps: tuple[Values, ...]
    firsts: tuple[Values, ...]
    pair: bool

    def draw(self, ax: Axes | None = None) -> Axes:
        """Overlaps of all particles over the sharpness, with the theory where there is one."""
        from gasfield.plots.memory import bifurcation

        theory = None
        if self.pair:
            grid = np.linspace(0.0, 1.15 * float(self.sharpness.max()), 300)
            theory = (grid, np.array([pitchfork(b) for b in grid]))
        title = "Retrieval at the end of the run"
        return bifurcation(self.sharpness, self.firsts if self.pair else self.overlaps, theory, title, ax)


@register
class Retrieval(Diagnostic[RetrievalResult]):
    """Overlap with the nearest stored pattern, network by network."""

    scope: ClassVar[Scope] = Scope.WHOLE
    needs_run: ClassVar[bool] = True
    throughout: ClassVar[bool] = False
    telling: ClassVar[tuple[str, ...] | None] = ("retrieval.overlap", "retrieval.sharpness")

    kind: Literal["retrieval"] = "retrieval"

    def objection(self, group: Group) -> str | None:
        """Needs a group on which one Hopfield network acts."""
        if not any(_network(part) for part in group.parts):
            return "no Hopfield network acts on a group"
        return None if _recalling(group) else "no row has a position throughout"

    def measure(self, group: Group, notes: list[str]) -> RetrievalResult:
        """The results for all groups of a run."""
        found = _recalling(group)
        patterns = [memory.patterns for _, memory in found]
        shares = [_overlaps(part.positions[-1], p) for (part, _), p in zip(found, patterns, strict=True)]
        overlaps = tuple(share.max(axis=1) for share in shares)
        sharpness = np.array([memory.beta * _square(memory.patterns) for _, memory in found])
        values = np.array([overlap.mean() for overlap in overlaps])
        errors = np.array(
            [overlap.std(ddof=1) / np.sqrt(len(overlap)) if len(overlap) > 1 else 0 for overlap in overlaps]
        )
        return RetrievalResult(
            group=group.name,
            estimates={
                "retrieval.sharpness": stated(sharpness, np.zeros(len(sharpness)), "1"),
                "retrieval.overlap": stated(values, errors, "1"),
            },
            notes=tuple(note for part, _ in found for note in part.notes),
            names=tuple(part.name for part, _ in found),
            sharpness=sharpness,
            overlaps=overlaps,
            firsts=tuple(share[:, 0] for share in shares),
            pair=all(len(p) == 2 and np.array_equal(p[0], -p[1]) for p in patterns),
        )


def pitchfork(sharpness: float) -> float:
    """The largest m with m = tanh(b m): 0 up to b = 1."""
    if sharpness <= 1.0:
        return 0.0
    return float(
        scipy.optimize.brentq(lambda m: np.tanh(sharpness * m) - m, 1e-9 * np.sqrt(sharpness - 1.0), 1.0, xtol=1e-14)
    )


def _recalling(group: Group) -> list[tuple[Group, Memory]]:
    """The groups on which a network acts, as far as they have rows that are present throughout."""
    networks = [(part.present(), _network(part)) for part in group.parts]
    return [(part, network) for part, network in networks if network is not None and part.count]


def _network(part: Group) -> Memory | None:
    """The network that acts on a group; None if there is none, or more than one."""
    memories = [law.memory(part.dimensions) for law in part.run.acting(part.name)]
    found = [memory for memory in memories if memory is not None]
    return found[0] if len(found) == 1 else None


def _overlaps(x: NDArray[np.floating], patterns: Values) -> Values:
    """(N, M) how much of each pattern (M, D) is in each state (N, D)."""
    shares: Values = np.einsum("nd,md->nm", x.astype(np.float64), patterns) / np.sum(patterns**2, axis=1)
    return shares


def _square(patterns: Values) -> float:
    return float(np.mean(np.sum(patterns**2, axis=1)))
