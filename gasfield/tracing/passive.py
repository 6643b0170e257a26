"""Passive tracers in the residual stream: extra positions that a text moves and that move nothing.

A tracer has a *host*, a token of the text. It takes the place of its host: it has the host's position, attends to the
host's predecessors and to itself, and no token attends to it. So its state x obeys, from frame to frame,

    x <- x + attention(n(x); keys and values of the host's predecessors, and its own),    x <- x + MLP(n'(x))

with the keys and values that the model computed for the text. A tracer without offset is its host; the map of its
position at one frame to that at a later one is that of the host, with everything before it held fixed. All is computed
by the model's own modules (norms, projections, rotary positions, grouped queries, whatever it has).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gasfield.errors import InputError
from gasfield.tracers import place_of_token
from gasfield.tracing.capture import advance, begin
from gasfield.tracing.families import Block, Transformer

BLOCK = 128
"""Tracers at once: each attends to one key of its own, so that the mask of n tracers has n columns for them."""
_CACHES = ("cache", "past_key_values", "past_key_value", "layer_past")
"""Names of the argument of attention that takes keys and values, in versions and families of transformers."""
_OBEDIENT = ("eager", "sdpa")
"""Implementations of attention that obey a mask."""


class Reading:
    """What tracers read of the attention of a text in one layer.

    Attributes:
        keys: (1, G, S, d) as attention reads them (after rotation).
        values: (1, G, S, d).
        rotary: cosines and sines (1, S, d); None where positions are not rotary.
        mask: (S, S) which tokens each token may attend to; None for all that precede it.
    """

    keys: Tensor
    values: Tensor
    rotary: tuple[Tensor, Tensor] | None = None
    mask: Tensor | None = None

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Keeps keys and values, in the place of a cache of transformers, and gives them back."""
        self.keys, self.values = keys, values
        return keys, values

    def own(self) -> None:
        """Turns what was computed in inference mode into tensors that can be differentiated through."""
        self.keys, self.values = self.keys.clone(), self.values.clone()
        self.rotary = None if self.rotary is None else (self.rotary[0].clone(), self.rotary[1].clone())


