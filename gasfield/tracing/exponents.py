"""Lyapunov exponents over depth: how fast states near that of a token separate from it, in every direction.

With J the Jacobian of the path of a token from frame `start` to a later one (`jacobian.py`), the finite-depth exponents
are log sigma_i(J) per layer, all D of them. J is a product of many factors, whose singular values span many orders of
magnitude, so it is kept as Q T: the D tangents are made orthonormal at every frame (QR) and the triangular factors are
multiplied in float64 (Benettin et al., Meccanica 15, 9, 1980; Eckmann and Ruelle, Rev. Mod. Phys. 57, 617, 1985).

The next part does not read x but n(x). In the *normalised* stream y = (x - m)/r, with r the root mean square of x - m
and m its mean in a layer normalisation, else 0 (without the weights, which differ from layer to layer), a displacement
is P J P_0 r_0 / r of what it was, where P_0 and P remove the directions that y does not contain: that of x - m, and
that of equal numbers if the mean is removed. So y has D - 1 (or D - 2) exponents, which lie between the raw ones, both
shifted by log(r/r_0): sigma_{i+2}(J) r_0/r <= sigma_i(normalised) <= sigma_i(J) r_0/r (interlacing; i + 4 if the mean
is removed).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gasfield.streams import Stream, generator
from gasfield.tracers import place_of_token
from gasfield.tracing.families import Transformer
from gasfield.tracing.jacobian import carried
from gasfield.tracing.passive import Host

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Stretches:
    """The deformation of the neighbourhood of a token between two frames.

    Attributes:
        raw: (D,) log singular values of the Jacobian, descending.
        normalised: (D - 1,) or (D - 2,) those in the normalised stream.
        directions: (D, K) leading directions at the later frame (left singular vectors).
        origins: (D, K) the directions at the first frame that become them (right singular vectors).
    """

    raw: Values
    normalised: Values
    directions: Values
    origins: Values


@dataclass(frozen=True)
class Spectrum:
    """Lyapunov spectrum of a token.

    Attributes:
        frames: (F,) the frames, the first one included.
        growth: (F - 1, D) log of the diagonal of R from frame to frame, in the order of the tangents: their sum over
            the tangents is log |det| of the step.
        at: frame -> the deformation since the first one.
        norms: (F,) length of the state.
    """

    frames: NDArray[np.int64]
    growth: Values
    at: dict[int, Stretches]
    norms: Values

    def exponents(self, frame: int, *, normalised: bool = False) -> Values:
        """(D,) exponents up to a frame [1/layer], descending."""
        found = self.at[frame]
        logs: Values = found.normalised if normalised else found.raw
        return logs / float(frame - self.frames[0]) * 2


def spectrum(
    host: Host, token: int, *, start: int = 0, at: Collection[int] | None = None, leading: int = 50, seed: int = 0
) -> Spectrum:
    """The whole Lyapunov spectrum of a token.

    Args:
        host: the text.
        token: negative numbers count from the end of the text.
        start: the first frame.
        at: frames at which singular values are computed; whole layers if left out.
        leading: directions that are kept (at most D).
        seed: of the random orthonormal tangents at the start.

    Raises:
        InputError: if the token is not there, or the model has no state at a frame.
    """
    token, width = place_of_token(token, host.length, "token"), host.model.dimensions
    wanted = {frame for frame in host.frames if frame > start and frame % 2 == 0} if at is None else set(at)
    for frame in wanted:
        host.require_frame(frame, "at")
    first = torch.from_numpy(np.linalg.qr(generator(seed, Stream.TRACER_FRAME).standard_normal((width, width)))[0])
    basis, product = first, torch.eye(width, dtype=torch.float64)
    frames, growth, found = [frame for frame in host.frames if frame >= start], [], {}
    hosts, numbers = torch.full((width,), token), host.stream[0].dtype
    for frame, after in itertools.pairwise(frames):
        moved = carried(host, frame, hosts, basis.T.to(numbers).contiguous())
        basis, upper = torch.linalg.qr(moved.T.double())
        product = upper @ product
        growth.append(upper.diagonal().abs().log().numpy())
        if after in wanted:
            states = (host.stream[start][token].double(), host.stream[after][token].double())
            found[after] = stretches(
                basis @ product @ first.T, *states, centred=is_centred(host.model), leading=leading
            )
    norms = np.array([float(host.stream[frame][token].double().norm()) for frame in frames])
    return Spectrum(np.array(frames), np.array(growth), found, norms)


def is_centred(model: Transformer) -> bool:
    """Whether the normalisation of a model removes the mean."""
    return isinstance(model.final, torch.nn.LayerNorm)


def stretches(jacobian: Tensor, before: Tensor, after: Tensor, *, centred: bool, leading: int) -> Stretches:
    """The deformation by a Jacobian.

    Args:
        jacobian: (D, D) float64.
        before: (D,) the state at the first frame.
        after: (D,) at the later one.
        centred: whether normalisation removes the mean.
        leading: directions that are kept.
    """
    left, sizes, right = torch.linalg.svd(jacobian)
    (start, before_size), (end, after_size) = _invisible(before, centred), _invisible(after, centred)
    seen = jacobian - (jacobian @ start) @ start.T
    seen = (seen - end @ (end.T @ seen)) * (before_size / after_size)
    visible = torch.linalg.svdvals(seen)[: len(jacobian) - start.shape[1]]
    kept = slice(0, leading)
    return Stretches(sizes.log().numpy(), visible.log().numpy(), left[:, kept].numpy(), right[kept].T.numpy())


def _invisible(state: Tensor, centred: bool) -> tuple[Tensor, float]:
    """(D, 1 or 2) orthonormal directions that the normalised state does not contain, and r."""
    even = torch.full_like(state, len(state) ** -0.5)
    around = state - even * (even @ state) if centred else state
    size = float(around.norm())
    columns = [around / size, even] if centred else [around / size]
    return torch.stack(columns, dim=1), size / len(state) ** 0.5
