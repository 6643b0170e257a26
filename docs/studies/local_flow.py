"""Draws docs/figures/ftle.png: local exponents of a sheet of tracers in the double gyre, and the exponent of one map.

A sheet of 200 x 100 tracers covers the double gyre (Shadden, Lekien and Marsden, Physica D 212:271, 2005) for two
periods. Run by `make study`; about a minute.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield import Simulation
from gasfield.diagnostics import Group
from gasfield.diagnostics.kinematics.deformation import Deformation, DeformationResult
from gasfield.plots.exponents import local_exponents
from gasfield.plots.style import INK, SERIES, dress, headline, legend, new_figure

FIGURE = Path(__file__).parent.parent / "figures" / "ftle.png"
STRETCH = "e*sin(w*t)*x0**2 + (1-2*e*sin(w*t))*x0"
SLOPE = "2*e*sin(w*t)*x0 + 1-2*e*sin(w*t)"
GYRE = {
    "kind": "expression",
    "force": [f"-pi*A*sin(pi*({STRETCH}))*cos(pi*x1)", f"pi*A*cos(pi*({STRETCH}))*sin(pi*x1)*({SLOPE})"],
    "parameters": {"A": 0.1, "e": 0.25, "w": 2 * np.pi / 10},
}
SIDE, SPACING = (200, 100), 0.00999
FRAMES, EVERY = 40, 10


def frames() -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Positions (T, M, 2), bonds and times."""
    sheet = {"name": "sheet", "shape": {"kind": "sheet", "side": SIDE, "spacing": SPACING}, "frame": {"kind": "axes"},
             "place": {"kind": "point", "at": [1.0, 0.5]}}  # fmt: skip
    law = {"kind": "advection", "time_step": 0.05}
    sim = Simulation(np.array([[0.5, 0.5]]), forces=[GYRE], dynamics=law, tracers=[sheet])
    sim.step(0)
    rows = sim.gas.members("sheet")
    found = [sim.gas.positions[rows].copy()]
    for _ in range(FRAMES):
        sim.step(EVERY)
        found.append(sim.gas.positions[rows].copy())
    return np.array(found), sim.gas.bonds["sheet"] - rows[0], 0.05 * EVERY * np.arange(FRAMES + 1.0)


def results() -> list[DeformationResult]:
    """Of the sheet, from the start to each later frame."""
    x, bonds, times = frames()
    pairs = [Group("sheet", np.arange(2), x[[0, f]], bonds=bonds, times=times[[0, f]]) for f in range(2, FRAMES + 1)]
    return [Deformation().compute(pair) for pair in pairs]


def main() -> None:
    """The field at t = 15 on the left; means over time on the right."""
    found = results()
    times = 0.05 * EVERY * np.arange(2, FRAMES + 1)
    figure = new_figure(12.4, 4.2)
    left, right = figure.subplots(1, 2, width_ratios=(1.9, 1))
    shown = found[int(np.argmin(np.abs(times - 15.0)))]
    local_exponents(left, shown.places + np.array([1.0, 0.5]), shown.local.ftle)
    dress(left, "Local FTLE of 20,000 tracers from t = 0 to 15, at their first positions", "x", "y")
    local = [result.quantities()["ftle.local.mean"].value for result in found]
    one = [result.quantities()["ftle.global"].value for result in found]
    left_over = [result.quantities()["d2min.relative"].value for result in found]
    right.plot(times, local, color=SERIES[0], label="mean of the local maps")
    right.plot(times, one, color=SERIES[1], label="one map for the sheet")
    right.axhline(0.0, color=INK, linewidth=0.8, linestyle="dotted")
    other = right.twinx()
    other.plot(times, left_over, color=INK, linewidth=0.9, linestyle="dashed")
    other.set_ylabel("d2min.relative (dashed)", color=INK)
    other.set_ylim(0, 1)
    dress(right, "FTLE over time", "t", "FTLE [1/time]")
    other.grid(visible=False)
    legend(right, loc="lower right", bbox_to_anchor=(1.0, 0.22))
    headline(figure, "A sheet that winds up: its parts are stretched, one linear map of the whole is not")
    figure.savefig(FIGURE)


if __name__ == "__main__":
    main()
