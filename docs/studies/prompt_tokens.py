"""Tokens after a prompt as a landscape of states, on a real model: docs/figures/prompt-tokens.png, and its numbers.

    python docs/studies/prompt_tokens.py [MODEL]

The law after one prompt, over its likeliest tokens, which are joined to their neighbours in the embedding. MODEL as for
prompts_as_heat.py, whose cache is used. Half a minute.
"""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import FixedLocator, NullFormatter, ScalarFormatter
from numpy.typing import NDArray
from prompts_as_heat import FIGURES, PROMPT, measured
from scipy.stats import chi2

from gasfield.plots.style import CONTEXT, INK, SERIES, SIMULATED, dress, headline, new_figure
from gasfield.sampling.landscapes.kinetics import Visits, committor, reached, residence, transitions
from gasfield.sampling.landscapes.token_landscape import TokenLandscape
from gasfield.sampling.landscapes.walk import equilibrium_starts, walk

COUNT, NEIGHBOURS, TEMPERATURE = 2000, 8, 1.0
MOVES, WALKERS, STEPS = 2_000_000, 2000, 4000
FEWEST_EXITS, FEWEST_MOVES = 400, 20
TRIED, EACH = 25, 400
Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Points = tuple[Array, Array, Array]


def detailed_balance(tokens: TokenLandscape) -> None:
    """Fluxes and their reverse, from the transition matrix and measured."""
    flux = tokens.moves(TEMPERATURE).multiply(tokens.law(TEMPERATURE)[:, None]).toarray()
    both = flux + flux.T
    unlike = np.max(np.abs(flux - flux.T)[both > 0] / both[both > 0])
    print(f"  detailed balance, exact: |flux - reverse|/flux <= {unlike:.1e}")
    starts = equilibrium_starts(tokens, TEMPERATURE, MOVES, seed=1)
    (ends,) = walk(tokens, starts, [TEMPERATURE], seed=2)
    print(f"  {MOVES:,} measured moves: {flux_test(starts, ends, len(tokens.tokens))}")
    chance = np.random.default_rng(3)
    there = tokens.graph.indices[
        tokens.graph.indptr[starts] + (chance.random(MOVES) * tokens.degrees[starts]).astype(int)
    ]
    taken = chance.random(MOVES) < np.exp(-(tokens.energies[there] - tokens.energies[starts]) / TEMPERATURE)
    print(f"  without the ratio of degrees: {flux_test(starts, np.where(taken, there, starts), len(tokens.tokens))}")


def flux_test(starts: Indices, ends: Indices, count: int) -> str:
    """Chi-square of n_ij - n_ji over pairs with enough moves."""
    low, high = np.minimum(starts, ends), np.maximum(starts, ends)
    moved = low < high
    _, which = np.unique((low * count + high)[moved], return_inverse=True)
    both = np.bincount(which)
    apart = np.bincount(which, np.where(starts < ends, 1.0, -1.0)[moved])
    enough = both >= FEWEST_MOVES
    total, freedom = float(np.sum(apart[enough] ** 2 / both[enough])), int(enough.sum())
    return f"chi-square {total:.0f} for {freedom} pairs, p = {chi2.sf(total, freedom):.2g}"


def quench(tokens: TokenLandscape) -> dict[int, tuple[Array, Array]]:
    """Mean energy of walkers while T falls from 3 to 0.1, at three rates, and in equilibrium (0 steps)."""
    minima, basin = tokens.basins()
    courses = {}
    for steps in (100, 1000, 10_000):
        schedule = 3.0 * (0.1 / 3.0) ** (np.arange(steps) / (steps - 1))
        starts, energy = equilibrium_starts(tokens, 3.0, 1000, seed=6), np.empty(steps)
        for step, states in enumerate(walk(tokens, starts, schedule, seed=7)):
            energy[step] = tokens.energies[states].mean()
        above = tokens.energies[states] - tokens.energies.min()
        print(
            f"  T from 3 to 0.1 in {steps} steps: <E> - E_min = {above.mean():.2f} +- {above.std() / 1000**0.5:.2f}, "
            f"{np.mean(basin[states] == 0):.1%} in the lowest basin, {np.mean(np.isin(states, minima)):.1%} at minima"
        )
        courses[steps] = (schedule, energy)
    grid = np.geomspace(0.1, 3.0, 60)
    return courses | {0: (grid, np.array([tokens.law(t) @ tokens.energies for t in grid]))}


def residences(tokens: TokenLandscape, basin: Indices) -> Points:
    """Exact and measured steps of a visit, with errors, of all basins that are left often enough."""
    exact = residence(tokens.law(TEMPERATURE), tokens.moves(TEMPERATURE), basin)
    starts = equilibrium_starts(tokens, TEMPERATURE, WALKERS, seed=3)
    visits = Visits.of(starts, walk(tokens, starts, np.full(STEPS, TEMPERATURE), seed=4), basin)
    seen = np.flatnonzero(visits.exits.sum(axis=0) >= FEWEST_EXITS)
    found = [visits.residence(int(k)) for k in seen]
    values = np.array([float(e.value) for e in found])
    errors = np.array([np.nan if e.error is None else float(e.error) for e in found])
    pull = (values - exact[seen]) / errors
    rms = np.sqrt(np.mean(pull**2))
    print(
        f"  residence in {len(seen)} basins: rms deviation {rms:.2f} standard errors, largest {np.abs(pull).max():.1f}"
    )
    return exact[seen], values, errors


