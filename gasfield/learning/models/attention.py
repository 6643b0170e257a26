"""One head of attention, from trajectories of tokens: Q, K and V of F_i = V sum_j w_ij x_j, w_ij ~ exp(<Q x_i, K x_j>).

The motion determines V and K^T Q, but neither Q nor K: any invertible r x r matrix may be moved from one to the other.
They are returned with equal singular values, and compared through K^T Q. An inverse temperature is part of it.

Levenberg and Marquardt's method from several random starts of Q and K, each with the V that is best for it. Velocities
are mean velocities of intervals, and the field is taken at their middle, which errs by O(h^2); at their start, or one
interval earlier, for noisy motion (see `gasfield.learning.motion`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import linalg

from gasfield.errors import InputError
from gasfield.forces.learned import LearnedField, Moved, Term
from gasfield.forces.learned.attention import AttentionLaw
from gasfield.learning.data import TrainingData
from gasfield.learning.designs.attention_flow import Flow, Head
from gasfield.learning.methods.attention_descent import (
    Sample,
    errors_of,
    joined,
    left_over,
    refined,
    thinned,
    value_for,
)
from gasfield.learning.model import FieldModel, Figures, Fitted
from gasfield.learning.motion import Scheme, scheme_of, sources_of
from gasfield.quantity import Quantity
from gasfield.registry import register

Array = NDArray[np.float64]

_WEIGHTS = 1 << 22
"""Most weights w_ij of all intervals that are fitted at once: intervals are taken at even spacing until they fit."""
_HOLD = 4
"""Every so many-th block in time is held out."""
_BETTER = 0.8
"""A larger rank is taken if it leaves less than this share of the held-out error."""
_COARSE, _FINE = 1e-5, 1e-12
"""Relative tolerances of the starts, and of the best of them."""
_EXACT = 1e-5
"""Share of the square velocities left over at which no other start is tried."""


@register
class AttentionModel(FieldModel):
    """Attention of one head, up to the symmetry of its query and key."""

    tried: ClassVar[bool] = False

    kind: Literal["attention"] = "attention"
    form: Literal["softmax", "unnormalised"] = "softmax"
    """Whether weights add up to 1 for each particle, or are divided by the number of sources."""
    rank: int | None = Field(None, ge=1)
    """r, of query and key; 1, 2, 4, ... while the held-out error falls, if left out."""
    starts: int = Field(6, ge=1, le=1000)
    """Random starts."""
    scheme: Scheme | None = None
    """Where the field is taken, see `gasfield.learning.motion`; `trapezoid` stands for the middle of each interval."""

    def fit(self, data: TrainingData | None) -> Fitted:
        """Fits the model.

        Raises:
            InputError: if the rank is larger than D, or there are fewer equations than parameters.
        """
        assert data is not None
        scheme, said = scheme_of(data, self.scheme)
        d = data.dimensions
        if self.rank is not None and self.rank > d:
            raise InputError(f"the rank of query and key is at most D = {d}.", parameter="rank", value=self.rank)
        samples = _samples(data, self.form == "softmax", scheme)
        fitted, held = joined([s for s in samples if not s.held]), joined([s for s in samples if s.held])
        if not held:
            raise InputError(f"{data.block_count} blocks in time; at least {_HOLD} are needed.", parameter="blocks")
        chance, best = np.random.default_rng(data.seed), None
        for rank in [self.rank] if self.rank is not None else _ranks(d):
            found = _best_of(fitted, held, rank, d, self.starts, chance)
            if best is not None and found.held_out > _BETTER * best.held_out:
                break
            best = found
            if best.held_out < _EXACT:
                break
        assert best is not None
        head = best.head.balanced()
        errors = errors_of([s for s in samples if not s.held], head, data.seed)
        values = np.linalg.svd(head.match, compute_uv=False)
        rank = len(head.query)
        quantities = {
            "held_out": Quantity(best.held_out, "1"),
            "force_error": Quantity(float(np.sqrt(best.held_out)), "1"),
            "training": Quantity(best.training, "1"),
            "rank": Quantity(rank, "1"),
            "parameters": Quantity(2 * rank * d - rank * rank + d * d, "1"),
            "equations": Quantity(sum(s.slopes.size for s in fitted), "1"),
            "singular_values": Quantity(values[:rank].tolist(), "1/length^2"),
        }
        notes = (
            *([said] if said else []),
            "query and key are determined up to an invertible matrix between them: compare K^T Q",
            f"every {_HOLD}th block in time was held out; the error of the force there is force_error",
        )
        given = np.concatenate([s.slopes.reshape(-1) for s in held])
        learned = np.concatenate([s.flow.velocities(head).reshape(-1) for s in held])
        shown = np.unique(np.linspace(0, len(given) - 1, min(len(given), 4000)).astype(np.int64))
        arrays = {
            "query": head.query, "key": head.key, "value": head.value, "match": head.match,
            "match_error": errors[0], "value_error": errors[1], "given": given[shown], "learned": learned[shown],
        }  # fmt: skip
        term = Term(AttentionLaw(form=self.form), arrays)
        return Fitted({"attention": term}, Moved("velocity"), quantities, notes)

    def figures(self, field: LearnedField) -> Figures:
        """Singular values of K^T Q and V, and learned over held-out velocities."""
        from gasfield.plots.learning_kernel import force_scatter, singular_values

        arrays = field.terms["attention"].arrays
        values = {
            "K^T Q": np.linalg.svd(arrays["match"], compute_uv=False)[: len(arrays["query"])],
            "V": np.linalg.svd(arrays["value"], compute_uv=False),
        }
        return {
            "singular_values": lambda: singular_values(values, "Singular values of learned attention").figure,
            "forces": lambda: (
                force_scatter(arrays["given"], arrays["learned"], "Held-out velocities", "length/time").figure
            ),
        }


@dataclass(frozen=True)
class _Candidate:
    """A head, and the shares of the square velocities that it leaves over."""

    head: Head
    training: float
    held_out: float


def _ranks(dimensions: int) -> list[int]:
    return sorted({*(1 << k for k in range(dimensions.bit_length()) if 1 << k < dimensions), dimensions})


def _samples(data: TrainingData, softmax: bool, scheme: Scheme) -> list[Sample]:
    """Evenly spaced intervals of the rows that act, block by block."""
    radius = float(np.linalg.norm(data.groups[0].frame(0)[0])) if data.space == "sphere" else 0.0
    weights = sum((len(group.steps) - 1) * group.count**2 for group in data.groups)
    every, seen, samples = max(1, -(-weights // _WEIGHTS)), 0, []
    for part in data.transitions():
        acting = sources_of(data, part.source)
        kept = (seen + np.arange(len(part.spans))) % every == 0
        seen += len(part.spans)
        for block in np.unique(part.blocks[kept]):
            chosen = kept & (part.blocks == block)
            places = part.middle[chosen]
            if scheme != "trapezoid":
                places = part.start[np.maximum(np.flatnonzero(chosen) - int(scheme == "lagged"), 0)]
            places, slopes = places[:, acting], part.slopes[chosen][:, acting]
            if radius:
                places = places * (radius / np.linalg.norm(places, axis=2, keepdims=True))
                slopes = slopes - places * (np.sum(places * slopes, axis=2, keepdims=True) / radius**2)
            held = int(block) % _HOLD == _HOLD - 1
            samples.append(Sample(Flow(places, softmax, radius), slopes, held, int(block)))
    return samples


def _best_of(
    fitted: list[Sample], held: list[Sample], rank: int, dimensions: int, starts: int, chance: np.random.Generator
) -> _Candidate:
    """The best of some starts, by the error of the training data."""
    parameters = 2 * rank * dimensions + dimensions**2
    equations = sum(s.slopes.size for s in fitted)
    if equations < parameters:
        raise InputError(
            f"{equations} equations for {parameters} parameters of rank {rank}: too little data. Use more frames, or "
            "a smaller rank.",
            parameter="rank",
        )
    fitted = thinned(fitted, parameters)
    size = float(np.sqrt(np.mean(np.concatenate([s.flow.places.reshape(-1) for s in fitted]) ** 2) * dimensions))
    best: tuple[float, Head] | None = None
    for _ in range(starts):
        query, key = chance.normal(size=(2, rank, dimensions)) / (size * np.sqrt(dimensions))
        start = Head(query, key, value_for(fitted, query, key))
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                cost, head = refined(fitted, start, _COARSE)
        except (ValueError, linalg.LinAlgError):  # exponents that overflow
            continue
        if best is None or cost < best[0]:
            best = cost, head
        if left_over(fitted, best[1]) < _EXACT:
            break
    if best is None:
        raise InputError(f"none of {starts} starts gave finite forces.", parameter="starts")
    head = refined(fitted, best[1], _FINE)[1]
    return _Candidate(head, left_over(fitted, head), left_over(held, head))
