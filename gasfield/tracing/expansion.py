"""Where a neighbourhood expands, and what that goes with: subspaces, averages over texts, and rank correlations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy
import torch
from numpy.typing import NDArray

from gasfield.streams import Stream, generator
from gasfield.tracing.exponents import is_centred
from gasfield.tracing.families import Transformer
from gasfield.tracing.jacobian import tangents_of
from gasfield.tracing.passive import Host

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Overlap:
    """How much of one subspace lies in another.

    Attributes:
        value: mean squared cosine |B^T U|^2 / k: 1 for directions in the subspace, 0 for those orthogonal to it.
        null: its mean for random directions, m/D.
        spread: its standard deviation for random directions.
    """

    value: float
    null: float
    spread: float

    @property
    def score(self) -> float:
        """Standard deviations of random directions above their mean."""
        return (self.value - self.null) / self.spread


def overlap(directions: Values, basis: Values) -> Overlap:
    """The overlap of k orthonormal directions (D, k) with the subspace of m orthonormal columns (D, m).

    The null are k directions drawn uniformly (Haar measure): with P and Q the two projections,
    <tr PQ> = k m/D and Var(tr PQ) = 2 k m (D - k)(D - m)/(D^2 (D - 1)(D + 2)).
    """
    (width, k), m = directions.shape, basis.shape[1]
    value = float(np.sum((basis.T @ directions) ** 2)) / k
    variance = 2 * k * m * (width - k) * (width - m) / (width**2 * (width - 1) * (width + 2))
    return Overlap(value, m / width, float(np.sqrt(variance)) / k)


def unembedding_axes(model: Transformer) -> tuple[Values, Values]:
    """Principal directions of the stream by which logits differ: columns (D, D), and their singular values (D,).

    Logits are W (w * y) + constants, with w the weights of the last normalisation and y the normalised stream; a change
    that is the same for all tokens of the vocabulary changes no probability and is removed.
    """
    rows = model.unembedding.weight.detach().double() * model.final.weight.detach().double()
    rows = rows - rows.mean(dim=0)
    if is_centred(model):
        rows = rows - rows.mean(dim=1, keepdim=True)
    sizes, axes = torch.linalg.eigh(rows.T @ rows)
    return axes.flip(1).numpy(), sizes.clamp_min(0).flip(0).sqrt().numpy()


def mean_stretch(host: Host, tangents: int = 8, *, start: int = 0, seed: int = 0) -> tuple[Values, Values]:
    """How much the neighbourhood of each token is stretched, from a few random tangents at each.

    Args:
        host: the text.
        tangents: n for each token.
        start: the first frame.
        seed: of the tangents.

    Returns:
        (F, S) log sqrt(<|J v|^2> D/n) = half the log of the mean squared singular value, raw, and the same of the part
        that n(x) contains, in units of the normalised stream.
    """
    length, width = host.length, host.model.dimensions
    drawn = generator(seed, Stream.TRACER_FRAME, 1).standard_normal((length * tangents, width))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    vectors = torch.from_numpy(drawn).to(host.stream[0].dtype)
    tokens = torch.arange(length).repeat_interleave(tangents)
    raw, seen = [], []
    for frame, moved in tangents_of(host, tokens, vectors, start):
        states = host.stream[frame].double()
        if is_centred(host.model):
            states = states - states.mean(dim=1, keepdim=True)
        axes = states / states.norm(dim=1, keepdim=True)
        found = moved.double().reshape(length, tangents, width)
        visible = found - (found @ axes[:, :, None]) * axes[:, None]
        if is_centred(host.model):
            visible = visible - visible.mean(dim=2, keepdim=True)
        raw.append(_log_size(found))
        seen.append(_log_size(visible) - states.norm(dim=1).log().numpy())
    return np.array(raw), np.array(seen) - seen[0]


def _log_size(vectors: torch.Tensor) -> Values:
    found: Values = (vectors.square().sum(dim=2).mean(dim=1).log() / 2).numpy()
    return found


@dataclass(frozen=True)
class Averaged:
    """A mean over texts of the means over their tokens.

    Attributes:
        value: (...).
        over_texts: its standard error from the spread between texts; NaN for one text.
        over_tokens: its standard error from the spread of the tokens within texts.
    """

    value: Values
    over_texts: Values
    over_tokens: Values


def averaged(texts: Mapping[str, Values]) -> Averaged:
    """The average over texts of values (tokens, ...)."""
    means = np.array([values.mean(axis=0) for values in texts.values()])
    within = np.array([values.var(axis=0, ddof=1) / len(values) for values in texts.values() if len(values) > 1])
    count = len(means)
    between = means.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else np.full(means.shape[1:], np.nan)
    tokens = np.sqrt(within.sum(axis=0)) / count if len(within) == count else np.full(means.shape[1:], np.nan)
    return Averaged(means.mean(axis=0), between, tokens)


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's correlation within texts.

    Attributes:
        value: mean over texts.
        error: standard error: bootstrap over texts, and over tokens within them.
        null: standard deviation with one of the two permuted within texts.
        p: share of permutations whose correlation is at least as large in size.
        by_text: of each text.
    """

    value: float
    error: float
    null: float
    p: float
    by_text: dict[str, float]


def rank_correlation(
    pairs: Mapping[str, tuple[Values, Values]], *, draws: int = 1000, seed: int = 0
) -> RankCorrelation:
    """Does one quantity of the tokens go with another (does expansion predict entropy)?

    Correlations are taken within texts, so that a difference between texts makes none.

    Args:
        pairs: text -> both quantities (S,) of its tokens; at least 3 tokens each.
        draws: of bootstrap and permutations.
        seed: of both.
    """
    random, names = generator(seed, Stream.PERMUTATIONS), list(pairs)
    by_text = {name: _spearman(*pairs[name]) for name in names}
    value = float(np.mean(list(by_text.values())))
    again, permuted = [], []
    for _ in range(draws):
        some = [pairs[names[number]] for number in random.integers(len(names), size=len(names))]
        picked = [random.integers(len(x), size=len(x)) for x, _ in some]
        again.append(np.mean([_spearman(x[rows], y[rows]) for (x, y), rows in zip(some, picked, strict=True)]))
        permuted.append(np.mean([_spearman(x, random.permutation(y)) for x, y in pairs.values()]))
    p = (1 + np.sum(np.abs(permuted) >= abs(value))) / (1 + draws)
    return RankCorrelation(value, float(np.std(again)), float(np.std(permuted)), float(p), by_text)


def _spearman(x: Values, y: Values) -> float:
    a, b = scipy.stats.rankdata(x), scipy.stats.rankdata(y)
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    return float(np.sum(a * b)) / size if size else 0.0
