"""Routers over 32 experts at temperatures from .2 to 1.2, and the jumps of scores that adapt to their loads.

    python docs/studies/experts.py      writes experts.md and ../figures/experts-routing.png

No real router is at hand: tokens are Gaussian vectors of 2,048 dimensions, normalised as by RMSNorm, and the router is
a Gaussian matrix, so that the logits of an expert have variance one over tokens; a common direction of all tokens gives
the experts means of standard deviation one half, without which every router is balanced. The router of LFM2-8B-A1B
takes sigmoids of the logits, adds a bias that training has found to balance the loads, takes the top 4 of 32, and
divides their sigmoids by the sum; here the bias is found in the same way, by steps against the sign of the excess of
load, at T = 1, and kept at the other temperatures. A minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.fields.routers import SigmoidRouter, chosen
from gasfield.plots.style import CONTEXT, INK, SERIES, dress, legend, new_figure, save
from gasfield.quantity import Quantity
from gasfield.sampling.adaptive_routing import AdaptiveScores
from gasfield.statistics.potts import MeanFieldPotts, coupling, finite_coexistence
from gasfield.statistics.routing import Routing, occupation, route

HERE = Path(__file__).parent
Array = NDArray[np.float64]

EXPERTS, TOP, WIDTH, TOKENS = 32, 4, 2048, 20_000
TEMPERATURES = np.round(np.arange(0.2, 1.21, 0.1), 1)
MEANS = 0.5
"""Standard deviation of the mean logits of the experts."""
BATCH, STEPS, RATE = 1_000_000, 1500, 0.1
MODEL = MeanFieldPotts.of(EXPERTS)


def logits(seed: int = 0) -> Array:
    """(N, M) of normalised tokens."""
    draw = np.random.default_rng(seed)
    tokens = draw.standard_normal((TOKENS, WIDTH)) + MEANS * draw.standard_normal(WIDTH)
    tokens /= np.sqrt(np.mean(tokens**2, axis=1, keepdims=True))
    router = draw.standard_normal((WIDTH, EXPERTS)) / np.sqrt(WIDTH)
    found = tokens @ router
    return np.asarray(found / found.std(axis=0).mean())


def balancing_bias(scores: Array) -> tuple[float, ...]:
    """(M,) steps against the sign of the excess of load, ever smaller, at T = 1."""
    bias, filled = np.zeros(EXPERTS), 1.0 / (1.0 + np.exp(-scores))
    for step in range(400):
        load = np.bincount(chosen(filled + bias, TOP).ravel(), minlength=EXPERTS) / (TOP * len(scores))
        bias -= 0.02 / (1.0 + step / 20.0) * np.sign(load - 1.0 / EXPERTS)
    return tuple(bias.tolist())


@dataclass(frozen=True)
class Course:
    """A router over the temperatures: entropy of a token, and the greatest load times M, with errors."""

    name: str
    entropy: list[Quantity]
    heaviest: list[Quantity]


def courses() -> list[Course]:
    """Of softmax over all experts, over the top 4, and of the sigmoid router with and without its bias."""
    scores = logits()
    bias = balancing_bias(scores)
    held_out = logits_like(scores)
    routers = {
        "softmax, all 32": (None, EXPERTS),
        "softmax, top 4": (None, TOP),
        "sigmoid, top 4": (SigmoidRouter(), TOP),
        "sigmoid, top 4, biased": (SigmoidRouter(bias=bias), TOP),
    }
    found = []
    for name, (router, top) in routers.items():
        each = [Routing.of(route(held_out, float(t), router=router, top=top)) for t in TEMPERATURES]
        found.append(Course(name, [one.entropy.quantity() for one in each], [one.heaviest.quantity() for one in each]))
    return found


def logits_like(scores: Array) -> Array:
    """(N, M) of other tokens with the same router: Gaussian, with the means and covariances of the first."""
    draw = np.random.default_rng(1)
    return draw.multivariate_normal(scores.mean(axis=0), np.cov(scores.T), size=TOKENS)


def relaxation() -> tuple[Quantity, list[tuple[float, Quantity]]]:
    """K at which deviations from balance no longer relax, by a line through rates at smaller K; and the rates."""
    router = AdaptiveScores(EXPERTS, tokens=BATCH, rate=RATE)
    strengths = np.array([4.0, 8.0, 12.0, 16.0, 20.0, 24.0])
    rates = [router.relaxation(float(k), 20_000, seed=n).quantity() for n, k in enumerate(strengths)]
    values = np.array([float(rate.value) for rate in rates])  # type: ignore[arg-type]
    errors = np.array([float(rate.error) for rate in rates])  # type: ignore[arg-type]
    (slope, offset), spread = np.polyfit(strengths, values, 1, w=1.0 / errors, cov="unscaled")
    influence = np.array([offset / slope**2, -1.0 / slope])
    zero = Quantity(float(-offset / slope), "1", float(np.sqrt(influence @ spread @ influence)))
    return zero, list(zip(strengths.tolist(), rates, strict=True))


def sweeps() -> dict[str, tuple[Array, Array]]:
    """(K, the greatest load) on the way up from balance, and down from collapse."""
    router = AdaptiveScores(EXPERTS, tokens=BATCH, rate=RATE)
    up = np.concatenate([np.arange(5.0, 28.0, 1.0), np.arange(28.0, 34.1, 0.25)])
    down = np.concatenate([np.arange(34.0, 7.9, -1.0), np.arange(7.0, 6.2, -0.1), np.arange(6.2, 5.9, -0.01)])
    return {
        "up": (up, router.sweep(up, STEPS, router.balanced(), seed=1)),
        "down": (down, router.sweep(down, STEPS, router.collapsed(34.0), seed=2)),
    }


def jump(strengths: Array, shares: Array) -> tuple[float, float]:
    """The two couplings between which the greatest load changes most."""
    place = int(np.argmax(np.abs(np.diff(shares))))
    return float(strengths[place]), float(strengths[place + 1])


def draw(found: dict[str, tuple[Array, Array]], routers: list[Course]) -> None:
    """Three panels: hysteresis; entropy; load."""
    figure = new_figure(15.0, 4.6)
    hysteresis, entropy, load = figure.subplots(1, 3, width_ratios=(1.3, 1, 1))
    share = np.linspace(1 / EXPERTS + 1e-6, 1.0 - 1e-14, 200_000)
    theory = coupling(share, EXPERTS)
    turn = int(np.argmin(theory))
    hysteresis.plot(theory[turn:], share[turn:], color=INK, linewidth=1.2, label="theory, stable")
    hysteresis.plot([1.0, EXPERTS], [1 / EXPERTS] * 2, color=INK, linewidth=1.2)
    hysteresis.plot(theory[:turn], share[:turn], color=INK, linewidth=1.0, linestyle="dotted", label="theory, unstable")
    for number, (name, marker) in enumerate({"up": "^", "down": "v"}.items()):
        hysteresis.plot(*found[name], marker, color=SERIES[number], markersize=4.5, label=f"K going {name}")
    for strength, text in ((MODEL.collapse_unstable, "6.07"), (MODEL.coexistence, "7.10"), (EXPERTS, "32")):
        hysteresis.axvline(strength, color=CONTEXT, linewidth=0.9, linestyle="dashed")
        left = strength == MODEL.collapse_unstable
        hysteresis.annotate(
            text, (strength, 0.56), xytext=(-3 if left else 3, 0), textcoords="offset points", fontsize=9, color=INK,
            ha="right" if left else "left",
        )  # fmt: skip
    hysteresis.set_xscale("log")
    hysteresis.set_xlim(4.5, 36.0)
    hysteresis.set_xticks([5, 7, 10, 15, 20, 30], ["5", "7", "10", "15", "20", "30"])
    hysteresis.minorticks_off()
    dress(hysteresis, "Scores that adapt: one of 32 experts takes all", "coupling K", "greatest load")
    legend(hysteresis, loc="center", bbox_to_anchor=(0.62, 0.3))
    for number, course in enumerate(routers):
        for ax, values in ((entropy, course.entropy), (load, course.heaviest)):
            ax.plot(TEMPERATURES, [value.value for value in values], "o-", color=SERIES[number], markersize=3.5,
                    linewidth=1.6, label=course.name)  # fmt: skip
    for count, below in ((TOP, 3), (EXPERTS, -11)):
        entropy.axhline(np.log(count), color=CONTEXT, linewidth=0.9, linestyle="dashed")
        entropy.annotate(
            f"log {count}", (0.2, np.log(count)), xytext=(0, below), textcoords="offset points", fontsize=9, color=INK
        )
    load.axhline(1.0, color=CONTEXT, linewidth=0.9, linestyle="dashed")
    dress(entropy, "Entropy of the weights of a token", "T", "nats")
    dress(load, "Load of the heaviest expert", "T", "in units of 1/32")
    legend(load)
    load.set_ylim(bottom=0.0)
    save(figure, HERE.parent / "figures" / "experts-routing.png")


def report(found: dict[str, tuple[Array, Array]], routers: list[Course]) -> str:
    """The numbers, in Markdown."""
    zero, rates = relaxation()
    (down_from, down_to), (up_from, up_to) = jump(*found["down"]), jump(*found["up"])
    finite = {tokens: finite_coexistence(tokens, EXPERTS) for tokens in (100, 200, 400)}
    shares = [MODEL.branches(float(k)).get("collapsed", 1 / EXPERTS) for k in found["down"][0]]
    stays = found["down"][0] > MODEL.collapse_unstable
    off = np.abs(found["down"][1] - shares)[stays].max()
    lines = [
        "# Routers over 32 experts",
        "",
        "Written by `experts.py`, which says what was done. Errors are standard errors.",
        "",
        "## Scores that adapt to their loads",
        "",
        f"Batches of {BATCH:,} tokens, r = {RATE}, {STEPS:,} steps at each K.",
        "",
        "| | theory | found |",
        "|---|---|---|",
        f"| balance unstable from K = E | 32 | {zero.text()} (relaxation rate zero); jump on the way up between "
        f"{up_from:g} and {up_to:g} |",
        f"| collapse unstable below | {MODEL.collapse_unstable:.4f} | jump on the way down between {down_from:.2f} "
        f"and {down_to:.2f} |",
        f"| equal free energies, 2 (E − 1) ln(E − 1)/(E − 2) | {MODEL.coexistence:.4f} | exact sums over N tokens: "
        + ", ".join(f"{value:.4f} (N = {tokens})" for tokens, value in finite.items())
        + f"; extrapolated {2 * finite[400] - finite[200]:.4f} |",
        f"| greatest load in collapse | solves K(p) = K | at most {off:.4f} away, down to K = "
        f"{found['down'][0][stays].min():.2f} |",
        "",
        "Relaxation rates of deviations from balance, 1 − K/32 in theory: "
        + ", ".join(f"{rate.text()} at K = {k:g} ({1 - k / EXPERTS:g})" for k, rate in rates)
        + ".",
        "",
        "## Routers over the temperature",
        "",
        "Entropy of the weights of a token [nats], and the load of the heaviest expert in units of 1/32.",
        "",
        "| T | " + " | ".join(course.name for course in routers) + " |",
        "|---|" + "---|" * len(routers),
    ]
    for place in (0, 3, 8, 10):
        cells = [f"{course.entropy[place].text()}; {course.heaviest[place].text()}" for course in routers]
        lines.append(f"| {TEMPERATURES[place]:g} | " + " | ".join(cells) + " |")
    filled = [float(occupation(logits(), float(t)).number.mean()) for t in TEMPERATURES[[0, 10]]]
    lines += [
        "",
        f"Without a choice of four, {filled[0]:.2f} experts are occupied at T = 0.2 and {filled[1]:.2f} at T = 1.2.",
    ]
    return "\n".join([*lines, "", "![Hysteresis, entropies and loads](../figures/experts-routing.png)", ""])


def main() -> None:
    """The page and the figure."""
    found, routers = sweeps(), courses()
    draw(found, routers)
    (HERE / "experts.md").write_text(report(found, routers), encoding="utf-8")


if __name__ == "__main__":
    main()
