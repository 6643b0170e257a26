"""The contract of processors of logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.sampling.processors import CONVENTIONS, PROCESSORS, History, Processor, Truncation
from gasfield.sampling.processors.base import law_of
from gasfield.testing.tools import require, require_near

Array = NDArray[np.float64]

_ROWS, _STATES, _TOKENS = 6, 40, 30


def check_processor(processor: Processor | Mapping[str, Any]) -> None:
    """Runs the contract of processors of logits: each row is treated by itself and by values, not by ids; what was
    forbidden stays forbidden, and a token is left; outcomes are a law; whether the law depends on a shift of all logits
    or on the tokens before is as declared.

    Args:
        processor: one with an effect on some of the logits that are normal with a spread of 3.

    Raises:
        AssertionError: if something does not hold.
    """
    spec = PROCESSORS.parse(processor)
    for case, logits in enumerate(_cases()):
        history = History.of(np.random.default_rng(case).integers(_STATES, size=(_ROWS, _TOKENS)))
        before = logits.copy()
        outcomes = spec.branches(logits, history, CONVENTIONS)
        require_near(logits, before, "it changes its input", 0.0)
        require(abs(sum(chance for chance, _ in outcomes) - 1.0) < 1e-12, "probabilities of outcomes do not sum to 1")
        for _, after in outcomes:
            require(after.shape == logits.shape and after.dtype == np.float64, "it changes the shape or the type")
            require(not (np.isnan(after) | np.isposinf(after)).any(), "it makes NaN or +inf of logits")
            require(np.isfinite(after).any(axis=-1).all(), "it leaves no token")
            require(np.isneginf(after[np.isneginf(logits)]).all(), "it allows a token that was forbidden")
        if isinstance(spec, Truncation):
            after = spec.apply(logits, history, CONVENTIONS)
            require(((after == logits) | np.isneginf(after)).all(), "a truncation changes a logit that it keeps")
        if spec.neutral:
            require_near(_law(spec, logits, history), law_of(logits), "it says that it is neutral, and is not")
    _check_symmetries(spec)


def _cases() -> list[Array]:
    """Logits (B, V): all distinct, with forbidden states, with a single state, with ties."""
    normal = np.random.default_rng(0).normal(scale=3.0, size=(_ROWS, _STATES))
    some, one = normal.copy(), np.full_like(normal, -np.inf)
    some[:, ::3] = -np.inf
    one[:, 7] = 2.0
    return [normal, some, one, np.zeros_like(normal), np.round(normal)]


def _check_symmetries(spec: Processor) -> None:
    logits = _cases()[0]
    tokens = np.random.default_rng(1).integers(_STATES, size=(_ROWS, _TOKENS))
    law = _law(spec, logits, History.of(tokens))
    for row in range(_ROWS):
        alone = _law(spec, logits[row : row + 1], History.of(tokens[row : row + 1]))
        require_near(alone[0], law[row], "a row depends on the others")
    order = np.random.default_rng(2).permutation(_STATES)
    renamed = _law(spec, logits[:, order], History.of(np.argsort(order)[tokens]))
    require_near(renamed, law[:, order], "other ids of the same tokens give another law")
    changed = float(np.abs(_law(spec, logits, History.of((tokens + 1) % _STATES)) - law).max())
    require((changed > 1e-9) == spec.counts_tokens, f"other tokens before change the law by {changed:.3g}")
    shifted = float(np.abs(_law(spec, logits + 5.0, History.of(tokens)) - law).max())
    require((shifted < 1e-9) == spec.shift_invariant, f"a shift of all logits changes the law by {shifted:.3g}")


def _law(spec: Processor, logits: Array, history: History) -> Array:
    return np.asarray(sum(chance * law_of(after) for chance, after in spec.branches(logits, history, CONVENTIONS)))
