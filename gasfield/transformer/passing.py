"""The pass of a text through a whole model: embedding, sub-layers, logits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.transformer.arithmetic import Real, attend, feed_forward, normalise
from gasfield.transformer.parts import Array, Layer, Transformer


def embed(model: Transformer, ids: NDArray[np.int64]) -> Array:
    """(S, D) the stream of a text (S,) before the first layer.

    Raises:
        InputError: if the text is empty, longer than the context, or has an id outside the vocabulary.
    """
    if not 1 <= len(ids) <= model.context:
        raise InputError(f"{model.name}: {len(ids)} tokens; the model reads 1 to {model.context}.")
    if ids.min() < 0 or ids.max() >= model.vocabulary:
        outside = int(ids[(ids < 0) | (ids >= model.vocabulary)][0])
        raise InputError(f"{model.name}: token {outside} is outside the model's vocabulary of {model.vocabulary}.")
    rows: Array = model.embedding[ids]
    return rows if model.positions is None else rows + model.positions[: len(ids)]


def attention_step(layer: Layer, x: Real) -> Real:
    """(S, D) what attention adds to the stream x (S, D)."""
    return attend(layer, normalise(layer.before_attention, x))


def mlp_step(layer: Layer, x: Real) -> Real:
    """(S, D) what the MLP adds to the stream x (S, D)."""
    return feed_forward(layer.mlp, normalise(layer.before_mlp, x))


def streams(model: Transformer, ids: NDArray[np.int64]) -> Iterator[tuple[int, Real]]:
    """(step, stream (S, D)): after the embedding, 0, after the attention of layer l, 2l - 1, and after its MLP, 2l.
    With a parallel residual there is no state between the two, and odd steps are left out.

    Raises:
        InputError: as `embed`.
    """
    x: Real = embed(model, ids)
    yield 0, x
    for number, layer in enumerate(model.layers, 1):
        if layer.parallel:
            x = x + attention_step(layer, x) + mlp_step(layer, x)
        else:
            x = x + attention_step(layer, x)
            yield 2 * number - 1, x
            x = x + mlp_step(layer, x)
        yield 2 * number, x


def logits(model: Transformer, x: Real) -> Real:
    """(S, V) of the next token, from the stream x (S, D) after any step: the logit lens, or after the last, the model's
    own.

    Raises:
        InputError: if memory does not suffice.
    """
    require_memory(4 * len(x) * model.vocabulary, f"{model.name}: logits of {len(x)} tokens")
    found: Real = normalise(model.final, x) @ model.unembedding.astype(x.dtype, copy=False).T
    return found
