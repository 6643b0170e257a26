"""Active perturbations: one token is displaced in front of a layer, the text goes on from there, and all others are
looked at. In a causal model only the token and its successors respond.

Each displacement is applied with both signs: half the difference is the response without what is quadratic in the
amplitude, half the sum, less the text itself, is what is not linear (and rounding).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gasfield.errors import InputError
from gasfield.streams import Stream, generator
from gasfield.tracers import place_of_token
from gasfield.tracing.capture import Passage, advance, begin
from gasfield.tracing.families import Transformer

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Response:
    """Who is moved by whom.

    Attributes:
        tokens: (n,) the displaced tokens.
        frames: (F,) frames from the displacement on.
        moved: (F, n, S) length of the displacement of each token, over that of the displaced one at the first frame;
            root mean square over directions.
        nonlinearity: (F, n) length of what is not linear over that of the response, all tokens together; the largest
            of the directions.
    """

    tokens: NDArray[np.int64]
    frames: NDArray[np.int64]
    moved: Values
    nonlinearity: Values

    @property
    def crossing(self) -> Values:
        """(F, n) share of the squared response that is in other tokens than the displaced one."""
        squares = self.moved**2
        own = squares[:, np.arange(len(self.tokens)), self.tokens]
        shares: Values = 1 - own / squares.sum(axis=2)
        return shares


def response(
    model: Transformer,
    ids: Sequence[int] | NDArray[np.int64],
    tokens: Sequence[int],
    *,
    layer: int = 0,
    amplitude: float = 1e-2,
    directions: int | Tensor = 2,
    seed: int = 0,
) -> Response:
    """The response of a text to displacements of single tokens.

    Args:
        model: the transformer.
        ids: (S,) the text.
        tokens: which are displaced, one at a time; negative numbers count from the end.
        layer: layers before the displacement, from 0 (after the embedding) to L - 1.
        amplitude: length of the displacement over that of the state.
        directions: random ones for each token, or vectors (n, D) for all of them.
        seed: of random directions.

    Raises:
        InputError: if a token or layer is not there, or vectors have another D.
    """
    if not 0 <= layer < model.layers:
        raise InputError(
            f"the model has {model.layers} layers: 0 to {model.layers - 1}.", parameter="layer", value=layer
        )
    passage = begin(model, torch.as_tensor(np.asarray(ids, np.int64)))
    places = [place_of_token(int(token), len(passage.stream), "tokens") for token in tokens]
    for number in range(layer):
        advance(model, passage, number, weights=False)
    start, still = passage.stream, _frames(model, passage, layer)
    found = [_of_token(model, passage, start, still, layer, token, amplitude, vectors) for token, vectors in
             zip(places, _directions(model, len(places), directions, seed), strict=True)]  # fmt: skip
    stride = 2 if model.parallel else 1
    frames = np.arange(2 * layer, 2 * model.layers + 1, stride)
    moved, rest = (np.stack(parts, axis=1) for parts in zip(*found, strict=True))
    return Response(np.array(places), frames, moved, rest)


def _directions(model: Transformer, tokens: int, given: int | Tensor, seed: int) -> list[Tensor]:
    """(n, D) unit vectors for each token."""
    width = model.dimensions
    if isinstance(given, Tensor):
        if given.ndim != 2 or given.shape[1] != width or not len(given):
            message = f"have the shape {tuple(given.shape)}; vectors of {width} numbers are needed."
            raise InputError(message, parameter="directions")
        vectors = [given.double()] * tokens
    else:
        drawn = generator(seed, Stream.TRACER_FRAME, 2).standard_normal((tokens, max(given, 1), width))
        vectors = list(torch.from_numpy(drawn))
    return [each / each.norm(dim=1, keepdim=True) for each in vectors]


def _frames(model: Transformer, passage: Passage, layer: int) -> list[Tensor]:
    """The states (S, D) of a text from a layer on, which it is in front of."""
    found = [passage.stream]
    for number in range(layer, model.layers):
        parts = advance(model, passage, number, weights=False)
        found += [parts.after] if parts.middle is None else [parts.middle, parts.after]
    return found


def _of_token(
    model: Transformer,
    passage: Passage,
    start: Tensor,
    still: list[Tensor],
    layer: int,
    token: int,
    amplitude: float,
    vectors: Tensor,
) -> tuple[Values, Values]:
    """(F, S) response and (F,) nonlinearity of one token."""
    size = amplitude * float(start[token].double().norm())
    squares: Values = np.zeros((len(still), len(start)))
    rest: Values = np.zeros(len(still))
    for vector in vectors:
        shift = torch.zeros_like(start)
        shift[token] = (size * vector).to(start.dtype)
        there, back = (
            _frames(model, Passage(start + sign * shift, passage.calls, passage.final, passage.logits), layer)
            for sign in (1, -1)
        )
        odd = [(a.double() - b.double()) / 2 for a, b in zip(there, back, strict=True)]
        even = [(a.double() + b.double()) / 2 - x for a, b, x in zip(there, back, still, strict=True)]
        squares = squares + np.array([(moved.norm(dim=1) / size).square().numpy() for moved in odd])
        rest = np.maximum(rest, [float(e.norm() / o.norm()) for e, o in zip(even, odd, strict=True)])
    return np.sqrt(squares / len(vectors)), rest
