"""Where noisy attention orders, from simulations above the transition alone, beside the theory.

    python docs/studies/noisy_attention.py       writes noisy-attention.md and ../figures/noisy-attention.png

Above T_c the mean of n tokens is noise that attention amplifies (Curie and Weiss): n <R^2> = T/(T - T_c) + O(1/n), so
1/(n <R^2>) is a straight line in 1/T that ends at T_c. It is fitted for three n and taken to n = infinity.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.fields.noisy_attention_law import critical_temperature, steady_order
from gasfield.plots.style import CONTEXT, INK, SERIES, SIMULATED, dress, legend, new_figure, save
from gasfield.scenario import Scenario
from gasfield.simulation import Simulation

HERE = Path(__file__).parent
BETA = 1.0
SIZES = {40: 36, 80: 18, 160: 9}
"""Tokens -> independent gases of so many."""
RATIOS = (1.5, 1.8, 2.2, 2.8)
"""Temperatures in units of the theory's T_c; near enough to feel it, far enough for the straight line."""
STEPS, FORGET, EVERY, TIME_STEP = 4000, 200, 5, 0.1
FORMS = ("softmax", "unnormalised")


@dataclass(frozen=True)
class Point:
    """1/(n <R^2>) at one temperature, with its standard error over independent gases."""

    temperature: float
    value: float
    error: float


def fluctuations(form: str, tokens: int, temperature: float, time_step: float = TIME_STEP) -> Point:
    """Runs independent gases of so many tokens side by side; their scatter gives the error."""
    gases = SIZES[tokens]
    scenario = Scenario.model_validate(
        {
            "title": "noisy attention", "question": "How far does the mean of tokens fluctuate?",
            "seed": tokens, "space": {"kind": "sphere", "dimensions": 3},
            "gas": [{"name": f"g{k}", "from": {"kind": "uniform", "count": tokens}} for k in range(gases)],
            "forces": [{"kind": "attention", "form": form, "beta": BETA, "groups": "each"}],
            "dynamics": {"kind": "brownian", "time_step": time_step}, "temperature": temperature,
            "run": {"steps": STEPS},
        }
    )  # fmt: skip
    simulation = Simulation.from_scenario(scenario)
    squares = []
    for step in range(round(STEPS * TIME_STEP / time_step)):
        simulation.step()
        if step >= FORGET and step % EVERY == 0:
            means = simulation.gas.positions.reshape(gases, tokens, 3).mean(axis=1)
            squares.append(np.sum(means**2, axis=1))
    own = tokens * np.mean(squares, axis=0)
    mean, error = own.mean(), own.std(ddof=1) / np.sqrt(gases)
    return Point(temperature, float(1.0 / mean), float(error / mean**2))


def fit(points: list[Point]) -> tuple[float, float]:
    """T_c of 1/(n <R^2>) = 1 - T_c/T by weighted least squares, with its standard error."""
    x = np.array([1.0 / point.temperature for point in points])
    y = np.array([1.0 - point.value for point in points])
    weights = np.array([point.error for point in points]) ** -2
    square = float(np.sum(weights * x * x))
    return float(np.sum(weights * x * y)) / square, square**-0.5


def to_infinity(sizes: list[int], found: list[tuple[float, float]]) -> tuple[float, float]:
    """The value at 1/n = 0 of a straight line in 1/n, with its standard error."""
    design = np.stack([np.ones(len(sizes)), 1.0 / np.array(sizes)], axis=1)
    weights = np.array([error for _, error in found]) ** -2
    covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
    best = covariance @ design.T @ (weights * np.array([value for value, _ in found]))
    return float(best[0]), float(covariance[0, 0] ** 0.5)


