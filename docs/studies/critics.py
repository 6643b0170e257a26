"""Ten criticisms of force-directed attention, each answered by a measurement.

The force is `emission_receptivity`; it is set beside softmax attention of the same tokens. Tokens are random: poles e
and r with independent normal coordinates of spread 1, unless said otherwise. Draws docs/figures/critics.png and prints
every number of docs/critics.md. Run by `make study`; about two minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numba
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy.optimize import least_squares

from gasfield.dynamics import Conditions
from gasfield.dynamics.advection import Advection
from gasfield.forces import AnyForce, Force, Surroundings, TotalForce
from gasfield.forces.attention.emission_receptivity import table
from gasfield.gas import Gas
from gasfield.plots.style import SERIES, dress, headline, legend, new_figure, save
from gasfield.spaces import Free, Space, Sphere

FIGURE = Path(__file__).parents[1] / "figures" / "critics.png"
FORCE_COLOUR, ATTENTION_COLOUR = "#e8590c", SERIES[0]
SOFT = 0.3
"""Softening where tokens are random, so that the nearest pair does not outweigh all others."""
DIMENSIONS = (2, 4, 8, 16, 32, 64, 128, 256)
Array = NDArray[np.float64]


# What the measurements have in common.


def say(what: str, *numbers: object) -> None:
    """One line of results."""
    print(f"{what:>46}  ", *(f"{n:.4g}" if isinstance(n, float) else str(n) for n in numbers))


def poles(count: int, dimensions: int, seed: int) -> tuple[Array, Array]:
    """Random emissions and receptivities (N, D)."""
    chance = np.random.default_rng([seed, dimensions])
    return chance.standard_normal((count, dimensions)), chance.standard_normal((count, dimensions))


def net(e: Array, r: Array, **law: float) -> Array:
    """(N, D) the force on each token by all others."""
    return np.asarray((table(e, r, **law) * (1 - np.eye(len(e)))[..., None]).sum(axis=0))


def gas_of(positions: Array) -> Gas:
    """Tokens at places."""
    count = len(positions)
    return Gas(positions, np.zeros(count, np.int64), ["gas"], np.full(count, -1), [""] * count)


def force_of(space: Space, **law: Any) -> Force:
    """A force of a scenario."""
    spec: TypeAdapter[Any] = TypeAdapter(AnyForce)
    return spec.validate_python(law).build(Surroundings(space))  # type: ignore[no-any-return]


def seconds(work: Callable[[], object]) -> float:
    """The shortest of several times, for at least a tenth of a second."""
    work()
    times: list[float] = []
    while sum(times) < 0.1 or len(times) < 3:
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


def evaluation(kind: str, count: int, dimensions: int) -> float:
    """Seconds of one evaluation of our own kernel on one thread."""
    gas = gas_of(np.random.default_rng(0).standard_normal((count, dimensions)))
    force, total = force_of(Free(dimensions=dimensions), kind=kind), np.zeros((count, dimensions))
    return seconds(lambda: force.add(gas, total))


def slope(x: Any, y: Any) -> float:
    """Exponent of a power law."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


# The critics, one by one.


def cost(ax: Axes) -> None:
    """Time against the number of tokens."""
    counts = np.array([128, 256, 512, 1024, 2048, 4096])
    for kind, colour in (("emission_receptivity", FORCE_COLOUR), ("attention", ATTENTION_COLOUR)):
        times = np.array([evaluation(kind, n, 32) for n in counts])
        power = slope(counts[2:], times[2:])
        say(f"cost: {kind}: exponent, s at N = 4096", power, times[-1])
        ax.loglog(counts, times, "o-", color=colour, label=f"{kind}: N^{power:.2f}")
    ax.set_xscale("log", base=2)
    dress(ax, "1 Cost: quadratic, as attention is", "tokens N (D = 32, one thread)", "seconds a force")


