"""The same lattice in the recorded and in the learned field: docs/figures/learned-lattice.png, and its numbers.

Both runs start at step 0 of the recording; the learned field has seen steps 0 to 250 and moves the rows on to step 500.
Run by `make study`; a few seconds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.plots.panels import structure
from gasfield.plots.style import Role, headline, new_figure
from gasfield.simulation import Simulation
from gasfield.trajectory import open_trajectory

FIGURE = Path(__file__).parent.parent / "figures" / "learned-lattice.png"
STEPS, DRAWN = (250, 375, 500), (250, 500)
Array = NDArray[np.float64]


def frames_of(scenario: str) -> tuple[dict[int, Array], NDArray[np.bool_]]:
    """Positions of all rows at `STEPS` of a scenario, and which of them are the lattice."""
    simulation, found = Simulation.from_scenario(scenario), {}
    for step in STEPS:
        simulation.step(step - simulation.gas.step)
        found[step] = simulation.gas.positions.astype(np.float64)
    return found, simulation.gas.species == simulation.gas.names.index("lattice")


def axes_of(before: Array, after: Array) -> Array:
    """(D, 3) the initial principal axes of a lattice, turned as a whole with it (the polar rotation of the best linear
    map from before to after)."""
    frame = np.linalg.svd(before - before.mean(axis=0), full_matrices=False)[2][:3].T
    k = (before - before.mean(axis=0)) @ frame
    left, _, right = np.linalg.svd((after - after.mean(axis=0)).T @ k, full_matrices=False)
    return np.asarray(left @ right)


def main() -> None:
    """A row for each step: training, recorded field, learned field; the real lattice is pale behind both."""
    with open_trajectory("recordings/kjv-bf16.h5") as recording:
        members, bonds = recording.members("lattice"), recording.bonds["lattice"]
        real = {step: recording.gas(step).positions.astype(np.float64) for step in (0, *STEPS)}
        dead = recording.members("dead")
    bonds = bonds - members.min()
    runs = {name: frames_of(name) for name in ("dead-token-drift", "dead-token-forecast")}
    figure = new_figure(12.0, 7.6)
    start = real[0][members]
    for step in STEPS:
        axes = axes_of(start, real[step][members])
        truth = (real[step][members] - real[step][members].mean(axis=0)) @ axes
        panels = {"in training": (truth, Role.REAL)}
        for name, (frames, lattice) in runs.items():
            places = frames[step][lattice]
            words = "in the recorded field" if name == "dead-token-drift" else "in the learned field"
            panels[words] = ((places - places.mean(axis=0)) @ axes, Role.SIMULATED)
            for group, rows, own in (("lattice", members, lattice), ("dead", dead, ~lattice)):
                moved = np.linalg.norm(real[step][rows] - real[0][rows], axis=1)
                since = np.linalg.norm(real[step][rows] - real[250][rows], axis=1)
                error = np.linalg.norm(frames[step][own] - real[step][rows], axis=1)
                text = f"{words}, step {step}, {group}: error {np.mean(error / moved):.1%} of the displacement"
                print(text + (f" (standing still since step 250: {np.mean(since / moved):.1%})" if step > 250 else ""))
        half = 1.1 * float(np.abs(truth).max())
        for column, (words, (points, role)) in enumerate(panels.items() if step in DRAWN else ()):
            ax = figure.add_subplot(2, 3, 3 * DRAWN.index(step) + column + 1, projection="3d")
            ghost = None if role is Role.REAL else truth
            structure(points, bonds, role, f"step {step}, {words}", half, ax, ghost=ghost)
    headline(figure, "The lattice [length], about its centre, in the axes of the real one; learned from steps 0 to 250")
    figure.savefig(FIGURE)


if __name__ == "__main__":
    main()
