"""Why a simulation departs: which term of the law explains the errors of single updates.

The unrounded result x of the updates from one recorded frame to the next lies inside the interval of numbers that are
stored as the next frame, or outside it by an excess e: by as much, at least, the update itself was wrong. The rest of
the error of the stored weight is rounding, which turns a small excess into a whole cell. Then, each by itself:

* decay, learning rate: the one number in each interval that leaves the least sum of e^2, along dx/d lambda or dx/d eta.
  The fitted numbers show what the training had.
* field: the gradients of the training in place of those of the field, where they are recorded, times one fitted factor
  (gradients that are known at few steps leave their mark on the moments at those only).
* moments: kept in another precision, whichever leaves the least; nothing is fitted.
* rounding by another rule: the training stored the farther of the two neighbours of x as often as stochastic rounding
  does (in proportion to the distance from the nearer one); to the nearest it never does. Of a law that rounds at
  random x may lie a cell to either side of what was stored, for each update of the interval.

Shares are 1 - (sum of e^2 that is left) / (sum of e^2): they overlap and do not add up to 1. A fitted number also
explains noise: `null` is what a direction c with the same sizes and random signs does on the average, the sum of
c^2 e^2 over that of c^2. Causes are what is explained beyond that. No interval counts more than three times the median
one: the first updates of AdamW, which divides by the gradient itself, would outweigh hundreds of others. Errors are
jackknife errors over up to 32 blocks of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gasfield.quantity import Quantity
from gasfield.statistics.estimate import Estimate

FIELD, DECAY, RATE, MOMENTS = "field", "decay", "learning_rate", "moments"
_MOSTLY, _ALMOST_ALL = 0.5, 0.95
"""Share of what is left before rounding from which a term is named as the cause, and share of rounding from which it is
where no term is."""


@dataclass(frozen=True)
class Share:
    """The share of squared errors that a term explains.

    Attributes:
        estimate: NaN where it is not known.
        chance: what a fitted number explains of noise.
    """

    estimate: Estimate
    chance: float = 0.0

    @property
    def known(self) -> bool:
        """Whether there is anything to explain, and the term is recorded."""
        return bool(np.isfinite(self.estimate.value))

    @property
    def beyond_chance(self) -> float:
        """(share - chance) / (1 - chance)."""
        return (float(self.estimate.value) - self.chance) / max(1.0 - self.chance, 1e-9) if self.chance < 1.0 else 0.0


@dataclass(frozen=True)
class Terms:
    """The errors of single updates of one group, and what explains them.

    Attributes:
        intervals: number of intervals between recorded frames.
        local_error: median over intervals of |error| / |recorded displacement|, both over all rows.
        total_error: root of the sum of squared errors of all intervals over that of the recorded displacements.
        rounding: share of the squared errors that is rounding to cells (in float32, to a unit in the last place).
        shares: of the rest, explained by each term alone; the field only over intervals with recorded gradients.
        fitted_decay: the decay that fits best, with the least squares as weights.
        fitted_rate: the learning rate that fits best, over that of the law.
        other_rule: how often the farther neighbour was stored, over the expectation of stochastic rounding.
        free_rounding: share of the rest that is explained if either neighbour may be stored.
        field_error: error of the gradient of the field, relative to that of the training, where both are known.
        moment: the moment whose precision was changed in `shares`.
        cell: what is rounded to.
        at_random: whether the law rounds weights at random.
    """

    intervals: int
    local_error: Estimate
    total_error: Estimate
    rounding: Estimate
    shares: Mapping[str, Share]
    fitted_decay: Estimate
    fitted_rate: Estimate
    other_rule: Estimate
    free_rounding: Estimate
    field_error: Estimate
    moment: str
    cell: str
    at_random: bool = False

    @property
    def cause(self) -> str:
        """The term that explains most of the errors, "rounding", "none" without errors, or "not identified"."""
        if not self.total_error.value > 0:
            return "none"
        known = {name: share.beyond_chance for name, share in self.shares.items() if share.known}
        if not known or self._rounds_otherwise:
            return "rounding"
        best = max(known, key=lambda name: known[name])
        if known[best] >= _MOSTLY:
            return best
        return "rounding" if self.rounding.value >= _ALMOST_ALL else "not identified"

    @property
    def _rounds_otherwise(self) -> bool:
        """Whether the training rounded weights by another rule than the law."""
        explained = max((share.beyond_chance for share in self.shares.values() if share.known), default=0.0)
        if self.at_random:
            return bool(self.other_rule.value <= 1 - _MOSTLY) and explained < _MOSTLY
        return bool(self.other_rule.value >= _MOSTLY and self.free_rounding.value >= max(_MOSTLY, explained))

    def quantities(self) -> dict[str, Quantity]:
        """The results by key."""
        named = {
            "local_error": self.local_error,
            "local_error.total": self.total_error,
            "rounding": self.rounding,
            **{name: share.estimate for name, share in self.shares.items()},
            "decay.fitted": self.fitted_decay,
            "learning_rate.fitted_over_law": self.fitted_rate,
            "rounding.other_rule": self.other_rule,
            "rounding.either_neighbour": self.free_rounding,
            "field.gradient_error": self.field_error,
        }
        found = {"intervals": Quantity(self.intervals, "1")} | {name: each.quantity() for name, each in named.items()}
        fitted = (FIELD, DECAY, RATE)
        return found | {f"{name}.null": Quantity(self.shares[name].chance, "1") for name in fitted}

    def sentence(self) -> str:
        """Why, for a reader."""
        if self.cause == "none":
            return "no single update departs"
        text = (
            f"single updates are wrong by {_text(self.local_error)} of the displacement (median); "
            f"{_percent(self.rounding)} of the square is rounding to {self.cell}"
        )
        known = {name: share for name, share in self.shares.items() if share.known}
        if known:
            parts = (_words(name, share) for name, share in known.items() if share.estimate.value > 0)
            text += f", and of the rest each term alone explains: {', '.join(parts) or 'nothing'}"
        return f"{text}. {self._verdict(known)}"

    def _verdict(self, known: Mapping[str, Share]) -> str:
        verdicts = {
            "rounding": f"The cause is rounding: {self._rounding(known)}",
            FIELD: "The cause is the field"
            + (
                f", whose gradient is wrong by {_percent(self.field_error)}"
                if np.isfinite(self.field_error.value)
                else ""
            ),
            DECAY: f"The cause is the decay: {_text(self.fitted_decay)} fits best",
            RATE: f"The cause is the learning rate: {_text(self.fitted_rate)} times that of the law fits best",
            MOMENTS: f"The cause is the moments: another precision fits ({self.moment.replace('_', ' ')})",
        }
        unknown = "No term by itself explains it"
        if FIELD not in known:
            unknown += (
                ": the gradients of the training are not recorded at these steps, so that errors of the field and "
            )
            unknown += "of moments cannot be told apart (full_steps of the recorder keeps them)"
        return verdicts.get(self.cause, unknown)

    def _rounding(self, known: Mapping[str, Share]) -> str:
        if self._rounds_otherwise:
            own = "at random" if self.at_random else "to the nearest"
            return (
                f"the training rounded by another rule than {own} ({_text(self.other_rule)} of the rate of "
                "stochastic rounding)"
            )
        return f"the updates {'almost ' if known else ''}agree before it"


def _percent(share: Estimate) -> str:
    return f"{share.value:.2%}" if abs(share.value) < 0.1 else f"{share.value:.0%}"


def _words(name: str, share: Share) -> str:
    by_chance = f" ({share.chance:.0%} by chance)" if share.chance > 0.05 else ""
    return f"{name.replace('_', ' ')} {_percent(share.estimate)}{by_chance}"


def _text(estimate: Estimate) -> str:
    return estimate.quantity().text()