@contextmanager
def reading(block: Block) -> Iterator[Reading]:
    """Keeps what tracers read while a block computes a text; the text has the same bits as without."""
    found, name = Reading(), _cache_name(block.attention)

    def listen(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        found.rotary, mask = named.get("position_embeddings"), named.get("attention_mask")
        if mask is not None:
            found.mask = mask[0, 0] if mask.dtype == torch.bool else mask[0, 0] == 0
        return given, {**named, name: found}

    handle = block.attention.register_forward_pre_hook(listen, with_kwargs=True)
    try:
        yield found
    finally:
        handle.remove()


def require_obedient(model: Transformer) -> None:
    """Refuses an attention that may ignore the mask of the tracers.

    Raises:
        InputError: if it is not one that is known to obey it.
    """
    used = getattr(model.module.config, "_attn_implementation", "eager")
    if used not in _OBEDIENT:
        raise InputError(
            f"{model.name}: its attention is computed by {used!r}, which may ignore the mask of tracers; open the "
            f"model with attn_implementation={_OBEDIENT[0]!r} or {_OBEDIENT[1]!r}."
        )


def attended(block: Block, read: Reading, x: Tensor, hosts: Tensor) -> Tensor:
    """(n, D) what attention writes into tracers.

    Args:
        block: the layer.
        read: what it computed for the text.
        x: (n, D) the tracers.
        hosts: (n,) the token of each.
    """
    first = int(hosts.max())
    given: dict[str, Any] = {"attention_mask": _mask(read, hosts, first, x.dtype)}
    if read.rotary is not None:
        given["position_embeddings"] = tuple(part[:, hosts] for part in read.rotary)
    given[_cache_name(block.attention)] = _Before(read.keys[:, :, :first], read.values[:, :, :first])
    written: Tensor = block.attention(block.before_attention(x[None]), **given)[0][0]
    return written


def shifted(block: Block, x: Tensor) -> Tensor:
    """(n, D) what the MLP writes into tracers (n, D)."""
    written: Tensor = block.mlp(block.before_mlp(x[None]))[0]
    return written


def stepped(model: Transformer, read: Reading, step: int, x: Tensor, hosts: Tensor) -> Tensor:
    """(n, D) tracers at the frame after `step`; a function that `torch.func` can differentiate."""
    block = model.blocks[step // 2]
    if step % 2:
        return x + shifted(block, x)
    moved = x + attended(block, read, x, hosts)
    return moved + shifted(block, x) if model.parallel else moved


def _mask(read: Reading, hosts: Tensor, first: int, dtype: torch.dtype) -> Tensor:
    """(1, 1, n, first + n) added to the energies: 0 for what the host attends to before it and for the tracer itself,
    else -inf."""
    mask = torch.full((len(hosts), first + len(hosts)), -torch.inf, dtype=dtype)
    before = torch.arange(first) < hosts[:, None]
    if read.mask is not None:
        before = before & read.mask[hosts, :first]
    mask[:, :first][before] = 0
    mask[:, first:].fill_diagonal_(0)
    return mask[None, None]


class _Before:
    """Keys and values of the text in the place of a cache of transformers: before those of the tracers."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self._keys, self._values = keys, values

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Keys and values (1, G, S + n, d) of the text and the tracers."""
        return torch.cat([self._keys, keys], dim=2), torch.cat([self._values, values], dim=2)


def _cache_name(attention: Any) -> str:
    takes = inspect.signature(attention.forward).parameters
    return next(name for name in _CACHES if name in takes)


@dataclass
class Host:
    """A text that was run once, and what tracers of it need.

    Attributes:
        model: the transformer.
        stream: frame -> (S, D), its states.
        layers: what tracers read of each layer.
        logits: (V,) after its last token.
    """

    model: Transformer
    stream: dict[int, Tensor]
    layers: list[Reading]
    logits: Tensor

    @property
    def frames(self) -> list[int]:
        """Frames at which the stream has a state: 0 to 2L; only the even ones where blocks are parallel."""
        return list(self.stream)

    @property
    def length(self) -> int:
        """Number of tokens S."""
        return len(self.stream[0])

    def after(self, frame: int) -> int:
        """The frame after one before the last."""
        return frame + (2 if self.model.parallel else 1)

    def require_frame(self, frame: int, parameter: str | None = None) -> None:
        """Checks that the stream has a state at a frame.

        Raises:
            InputError: if not.
        """
        if frame not in self.stream:
            whole = ", even numbers only (its blocks are parallel)" if self.model.parallel else ""
            message = f"there is no frame {frame}; the model has 0 to {self.frames[-1]}{whole}."
            raise InputError(message, parameter=parameter)


def run_host(model: Transformer, ids: Sequence[int] | NDArray[np.int64]) -> Host:
    """Runs a text (S,) once and keeps its states, keys and values.

    Raises:
        InputError: if attention may ignore a mask.
    """
    require_obedient(model)
    passage = begin(model, torch.as_tensor(np.asarray(ids, np.int64)))
    stream, layers = {0: passage.stream.clone()}, []
    for number, block in enumerate(model.blocks):
        with reading(block) as read:
            parts = advance(model, passage, number, weights=False)
        if parts.middle is not None:
            stream[2 * number + 1] = parts.middle.clone()
        stream[2 * number + 2] = parts.after.clone()
        read.own()
        layers.append(read)
    return Host(model, stream, layers, passage.logits.clone())


def follow(host: Host, x: Tensor, hosts: Sequence[int], start: int = 0) -> Iterator[tuple[int, Tensor]]:
    """Frames of tracers, from the one at which they are planted to the last.

    Args:
        host: the text.
        x: (n, D) positions at the first frame.
        hosts: (n,) host of each tracer; negative numbers count from the end of the text.
        start: that frame.

    Yields:
        The number of each frame and the positions (n, D) there.

    Raises:
        InputError: if a host is not in the text, the model has no such frame, or the shape of x is another.
    """
    places = torch.tensor([place_of_token(int(one), host.length, None) for one in hosts])
    shape = (len(places), host.model.dimensions)
    if tuple(x.shape) != shape or not len(places):
        raise InputError(f"positions of tracers have the shape {tuple(x.shape)}; {shape} is needed.")
    host.require_frame(start)
    frame = start
    yield frame, x
    while frame < host.frames[-1]:
        x = in_blocks(host.model, host.layers[frame // 2], frame, x, places)
        frame = host.after(frame)
        yield frame, x


@torch.no_grad()
def in_blocks(model: Transformer, read: Reading, step: int, x: Tensor, hosts: Tensor) -> Tensor:
    """`stepped` for any number of tracers."""
    some = [slice(at, at + BLOCK) for at in range(0, len(x), BLOCK)]
    return torch.cat([stepped(model, read, step, x[each], hosts[each]) for each in some])
