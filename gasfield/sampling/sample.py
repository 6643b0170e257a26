"""`gasfield sample` as a function: tokens and texts from a model, and what its sampler does to the law."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gasfield.errors import InputError
from gasfield.sampling.chain import Chain
from gasfield.sampling.draws import AliasTable
from gasfield.sampling.processors import History
from gasfield.sampling.processors.base import law_of
from gasfield.sampling.result import Sample
from gasfield.sampling.sources import Context, Source, open_context
from gasfield.sampling.stages import shift_of, stages
from gasfield.sampling.texts import Texts, draw_texts
from gasfield.streams import require_seed

TOKENS, TEXTS = 1000, 4
"""How many tokens, or texts, are drawn unless it is said."""
_BATCH = 64


def sample(
    source: Source,
    prompt: str | None = None,
    *,
    ids: str | Iterable[int] | None = None,
    chat: bool = False,
    row: str | None = None,
    count: int | None = None,
    length: int = 1,
    seed: int = 0,
    profile: str = "transformers",
    ignore_end: bool = False,
    stage: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> Sample:
    """Draws the next token many times, or whole texts, through the processors of a server.

    Args:
        source: the path of a model or of a file of logits, either of them open, or logits (V,) or (P, V).
        prompt: raw text for a model, a message with `chat`.
        ids: tokens instead of a prompt; of logits, the tokens before them, which penalties count.
        chat: put the prompt into the model's chat template.
        row: name or number of a position, if there are several.
        count: how many tokens (1,000 if left out), or texts (4).
        length: tokens of a text; 1 counts draws of the next token.
        seed: of all draws, below 2^64.
        profile: whose processors: "transformers", "llama.cpp" or "vllm".
        ignore_end: forbid the tokens that end a text.
        stage: called with what is being done.
        settings: of the processors (`temperature`, `top_p`, ...); none is on unless it is given.

    Raises:
        InputError: if something cannot be opened or does not fit.
    """
    chain, seed = Chain.of(profile, **settings), require_seed(seed)
    count = (TOKENS if length == 1 else TEXTS) if count is None else count
    if count < 1:
        raise InputError(f"should be at least 1, not {count}.", parameter="count")
    stage("opening the source")
    context = open_context(source, prompt, ids, chat=chat, row=row)
    if context.model is None and (length != 1 or ignore_end):
        raise InputError("needs a model; logits are those of one token.", parameter="length")
    logits = context.logits.copy()
    if ignore_end and context.model is not None:
        logits[list(context.model.end)] = -np.inf
    history = History.of(context.ids)
    law = chain.law(logits, history)
    texts, counts = None, None
    if length == 1:
        counts = AliasTable(law).count(count, seed)
    else:
        texts = _texts(context, chain, count, length, seed, ignore_end=ignore_end, stage=stage)
    return Sample(
        context, profile, chain, seed, count, law_of(context.logits), law, counts, texts,
        stages(chain, logits, history), shift_of(chain, logits, history), _notes(context, chain),
    )  # fmt: skip


def _texts(
    context: Context,
    chain: Chain,
    count: int,
    length: int,
    seed: int,
    *,
    ignore_end: bool,
    stage: Callable[[str], None],
) -> Texts:
    """Texts in batches; each depends on its number, not on the batch."""
    assert context.model is not None
    parts = []
    for first in range(0, count, _BATCH):
        stage(f"drawing text {first + 1} of {count}")
        rows = np.arange(first, min(first + _BATCH, count))
        prompts = np.tile(context.ids, (rows.size, 1))
        parts.append(draw_texts(context.model, prompts, chain, length, seed, rows=rows, ignore_end=ignore_end))
    return Texts(
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        np.concatenate([part.log_p for part in parts]),
        np.concatenate([part.log_q for part in parts]),
    )


def _notes(context: Context, chain: Chain) -> tuple[str, ...]:
    """What must be said of the numbers."""
    notes = []
    counting = [processor.kind for processor in chain.processors if processor.counts_tokens]
    if counting and not context.ids.size:
        notes.append(f"nothing was said before, so that {', '.join(counting)} changes nothing")
    if any(not processor.shift_invariant for processor in chain.processors):
        notes.append("the repetition penalty depends on the zero of the logits, which has no meaning (see shift)")
    return tuple(notes)