def meeting(ax: Axes) -> None:
    """The greatest force of one pole on another as they pass, against the softening."""
    r, along = np.array([[0.6, 0.8]]), np.array([0.8, -0.6])
    gaps = np.logspace(-12, 0, 1201)
    softenings = np.logspace(-3, -0.5, 11)

    def peak(softening: float) -> float:
        return float(np.linalg.norm(table(r + gaps[:, None] * along, r, softening=softening)[:, 0], axis=-1).max())

    peaks = np.array([peak(s) for s in softenings])
    say("meeting: exponent of the peak in s", slope(softenings, peaks))
    say("meeting: peak without, with s = 1e-3, 0.1", peak(0.0), peak(1e-3), peak(0.1))
    at_zero = np.linalg.norm(table(r, r)[0, 0])
    say("meeting: force at no distance", float(at_zero))
    ax.loglog(softenings, peaks, "o-", color=FORCE_COLOUR, label=f"peak: s^{slope(softenings, peaks):.2f}")
    ax.axhline(peak(0.0), color="#22223b", linestyle=":", label="peak without softening (eps = 1e-8)")
    for step, colour in ((1e-2, SERIES[1]), (1e-4, SERIES[2])):
        ax.axhline(1 / step, color=colour, linestyle="--", label=f"one length a step at h = {step:g}")
    ax.set_ylim(3e-3, 4e8)
    dress(ax, "2 Two tokens meet: bounded by softening", "softening s [length]", "greatest force")


RULES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "to the emitter": lambda d, distance, product: d / distance,
    "to or off it by sign(e·r)": lambda d, distance, product: np.sign(product) * d / distance,
    "... by 1/(d² + s²)": lambda d, distance, product: np.sign(product) * d / distance / (distance**2 + SOFT**2),
    "... by e·r, no distance": lambda d, distance, product: product * d / distance,
}
"""What a reader might say of a force in one sentence, up to one factor for all."""


def explained(e: Array, r: Array, rule: Callable[[Array, Array, Array], Array], softening: float) -> float:
    """The share of the squared force table that a rule explains with the best single factor."""
    apart = e[:, None] - r[None]
    distance = np.linalg.norm(apart, axis=2, keepdims=True)
    guess, truth = rule(apart, distance, (e @ r.T)[..., None]), table(e, r, softening=softening)
    return float(np.sum(guess * truth) ** 2 / np.sum(guess**2) / np.sum(truth**2))


def interpretability(ax: Axes) -> None:
    """The share of the table that a rule in one sentence explains, against D."""
    styles = zip(RULES.items(), ("#8d8d99", *SERIES[:3]), strict=True)
    for (name, rule), colour in styles:
        shares = [float(np.mean([explained(*poles(64, d, seed), rule, SOFT) for seed in range(5)])) for d in DIMENSIONS]
        say(f"interpretability: {name}: D = 2, 8, 64", shares[0], shares[2], shares[5])
        ax.semilogx(DIMENSIONS, shares, "o-", base=2, color=colour, label=name)
    ax.set_ylim(-0.02, 1.5)
    ax.set_yticks(np.linspace(0, 1, 6))
    dress(ax, "3 Rules in one sentence: simple in high D", "dimensions D", "explained share of the table")


def cosines(a: Array, b: Array) -> Array:
    """(N,) between rows."""
    return np.asarray(np.sum(a * b, axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))


def decay(ax: Axes) -> None:
    """How the net force on tokens turns and grows with the decay."""
    decays = np.linspace(1, 3, 17)
    for d, colour in ((2, SERIES[0]), (16, SERIES[1]), (128, SERIES[2])):
        e, r = poles(64, d, 0)
        base = net(e, r, softening=SOFT)
        turns = [float(cosines(net(e, r, decay=p, softening=SOFT), base).mean()) for p in decays]
        sizes = [float(np.linalg.norm(net(e, r, decay=p, softening=SOFT)) / np.linalg.norm(base)) for p in (1.0, 2.1)]
        say(f"decay: D = {d}: cosine at 1, 3; size at 1, 2.1", turns[0], turns[-1], *sizes)
        ax.plot(decays, turns, "o-", color=colour, label=f"D = {d}")
    dress(ax, "4a Decay: directions turn by up to 38°", "decay p", "cosine of forces at p and at 2")


