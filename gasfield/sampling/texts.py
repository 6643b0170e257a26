"""Texts drawn token by token from a model through a chain of processors (ancestral sampling)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import InputError
from gasfield.language.base import LanguageModel
from gasfield.sampling.chain import Chain
from gasfield.sampling.draws import gumbel_max
from gasfield.sampling.processors import History
from gasfield.sampling.processors.base import log_law

Array = NDArray[np.float64]
Tokens = NDArray[np.int64]
Watch = Callable[[Array, Array, History], object]
"""Called at every step with raw logits (B, V), processed logits (B, V), and the history before the token."""


@dataclass(frozen=True)
class Texts:
    """B texts of at most L tokens.

    Attributes:
        tokens: (B, L) ids after the prompt; those beyond the length of a text have no meaning.
        lengths: (B,) tokens of each text, its end token included.
        log_p: (B, L) log probability of each token under the model's law at T = 1 [nats]; 0 beyond the length.
        log_q: (B, L) log probability of each token as it was drawn [nats]; 0 beyond the length.
    """

    tokens: Tokens
    lengths: Tokens
    log_p: Array
    log_q: Array


def draw_texts(
    model: LanguageModel,
    prompts: ArrayLike,
    chain: Chain,
    length: int,
    seed: int = 0,
    *,
    rows: ArrayLike | None = None,
    ignore_end: bool = False,
    watch: Watch | None = None,
) -> Texts:
    """Draws texts.

    Token k of the text with the name n depends on its prompt, the chain, the seed, k and n only: the same noise serves
    all chains.

    Args:
        model: the language model.
        prompts: (B, S) ids.
        chain: through which logits pass.
        length: the most tokens of a text.
        seed: below 2^64.
        rows: (B,) names of the texts; 0, 1, ... if left out.
        ignore_end: forbid the tokens that end a text, so that all have the full length. `log_p` is that of the model
            in any case.
        watch: looks at every step.

    Raises:
        InputError: if prompt and text do not fit the context of the model, or the length is not positive.
    """
    ids = np.atleast_2d(np.asarray(prompts, np.int64))
    _require_length(model, ids.shape[1], length)
    decoding, history = model.decode(ids), History.of(ids)
    open_, lengths = np.ones(len(ids), bool), np.zeros(len(ids), np.int64)
    tokens, log_p, log_q = (np.zeros((len(ids), length), kind) for kind in (np.int64, float, float))
    for step in range(length):
        raw = np.asarray(decoding.logits, float)
        allowed = _without(raw, model.end) if ignore_end else raw
        processed = chain.apply(allowed, history)
        drawn = gumbel_max(processed, seed, step=step, rows=rows)
        if watch is not None:
            watch(allowed, processed, history)
        tokens[:, step] = drawn
        log_p[open_, step], log_q[open_, step] = _log_of(raw, drawn)[open_], _log_of(processed, drawn)[open_]
        lengths += open_
        open_ &= ~np.isin(drawn, model.end)
        if step + 1 == length or not open_.any():
            break
        history = chain.accept(history, processed, drawn)
        decoding.extend(drawn)
    return Texts(tokens, lengths, log_p, log_q)


def _require_length(model: LanguageModel, prompt: int, length: int) -> None:
    if length < 1:
        raise InputError(f"should be at least 1, not {length}.", parameter="length")
    if model.context is not None and prompt + length > model.context:
        raise InputError(
            f"a prompt of {prompt} tokens and a text of {length} exceed the model's context of {model.context}.",
            parameter="length",
        )


def _without(logits: Array, tokens: tuple[int, ...]) -> Array:
    """The logits with some tokens forbidden."""
    found = logits.copy()
    found[:, list(tokens)] = -np.inf
    return found


def _log_of(logits: Array, tokens: Tokens) -> Array:
    """log p (B,) of a token in each row."""
    found: Array = np.take_along_axis(log_law(logits), tokens[:, None], axis=-1)[:, 0]
    return found
