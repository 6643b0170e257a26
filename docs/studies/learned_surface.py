"""A cloud and a lattice on the true and on the learned surface of Mueller and Brown: docs/figures/learned-surface.png.
Prints how far the two surfaces differ where the cloud went.

Both runs have the same noise. The learned surface is scenarios/fields/mueller-brown.h5. Run by `make study`; seconds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from gasfield.plots.style import INITIAL, INK, SERIES, dress, headline, new_figure
from gasfield.simulation import Simulation
from gasfield.testing.tools import gas_of

FIGURE = Path(__file__).parent.parent / "figures" / "learned-surface.png"
SHOWN, STEPS = 300, 2000
TRUE = "forces=[{kind: mueller_brown}]"
Array = NDArray[np.float64]


def energies(simulation: Simulation, places: Array) -> Array:
    """(M,) of the field of a run at places (M, 2)."""
    return np.asarray(simulation.forces.energy(gas_of(places)))


def draw(ax: Axes, simulation: Simulation, start: Array, title: str) -> None:
    """The energy over T, the places at the start, and cloud and lattice now."""
    x, y = np.linspace(-1.7, 1.2, 141), np.linspace(-0.5, 2.1, 121)
    across, up = np.meshgrid(x, y)
    energy = energies(simulation, np.stack([across.ravel(), up.ravel()], axis=1)).reshape(across.shape) / 20.0
    ax.contourf(x, y, energy - energy.min(), levels=np.linspace(0, 12, 25), cmap="GnBu_r")
    lattice = simulation.gas.species == simulation.gas.names.index("lattice")
    now = simulation.gas.positions
    ax.plot(*start[lattice].T, ".", color=INITIAL, markersize=3, label="lattice at the start")
    ax.plot(*now[~lattice].T, ".", color=SERIES[4], markersize=3, label="cloud")
    ax.plot(*now[lattice].T, ".", color=INK, markersize=4, label="lattice")
    ax.set(aspect="equal", xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    dress(ax, title, "x [length]", "y [length]")


def main() -> None:
    """Writes the figure and prints the numbers."""
    learned = Simulation.from_scenario("learned-surface")
    true = Simulation.from_scenario("learned-surface", [TRUE])
    start = learned.gas.positions.copy()
    figure, visited = new_figure(10.0, 4.9), []
    for step in range(20, STEPS + 1, 20):
        for simulation in (true, learned):
            simulation.step(20)
        visited.append(true.gas.positions.copy())
        if step == SHOWN:
            axes = figure.subplots(1, 2)
            for ax, simulation, name in zip(axes, (true, learned), ("true", "learned"), strict=True):
                draw(ax, simulation, start, f"{name} surface, energy / T after {step} steps")
            axes[0].legend(fontsize=8, loc="upper right")
    headline(figure, "A cloud and a lattice on a surface that was learned from Brownian motion, with the same noise")
    figure.savefig(FIGURE)
    places = np.concatenate(visited)[::20]
    difference = energies(learned, places) - energies(true, places)
    gas = gas_of(places)
    forces = [np.asarray(simulation.forces.force(gas)) for simulation in (true, learned)]
    off = np.sqrt(np.mean((forces[1] - forces[0]) ** 2) / np.mean(forces[0] ** 2))
    apart = np.linalg.norm(learned.gas.positions - true.gas.positions, axis=1)
    print(f"energy up to a constant: {np.std(difference):.3f} = {np.std(difference) / 20:.4f} T; force: {off:.4f}")
    print(f"apart at step {STEPS}: median {np.median(apart):.4f}, share beyond 0.3: {np.mean(apart > 0.3):.4f}")


if __name__ == "__main__":
    main()
