"""A chain of processors, as a server applies them to the logits of the next token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic.fields import FieldInfo

from gasfield.errors import InputError
from gasfield.printable import did_you_mean
from gasfield.sampling.processors.base import CONVENTIONS, PROCESSORS, Conventions, Processor, law_of, require_logits
from gasfield.sampling.processors.history import Array, History, Tokens
from gasfield.sampling.profiles import PROFILES, Profile, profile_of

Branch = tuple[float, Array]
"""A probability, and the logits (B, V) that have it."""


@dataclass(frozen=True)
class Chain:
    """Processors in the order in which they are applied.

    Attributes:
        processors: in order.
        conventions: how they are defined where servers differ.
    """

    processors: tuple[Processor, ...] = ()
    conventions: Conventions = CONVENTIONS

    @classmethod
    def of(cls, profile: str = "transformers", /, **settings: Any) -> Chain:
        """The chain of a server with the processors that are asked for, in its order.

        Args:
            profile: "transformers", "llama.cpp" or "vllm".
            settings: of the processors, by name (`temperature`, `top_p`, `dry_multiplier`, ...); None is not given.

        Raises:
            InputError: if a setting is unknown, out of its range, not one of the server, or without effect.
        """
        server = profile_of(profile)
        given = {name: value for name, value in settings.items() if value is not None}
        for name in given:
            _require_setting(name)
        chosen = _chosen(given)
        processors = [
            PROCESSORS[kind](**{name: given[name] for name in PROCESSORS[kind].model_fields if name in given})
            for kind in chosen
        ]
        active = [processor for processor in processors if not processor.neutral]
        order = _order(server, [processor.kind for processor in active])
        for processor in active:
            _require_known(processor, server, order)
        for name in given:
            _require_used(name, given)
        return cls(tuple(sorted(active, key=lambda each: order.index(each.kind))), server.conventions)

    def apply(self, logits: ArrayLike, history: History | None = None) -> Array:
        """Processed logits of the next token, -inf where it is forbidden.

        Where a processor makes random decisions (XTC), the logarithm of the mixture of all outcomes: the exact law.

        Args:
            logits: (V,) or (B, V); -inf where a token is forbidden already.
            history: what was said in each row; nothing if left out.

        Returns:
            As many as there are logits, float64.

        Raises:
            InputError: if logits are not finite, the history does not fit, or a processor leaves no token.
        """
        raw = require_logits(logits)
        branches = self.branches(raw, history)
        if len(branches) == 1:
            return branches[0][1].reshape(raw.shape)
        with np.errstate(divide="ignore"):
            mixed: Array = np.log(mixture(branches)).reshape(raw.shape)
        return mixed

    def law(self, logits: ArrayLike, history: History | None = None) -> Array:
        """Probabilities of the next token, of the shape of the logits."""
        return law_of(self.apply(logits, history))

    def branches(self, logits: ArrayLike, history: History | None = None) -> list[Branch]:
        """Every outcome of the random decisions on the way, with its probability and its logits (B, V)."""
        rows = np.atleast_2d(require_logits(logits))
        history = require_history(history, rows)
        branches: list[Branch] = [(1.0, rows)]
        for processor in self.processors:
            branches = self.step(processor, branches, history)
        return branches

    def step(self, processor: Processor, branches: Sequence[Branch], history: History) -> list[Branch]:
        """One processor, applied to all outcomes so far."""
        found = [
            (weight * chance, logits)
            for weight, before in branches
            for chance, logits in processor.branches(before, history, self.conventions)
        ]
        for _, logits in found:
            empty = int((~np.isfinite(logits)).all(axis=-1).sum())
            if empty:
                raise InputError(
                    f"leaves none of {logits.shape[1]} tokens in {empty} of {len(logits)} rows.",
                    parameter=processor.switch,
                )
        return found

    def accept(self, history: History, processed: ArrayLike, tokens: ArrayLike) -> History:
        """The history once tokens (B,) were drawn from processed logits (B, V)."""
        drawn, law = np.asarray(tokens, np.int64), np.asarray(processed, float)
        memory: dict[str, Array] = dict(history.memory)
        for processor in self.processors:
            memory |= processor.remember(history, law, drawn)
        return replace(history.append(drawn), memory=memory)


def mixture(branches: Sequence[Branch]) -> Array:
    """The law (B, V) of all outcomes together."""
    return np.asarray(sum(weight * law_of(logits) for weight, logits in branches))


def require_history(history: History | None, logits: Array) -> History:
    """The history, if it fits logits (B, V); an empty one if there is none.

    Raises:
        InputError: if it has another number of rows, or tokens outside the vocabulary.
    """
    rows, states = logits.shape
    if history is None:
        return History.of(np.empty(0, np.int64), rows)
    tokens: Tokens = history.tokens
    if len(tokens) != rows:
        raise InputError(f"has {len(tokens)} rows, the logits have {rows}.", parameter="history")
    if tokens.size and not (tokens.min() >= 0 and tokens.max() < states):
        raise InputError(
            f"has tokens from {tokens.min()} to {tokens.max()}; the logits are those of {states}.", parameter="history"
        )
    return history


@cache
def settings() -> Mapping[str, FieldInfo]:
    """Every setting of any processor, by name; in the order in which servers apply them."""
    orders = [order for server in PROFILES.values() for order in (server.order, *dict(server.alone).values())]
    rank = [*(kind for order in reversed(orders) for kind in order), *PROCESSORS].index
    kinds = sorted(PROCESSORS, key=rank)
    return {name: field for kind in kinds for name, field in PROCESSORS[kind].model_fields.items() if name != "kind"}


def _require_setting(name: str) -> None:
    if name not in settings():
        hint = did_you_mean(name, settings())
        raise InputError(f"is no setting; there are {', '.join(sorted(settings()))}.{hint}", parameter=name)


def _chosen(given: Mapping[str, Any]) -> list[str]:
    """The kinds whose switches are given."""
    return [kind for kind in PROCESSORS if PROCESSORS[kind].switch in given]


def _order(server: Profile, kinds: Sequence[str]) -> tuple[str, ...]:
    """The order of a server, which may depend on what is on."""
    return next((order for kind, order in server.alone if kind in kinds), server.order)


def _require_known(processor: Processor, server: Profile, order: tuple[str, ...]) -> None:
    if processor.kind in order:
        return
    if processor.kind in server.kinds:
        raise InputError(
            f"has no effect in {server.name} beside {order[-1]}, which leaves only {', '.join(order)}.",
            parameter=processor.switch,
        )
    others = [name for name, other in PROFILES.items() if processor.kind in other.kinds]
    hint = f"the profile {' or '.join(others)} has" if others else "give its place in a Chain(processors) of your own"
    raise InputError(f"{server.name} has no {processor.kind}; {hint}.", parameter=processor.switch)


def _require_used(name: str, given: Mapping[str, Any]) -> None:
    """Refuses a setting none of whose processors is on."""
    switches = [PROCESSORS[kind].switch for kind in PROCESSORS if name in PROCESSORS[kind].model_fields]
    if not set(switches) & given.keys():
        raise InputError(f"has no effect without {' or '.join(switches)}.", parameter=name)
