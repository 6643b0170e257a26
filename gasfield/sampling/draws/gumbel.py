"""Gumbel-max sampling: the argmax of logits plus independent Gumbel noise is a draw from their softmax.

The noise of a token depends on the seed, the step, the row and the token's id only, not on the law: laws at nearby
temperatures drawn with the same numbers mostly give the same token, and at T -> 0 the likeliest. A draw takes V
logarithms; for many draws from one law, an alias table is faster. Source: Gumbel, 1954; Maddison et al., 2014,
arXiv 1411.0030.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import InputError
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.kernels.philox import philox
from gasfield.sampling.draws.address import Sampler, address, require_index
from gasfield.sampling.processors.base import require_logits

Tokens = NDArray[np.int64]

_SERIAL: dict[str, Any] = EXACT | {"error_model": "numpy"}
_PARALLEL: dict[str, Any] = EXACT_PARALLEL | {"error_model": "numpy"}
_PAIRS = 256
_BELOW_TOP = np.uint64(12)


def gumbel_max(logits: ArrayLike, seed: int = 0, *, step: int = 0, rows: ArrayLike | None = None) -> Tokens:
    """One token for each row of logits.

    Args:
        logits: (B, V), -inf where a token is forbidden; already divided by the temperature.
        seed: below 2^64.
        step: below 2^48; that of the text.
        rows: (B,) names of the rows, below 2^32; 0, 1, ... if left out. A row's token does not depend on the others.

    Returns:
        (B,) ids.

    Raises:
        InputError: if logits are not finite, or rows do not fit.
    """
    given = np.ascontiguousarray(np.atleast_2d(require_logits(logits)))
    names = np.arange(len(given)) if rows is None else np.asarray(rows, np.int64)
    if names.shape != (len(given),) or names.min() < 0 or names.max() >= 2**32:
        raise InputError(f"should be {len(given)} integers from 0 to 2^32 - 1.", parameter="rows")
    found = np.empty(len(given), np.int64)
    _argmax_all(given, np.ascontiguousarray(names), address(seed, step, Sampler.GUMBEL), found)
    return found


def gumbel_draws(logits: ArrayLike, count: int, seed: int = 0, *, step: int = 0, first: int = 0) -> Tokens:
    """Independent tokens (count,) from logits (V,): the rows `first`, `first` + 1, ... of `gumbel_max`.

    Raises:
        InputError: as there.
    """
    given = np.ascontiguousarray(require_logits(logits).reshape(1, -1))
    require_index("first", first + require_index("count", count, 32), 32)
    found = np.empty(count, np.int64)
    names = np.arange(first, first + count)
    _argmax_all(given, names, address(seed, step, Sampler.GUMBEL), found)
    return found


@jit(**(_SERIAL | {"forceinline": True}))
def _gumbel(word):  # type: ignore[no-untyped-def]
    """-log(-log u), u the midpoint of one of 2^52 equal cells of (0, 1)."""
    return -np.log(-np.log((np.float64(word >> _BELOW_TOP) + 0.5) * 2.0**-52))


@jit(**_SERIAL)
def _argmax(logits, row, where, words):  # type: ignore[no-untyped-def]
    """The argmax of logits (V,) plus noise; of equal ones the first."""
    states, best, token = logits.size, -np.inf, 0
    for block in range(0, states, 2 * _PAIRS):
        for i in range(min(_PAIRS, (states - block + 1) // 2)):
            words[2 * i], words[2 * i + 1] = philox(
                np.uint64(block // 2 + i), np.uint64(row), where.c2, where.c3, where.k0, where.k1
            )
        for i in range(min(2 * _PAIRS, states - block)):
            if logits[block + i] > -np.inf:
                noisy = logits[block + i] + _gumbel(words[i])
                if noisy > best:
                    best, token = noisy, block + i
    return token


@jit(**_PARALLEL)
def _argmax_all(logits, names, where, found):  # type: ignore[no-untyped-def]
    """One token for each name, from its row of logits, or from the only one."""
    rows = len(logits)
    for i in prange(names.size):
        words = np.empty(2 * _PAIRS, np.uint64)
        found[i] = _argmax(logits[np.int64(i) if rows > 1 else 0], names[i], where, words)
