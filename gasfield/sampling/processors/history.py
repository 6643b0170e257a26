"""What has been said so far: the tokens that penalties count, and what stateful processors remember."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class History:
    """The tokens of B sequences before the next one.

    Attributes:
        tokens: (B, n), the prompt first; n may be 0.
        prompt: how many of the n belong to the prompt.
        memory: name -> (B,) numbers of stateful processors.
    """

    tokens: Tokens
    prompt: int
    memory: Mapping[str, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, prompt: ArrayLike, rows: int = 1) -> History:
        """The history after a prompt (n,), the same for `rows` sequences, or after prompts (B, n)."""
        tokens = np.asarray(prompt, np.int64)
        if tokens.ndim == 1:
            tokens = np.broadcast_to(tokens, (rows, tokens.size))
        return cls(tokens, tokens.shape[1])

    def append(self, tokens: Tokens) -> History:
        """With one more token (B,) each."""
        return replace(self, tokens=np.concatenate([self.tokens, np.asarray(tokens, np.int64)[:, None]], axis=1))

    def last(self, count: int | None, *, prompt: bool = True) -> Tokens:
        """The last `count` tokens (B, <= count), or all if it is None; of the generated ones only without `prompt`."""
        first = 0 if prompt else self.prompt
        if count is not None:
            first = max(first, self.tokens.shape[1] - count)
        return self.tokens[:, first:]
