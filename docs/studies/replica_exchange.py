"""Draws ../figures/tempered-double-well.png: a barrier of 15 T, and how the acceptance of exchanges falls with size.

    python docs/studies/replica_exchange.py

On the left the scenario `tempered-double-well`, and Langevin dynamics of as many particles and steps without exchanges.
On the right a gas of N particles in a harmonic well at two temperatures whose ratio is 2, which exchanges whole
configurations. Half a minute.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import betainc

from gasfield.gas import Gas
from gasfield.operations.replica_exchange import ReplicaExchanger
from gasfield.plots.style import INK, SERIES, SIMULATED, dress, legend, new_figure, save
from gasfield.scenario import load_scenario
from gasfield.simulation import Simulation

FIGURE = Path(__file__).parent.parent / "figures" / "tempered-double-well.png"
Array = NDArray[np.float64]
SETTLE, EVERY = 4000, 20
SIZES = (1, 2, 4, 8, 16, 32)


class Share(NamedTuple):
    """Of the particles right of the barrier, with its standard error."""

    temperature: float
    value: float
    error: float


def boltzmann(temperature: float) -> float:
    """The share right of the barrier by quadrature."""

    def weight(x: float) -> float:
        return float(np.exp(-(1.5 * (x * x - 1.0) ** 2 + 0.05 * (x + 1.0)) / temperature))

    right, left = quad(weight, 0.0, 4.0)[0], quad(weight, -4.0, 0.0)[0]
    return right / (left + right)


def _right(simulation: Simulation, steps: int) -> Array:
    """(N,) of its time right of the barrier, of each particle."""
    simulation.step(SETTLE)
    found = simulation.sample((steps - SETTLE) // EVERY, EVERY, lambda gas: gas.positions[:, 0] > 0.0)
    return np.asarray(found.mean(axis=0))


def _share(temperature: float, values: Array) -> Share:
    return Share(temperature, float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def shares() -> tuple[list[Share], Share]:
    """With exchanges at each temperature; and without, at the lowest, for the same number of particle steps."""
    scenario = load_scenario("tempered-double-well")
    tempered = Simulation.from_scenario(scenario)
    (exchanges,) = (operation for operation in tempered.operations if isinstance(operation, ReplicaExchanger))
    right, ladder = _right(tempered, scenario.run.steps), exchanges.ladder
    found = [_share(t, right[rows]) for t, rows in zip(ladder.temperatures.tolist(), ladder.rows, strict=True)]
    plain = Simulation(
        tempered.everyone.positions, forces=scenario.forces, dynamics=scenario.dynamics,
        temperature=float(ladder.temperatures[0]), seed=scenario.seed,
    )  # fmt: skip
    return found, _share(float(ladder.temperatures[0]), _right(plain, scenario.run.steps))


def acceptance(count: int) -> tuple[float, float]:
    """Of configurations of so many particles, with its error by blocks."""
    places = np.random.default_rng(0).normal(size=(2 * count, 2))
    simulation = Simulation(
        Gas(places, np.repeat([0, 1], count), ["cold", "hot"]),
        forces=[{"kind": "harmonic", "stiffness": 1.0}],
        dynamics={"kind": "metropolis", "step_length": 0.7},
        temperature={"kind": "by_group", "groups": {"cold": 1.0, "hot": 2.0}},
        operations=[{"kind": "replica_exchange", "of": "configurations", "trigger": 10}],
    )
    (exchanges,) = (operation for operation in simulation.operations if isinstance(operation, ReplicaExchanger))
    counts = [exchanges.state()["accepted"].sum() for _ in range(51) if simulation.step(1000)]
    blocks = np.diff(counts) / 100.0
    return float(blocks.mean()), float(blocks.std(ddof=1) / np.sqrt(len(blocks)))


def main() -> None:
    """Both panels; the numbers are printed."""
    tempered, plain = shares()
    for each in tempered:
        off = (each.value - boltzmann(each.temperature)) / each.error
        print(f"T = {each.temperature:.4f}: {each.value:.4f} +- {each.error:.4f}, {off:+.1f} standard errors")
    print(f"without exchanges at T = {plain.temperature:g}: {plain.value:.5f}, by quadrature {boltzmann(0.1):.4f}")
    measured = np.array([acceptance(count) for count in SIZES])
    for count, (value, error) in zip(SIZES, measured.tolist(), strict=True):
        print(f"N = {count}: {value:.4f} +- {error:.4f}, exact {2 * betainc(count, count, 1 / 3):.4f}")
    figure = new_figure(12.4, 4.2)
    left, right = figure.subplots(1, 2)
    scale = np.geomspace(0.09, 2.2, 100)
    left.plot(scale, [boltzmann(float(t)) for t in scale], color=INK, linewidth=1.6, label="exp(−U/T), quadrature")
    left.errorbar(
        [each.temperature for each in tempered], [each.value for each in tempered],
        [4 * each.error for each in tempered], fmt="o", color=SERIES[0], label="replica exchange, ± 4 errors",
    )  # fmt: skip
    left.plot(plain.temperature, plain.value, "s", color=SIMULATED, label="without exchanges, same cost")
    left.set_xscale("log")
    left.set_ylim(-0.02, 0.55)
    dress(left, "Two wells with 15 T between them", "temperature", "share in the higher well")
    legend(left, loc="lower right")
    sizes = np.geomspace(1, 40, 100)
    right.plot(sizes, 2 * betainc(sizes, sizes, 1 / 3), color=INK, linewidth=1.6, label="exact, 2 I(N, N; 1/3)")
    right.errorbar(SIZES, measured[:, 0], 4 * measured[:, 1], fmt="o", color=SERIES[0], label="measured, ± 4 errors")
    right.axhline(2 / 3, color=SERIES[1], linewidth=1.4, linestyle="dashed", label="particle by particle")
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xticks(SIZES, [str(size) for size in SIZES])
    right.minorticks_off()
    dress(right, "Whole configurations, from T to 2 T", "particles N, in two dimensions", "exchanges accepted")
    legend(right, loc="lower left")
    save(figure, FIGURE)


if __name__ == "__main__":
    main()
