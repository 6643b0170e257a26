"""Reads a trace: the states of the tokens of texts in a transformer, and what its parts do to them.

Layers are counted from 1, as the time of the state after a layer; heads from 0. Arrays are read when they are asked
for.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.closing import Closing
from gasfield.errors import InputError
from gasfield.printable import listed, shortened
from gasfield.provenance import FileDigest
from gasfield.tracing import layout
from gasfield.tracing.layout import Sizes
from gasfield.trajectory import Trajectory, open_trajectory
from gasfield.transformer import Norm, normalise

Array = NDArray[np.float32]


class Trace(Closing):
    """An open trace of texts with S tokens each, in F frames.

    Attributes:
        trajectory: the file.
        texts: names of the texts, which are groups of particles.
        tracers: names of the groups of tracers that follow them.
        sizes: L layers, H heads, D dimensions, N tokens of all texts; names of the P parts of a layer.
    """

    def __init__(self, trajectory: Trajectory) -> None:
        """Checks what the file says of itself.

        Raises:
            InputError: if it is no trace, or is not as the format says.
        """
        attributes = trajectory.attributes
        if attributes.get("source") != layout.SOURCE:
            raise InputError(f"{trajectory.path}: is no trace; `gasfield trace` makes them.")
        self.trajectory = trajectory
        groups = tuple(trajectory.names)
        count = attributes.get("texts", len(groups))  # a file without it has no tracers
        if not isinstance(count, int | np.integer) or not 0 < count <= len(groups):
            raise InputError(f"{trajectory.path}: texts in its provenance is no number of its {len(groups)} groups.")
        self.texts, self.tracers = groups[:count], groups[count:]
        numbers = [attributes.get(name) for name in ("layers", "heads", "parallel")]
        if not all(isinstance(number, int | np.integer) and 0 <= number < 2**31 for number in numbers):
            raise InputError(f"{trajectory.path}: layers, heads and parallel in its provenance are no whole numbers.")
        layers, heads, parallel = (int(number) for number in numbers if number is not None)
        has_bias = trajectory.has_element(layout.BIAS)
        tokens = sum(len(trajectory.members(name)) for name in self.texts)
        self.sizes = Sizes(layers, heads, trajectory.dimensions, tokens, bool(parallel), has_bias)
        steps = self.sizes.steps
        if len(trajectory) != len(steps) or not np.array_equal(trajectory.steps, steps):
            raise InputError(f"{trajectory.path}: its frames are not those of {layers} layers.")

    @classmethod
    def of(cls, trajectory: Trajectory) -> Self:
        """The trace in an open trajectory; closing either closes both.

        Raises:
            InputError: if it is none.
        """
        return cls(trajectory)

    @property
    def layers(self) -> int:
        """Number of layers L."""
        return self.sizes.layers

    @property
    def heads(self) -> int:
        """Number of attention heads H of a layer."""
        return self.sizes.heads

    @property
    def dimensions(self) -> int:
        """Dimensions D of the stream."""
        return self.sizes.dimensions

    @property
    def parallel(self) -> bool:
        """Whether attention and MLP read the same state, so that there is no frame between them."""
        return self.sizes.parallel

    @property
    def steps(self) -> NDArray[np.int64]:
        """(F,) the step of each frame: 0 after the embedding, 2l - 1 after the attention of layer l, 2l after its
        MLP."""
        return self.trajectory.steps

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the P parts of a layer: its heads, its MLP, and the bias of its attention if it has one."""
        return self.sizes.parts

    @property
    def model_path(self) -> str | None:
        """The path of the model when the trace was made; None if it had none."""
        path = self.trajectory.attributes.get("model_path")
        return path if isinstance(path, str) else None

    def made_with(self, path: Path) -> bool:
        """Whether a model in a file or a folder is the one of the trace, by its digest."""
        try:
            return FileDigest.of(path).sha256 == self.trajectory.attributes.get("model_sha256")
        except OSError:
            return False

    # ------------------------------------------------------------------------------------------------- the tokens

    def ids(self, text: str) -> NDArray[np.int64]:
        """(S,) token ids."""
        return self.trajectory.token_ids[self._rows(text)]

    def tokens(self, text: str) -> tuple[str, ...]:
        """Its S tokens as text."""
        return tuple(self.trajectory.tokens[row] for row in self._rows(text).tolist())

    def _require_text(self, text: str) -> None:
        """Raises:
        InputError: if it is no text: what is recorded of tokens is not recorded of tracers.
        """
        if text not in self.texts:
            raise InputError(f"{self.trajectory.path}: '{shortened(text)}' is no text; there are {listed(self.texts)}.")

    # ------------------------------------------------------------------------------------------------- the stream

    def stream(self, text: str) -> Array:
        """(F, S, D) the states.

        Raises:
            InputError: here as below, if there is no such text, or the file is damaged.
        """
        rows = self._rows(text)
        return np.asarray(self.trajectory.positions(rows), np.float32)

    def norm(self, step: int) -> Norm:
        """The normalisation through which the next part reads the state at a step: in front of the attention, of the
        MLP, or in the end of the unembedding. Of parallel blocks, that in front of the attention."""
        at = np.flatnonzero(self.steps == step)
        if not len(at):
            raise InputError(f"{self.trajectory.path}: no frame at step {step}.")
        weight, bias, epsilon = (part[int(at[0])] for part in self._norms)
        kind: Literal["rms", "layer"] = "layer" if self.trajectory.attributes.get("norm") == "layer" else "rms"
        return Norm(kind, weight, bias if bias.any() else None, float(epsilon))

    def normalised(self, text: str) -> Array:
        """(F, S, D) what the next part reads of the states."""
        states = self.stream(text)
        return np.stack(
            [normalise(self.norm(int(step)), state) for step, state in zip(self.steps, states, strict=True)]
        )

    def norms(self, text: str) -> Array:
        """(F, S) lengths of the states."""
        return self._frames(layout.NORM, text)

    def normalised_norms(self, text: str) -> Array:
        """(F, S) lengths of what the next part reads of them."""
        return self._frames(layout.NORMALISED, text)

    # -------------------------------------------------------------------------------------------------- the parts

    @property
    def has_parts(self) -> bool:
        """Whether the writes of all parts are kept, not their projections alone."""
        return self.trajectory.has_element(layout.ATTENTION)

    def attention(self, text: str, layer: int) -> Array | None:
        """(H, S, D) what each head of a layer adds to each token; None if only projections are kept."""
        if not self.has_parts:
            return None
        found = self._of_layer(layout.ATTENTION, text, layer, self.heads, self.dimensions)
        return np.ascontiguousarray(found.transpose(1, 0, 2))

    def attention_bias(self, text: str, layer: int) -> Array | None:
        """(D,) the bias that the attention of a layer adds to every token; None if it has none."""
        if not self.sizes.has_bias:
            return None
        self._rows(text)
        frames = self.trajectory.element(layout.BIAS, self.dimensions)
        return np.asarray(frames[self._layer(layer)], np.float32)

    def mlp(self, text: str, layer: int) -> Array | None:
        """(S, D) what the MLP of a layer adds to each token; None if only projections are kept."""
        return self._of_layer(layout.MLP, text, layer, self.dimensions) if self.has_parts else None

    def work(self, text: str, layer: int) -> Array:
        """(P, S) of each part, <part, displacement over the layer> / <displacement, displacement>: shares that sum to
        1. They are NaN for a token that does not move."""
        return self._of_layer(layout.WORK, text, layer, len(self.parts)).T

    def radial(self, text: str, layer: int) -> Array:
        """(P, S) of each part, its component along the state before the layer: what makes that state longer."""
        return self._of_layer(layout.RADIAL, text, layer, len(self.parts)).T

    def size(self, text: str, layer: int) -> Array:
        """(P, S) length of each part."""
        return self._of_layer(layout.SIZE, text, layer, len(self.parts)).T

    def sum_error(self, text: str) -> Array:
        """(F - 1, S) how far a state and the parts after it are from the next state, relative to its length."""
        return self._frames(layout.SUM_ERROR, text)

    @property
    def has_weights(self) -> bool:
        """Whether attention weights are kept."""
        return self.trajectory.has_element(layout.WEIGHTS)

    def weights(self, text: str, layer: int) -> Array | None:
        """(H, S, S) attention weights of a layer, queries by keys; None if they are not kept."""
        if not self.has_weights:
            return None
        self._require_text(text)
        length = len(self._rows(text))
        frames = self.trajectory.element(f"{layout.WEIGHTS}/{text}", self.heads, length, length)
        return np.asarray(frames[self._layer(layer)], np.float32)

    # --------------------------------------------------------------------------------------------- the logit lens

    @property
    def has_lens(self) -> bool:
        """Whether energies of the logit lens are kept."""
        return self.trajectory.has_element(layout.ENERGY)

    @property
    def lens_steps(self) -> NDArray[np.int64]:
        """(F',) the steps at which they are kept."""
        return self.trajectory.element(layout.ENERGY, self.sizes.tokens).steps

    def energy(self, text: str) -> Array:
        """(F', S - 1) -log p of the true next token by the logit lens [nats]."""
        return self._frames(layout.ENERGY, text)[:, :-1]

    def lens_entropy(self, text: str) -> Array:
        """(F', S) entropy of the law of the next token by the logit lens [nats]."""
        return self._frames(layout.ENTROPY, text)

    # ---------------------------------------------------------------------------------------------------- helpers

    def close(self) -> None:
        """Closes the file."""
        self.trajectory.close()

    def __repr__(self) -> str:
        model = self.trajectory.attributes.get("model", "a model")
        return f"Trace({self.trajectory.path}: {model}, {self.layers} layers, {len(self.texts)} texts)"

    def _rows(self, text: str) -> NDArray[np.int64]:
        return self.trajectory.members(text)

    @cached_property
    def _norms(self) -> tuple[NDArray[Any], ...]:
        d = self.dimensions
        shapes: tuple[tuple[str, tuple[int, ...]], ...] = (
            (layout.NORM_WEIGHT, (d,)), (layout.NORM_BIAS, (d,)), (layout.NORM_EPSILON, ())
        )  # fmt: skip
        found = [self.trajectory.element(place, *shape) for place, shape in shapes]
        if any(not np.array_equal(frames.steps, self.steps) for frames in found):
            raise InputError(f"{self.trajectory.path}: it has not one normalisation for each frame.")
        return tuple(frames.read() for frames in found)

    def _frames(self, place: str, text: str) -> Array:
        """(T, S) of a quantity with one number for each token."""
        self._require_text(text)
        rows = self._rows(text)
        frames = self.trajectory.element(place, self.sizes.tokens)
        return np.asarray(frames.read()[:, rows], np.float32)

    def _of_layer(self, place: str, text: str, layer: int, *inner: int) -> NDArray[np.float32]:
        self._require_text(text)
        rows = self._rows(text)
        at = self._layer(layer)
        frames = self.trajectory.element(place, self.sizes.tokens, *inner)
        span = slice(int(rows.min()), int(rows.max()) + 1)
        return np.asarray(frames.read(slice(at, at + 1), span)[0][rows - span.start], np.float32)

    def _layer(self, layer: int) -> int:
        if not 1 <= layer <= self.layers:
            message = f"{self.trajectory.path}: there are layers 1 to {self.layers}."
            raise InputError(message, parameter="layer", value=layer)
        return layer - 1


def open_trace(path: str | Path) -> Trace:
    """Opens a trace.

    Raises:
        InputError: if there is no such file, or it is no trace.
    """
    trajectory = open_trajectory(path)
    try:
        return Trace(trajectory)
    except BaseException:
        trajectory.close()
        raise
