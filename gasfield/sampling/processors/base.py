"""What a processor of logits is: a map from logits to logits that forbids states or changes their weights.

Logits are float64 arrays (B, V), -inf for a forbidden token. Servers compute in float32 or less: a token whose
cumulative probability lies within rounding (about 1e-6) of a threshold may be kept by one and not by the other.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.registry import Registry
from gasfield.sampling.processors.history import Array, History, Tokens
from gasfield.spec import Spec

Kept = NDArray[np.bool_]


@dataclass(frozen=True)
class Conventions:
    """Where servers differ in the definition of the same processor.

    Attributes:
        ties: whether top-k and typical also keep the states that are exactly as good as the last one kept; otherwise
            exactly as many as asked for are kept.
        larger_ids_first: of equally likely states, top-p takes the larger id first; otherwise the smaller.
        typical_exceeds: whether the mass of typical has to exceed its value; otherwise it has to reach it.
        window: how many of the last tokens penalties count by default; None counts all.
        counts_prompt: whether frequency and presence penalties count the tokens of the prompt.
        greedy_below: temperatures below this are taken as T -> 0.
    """

    ties: bool = True
    larger_ids_first: bool = True
    typical_exceeds: bool = False
    window: int | None = None
    counts_prompt: bool = True
    greedy_below: float = 0.0


CONVENTIONS = Conventions()
"""Those of transformers."""


class Processor(Spec):
    """The specification of a processor, which is also the processor: it has no state of its own.

    The names of its fields are those of the settings of a chain, each with one meaning in all processors.
    """

    kind: str
    switch: ClassVar[str]
    """The field that puts the processor into a chain."""
    shift_invariant: ClassVar[bool] = True
    """Whether the law after it stays the same if a constant is added to all logits."""

    counts_tokens: ClassVar[bool] = False
    """Whether it depends on the tokens said before."""

    @property
    def neutral(self) -> bool:
        """Whether it leaves every law as it is."""
        return False

    @abstractmethod
    def apply(self, logits: Array, history: History, conventions: Conventions) -> Array:
        """New logits (B, V) from logits with a finite entry in each row; the input is not changed."""

    def branches(self, logits: Array, history: History, conventions: Conventions) -> list[tuple[float, Array]]:
        """Its outcomes, each with its probability: one, unless the processor makes a random decision."""
        return [(1.0, self.apply(logits, history, conventions))]

    def remember(self, history: History, processed: Array, tokens: Tokens) -> dict[str, Array]:
        """What it has to remember once tokens (B,) were drawn from processed logits (B, V); default: nothing."""
        return {}


class Truncation(Processor):
    """A processor that forbids states and leaves the others as they are."""

    @abstractmethod
    def kept(self, logits: Array, history: History, conventions: Conventions) -> Kept:
        """(B, V), which states stay allowed."""

    def apply(self, logits: Array, history: History, conventions: Conventions) -> Array:
        return np.where(self.kept(logits, history, conventions), logits, -np.inf)


class KeepingSome(Truncation):
    """A truncation that leaves at least so many states."""

    min_keep: Annotated[int, Field(ge=1)] = 1
    """The fewest tokens that top-k, top-p, min-p, typical, XTC and the cutoffs leave."""


PROCESSORS = Registry("processor of logits", Processor, package="gasfield.sampling.processors")
"""`kind` -> specification of every processor."""


def require_logits(logits: ArrayLike) -> Array:
    """Logits (V,) or (B, V) as float64.

    Raises:
        InputError: if one is NaN or +inf, or all of a row are -inf.
    """
    found = np.asarray(logits, float)
    if found.ndim not in (1, 2) or found.size == 0:
        raise InputError(f"should have the shape (V,) or (B, V), not {found.shape}.", parameter="logits")
    wrong = np.isnan(found) | np.isposinf(found)
    if wrong.any():
        at = tuple(int(index) for index in np.argwhere(wrong)[0])
        raise InputError(
            f"{int(wrong.sum())} of {found.size} are NaN or +inf, the first is {found[at]} at {list(at)}.",
            parameter="logits",
        )
    empty = np.isneginf(found).all(axis=-1)
    if empty.any():
        raise InputError(
            f"all {found.shape[-1]} are -inf in {int(empty.sum())} of {empty.size} rows: no token is allowed.",
            parameter="logits",
        )
    return found


def log_law(logits: Array) -> Array:
    """log p of logits (..., V): the log of their softmax."""
    raised = logits - logits.max(axis=-1, keepdims=True)
    found: Array = raised - np.log(np.exp(raised).sum(axis=-1, keepdims=True))
    return found


def law_of(logits: Array) -> Array:
    """p of logits (..., V): their softmax."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    found: Array = weights / weights.sum(axis=-1, keepdims=True)
    return found


def entropy_of(law: Array) -> Array:
    """Entropy (...) of laws (..., V) [nats]; 0 log 0 = 0."""
    parts = np.where(law > 0.0, law * np.log(np.where(law > 0.0, law, 1.0)), 0.0)
    found: Array = np.maximum(-parts.sum(axis=-1), 0.0)
    return found


def likeliest(logits: Array, count: int) -> Array:
    """The logit (B, 1) of the state number `count` from the top, or of the last state."""
    states = logits.shape[-1]
    place = states - min(count, states)
    found: Array = np.partition(logits, place, axis=-1)[:, place : place + 1]
    return found


def scattered(kept: Kept, order: NDArray[np.intp]) -> Kept:
    """From flags (B, V) of states in an order to flags by id."""
    found = np.empty_like(kept)
    np.put_along_axis(found, order, kept, axis=-1)
    return found
