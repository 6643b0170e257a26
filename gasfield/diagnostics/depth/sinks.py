"""Attention sinks: tokens whose norm is far above that of all others in some layer.

Their write is read by nearly every head (Xiao et al., arXiv 2309.17453), and with norms a hundred times that of the
others they dominate every sum over tokens (Sun et al., arXiv 2402.17762). A diagnostic of depth therefore gives its
numbers without them, names them, and gives the numbers with them beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Values
from gasfield.diagnostics.group import Group
from gasfield.printable import shortened

_NAMED = 6
"""Most sinks that a note names."""
_LONGEST = 30
"""Characters of a token in a note."""


@dataclass(frozen=True)
class Sinks:
    """Which tokens of a text are sinks.

    Attributes:
        flags: (S,) whether each is one.
        excess: (S,) its largest norm over the median norm of all tokens in the same frame.
        frames: (S,) the frame in which that is.
    """

    flags: NDArray[np.bool_]
    excess: Values
    frames: NDArray[np.int64]

    @classmethod
    def of(cls, norms: Values, factor: float) -> Sinks:
        """Tokens whose norm exceeds `factor` times the median in some frame, from norms (F, S). The median of a frame
        is not moved by sinks as long as they are fewer than half of the tokens."""
        if not norms.size:
            return cls(np.zeros(norms.shape[1], np.bool_), np.ones(norms.shape[1]), np.zeros(norms.shape[1], np.int64))
        median = np.median(norms, axis=1, keepdims=True)
        ratio = np.divide(norms, median, out=np.ones_like(norms), where=median > 0)
        frames = ratio.argmax(axis=0)
        excess: Values = ratio.max(axis=0)
        return cls(excess > factor, excess, frames)

    @property
    def count(self) -> int:
        """Number of sinks."""
        return int(self.flags.sum())

    def note(self, tokens: Sequence[str] = ()) -> str | None:
        """Which tokens are sinks, the largest first; None if none is."""
        if not self.count:
            return None
        order = [int(i) for i in np.argsort(-self.excess) if self.flags[i]]
        names = [f"{self._name(i, tokens)} ({self.excess[i]:.3g} times the median norm)" for i in order[:_NAMED]]
        more = f" and {self.count - _NAMED} more" if self.count > _NAMED else ""
        return f"attention sinks, left out except where a key ends in with_sinks: {', '.join(names)}{more}"

    @staticmethod
    def _name(index: int, tokens: Sequence[str]) -> str:
        text = tokens[index] if index < len(tokens) else ""
        return f"token {index} '{shortened(text, _LONGEST)}'" if text else f"token {index}"


def norms_of(group: Group) -> Values:
    """(F, S) norms of the rows in every frame."""
    if not len(group.steps):
        return np.empty((0, group.count))
    return np.concatenate([np.linalg.norm(x, axis=2) for _, x in group.blocks()])
