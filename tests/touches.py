"""Simulations that are touched, and random touches of every kind that they allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from made_recordings import D, made_recording

from gasfield.simulation import Simulation

SIDE = 4.0
SHEET = {"kind": "sheet", "side": 2, "spacing": 0.05}


def langevin_with_pairs(folder: Path) -> dict[str, Any]:
    """A gas of discs in a periodic box, with a field."""
    return {
        "space": {"kind": "periodic", "dimensions": 2, "side": SIDE},
        "gas": [{"name": "gas", "from": {"kind": "lattice", "count": 36}}],
        "forces": [
            {"kind": "soft_repulsion", "strength": 3.0, "cutoff": 0.8},
            {"kind": "constant", "force": [0.2, 0.0]},
        ],
        "dynamics": {"kind": "langevin", "time_step": 0.02, "friction": 1.0},
        "temperature": 0.4,
        "seed": 5,
    }


def adamw_in_a_recorded_field(folder: Path) -> dict[str, Any]:
    """Rows of a recorded training, moved by its optimiser in its field."""
    path = folder / "recording.h5"
    if not path.exists():
        made_recording(path)
    return {
        "space": {"kind": "free", "dimensions": D},
        "gas": [{"name": "dead", "from": {"kind": "recording", "file": str(path), "group": "dead"}}],
        "forces": [{"kind": "recorded_gradient", "file": str(path)}, {"kind": "harmonic", "stiffness": 0.01}],
        "dynamics": {"kind": "adamw", "from": "recording"},
        "seed": 5,
    }


def brownian_on_a_sphere(folder: Path) -> dict[str, Any]:
    """Tokens under attention on a sphere, with noise."""
    return {
        "space": {"kind": "sphere", "dimensions": 3},
        "gas": [{"name": "gas", "from": {"kind": "uniform", "count": 24}}],
        "forces": [
            {"kind": "attention", "beta": 4.0},
            {"kind": "harmonic", "stiffness": 1.0, "centre": [0.0, 0.0, 1.0]},
        ],
        "dynamics": {"kind": "brownian", "time_step": 0.02, "friction": 1.0},
        "temperature": 0.02,
        "seed": 5,
    }


CASES = {
    "langevin": langevin_with_pairs, "adamw": adamw_in_a_recorded_field, "sphere": brownian_on_a_sphere,
}  # fmt: skip


def simulation(of: dict[str, Any], events: list[dict[str, Any]] | tuple[()] = ()) -> Simulation:
    """The simulation that a mapping of keys describes."""
    return Simulation(**{**of, "events": events})


class Touches:
    """Random touches, each possible for the simulation as it is."""

    def __init__(self, seed: int) -> None:
        self._chance, self._named = np.random.default_rng(seed), 0

    def next(self, sim: Simulation) -> dict[str, Any]:
        """One of those that the law allows."""
        verbs = ["plant", "move", "tag", "set", "switch", "remove"]
        verbs += ["kick"] if sim.gas.velocities is not None else []
        verbs += ["heat"] if sim.bath is not None else []
        verb = str(self._chance.choice(verbs))
        return getattr(self, f"_{verb}")(sim)  # type: ignore[no-any-return]

    def _some(self, sim: Simulation) -> list[int]:
        return [int(each) for each in self._chance.choice(sim.gas.ids, 5, replace=False)]

    def _vector(self, sim: Simulation, size: float) -> list[float]:
        return [float(x) for x in size * self._chance.standard_normal(sim.space.dimensions)]

    def _plant(self, sim: Simulation) -> dict[str, Any]:
        self._named += 1
        place = {"kind": "centroid", "of": sim.gas.names[0]}
        return {"plant": {"name": f"probe{self._named}", "shape": SHEET, "place": place, "jitter": 0.01}}

    def _remove(self, sim: Simulation) -> dict[str, Any]:
        there = [name for number, name in enumerate(sim.gas.names) if number and np.any(sim.gas.species == number)]
        return {"remove": str(self._chance.choice(there))} if there else self._plant(sim)

    def _move(self, sim: Simulation) -> dict[str, Any]:
        return {"move": {"ids": self._some(sim), "by": self._vector(sim, 0.01)}}

    def _kick(self, sim: Simulation) -> dict[str, Any]:
        return {"kick": {"group": sim.gas.names[0], "velocity": self._vector(sim, 0.3)}}

    def _tag(self, sim: Simulation) -> dict[str, Any]:
        return {"tag": {"name": "box", "ids": self._some(sim)}}

    def _heat(self, sim: Simulation) -> dict[str, Any]:
        warm = float(self._chance.uniform(0.01, 0.5))
        ramp = {"kind": "ramp", "from": warm, "to": 0.1, "steps": 7}
        return {"set": {"temperature": ramp if self._chance.random() < 0.5 else warm}}

    def _set(self, sim: Simulation) -> dict[str, Any]:
        path = "forces.0.strength" if sim.space.periods.any() else "forces.1.stiffness"
        return {"set": {path: float(self._chance.uniform(0.5, 2.0))}}

    def _switch(self, sim: Simulation) -> dict[str, Any]:
        return {"switch": {"forces.1": str(self._chance.choice(["on", "off"]))}}