def eps(ax: Axes) -> None:
    """Relative change of the forces on tokens, for tokens apart and for the nearest of many pairs."""
    values = np.logspace(-12, 0, 25)
    for d, colour in ((2, SERIES[0]), (16, SERIES[1]), (128, SERIES[2])):
        e, r = poles(64, d, 0)
        base = net(e, r, eps=1e-300)
        change = [float(np.linalg.norm(net(e, r, eps=v) - base) / np.linalg.norm(base)) for v in values]
        say(f"eps: D = {d}: nearest pair", float(np.linalg.norm(e[:, None] - r[None], axis=2).min()))
        say(f"eps: D = {d}: change at 1e-8, 1e-4, 1e-2", change[8], change[16], change[20])
        ax.loglog(values, np.maximum(change, 1e-16), "o-", color=colour, label=f"D = {d}")
    dress(ax, "4b Eps: nothing up to 1e-6", "eps", "relative change of the forces")


def high_dimension(ax: Axes) -> None:
    """Size of a force of a pair, and how alike distances become."""
    sizes, spreads, nets = [], [], []
    for d in DIMENSIONS:
        e, r = poles(64, d, 1)
        pair = np.linalg.norm(table(e, r, softening=SOFT), axis=2)
        distance = np.linalg.norm(e[:, None] - r[None], axis=2)
        sizes.append(float(np.sqrt(np.mean(pair**2))))
        spreads.append(float(distance.std() / distance.mean()))
        nets.append(float(np.abs(cosines(net(e, r, softening=SOFT), r)).mean()))
    high = np.array(DIMENSIONS) >= 16
    many = np.array(DIMENSIONS)[high]
    say("high D: exponents of size, spread", slope(many, np.array(sizes)[high]), slope(many, np.array(spreads)[high]))
    say("high D: size at 2, 16, 256", sizes[0], sizes[3], sizes[-1])
    say("high D: spread of distances at 2, 16, 256", spreads[0], spreads[3], spreads[-1])
    say("high D: |cosine| of net force and r at 2, 16, 256", nets[0], nets[3], nets[-1])
    ax.loglog(DIMENSIONS, sizes, "o-", color=FORCE_COLOUR, label="rms force of a pair")
    ax.loglog(DIMENSIONS, spreads, "s-", color=SERIES[1], label="spread of distances / mean")
    ax.loglog(DIMENSIONS, np.array(DIMENSIONS) ** -0.5, ":", color="#22223b", label="D^(-1/2)")
    ax.set_xscale("log", base=2)
    dress(ax, "5 High D: distances become alike", "dimensions D", "size")


def by_products(e: Array, r: Array) -> Array:
    """The net force with a token's own, by matrix products only: |e - r|^2 from e.e, r.r and e.r."""
    product = e @ r.T
    square = np.sum(e * e, axis=1)[:, None] + np.sum(r * r, axis=1)[None] - 2 * product
    weight = product / (np.sqrt(square) * square)
    return np.asarray(weight.T @ e - weight.sum(axis=0)[:, None] * r)


def by_tensor(e: Array, r: Array) -> Array:
    """The net force as it is written, with all differences (N, N, D) at once."""
    apart = e[:, None] - r[None]
    distance = np.sqrt(np.sum(apart * apart, axis=2))
    return np.asarray(np.sum((e @ r.T / distance**3)[..., None] * apart, axis=0))


def softmax_attention(q: Array, k: Array, v: Array) -> Array:
    """What every library does."""
    score = q @ k.T
    weight = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True) @ v)


