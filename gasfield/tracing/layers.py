"""All texts through all layers: each layer is written before the next is computed.

Each text is computed by itself, so that its numbers do not depend on the texts beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.tracing import layout
from gasfield.tracing.capture import LayerParts, Passage, advance, begin
from gasfield.tracing.families import Transformer
from gasfield.tracing.layout import Sizes
from gasfield.tracing.lens import Lens
from gasfield.tracing.parts import pieces
from gasfield.tracing.tracers import TracersInTexts
from gasfield.tracing.writing import TraceWriter

Array = NDArray[np.float32]
Ids = NDArray[np.int64]

_AGREES = 1e-4
"""How far the last state may be from that of the whole pass, relative to the largest number."""


class Texts:
    """All texts on their way through the layers, and the frames that they make together."""

    def __init__(
        self, model: Transformer, ids: Mapping[str, Ids], tracers: TracersInTexts, done: Callable[[], None]
    ) -> None:
        """Passes every text through the whole model once.

        Args:
            model: the transformer.
            ids: token ids of each text by name.
            tracers: which follow tokens of the texts.
            done: called after each text.
        """
        self.model, self._tracers, self._done = model, tracers, done
        self._tokens = {name: torch.from_numpy(each) for name, each in ids.items()}
        self._passages: dict[str, Passage] = {}
        self.rows: dict[str, slice] = {}
        start = 0
        for name, tokens in self._tokens.items():
            self._passages[name] = begin(model, tokens)
            self.rows[name] = slice(start, start + len(tokens))
            start += len(tokens)
            done()
        self.sizes = Sizes(model.layers, model.heads, model.dimensions, start, model.parallel, model.has_bias)
        self._lens = Lens(model, len(next(iter(self._passages.values())).logits))
        self._norms = model.norms()

    def states(self) -> Array:
        """(N, D) the present states of all tokens."""
        return np.concatenate([passage.stream.numpy() for passage in self._passages.values()])

    def write(self, file: TraceWriter, *, full: bool, lens: str, weights: bool) -> tuple[float, dict[str, float]]:
        """Takes all texts through all layers and writes them.

        Args:
            file: where to.
            full: whether the writes of all parts are written.
            lens: "layers" for energies at each whole layer, "steps" at each frame, "none".
            weights: whether attention weights are written.

        Returns:
            The largest error of the sum of the parts, and the mean energy of each text in the end.

        Raises:
            InputError: if the parts do not sum to the stream, or the last state is not that of the whole pass.
            WriteError: if the file cannot be written.
        """
        states, worst = self.states(), 0.0
        losses = dict.fromkeys(self.rows, float("nan"))
        self._frame(file, 0, states)
        if lens != "none":
            self._look(file, 0, states)
        for layer in range(self.sizes.layers):
            frames, error = self._layer(file, layer, states, full=full, weights=weights)
            worst = max(worst, error)
            for step, states in frames.items():
                self._frame(file, step, states)
                if lens == "steps" or (lens == "layers" and step % 2 == 0):
                    losses = self._look(file, step, states)
        self._require_whole()
        return worst, losses

    def _frame(self, file: TraceWriter, step: int, states: Array) -> None:
        self._tracers.plant(step, {name: states[rows] for name, rows in self.rows.items()})
        file.frame(step, states, self._norms[step // self.sizes.stride], self._tracers.taken(step))

    def _look(self, file: TraceWriter, step: int, states: Array) -> dict[str, float]:
        """Writes what the logit lens shows; returns the mean energy of each text."""
        energies, entropies = np.empty(len(states), np.float32), np.empty(len(states), np.float32)
        means = {}
        for name, rows in self.rows.items():
            found = self._lens(torch.from_numpy(states[rows]), self._tokens[name][1:])
            energies[rows], entropies[rows] = (values.numpy() for values in found)
            known = energies[rows][:-1]
            means[name] = float(known.mean(dtype=np.float64)) if len(known) else float("nan")
        file.append(layout.ENERGY, step, energies)
        file.append(layout.ENTROPY, step, entropies)
        return means

    def _layer(
        self, file: TraceWriter, layer: int, states: Array, *, full: bool, weights: bool
    ) -> tuple[dict[int, Array], float]:
        """Takes all texts through one layer and writes its parts; returns its frames by step."""
        sizes, block, start = self.sizes, self.model.blocks[layer], 2 * layer
        steps = range(start + sizes.stride, start + 3, sizes.stride)
        frames = {step: np.empty_like(states) for step in steps}
        errors = {step: np.empty(sizes.tokens, np.float32) for step in steps}
        shape = (sizes.tokens, len(sizes.parts))
        measured = {place: np.empty(shape, np.float32) for place in (layout.WORK, layout.RADIAL, layout.SIZE)}
        heads = np.empty((sizes.tokens, sizes.heads, sizes.dimensions), np.float32) if full else None
        mlp = np.empty_like(states) if full else None
        for name, rows in self.rows.items():
            before = torch.from_numpy(states[rows])
            with self._tracers.listening(name, layer, block) as read:
                parts = advance(self.model, self._passages[name], layer, weights=weights)
            for step, state in zip(steps, _states(parts), strict=True):
                frames[step][rows] = state.numpy()
            self._tracers.move(name, layer, read, {step: frames[step][rows] for step in steps})
            for piece in pieces(block, before, parts):
                here = slice(rows.start + piece.rows.start, rows.start + piece.rows.stop)
                for place, values in zip(measured, (piece.work, piece.radial, piece.size), strict=True):
                    measured[place][here] = values.numpy()
                for step, values in zip(steps, piece.errors, strict=True):
                    errors[step][here] = values.numpy()
                if heads is not None:
                    heads[here] = piece.heads.transpose(0, 1).numpy()
            if mlp is not None:
                mlp[rows] = parts.mlp.numpy()
            if parts.weights is not None:
                file.append(f"{layout.WEIGHTS}/{name}", start, parts.weights.numpy())
            self._done()
        worst = self._require_sum(layer, errors)
        for place, whole in measured.items():
            file.append(place, start, whole)
        for step, error in errors.items():
            file.append(layout.SUM_ERROR, step, error)
        if block.bias is not None:
            file.append(layout.BIAS, start, block.bias.numpy())
        if heads is not None and mlp is not None:
            file.append(layout.ATTENTION, start, heads)
            file.append(layout.MLP, start + 2 - sizes.stride, mlp)  # added to the state between, if there is one
        return frames, worst

    def _require_sum(self, layer: int, errors: Mapping[int, Array]) -> float:
        """The largest error of a sum of parts.

        Raises:
            InputError: if it is too large, so that something else is added to the stream.
        """
        worst = max(float(values.max()) for values in errors.values())
        if not worst <= layout.LARGEST_ERROR:
            block = type(self.model.blocks[layer].module).__name__
            raise InputError(
                f"{self.model.name}: the parts of layer {layer + 1} do not sum to the stream (relative error "
                f"{worst:.2g}, at most {layout.LARGEST_ERROR:g} is rounding): {block} adds more than the writes of its "
                "heads, their bias and its MLP; that cannot be traced."
            )
        return worst

    @torch.inference_mode()
    def _require_whole(self) -> None:
        """Checks that the blocks called one by one give what the whole model gives.

        Raises:
            InputError: if they do not.
        """
        for name, passage in self._passages.items():
            final = self.model.final(passage.stream[None])[0]
            logits = self._lens.logits(passage.stream[-1:])[0]
            for ours, theirs in ((final, passage.final), (logits, passage.logits)):
                error = float((ours - theirs).abs().max() / theirs.abs().max())
                if not error <= _AGREES:
                    raise InputError(
                        f"{self.model.name}: {name}: its blocks called one by one, its final normalisation and its "
                        f"output layer do not give what the model gives (relative error {error:.2g}); "
                        f"{type(self.model.module).__name__} does something else in between; that cannot be traced."
                    )


def _states(parts: LayerParts) -> tuple[Any, ...]:
    return (parts.after,) if parts.middle is None else (parts.middle, parts.after)
