"""The page of the study of exponents over depth, from what `depth_exponents.py` has computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gasfield.tracing.expansion import Averaged, RankCorrelation, averaged, rank_correlation

Values = NDArray[np.float64]
Kept = dict[str, Values]
LAYERS = (1, 2, 5, 10, 15, 20, 25, 29, 30)
_DRAWS = 500
"""Bootstrap draws, and permutations."""
LATE = 8
"""Tokens before this place are left out of correlations, as in the sample."""


_PAGE = """# Exponents over depth

How fast do states near that of a token separate from it, from layer to layer of SmolLM2-135M-Instruct, with all that
precedes the token held fixed? Exponents are log(singular value of the Jacobian)/layers [1/layer]. *Normalised* ones are
those of the state divided by its root mean square, which is what the next part reads but for weights. {texts} texts;
{drawn} tokens drawn at random behind the first {late} for whole spectra (D = {width}), and all {all:,} tokens for mean
stretches. Errors are standard errors over texts; in brackets, those from tokens within texts.

![Spectra, stretching over depth, and correlation with entropy](../figures/depth-exponents.png)

**Found.** Most of the stretching happens in the first layer, and nearly all of it in MLPs. After it, few directions
go on expanding and most contract. Relative to the length of the state, which grows faster, neighbourhoods contract:
of the normalised directions only a few still expand over all layers, and the mean stretch falls from layer to layer.
After one layer the leading direction is mostly that of the state itself, later it is not. Leading directions lie
hardly more in the leading directions of the unembedding than random ones do, and after the last layer less: expansion
is not where logits differ most.

A large stretch goes with a *low* entropy of the next token, in the shuffled text, too; how much differs between texts
by more than chance. It is a correlation: the first layer alone, which reads little but the token itself, has most of
the raw one. The list of random words, the control with the highest entropy, also has the largest mean stretch, so
that between texts the sign is not that within them.

## By layer

| layers | largest | 10th | 100th | mean of all | expanding | largest, normalised | 10th | expanding | norm |
|---|---|---|---|---|---|---|---|---|---|
{by_layer}

Exponents since the embedding; *expanding*: how many are above 0; *norm*: log of the growth of the state's length per
layer.

## By kind of text, all layers

| text | largest | mean of all | expanding | largest, normalised | expanding | mean stretch | normalised | entropy |
|---|---|---|---|---|---|---|---|---|
{by_text}

*Mean stretch*: log of the root mean square of the stretch of a random displacement over all layers, mean over all
tokens (with its error over tokens); entropy of the next token [nats].

## Where it expands

Share of the {leading} leading directions that lies in the {subspace} leading directions of the unembedding, and of the
displacements at the start that become them (random directions: {null:.4f} ± {spread:.4f}); squared cosine of the
leading direction with the state itself (random: {single:.4f}).

| layers | in the unembedding | their origins | along the state |
|---|---|---|---|
{where}

Stretch of random displacements, by part (log of the root mean square, sum over layers, all tokens):

| | attention | MLP |
|---|---|---|
{by_part}

## Does expansion predict the entropy of the next token?

Spearman's correlation within texts of the mean stretch of a token with the entropy of the law of the next token; error
by bootstrap over texts and tokens, null and p by permutation within texts. From layer 2 on: the difference of the logs.
In italics, what else goes with the entropy.

| stretch | layers | correlation | null | p |
|---|---|---|---|---|
{correlations}

## How exactly tracers follow