def overhead(ax: Axes) -> None:
    """Time of one force in units of softmax attention, for the same N and D."""
    widths = (8, 32, 128)
    ratios: dict[str, list[float]] = {"NumPy, (N, N, D)": [], "NumPy, products": [], "our kernels": []}
    for d in widths:
        e, r = poles(512, d, 0)
        off = np.abs(by_products(e, r) - by_tensor(e, r)).max() / np.abs(by_tensor(e, r)).max()
        say(f"overhead: products off by, D = {d}", float(off))
        attend = seconds(lambda e=e, r=r: softmax_attention(e, r, r))
        ratios["NumPy, (N, N, D)"].append(seconds(lambda e=e, r=r: by_tensor(e, r)) / attend)
        ratios["NumPy, products"].append(seconds(lambda e=e, r=r: by_products(e, r)) / attend)
        ratios["our kernels"].append(evaluation("emission_receptivity", 512, d) / evaluation("attention", 512, d))
    for (name, values), colour in zip(ratios.items(), SERIES, strict=False):
        say(f"overhead: {name}: D = 8, 32, 128", *map(float, values))
        ax.loglog(widths, values, "o-", color=colour, label=name)
    ax.axhline(1.0, color="#22223b", linestyle=":")
    ax.set_xscale("log", base=2)
    dress(ax, "6 Overhead: of tensors, not of the law", "dimensions D (N = 512)", "time / softmax attention")


def learned_table(seed: int, hidden: float, away: float, noise: float) -> tuple[float, float]:
    """Poles of 8 tokens in 2 dimensions, learned from a part of their table: error on what was seen and what was not.

    Of three starts, each as far `away` from the truth in every coordinate, the one counts that fits best what was seen.
    """
    count, d = 8, 2
    chance = np.random.default_rng([seed, int(100 * hidden), int(100 * away)])
    truth = chance.standard_normal(2 * count * d)

    def made(p: Array) -> Array:
        return table(*p.reshape(2, count, d), softening=SOFT)

    clean = made(truth)
    given = clean + noise * clean.std() * chance.standard_normal(clean.shape)
    seen = np.ones(count * count, bool)
    seen[chance.permutation(count * count)[: round(hidden * count * count)]] = False
    seen = seen.reshape(count, count)
    starts = truth + away * chance.standard_normal((3, truth.size))
    fits = [least_squares(lambda p: (made(p) - given)[seen].ravel(), start, max_nfev=60) for start in starts]
    wrong = made(min(fits, key=lambda fit: float(fit.cost)).x) - clean
    inside, outside = (float(np.linalg.norm(wrong[part]) / np.linalg.norm(clean[part])) for part in (seen, ~seen))
    return inside, outside


def generalisation(ax: Axes) -> None:
    """Error on hidden entries of the table against how far from the truth learning starts."""
    distances, worlds = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6), 8
    for noise, colour in ((0.0, FORCE_COLOUR), (0.05, SERIES[1])):
        found = np.array([[learned_table(seed, 0.3, away, noise) for seed in range(worlds)] for away in distances])
        middle = np.median(found, axis=1)
        for away, row, mid in zip(distances, found, middle, strict=True):
            say(f"generalisation: noise {noise}, {away} away: seen, hidden, found", *map(float, mid),
                f"{np.sum(row[:, 1] < 0.1)} of {worlds}")  # fmt: skip
        ax.loglog(distances, np.maximum(middle[:, 1], 1e-9), "o-", color=colour, label=f"hidden, noise {noise:.0%}")
        ax.loglog(distances, np.maximum(middle[:, 0], 1e-9), "s:", color=colour, label=f"seen, noise {noise:.0%}")
    for hidden in (0.5, 0.7):
        near = np.array([learned_table(seed, hidden, 0.1, 0.0)[1] for seed in range(worlds)])
        say(
            f"generalisation: {hidden} hidden, 0.1 away: median, found", float(np.median(near)), int(np.sum(near < 0.1))
        )
    ax.axhline(1.0, color="#22223b", linestyle=":", label="predicting zero")
    dress(
        ax,
        "7 Hidden entries: found from near only",
        "distance of the start from the truth",
        "relative error (1e-9 and less at 1e-9)",
    )


