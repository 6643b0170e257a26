"""Von Neumann entropy of the tokens' normalised Gram matrix over depth.

rho = U U^T / S for unit vectors U of S tokens has trace 1, as a density matrix, and S = -tr rho ln rho counts how many
directions the tokens fill: exp(S) is 1 if they are all the same and S if they are orthogonal. Published analogies call
its fall decoherence; nothing quantum is measured here: it is the entropy of a classical spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gasfield.diagnostics.base import Axes, GroupedResult, Values
from gasfield.diagnostics.depth.base import FEWEST, DepthDiagnostic
from gasfield.diagnostics.depth.directions_of_tokens import directions, gram_entropy
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, jackknife, missing, stated
from gasfield.streams import Stream, generator

_PARTS = 16
"""Parts of the jackknife over tokens, to which they are assigned in turn."""


@dataclass(frozen=True, kw_only=True)
class GramEntropyResult(GroupedResult):
    """Entropies over time.

    Attributes:
        times: (F,) layers in a transformer.
        entropies: (F,) without sinks [nats].
        with_sinks: (F,).

    Keys: `gram_entropy.start`, `.end`, `.least` (over depth), `.end.with_sinks`, `.end.null` (components multiplied by
    random signs, which leaves no common directions); `gram_entropy.directions.start` and `.end`, exp(S) over the
    number of tokens.
    """

    times: Values
    entropies: Values
    with_sinks: Values

    @classmethod
    def plot_grouped(cls, results: Sequence[GramEntropyResult], ax: Axes | None = None) -> Axes:
        """The entropies over time."""
        from gasfield.plots.time_series import over_time

        lines = {result.group: (result.times, result.entropies) for result in results}
        return over_time(lines, "Von Neumann entropy of the tokens' Gram matrix", "entropy (nats)", ax)


@register
class GramEntropy(DepthDiagnostic[GramEntropyResult]):
    """Entropy of the spectrum of cosines between tokens."""

    kind: Literal["gram_entropy"] = "gram_entropy"

    def measure(self, group: Group, notes: list[str]) -> GramEntropyResult:
        """The results for one group."""
        kept = ~self.of(group, notes).flags
        units = [directions(x) for _, block in group.blocks() for x in block]
        entropies = np.array([gram_entropy(u[kept]) for u in units])
        told = {
            f"gram_entropy.{key}": missing("nats") for key in ("start", "end", "least", "end.with_sinks", "end.null")
        }
        told |= {f"gram_entropy.directions.{key}": missing("1") for key in ("start", "end")}
        if kept.sum() < FEWEST or not np.isfinite(entropies).all():
            notes.append("fewer than four tokens, or one at the origin: directions are undefined")
        else:
            ends = {"start": entropy_of(units[0][kept]), "end": entropy_of(units[-1][kept])}
            told |= {f"gram_entropy.{key}": value for key, value in ends.items()}
            told["gram_entropy.least"] = entropy_of(units[int(entropies.argmin())][kept])
            told["gram_entropy.end.with_sinks"] = exact(gram_entropy(units[-1]), "nats")
            told["gram_entropy.end.null"] = _null(group.frame(-1)[kept])
            for key, value in ends.items():
                told[f"gram_entropy.directions.{key}"] = exact(float(np.exp(value.value)) / kept.sum(), "1")
        return GramEntropyResult(
            group=group.name,
            estimates=told,
            notes=tuple(notes),
            times=group.times,
            entropies=entropies,
            with_sinks=np.array([gram_entropy(u) for u in units]),
        )


def entropy_of(units: Values) -> Estimate:
    """The entropy of unit vectors (S, D), with its jackknife error over tokens."""
    part = np.arange(len(units)) % min(_PARTS, len(units))
    without = np.array([gram_entropy(units[part != number]) for number in range(part.max() + 1)])
    return jackknife(gram_entropy(units), without, "nats")


def _null(x: Values, draws: int = 8) -> Estimate:
    chance = generator(0, Stream.PERMUTATIONS, 3)
    found = [gram_entropy(directions(x * chance.choice([-1.0, 1.0], x.shape))) for _ in range(draws)]
    return stated(np.mean(found), np.std(found, ddof=1), "nats")
