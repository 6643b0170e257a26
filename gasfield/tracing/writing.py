"""Writes a trace into its file, layer by layer; no more than one layer of it is in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.closing import Closing
from gasfield.gas import Gas
from gasfield.language.prompts import Prompt
from gasfield.tracing import layout
from gasfield.tracing.layout import Sizes
from gasfield.tracing.tracers import TracersInTexts
from gasfield.trajectory import TrajectoryWriter, schema
from gasfield.transformer import Norm, normalise

Array = NDArray[np.float32]


class TraceWriter(Closing):
    """Creates the file of a trace and appends to it."""

    def __init__(
        self,
        path: Path,
        texts: Mapping[str, Prompt],
        start: Array,
        sizes: Sizes,
        provenance: Mapping[str, Any],
        *,
        full: bool,
        lens: bool,
        weights: bool,
        tracers: TracersInTexts,
    ) -> None:
        """Lays the file out.

        Args:
            path: file to create.
            texts: each a group of particles, its tokens.
            start: (N, D) the states after the embedding.
            sizes: of the trace.
            provenance: attributes.
            full: whether the writes of all parts are kept.
            lens: whether energies of the logit lens are kept.
            weights: whether attention weights are kept.
            tracers: which follow the tokens of all texts.
        """
        self._sizes = sizes
        gas = tracers.join(_gas(texts, start))
        self._writer = TrajectoryWriter(path, gas, precision="float32", provenance=provenance)
        n, d, h, p = sizes.tokens, sizes.dimensions, sizes.heads, len(sizes.parts)
        values = [layout.SUM_ERROR, layout.NORM, layout.NORMALISED]
        for place in [*values, *([layout.ENERGY, layout.ENTROPY] if lens else [])]:
            self._writer.element(place, (n,), "f4")
        for place in (layout.WORK, layout.RADIAL, layout.SIZE):
            self._writer.element(place, (n, p), "f4", sizes.chunk(p))
        if full:
            self._writer.element(layout.ATTENTION, (n, h, d), "f4", sizes.chunk(h, d))
            self._writer.element(layout.MLP, (n, d), "f4", sizes.chunk(d))
        if sizes.has_bias:
            self._writer.element(layout.BIAS, (d,), "f4")
        for place, shape in ((layout.NORM_WEIGHT, (d,)), (layout.NORM_BIAS, (d,)), (layout.NORM_EPSILON, ())):
            self._writer.element(place, shape, "f4")
        for name, text in texts.items() if weights else ():
            length = len(text.ids)
            chunk = (1, 1, max(1, min(length, (1 << 18) // length)), length)
            self._writer.element(f"{layout.WEIGHTS}/{name}", (h, length, length), "f4", chunk)
        self._writer.describe(layout.WORK, parts=np.array(sizes.parts, object))

    def append(self, place: str, step: int, value: NDArray[Any] | float) -> None:
        """Appends one value of an element; the time is half the step.

        Raises:
            WriteError: if it cannot be written.
        """
        self._writer.append(place, step, step / 2, value)

    def frame(self, step: int, states: Array, norm: Norm, tracers: Array) -> None:
        """Appends the states (N, D) of all tokens and (M, D) of all tracers, the lengths of the former, and the
        normalisation that the next part reads through.

        Raises:
            WriteError: if it cannot be written.
        """
        self._writer.frame(step, step / 2, np.concatenate([states, tracers]))
        self.append(layout.NORM, step, _lengths(states))
        self.append(layout.NORMALISED, step, _lengths(normalise(norm, states)))
        self.append(layout.NORM_WEIGHT, step, norm.weight)
        self.append(layout.NORM_BIAS, step, np.zeros_like(norm.weight) if norm.bias is None else norm.bias)
        self.append(layout.NORM_EPSILON, step, norm.eps)

    def describe(self, **attributes: Any) -> None:
        """Adds attributes to the provenance."""
        self._writer.describe(schema.PROVENANCE, **attributes)

    def close(self) -> None:
        """Finishes the file.

        Raises:
            WriteError: if it cannot be finished.
        """
        self._writer.close()


def _gas(texts: Mapping[str, Prompt], start: Array) -> Gas:
    return Gas(
        positions=start,
        species=np.repeat(np.arange(len(texts)), [len(text.ids) for text in texts.values()]),
        names=list(texts),
        token_ids=np.concatenate([text.ids for text in texts.values()]),
        tokens=[piece for text in texts.values() for piece in text.pieces],
    )


def _lengths(vectors: Array) -> Array:
    squares = np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)
    return np.asarray(np.sqrt(squares), np.float32)