class Teacher:
    """A random softmax head, what it says of two sets of clouds of tokens, and how well features say the same."""

    def __init__(self, seed: int) -> None:
        """12 tokens in 3 dimensions, 24 clouds to learn from and 24 to be judged by."""
        self.dimensions, self.count, self._chance = 3, 12, np.random.default_rng(seed)
        query, key, value = self._chance.standard_normal((3, 3, 3))
        self._clouds = self._chance.standard_normal((2, 24, self.count, 3))
        answers = [[softmax_attention(x @ query.T, x @ key.T, x @ value.T) for x in half] for half in self._clouds]
        self._answers = np.reshape(answers, (2, -1, 3))

    def linear(self, half: Array) -> Array:
        """Each token's own place and the mean of all."""
        mean = np.broadcast_to(half.mean(axis=1, keepdims=True), half.shape)
        return np.concatenate([half, mean], axis=2).reshape(-1, 6)

    def forces(self, p: Array, half: Array) -> Array:
        """The force on each token, with matrices and decay from parameters."""
        emit, receive = p[:18].reshape(2, 3, 3)
        forces = [table(x @ emit.T, x @ receive.T, p[18] ** 2, softening=SOFT).mean(axis=0) for x in half]
        return np.concatenate(forces)

    def _readout(self, features: Callable[[Array], Array]) -> tuple[Array, Array]:
        """What was learned, and the misses on it."""
        seen = features(self._clouds[0])
        weights = np.linalg.lstsq(seen, self._answers[0], rcond=None)[0]
        return weights, seen @ weights - self._answers[0]

    def error(self, features: Callable[[Array], Array]) -> float:
        """Relative error on the clouds that were not seen."""
        told = features(self._clouds[1]) @ self._readout(features)[0]
        return float(np.linalg.norm(told - self._answers[1]) / np.linalg.norm(self._answers[1]))

    def learned(self, also: Callable[[Array], Array] | None = None) -> float:
        """The error of the force, with other features beside it, after learning matrices, decay and output."""

        def features(p: Array) -> Callable[[Array], Array]:
            return lambda half: np.concatenate([self.forces(p, half)] + ([also(half)] if also else []), axis=1)

        starts = [np.append(self._chance.standard_normal(18), np.sqrt(2.0)) for _ in range(3)]
        fits = [least_squares(lambda p: self._readout(features(p))[1].ravel(), start, max_nfev=25) for start in starts]
        return self.error(features(min(fits, key=lambda fit: float(fit.cost)).x))


def existing_models(ax: Axes) -> None:
    """Matrices, decay and an output matrix fitted to what random softmax heads say."""
    names, results = ("nothing", "linear", "force", "force and linear"), []
    for seed in range(4):
        teacher = Teacher(seed)
        results.append((1.0, teacher.error(teacher.linear), teacher.learned(), teacher.learned(teacher.linear)))
    middle = np.mean(results, axis=0)
    for name, value in zip(names, middle, strict=True):
        say(f"existing models: error with {name}", float(value))
    ax.bar(range(4), middle, color=["#8d8d99", SERIES[0], FORCE_COLOUR, SERIES[4]])
    for run in results:
        ax.plot(range(4), run, "k.", markersize=4)
    ax.set_xticks(range(4), ["nothing", "linear in x,\nmean x", "this force", "both"])
    dress(
        ax,
        "8 Existing models: no better than linear",
        "fitted to the output of softmax heads",
        "relative error on new tokens",
    )


def ends(law: dict[str, Any], nudge: float = 0.0, seeds: int = 12) -> Array:
    """(seeds, N, 3) where 24 tokens on a sphere end from random starts."""
    space, found = Sphere(dimensions=3), []
    for seed in range(seeds):
        start = space.uniform(np.random.default_rng(seed), 24)
        start[0] += nudge
        gas, total = gas_of(start), TotalForce([force_of(space, **law)])
        motion = Advection(time_step=0.02).build(gas, Conditions(space, total))
        motion.project(gas)
        for _ in range(600):
            motion.advance(gas)
        found.append(gas.positions.copy())
    return np.array(found)