{following}
"""


def page(spectra: Mapping[str, list[Kept]], tokens: Mapping[str, Kept], leading: int, subspace: int) -> str:
    """The text of the page."""
    width = next(iter(spectra.values()))[0]["raw"].shape[1]
    return _PAGE.format(
        texts=len(spectra),
        drawn=sum(len(found) for found in spectra.values()),
        late=LATE,
        width=width,
        all=sum(len(found["entropy"]) for found in tokens.values()),
        leading=leading,
        subspace=subspace,
        null=subspace / width,
        spread=_spread(width, leading, subspace),
        single=1 / width,
        by_layer="\n".join(_by_layer(spectra, layer) for layer in LAYERS),
        by_text="\n".join(_by_text(name, spectra[name], tokens[name]) for name in spectra),
        where="\n".join(_where(spectra, layer) for layer in LAYERS),
        by_part="\n".join(_by_part(tokens)),
        correlations="\n".join(_correlations(tokens)),
        following=_following(tokens),
    )


def _pick(found: Kept, layer: int, key: str) -> Values:
    row: Values = found[key][list(found["frames"]).index(2 * layer)]
    return row


def _mean(spectra: Mapping[str, list[Kept]], value: Callable[[Kept], float]) -> str:
    """A cell: mean over texts, its error, and in brackets that from tokens."""
    found = averaged({name: np.array([value(one) for one in each], np.float64) for name, each in spectra.items()})
    return _cell(found)


def _cell(found: Averaged) -> str:
    tokens = "" if np.isnan(found.over_tokens) else f" ({float(found.over_tokens):.2g})"
    return f"{float(found.value):.3g} ± {float(found.over_texts):.2g}{tokens}"


def _volume(found: Kept, layer: int) -> float:
    return float(found["growth"][: 2 * layer].sum() / found["growth"].shape[1] / layer)


def _by_layer(spectra: Mapping[str, list[Kept]], layer: int) -> str:
    cells = [
        _mean(spectra, lambda one: _pick(one, layer, "raw")[0] / layer),
        _mean(spectra, lambda one: _pick(one, layer, "raw")[9] / layer),
        _mean(spectra, lambda one: _pick(one, layer, "raw")[99] / layer),
        _mean(spectra, lambda one: _volume(one, layer)),
        _mean(spectra, lambda one: float(np.sum(_pick(one, layer, "raw") > 0))),
        _mean(spectra, lambda one: _pick(one, layer, "normalised")[0] / layer),
        _mean(spectra, lambda one: _pick(one, layer, "normalised")[9] / layer),
        _mean(spectra, lambda one: float(np.sum(_pick(one, layer, "normalised") > 0))),
        _mean(spectra, lambda one: np.log(one["norms"][2 * layer] / one["norms"][0]) / layer),
    ]
    return f"| {layer} | " + " | ".join(cells) + " |"


def _by_text(name: str, spectra: list[Kept], tokens: Kept) -> str:
    last = LAYERS[-1]

    def cell(values: list[float]) -> str:
        error = f" ± {np.std(values, ddof=1) / np.sqrt(len(values)):.2g}" if len(values) > 1 else ""
        return f"{np.mean(values):.3g}{error}"

    cells = [
        cell([_pick(one, last, "raw")[0] / last for one in spectra]),
        cell([_volume(one, last) for one in spectra]),
        cell([float(np.sum(_pick(one, last, "raw") > 0)) for one in spectra]),
        cell([_pick(one, last, "normalised")[0] / last for one in spectra]),
        cell([float(np.sum(_pick(one, last, "normalised") > 0)) for one in spectra]),
        cell(list(tokens["raw"][-1, LATE:])),
        cell(list(tokens["seen"][-1, LATE:])),
        cell(list(tokens["entropy"][LATE:])),
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


def _where(spectra: Mapping[str, list[Kept]], layer: int) -> str:
    keys = ("overlap", "overlap_origin")
    cells = [_mean(spectra, partial(_number, layer=layer, key=key)) for key in keys]
    cells.append(_mean(spectra, lambda one: float(_pick(one, layer, "along")) ** 2))
    return f"| {layer} | " + " | ".join(cells) + " |"


def _number(found: Kept, layer: int, key: str) -> float:
    return float(_pick(found, layer, key))


def _spread(width: int, k: int, m: int) -> float:
    return float(np.sqrt(2 * k * m * (width - k) * (width - m) / (width**2 * (width - 1) * (width + 2)))) / k


def _by_part(tokens: Mapping[str, Kept]) -> list[str]:
    lines = []
    for title, key in (("raw", "raw"), ("normalised", "seen")):
        steps = {name: np.diff(found[key][:, LATE:], axis=0) for name, found in tokens.items()}
        parts = [averaged({name: each[first::2].sum(axis=0) for name, each in steps.items()}) for first in (0, 1)]
        lines.append(f"| {title} | " + " | ".join(_cell(part) for part in parts) + " |")
    return lines


def correlations(tokens: Mapping[str, Kept], key: str, layer: int, since: int = 0) -> RankCorrelation:
    """Of the mean stretch from one layer to another with the entropy."""
    rows = {name: found[key][2 * layer] - found[key][2 * since] for name, found in tokens.items()}
    return _with_entropy(tokens, rows)


def _with_entropy(tokens: Mapping[str, Kept], rows: Mapping[str, Values]) -> RankCorrelation:
    pairs = {name: (rows[name][LATE:], found["entropy"][LATE:]) for name, found in tokens.items()}
    return rank_correlation(pairs, draws=_DRAWS)


def _correlations(tokens: Mapping[str, Kept]) -> list[str]:
    lines = []
    for title, key in (("raw", "raw"), ("normalised", "seen")):
        for since, layer in ((0, 1), (0, 10), (0, 20), (0, 29), (0, 30), (1, 30)):
            span = f"{since + 1} to {layer}"
            lines.append(_line(title, span, correlations(tokens, key, layer, since)))
    norms = {name: np.log(found["norms"][-1] / found["norms"][0]) for name, found in tokens.items()}
    starts = {name: np.log(found["norms"][0]) for name, found in tokens.items()}
    places = {name: np.arange(len(found["entropy"]), dtype=float) for name, found in tokens.items()}
    lines.append(_line("*growth of the norm*", "1 to 30", _with_entropy(tokens, norms)))
    lines.append(_line("*norm of the embedding*", "", _with_entropy(tokens, starts)))
    lines.append(_line("*place in the text*", "", _with_entropy(tokens, places)))
    return lines


def _line(title: str, span: str, found: RankCorrelation) -> str:
    p = f"{found.p:.3f}" if found.p > 1.5 / (1 + _DRAWS) else f"< {2 / (1 + _DRAWS):.3f}"
    return f"| {title} | {span} | {found.value:.3f} ± {found.error:.3f} | ± {found.null:.3f} | {p} |"


def _following(tokens: Mapping[str, Kept]) -> str:
    worst = np.concatenate([found["error"].max(axis=0) for found in tokens.values()])
    median, high = np.quantile(worst, [0.5, 0.95])
    return (
        f"Tracers without offset at all {len(worst):,} tokens, in float32: the largest relative distance from its\n"
        f"host in any frame is {median:.1e} in the median over tokens, {high:.1e} at the 95th percentile and\n"
        f"{worst.max():.1e} at most; {np.mean(worst < 1e-6):.0%} of the tokens stay below 1e-6. In float64 it is\n"
        "1e-14 (tests)."
    )
