"""The page and the pictures of `sequences.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gasfield.files import write_file
from gasfield.plots.style import CONTEXT, INK, SERIES, SIMULATED, dress, legend, new_figure, save
from gasfield.sampling.sequences.ancestral import Ancestral
from gasfield.sampling.sequences.boltzmann import Boltzmann
from gasfield.sampling.sequences.macrostates import ask_twice
from gasfield.sampling.sequences.measured import structural, thermal
from gasfield.sampling.sequences.reweighting import reweight
from gasfield.statistics.estimate import Estimate, mean, stated

if TYPE_CHECKING:
    from sequences import Source

Measured = dict[str, Estimate]
SIZES = (16, 32, 64)
DISTANCES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
SHORT_DISTANCES = (1, 2, 4, 8)
DRAWN = (0.3, 0.7, 1.0, 1.2, 1.5)


def first(samples: Ancestral, length: int) -> Ancestral:
    """The first tokens of sequences: those of ancestral sampling at a smaller length."""
    return Ancestral(
        float(samples.temperature),
        samples.tokens[:, :length],
        samples.energies[:, :length],
        samples.means[:, :length],
        samples.log_partitions[:, :length],
    )


def together(parts: Sequence[Ancestral]) -> Ancestral:
    """Sequences of several seeds at one temperature."""
    names = ("tokens", "energies", "means", "log_partitions")
    arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return Ancestral(float(parts[0].temperature), *arrays)


def ladders(parts: Sequence[Boltzmann]) -> Boltzmann:
    """Ladders of several seeds side by side."""
    count = np.array([part.energies.shape[1] for part in parts], float)
    exchange = np.average([part.exchange for part in parts], axis=0, weights=count)
    acceptance = np.average([np.nanmean(part.acceptance, axis=0) for part in parts], axis=0, weights=count)
    return Boltzmann(
        parts[0].temperatures,
        np.concatenate([part.energies for part in parts], axis=1),
        np.concatenate([part.tokens for part in parts], axis=1),
        acceptance[None],
        exchange,
        sum(int(part.round_trips) for part in parts),
        int(parts[0].moves),
    )


def write(source: Source) -> None:
    """Writes sequences.md and both figures."""
    from sequences import HERE, LONG, SEEDS, SHORT, TEMPERATURES

    seeds = {t: [source.ancestral(t, LONG, seed) for seed in SEEDS] for t in TEMPERATURES}
    pooled = {t: together(parts) for t, parts in seeds.items()}
    runs = [source.boltzmann(seed) for seed in SEEDS]
    whole, embedding = ladders(runs), source.embedding()
    ancestral = {
        length: {t: _of_ancestral(first(one, length), embedding, length) for t, one in pooled.items()}
        for length in SIZES
    }
    boltzmann = {float(t): _of_boltzmann(whole, k, embedding) for k, t in enumerate(whole.temperatures)}
    page = "\n".join(
        [
            *_laws(ancestral[SHORT], boltzmann, pooled, SHORT),
            *_chains(whole, source),
            *_lengths(ancestral),
            *_along(pooled),
            *_twice(seeds, runs, embedding),
            *_texts(pooled, whole, source),
        ]
    )
    write_file(HERE / "sequences.md", page + "\n")
    figures = HERE.parent / "figures"
    save(_draw_laws(ancestral, boltzmann), figures / "sequences.png")
    save(_draw_correlations(ancestral[LONG], pooled), figures / "sequence-correlations.png")


def _of_ancestral(samples: Ancestral, embedding: np.ndarray, length: int) -> Measured:
    distances = [r for r in DISTANCES if r <= 0.75 * length]
    return {**thermal(samples), **structural(samples.tokens, np.arange(len(samples.tokens)), embedding, distances)}


def _of_boltzmann(run: Boltzmann, k: int, embedding: np.ndarray) -> Measured:
    distances = [r for r in DISTANCES if r <= 0.75 * run.tokens.shape[-1]]
    return {**thermal(run, k), **structural(*run.sequences(k), embedding, distances)}


def _text(estimate: Estimate, scale: float = 1.0) -> str:
    """A number with its error, divided by a length."""
    error = np.nan if estimate.error is None else estimate.error / scale
    return Estimate(estimate.value / scale, estimate.unit, stated=np.asarray(error)).quantity().text()


def _score(one: Estimate, other: Estimate) -> str:
    """Difference in standard errors."""
    if one.error is None or other.error is None:
        return ""
    return f"{float((one.value - other.value) / np.hypot(one.error, other.error)):+.1f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def _laws(
    ancestral: dict[float, Measured], boltzmann: dict[float, Measured], pooled: dict[float, Ancestral], length: int
) -> list[str]:
    rows = []
    for t in sorted(ancestral.keys() & boltzmann.keys()):
        one, other = ancestral[t], boltzmann[t]
        weighted = reweight(first(pooled[1.0], length), t)
        rows.append(
            [
                f"{t:g}",
                _text(one["energy"], length), _text(other["energy"], length), _score(one["energy"], other["energy"]),
                _text(one["entropy"], length), _text(other["entropy"], length),
                _text(one["heat_capacity"], length), _text(one["fluctuation"], length),
                _text(other["heat_capacity"], length),
                f"{weighted.effective_size:.1f}",
            ]
        )  # fmt: skip
    header = ("T", "U/L ancestral", "U/L Boltzmann", "difference / error", "S/L ancestral", "S/L Boltzmann",
              "dU/dT/L ancestral", "Var(E)/T²/L ancestral", "C/L Boltzmann", "ESS of reweighting")  # fmt: skip
    count = len(pooled[1.0].tokens)
    return [
        "# Two laws of texts at a temperature",
        "",
        f"Both laws at {length} tokens; {count} ancestral sequences at each temperature:",
        "",
        *_table(header, rows),
    ]


def _chains(run: Boltzmann, source: Source) -> list[str]:
    rows = [
        [
            f"{t:g}", f"{run.r_hat(k).largest:.3f}", f"{run.effective_size(k):.0f}", f"{run.acceptance[0, k]:.2f}",
            f"{run.exchange[k]:.2f}" if k < len(run.exchange) else "",
        ]
        for k, t in enumerate(run.temperatures)
    ]  # fmt: skip
    moves, count = run.energies.shape[:2]
    title = f"Chains: {count} ladders of {moves} measured moves, {run.round_trips} round trips:"
    return [title, "", *_table(("T", "R-hat", "ESS", "moves accepted", "exchanged with the next"), rows)]


def _lengths(ancestral: dict[int, dict[float, Measured]]) -> list[str]:
    longest = max(ancestral)
    rows = []
    for t, found in sorted(ancestral[longest].items()):
        sizes = [_text(ancestral[length][t]["heat_capacity"], length) for length in SIZES]
        spins = [_text(ancestral[length][t]["susceptibility"]) for length in SIZES]
        row = [f"{t:g}", _text(found["energy"], longest), _text(found["entropy"], longest), *sizes]
        rows.append([*row, _text(found["heat_defect"], longest), _text(found["repetition"]), *spins])
    header = ["T", "U/L", "S/L", *(f"dU/dT/L, L = {n}" for n in SIZES), "(T dS/dT - dU/dT)/L", "repetition"]
    title = f"Ancestral sampling at {longest} tokens, and at the first of them:"
    return [title, "", *_table([*header, *(f"χ, L = {n}" for n in SIZES)], rows)]


def quarters(samples: Ancestral) -> tuple[np.ndarray, np.ndarray]:
    """U_k averaged over each quarter of the text (4,), with errors."""
    parts = samples.means.reshape(len(samples.means), 4, -1).mean(axis=2)
    return parts.mean(axis=0), parts.std(axis=0, ddof=1) / len(parts) ** 0.5


def _along(pooled: dict[float, Ancestral]) -> list[str]:
    rows = []
    for t, samples in sorted(pooled.items()):
        parts = samples.means.reshape(len(samples.means), 4, -1).mean(axis=2)
        drift = mean(parts[:, 3] - parts[:, 1], "nats")
        mean_energy, error = quarters(samples)
        cells = [_text(stated(u, e, "nats")) for u, e in zip(mean_energy, error, strict=True)]
        rows.append([f"{t:g}", *cells, _text(drift)])
    header = ("T", "1st", "2nd", "3rd", "4th", "4th less 2nd")
    return ["Mean energy of a token given its prefix, by quarters of the text, ancestral:", "", *_table(header, rows)]


def _twice(seeds: dict[float, list[Ancestral]], runs: list[Boltzmann], embedding: np.ndarray) -> list[str]:
    rows = []
    for t, parts in sorted(seeds.items()):
        states = [_few(thermal(one), one.tokens, np.arange(len(one.tokens)), embedding) for one in parts]
        rows.append(_asked("ancestral", t, states, [one.tokens for one in parts]))
    for k, t in enumerate(runs[0].temperatures):
        drawn = [run.sequences(k) for run in runs]
        states = [_few(thermal(run, k), *one, embedding) for run, one in zip(runs, drawn, strict=True)]
        rows.append(_asked("Boltzmann", float(t), states, [tokens for tokens, _ in drawn]))
    header = ("law", "T", "sequences that differ", "observables", "largest difference / error", "threshold", "agree")
    return ["Asked twice, with two seeds:", "", *_table(header, rows)]


def _few(heat: Measured, tokens: np.ndarray, groups: np.ndarray, embedding: np.ndarray) -> Measured:
    """Without the estimates whose errors are those of few groups of very unlike sizes."""
    return {**heat, **structural(tokens, groups, embedding, SHORT_DISTANCES)}


def _asked(law: str, t: float, states: list[Measured], tokens: list[np.ndarray]) -> list[str]:
    found = ask_twice(states[0], states[1], (tokens[0], tokens[1]))
    row = [law, f"{t:g}", f"{1 - found.shared:.3f}", str(len(found.differences)), f"{found.largest:.2f}"]
    return [*row, f"{found.threshold:.2f}", "yes" if found.agree else "no"]


def _texts(pooled: dict[float, Ancestral], run: Boltzmann, source: Source) -> list[str]:
    rows = []
    for k, t in enumerate(run.temperatures):
        if float(t) in pooled:
            one, other = pooled[float(t)].tokens[0, : run.tokens.shape[-1]], run.tokens[-1, 0, k]
            rows.append([f"{t:g}", *(" ".join(source.text(ids).split()).replace("|", "/") for ids in (one, other))])
    return ["One sequence of each law:", "", *_table(("T", "ancestral", "Boltzmann"), rows)]


def _draw_laws(ancestral: dict[int, dict[float, Measured]], boltzmann: dict[float, Measured]) -> Figure:
    figure = new_figure(11.0, 7.4)
    (energy, capacity), (sizes, spins) = figure.subplots(2, 2)
    short = min(SIZES)
    for name, shade in (("energy", 1.0), ("entropy", 0.45)):
        _line(energy, ancestral[short], name, short, f"{name}, ancestral", INK, shade)
        _line(energy, boltzmann, name, short, f"{name}, Boltzmann", SIMULATED, shade)
    _line(capacity, ancestral[short], "heat_capacity", short, "dU/dT, ancestral", INK)
    _line(capacity, ancestral[short], "fluctuation", short, "Var(E)/T², ancestral", CONTEXT)
    _line(capacity, boltzmann, "heat_capacity", short, "dU/dT = Var(E)/T², Boltzmann", SIMULATED)
    for length, colour in zip(SIZES, SERIES, strict=False):
        _line(sizes, ancestral[length], "heat_capacity", length, f"ancestral, L = {length}", colour)
        _line(spins, ancestral[length], "susceptibility", 1, f"ancestral, L = {length}", colour)
    _line(spins, boltzmann, "susceptibility", 1, f"Boltzmann, L = {short}", SIMULATED)
    dress(energy, f"Energy and entropy a token, L = {short}", "temperature", "nats")
    dress(capacity, f"Heat capacity a token, L = {short}", "temperature", "nats")
    dress(sizes, "dU/dT a token with length", "temperature", "nats")
    dress(spins, "Susceptibility of the mean embedding", "temperature", "χ")
    for panel in (energy, capacity, sizes, spins):
        legend(panel)
    return figure


def _line(
    panel: Axes, found: dict[float, Measured], name: str, scale: float, label: str, colour: str, shade: float = 1.0
) -> None:
    at = sorted(found)
    value = np.array([float(found[t][name].value) for t in at]) / scale
    error = np.array([np.nan if found[t][name].error is None else float(found[t][name].error) for t in at]) / scale  # type: ignore[arg-type]
    panel.errorbar(
        at, value, np.nan_to_num(error), fmt="o-", color=colour, alpha=shade, markersize=4, capsize=2, label=label
    )


def _draw_correlations(found: dict[float, Measured], pooled: dict[float, Ancestral]) -> Figure:
    figure = new_figure(13.0, 4.2)
    tokens, classes, along = figure.subplots(1, 3)
    colours = (CONTEXT, SERIES[3], INK, SERIES[4], SIMULATED)
    for panel, name in ((tokens, "coincidence"), (classes, "mutual_information")):
        panel.axhline(0.0, color=INK, linewidth=0.8)
        for number, (t, colour) in enumerate(zip(DRAWN, colours, strict=True)):
            estimate, at = found[t][name], np.array(DISTANCES) * 1.03 ** (number - 2)
            error = np.nan_to_num(np.asarray(estimate.error, float))
            panel.errorbar(at, estimate.value, error, fmt="o-", color=colour, markersize=3, label=f"T = {t:g}")
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter("{x:g}")
        legend(panel)
    for t, colour in zip(DRAWN, colours, strict=True):
        energy, error = quarters(pooled[t])
        length = pooled[t].tokens.shape[1]
        along.errorbar((np.arange(4) + 0.5) * length / 4, energy, error, fmt="o-", color=colour, label=f"T = {t:g}")
    along.set_yscale("log")
    along.yaxis.set_major_formatter("{x:g}")
    along.yaxis.set_minor_formatter("{x:g}")
    dress(tokens, "Coincidence of tokens, connected", "distance [tokens]", "C(r)")
    dress(classes, "Mutual information of classes", "distance [tokens]", "nats")
    dress(along, "Mean energy of a token along the text", "position [tokens]", "nats")
    along.tick_params(which="both", labelsize=9)
    return figure
