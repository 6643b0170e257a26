"""Two different measures of a prompt under a language model, both exact sums at temperature 1.

    surprisal of token k    s_k = -log p(x_k | x_1 ... x_(k-1))  how improbable is what was written [nats]
    entropy after token k   S_k = -sum_v p_k(v) log p_k(v), p_k(v) = p(v | x_1 ... x_k)  how open is what follows [nats]

S_(k-1) is the expectation of s_k if the model itself writes token k, so the two means agree on text of the model's own.
On a given prompt they need not: random words have a high surprisal, whatever the entropy of the law after them is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import InputError
from gasfield.language.base import Ids, LanguageModel
from gasfield.statistics.canonical import canonical, energies_of
from gasfield.statistics.estimate import Estimate, exact, mean

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PromptHeat:
    """Surprisal of the tokens of a prompt, and entropy of the law after each of them.

    Attributes:
        ids: (S,) tokens.
        surprisal: (S - 1,) of the tokens after the first [nats].
        entropy: (S,) of the law after each token; the last one is that of the law after the prompt [nats].
    """

    ids: Ids
    surprisal: Array
    entropy: Array

    @property
    def estimates(self) -> dict[str, Estimate]:
        """Those of `heat_estimates`, after the whole prompt."""
        return heat_estimates(self.surprisal, float(self.entropy[-1]))


def heat_estimates(surprisal: Array, entropy: float) -> dict[str, Estimate]:
    """The numbers of a prompt.

    Args:
        surprisal: (n,) of its tokens but the first; may be empty.
        entropy: of the law after it.

    Returns:
        `surprisal`, the mean over tokens with its standard error (undefined without tokens); `entropy`, and
        `continuations`, the number exp(S) of equally likely tokens that have this entropy: exact.
    """
    return {
        "surprisal": mean(surprisal, "nats"),
        "entropy": exact(entropy, "nats"),
        "continuations": exact(float(np.exp(entropy)), "1"),
    }


def surprisals_of(logits: NDArray[np.floating], ids: Ids) -> Array:
    """(S - 1,) surprisal of the tokens (S,) after the first [nats], from the logits (S, V) after each of them."""
    rows = zip(logits, ids[1:], strict=False)
    return np.array([energies_of(row)[token] for row, token in rows], np.float64)


def prompt_heat_of(logits: ArrayLike, ids: Ids) -> PromptHeat:
    """Both measures from the logits (S, V) of the token after each of S tokens.

    Raises:
        InputError: if there is not one row of logits for each token, or a row is no law.
    """
    rows, ids = np.asarray(logits), np.asarray(ids, np.int64)
    if rows.ndim != 2 or len(rows) != len(ids) or not len(ids):
        raise InputError(f"logits {rows.shape} do not fit a prompt of {len(ids)} tokens; one row each is needed.")
    if ids.min() < 0 or ids.max() >= rows.shape[1]:
        raise InputError(f"the prompt has tokens outside the vocabulary of {rows.shape[1]}.", parameter="prompt")
    faulty = np.isnan(rows).any(axis=1) | ~np.isfinite(rows.max(axis=1))
    if faulty.any():
        raise InputError(f"the logits after token {int(np.argmax(faulty))} are NaN, or all infinite: no law.")
    # one row at a time: the memory of float64 energies does not grow with the prompt
    entropy = np.array([canonical(energies_of(row), 1.0).entropy[0] for row in rows])
    return PromptHeat(ids, surprisals_of(rows, ids), entropy)


def prompt_heat(model: LanguageModel, prompt: str | Ids) -> PromptHeat:
    """Both measures of a raw text, or of tokens (S,), under a model.

    Raises:
        InputError: if the model has no tokenizer for a text, or cannot read the tokens.
    """
    ids = model.require_ids(model.require_tokenizer().encode(prompt) if isinstance(prompt, str) else prompt)
    return prompt_heat_of(model.logits(ids), ids)
