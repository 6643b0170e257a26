"""Places and sizes of a trace in its file. docs/file-format.md documents them.

Step s is a number of sub-layers, time s/2 a number of layers: 0 after the embedding, 2l - 1 after the attention of
layer l (from 1), 2l after its MLP. What a part writes has the step of the state that it is added to, as a recorded
field has the step of the update that it drives.
"""

from __future__ import annotations

from dataclasses import dataclass

from gasfield.trajectory import schema

SOURCE = "trace"
"""The attribute `source` of a trace."""

ATTENTION = f"{schema.VECTORS}/attention"
"""(L, N, H, D) the write of each head on each token."""
MLP = f"{schema.VECTORS}/mlp"
"""(L, N, D) the write of the MLP."""
BIAS = "trace/attention_bias"
"""(L, D) the bias of the attention's output."""
WORK = f"{schema.VECTORS}/work"
"""(L, N, P) of each part: <part, displacement over the layer> / <displacement, displacement>."""
RADIAL = f"{schema.VECTORS}/radial"
"""(L, N, P) of each part: its component along the state before the layer."""
SIZE = f"{schema.VECTORS}/size"
"""(L, N, P) of each part: its length."""
SUM_ERROR = f"{schema.VECTORS}/sum_error"
"""(F - 1, N): how far a state and the parts are from the next state, relative to the length of the latter."""
NORM = f"{schema.VECTORS}/norm"
"""(F, N) length of the state."""
NORMALISED = f"{schema.VECTORS}/normalised_norm"
"""(F, N) length of what the next part reads of it."""
ENERGY = f"{schema.VECTORS}/lens_energy"
"""(F', N) -log p of the token that follows by the logit lens; NaN at the last token of a text."""
ENTROPY = f"{schema.VECTORS}/lens_entropy"
"""(F', N) entropy of the law of the next token by the logit lens."""
NORM_WEIGHT, NORM_BIAS, NORM_EPSILON = (f"trace/norm/{name}" for name in ("weight", "bias", "epsilon"))
"""(F, D), (F, D) and (F,): the normalisation that the next part reads through."""
WEIGHTS = "trace/weights"
"""Of each text, (L, H, S, S) attention weights, queries by keys."""

LARGEST_ERROR = 1e-5
"""How far the parts may be from the stream, relative to its length, in float32."""
_BYTES = 4
MOST = 1 << 31
"""Bytes of all parts up to which they are kept in full unless something else is asked for."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Sizes:
    """Sizes of a trace: L layers, H heads, D dimensions, N tokens; whether attention and MLP are parallel, and whether
    the attention has a bias."""

    layers: int
    heads: int
    dimensions: int
    tokens: int
    parallel: bool
    has_bias: bool

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the P parts of a layer: heads from 0 on, the MLP, the bias."""
        heads = tuple(f"head_{number}" for number in range(self.heads))
        return (*heads, "mlp", *(("bias",) if self.has_bias else ()))

    @property
    def stride(self) -> int:
        """Steps between two frames."""
        return 2 if self.parallel else 1

    @property
    def steps(self) -> range:
        """The step of each of the F frames."""
        return range(0, 2 * self.layers + 1, self.stride)

    @property
    def frame_bytes(self) -> int:
        """Of the parts of one layer."""
        return _BYTES * self.tokens * (self.heads + 1) * self.dimensions

    @property
    def parts_bytes(self) -> int:
        """Of all parts."""
        return self.layers * self.frame_bytes

    @property
    def stream_bytes(self) -> int:
        """Of all frames."""
        return _BYTES * len(self.steps) * self.tokens * self.dimensions

    def chunk(self, *inner: int) -> tuple[int, ...]:
        """The shape of a chunk of one frame of values (N, *inner)."""
        row = _BYTES
        for length in inner:
            row *= length
        return (1, max(1, min(self.tokens, _CHUNK // row)), *inner)