def hysteresis(beta: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """T/T_c, and order reached from order and from disorder, of unnormalised attention."""
    ratios = np.linspace(0.8, 1.3, 60)
    critical = critical_temperature(beta, "unnormalised")
    down, up = (
        np.array([steady_order(beta, ratio * critical, "unnormalised", start) for ratio in ratios])
        for start in (0.98, 0.01)
    )
    return ratios, down, up


def main() -> None:
    """Measures, writes the page and draws the picture."""
    figure = new_figure(11.0, 4.4)
    left, right = figure.subplots(1, 2)
    rows, verdicts = "", ""
    for form, marker in zip(FORMS, ("o", "s"), strict=True):
        theory = critical_temperature(BETA, form)  # type: ignore[arg-type]
        found = []
        for (tokens, gases), colour in zip(SIZES.items(), SERIES, strict=False):
            points = [fluctuations(form, tokens, ratio * theory) for ratio in RATIOS]
            found.append(fit(points))
            rows += f"| {form} | {tokens} | {gases} | {found[-1][0]:.4f} ± {found[-1][1]:.4f} |\n"
            inverse = [1.0 / point.temperature for point in points]
            left.errorbar(
                inverse, [point.value for point in points], [2 * point.error for point in points], fmt=marker,
                color=colour, markersize=4, capsize=2, label=f"{form}, n = {tokens}",
            )  # fmt: skip
        reach = np.array([0.0, 1.0 / theory])
        left.plot(reach, 1.0 - theory * reach, color=INK, linewidth=1.2)
        value, error = to_infinity(list(SIZES), found)
        away = (value - theory) / error
        verdicts += f"| {form} | {value:.4f} ± {error:.4f} | {theory:.6f} | {away:+.1f} |\n"
    dress(left, "Fluctuations above the transition", "1 / temperature", "1 / (n ⟨R²⟩)")
    left.set_ylim(0.0, 1.02)
    legend(left)
    ratios, down, up = hysteresis(4.0)
    right.plot(ratios, down, color=SIMULATED, linewidth=2.0, label="β = 4, from order")
    right.plot(ratios, up, color=CONTEXT, linewidth=2.0, linestyle=(0, (4, 2)), label="β = 4, from disorder")
    ratios, down, _ = hysteresis(1.0)
    right.plot(ratios, down, color=INK, linewidth=1.4, label="β = 1")
    dress(right, "Unnormalised attention: a jump at large β", "T / T_c", "order R of the mean field")
    legend(right)
    save(figure, HERE.parent / "figures" / "noisy-attention.png")
    (HERE / "noisy-attention.md").write_text(PAGE.format(rows=rows, verdicts=verdicts), encoding="utf-8")


PAGE = """# At what temperature do tokens stop agreeing?

Made by `make study`. Tokens on the unit sphere in three dimensions attend to each other and are shaken by a bath. The
uniform law of infinitely many of them is stable down to the greatest eigenvalue of the kernel in a degree of at least
one, which for unnormalised attention is T_c = i₁(β)/β = cosh(β)/β² − sinh(β)/β³, at β = 1 just 1/e, and for softmax
attention T_c = coth(β)/β − 1/β² (`gasfield/diagnostics/noisy_attention_law.py` has the derivation).

Simulations do not use it. Above T_c the mean of n tokens fluctuates as n ⟨R²⟩ = T/(T − T_c), up to 1/n; T_c is
fitted to four temperatures from 1.5 to 2.8 T_c for each n, β = 1, h = 0.1, errors from independent gases:

| form | n | gases | T_c fitted |
|---|---|---|---|
{rows}
In the limit of large n, by a straight line in 1/n:

| form | T_c measured | theory | standard errors off |
|---|---|---|---|
{verdicts}
![Fluctuations above the transition; hysteresis at large beta](../figures/noisy-attention.png)

**Of which kind it is.** For softmax attention the order of the mean field goes to zero as the root of T_c − T for every
β that was tried (1, 4, 9), and so it does for unnormalised attention at β = 1 and 1.5. At β = 2, 3 and 4 unnormalised
attention *jumps*: at β = 2 from R = 0.47 just below T_c, and at β = 4 an ordered law (R from 0.95 to 0.75) and the
uniform one are both steady between T_c and 1.26 T_c, and which is reached depends on the start. That is as Mun and
Rosenzweig proved (arXiv 2606.05140): it jumps beyond the β at which i₂/i₁ = 1/3, which is 1.8162. Clusters bind
themselves there: the force between near tokens grows as e^β, where softmax keeps it bounded.
`gasfield run noisy-attention` draws the order of thirteen small gases over the curve of the theory.
"""


if __name__ == "__main__":
    main()