def commitment(tokens: TokenLandscape, source: Indices, target: Indices, names: Array) -> tuple[Array, Array]:
    """The committor of some tokens, and the share of walkers from there that reach the target first."""
    q = committor(tokens.moves(TEMPERATURE), source, target)
    free = np.setdiff1d(np.arange(len(q)), np.concatenate([source, target]))
    tried = free[[np.argmin(np.abs(q[free] - wanted)) for wanted in np.linspace(0.02, 0.98, TRIED)]]
    path = walk(tokens, np.repeat(tried, EACH), np.full(200_000, TEMPERATURE), seed=5)
    outcome = reached(path, source, target)
    assert (outcome >= 0).all()
    shares = outcome.reshape(TRIED, EACH).mean(axis=1)
    pull = (shares - q[tried]) / np.sqrt(np.maximum(q[tried] * (1.0 - q[tried]), 1e-9) / EACH)
    half = free[np.argsort(np.abs(q[free] - 0.5))[:6]]
    print(f"  committor of {TRIED} tokens: rms deviation {np.sqrt(np.mean(pull**2)):.2f} standard errors")
    print("    half way: " + ", ".join(f"{names[k]} {q[k]:.2f}" for k in half))
    return q[tried], shares


def draw(
    courses: dict[int, tuple[Array, Array]], times: Points, committed: tuple[Array, Array], ends: list[str]
) -> None:
    """Quench, residence and committor."""
    figure = new_figure(12.5, 4.2)
    first, second, third = figure.subplots(1, 3)
    for (steps, (t, energy)), colour in zip(courses.items(), (SIMULATED, SERIES[4], SERIES[1], INK), strict=True):
        first.plot(t, energy, color=colour, linewidth=1.2, label=f"in {steps:,} steps" if steps else "equilibrium")
    first.set_xscale("log")
    first.legend(fontsize=8, frameon=False, title="cooled", title_fontsize=8)
    dress(first, "Quench", "temperature T", "mean energy −log p [nats]")
    exact, values, errors = times
    second.errorbar(exact, values, errors, fmt=".", color=CONTEXT, capsize=2)
    span = [exact.min() * 0.9, exact.max() * 1.1]
    second.plot(span, span, color=INK, linewidth=0.8)
    second.set(xscale="log", yscale="log")
    for axis in (second.xaxis, second.yaxis):
        axis.set_major_locator(FixedLocator([3, 10, 30]))
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter(NullFormatter())
    dress(second, "Residence in basins [steps]", "exact: π / flux out", "walkers")
    q, share = committed
    third.errorbar(
        q, share, np.sqrt(np.maximum(share * (1 - share), 1 / EACH) / EACH), fmt=".", color=CONTEXT, capsize=2
    )
    third.plot([0, 1], [0, 1], color=INK, linewidth=0.8)
    dress(third, f"Committor from “{ends[0]}” to “{ends[1]}”", "exact: linear system", f"share of {EACH} walkers")
    headline(figure, f"Tokens after “{PROMPT}”: Metropolis moves among neighbours in the embedding")
    figure.savefig(FIGURES / "prompt-tokens.png")


def main() -> None:
    """Writes the figure and prints the numbers."""
    found = measured()
    tokens = TokenLandscape.of_law(found["logits"], found["embedding"], COUNT, NEIGHBOURS)
    names, law = found["tokens"][tokens.tokens], tokens.law(TEMPERATURE)
    minima, basin = tokens.basins()
    print(
        f"after '{PROMPT}': {len(law)} of {COUNT} tokens in one component, p = {tokens.share:.3f}; degrees "
        f"{tokens.degrees.min()} to {tokens.degrees.max()}; {len(minima)} basins"
    )
    hubs = np.argsort(-tokens.degrees)[:5]
    print("  most neighbours: " + ", ".join(f"{names[k]} {tokens.degrees[k]}" for k in hubs))
    detailed_balance(tokens)
    courses, times = quench(tokens), residences(tokens, basin)
    weight = np.bincount(basin, law)
    heavy = np.argsort(-weight)[:6]
    stays = np.diag(transitions(law, tokens.moves(TEMPERATURE), basin, 100))
    exact = residence(law, tokens.moves(TEMPERATURE), basin)
    for k in heavy:
        print(
            f"    {names[minima[k]]:10} p = {weight[k]:.3f}, {np.sum(basin == k):4d} tokens, a visit lasts "
            f"{exact[k]:.1f} steps, still or again there after 100: {stays[k]:.3f}"
        )
    source, target = (np.flatnonzero(basin == k) for k in heavy[:2])
    committed = commitment(tokens, source, target, names)
    draw(courses, times, committed, [str(names[minima[k]]) for k in heavy[:2]])


if __name__ == "__main__":
    main()