def initialisation(ax: Axes) -> None:
    """The spread of final states over random starts, and what a nudge of 1e-6 becomes."""
    laws: list[dict[str, Any]] = [{"kind": "attention", "beta": 1.0}]
    for seed in range(4):
        matrix = np.random.default_rng(seed).standard_normal((3, 3)).tolist()
        laws.append({"kind": "emission_receptivity", "receptivity": {"matrix": matrix}, "softening": SOFT})
    for place, law in enumerate(laws):
        final, nudged = ends(law), ends(law, 1e-6)
        centres = final.mean(axis=1)
        order = np.linalg.norm(centres, axis=1)
        growth = np.linalg.norm(final - nudged, axis=(1, 2)) / 1e-6
        name = "attention" if place == 0 else f"force, matrix {place}"
        say(f"initialisation: {name}: order: mean, sd", float(order.mean()), float(order.std(ddof=1)))
        say("... spread of the centres", float(np.sqrt(np.sum(centres.var(axis=0)))))
        say("... growth of a nudge: median, above 10", float(np.median(growth)), f"{np.sum(growth > 10)} of 12")
        colour = FORCE_COLOUR if place else ATTENTION_COLOUR
        ax.plot(place + np.linspace(-0.25, 0.25, len(order)), order, "o", markersize=4, color=colour)
    ax.set_xticks(range(5), ["attention", "force,\nR 1", "R 2", "R 3", "R 4"])
    ax.set_ylim(0, 1.05)
    dress(ax, "9 Initialisation: ends differ", "12 random starts on the sphere each", "|mean of tokens| at the end")


def drawing(ax: Axes) -> None:
    """The share of the forces that the best plane shows."""
    pairs, nets = [], []
    for d in DIMENSIONS:
        e, r = poles(64, d, 2)
        for stack, shares in ((table(e, r, softening=SOFT).reshape(-1, d), pairs), (net(e, r, softening=SOFT), nets)):
            powers = np.linalg.svd(stack, compute_uv=False) ** 2
            shares.append(float(powers[:2].sum() / powers.sum()))
    say("drawing: pairs: D = 4, 16, 64, 256", pairs[1], pairs[3], pairs[5], pairs[7])
    say("drawing: net forces: D = 4, 16, 64, 256", nets[1], nets[3], nets[5], nets[7])
    ax.loglog(DIMENSIONS, pairs, "o-", color=FORCE_COLOUR, label="forces of pairs")
    ax.loglog(DIMENSIONS, nets, "s-", color=SERIES[1], label="net forces on tokens")
    ax.loglog(DIMENSIONS, 2 / np.array(DIMENSIONS), ":", color="#22223b", label="2 / D")
    ax.set_xscale("log", base=2)
    dress(ax, "10 Drawing: a plane shows a part", "dimensions D", "share that the best plane shows")


PLACES = {
    "meeting": {"loc": "lower left"},
    "interpretability": {"loc": "upper left"},
    "overhead": {"loc": "center left"},
}
CRITICS = (cost, meeting, interpretability, decay, eps, high_dimension, overhead, generalisation, existing_models,
           initialisation, drawing)  # fmt: skip


VERDICTS = (
    "1  cost: right, and so it is for attention",
    "2  blow-up: half right, softening bounds it",
    "3  interpretability: half right",
    "4  decay: half right;  eps: wrong",
    "5  high dimension: right",
    "6  overhead: wrong",
    "7  generalisation: right",
    "8  existing models: right",
    "9  initialisation: right",
    "10  drawing: right",
)
"""As docs/critics.md argues them."""


def main() -> None:
    """Measures, prints, draws."""
    numba.set_num_threads(1)
    figure = new_figure(16.0, 12.5)
    axes = figure.subplots(3, 4).ravel()
    for critic, ax in zip(CRITICS, axes, strict=False):
        start = perf_counter()
        critic(ax)
        legend(ax, fontsize=8, **PLACES.get(critic.__name__, {}))
        print(f"{critic.__name__}: {perf_counter() - start:.1f} s\n")
    axes[-1].set_axis_off()
    axes[-1].text(0.0, 0.98, "Verdicts\n\n" + "\n".join(VERDICTS), va="top", fontsize=10.5, linespacing=1.7)
    headline(figure, "Ten criticisms of force-directed attention, measured")
    save(figure, FIGURE)


if __name__ == "__main__":
    main()
