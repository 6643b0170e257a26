"""The exact Jacobian of the path of a tracer: tangent vectors carried from frame to frame by forward differentiation.

The map is that of a passive tracer at its host (`passive.py`): keys and values of the predecessors are held fixed. A
small lattice around the host is deformed by the same matrix, up to its spacing and to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.func import jvp
from torch.nn.attention import SDPBackend, sdpa_kernel

from gasfield.errors import InputError
from gasfield.tracers import place_of_token
from gasfield.tracing.passive import Host, stepped

_BLOCK = 192
"""Tangents at once."""


def carried(host: Host, frame: int, hosts: Tensor, tangents: Tensor) -> Tensor:
    """Tangent vectors at the next frame: J v (n, D), with J the Jacobian of the path of each token.

    Args:
        host: the text.
        frame: of the tangents, before the last.
        hosts: (n,) the token at which each tangent is attached.
        tangents: (n, D).
    """
    states, read, moved = host.stream[frame], host.layers[frame // 2], []
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no forward derivative
        for at in range(0, len(tangents), _BLOCK):
            some = hosts[at : at + _BLOCK]

            def step(x: Tensor, some: Tensor = some) -> Tensor:
                return stepped(host.model, read, frame, x, some)

            moved.append(jvp(step, (states[some],), (tangents[at : at + _BLOCK],))[1])
    return torch.cat(moved)


def tangents_of(host: Host, tokens: Tensor, vectors: Tensor, start: int = 0) -> Iterator[tuple[int, Tensor]]:
    """Frames of tangent vectors, from the first frame to the last.

    Args:
        host: the text.
        tokens: (n,) the token of each; negative numbers count from the end of the text.
        vectors: (n, D) at the first frame.
        start: that frame.

    Raises:
        InputError: if a token is not there, the vectors have another D, or the model has no state at that frame.
    """
    if tuple(vectors.shape) != (len(tokens), host.model.dimensions):
        raise InputError(
            f"{len(tokens)} vectors of {host.model.dimensions} numbers are needed: {tuple(vectors.shape)}."
        )
    host.require_frame(start)
    places, frame = torch.tensor([place_of_token(int(one), host.length, None) for one in tokens]), start
    yield frame, vectors
    while frame < host.frames[-1]:
        frame, vectors = host.after(frame), carried(host, frame, places, vectors)
        yield frame, vectors


def jacobian(host: Host, token: int, end: int, start: int = 0) -> Tensor:
    """(D, D) the derivative of the state of a token at frame `end` by that at frame `start`.

    Raises:
        InputError: if the token is not there, or the model has no state at a frame.
    """
    host.require_frame(end, "end")
    identity = torch.eye(host.model.dimensions, dtype=host.stream[0].dtype)
    for frame, moved in tangents_of(host, torch.full((len(identity),), token), identity, start):
        if frame == end:
            return moved.T
    raise InputError(f"{end} is before the start, frame {start}.", parameter="end")
