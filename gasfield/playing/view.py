"""What a page is shown of a simulation: its description, and frames."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.kernels.threads import threads_worth
from gasfield.playing import touchable
from gasfield.playing.frames import Blob
from gasfield.playing.messages import Look
from gasfield.playing.numbers import Numbers
from gasfield.playing.picture import Picture
from gasfield.playing.structures import Structures
from gasfield.playing.underlay import can_be_drawn, underlay
from gasfield.simulation import Simulation

VERSION = 1
_SECONDS = 0.5
"""Between two grids of a field that changes over time."""
_SHARE = 0.1
"""The part of the time that numbers may take at most."""
_LARGEST = 3.0e38


@dataclass(frozen=True)
class Shot:
    """What is shown at a step.

    Attributes:
        header: of the frame.
        blobs: arrays of every frame.
        who: arrays that go with a new generation only.
        under: what lies under the particles; None where nothing does.
        under_header: of it.
        under_number: grows whenever it is another one.
    """

    header: dict[str, Any]
    blobs: list[Blob]
    who: list[Blob]
    under: list[Blob]
    under_header: dict[str, Any] | None
    under_number: int


class View:
    """What is shown of a simulation."""

    def __init__(
        self, simulation: Simulation, structures: Structures, numbers: Numbers, *, recording: bool = False
    ) -> None:
        """Shows it in the picture of its space."""
        self._simulation, self._structures, self._numbers = simulation, structures, numbers
        self._recording = recording
        self._own = Picture.of(simulation.space, simulation.gas.positions)
        self._picture, self._look = self._own, Look()
        self._controls = touchable.Controls()
        self._shapes = touchable.shapes(simulation.space.dimensions, float(np.max(self._own.high - self._own.low)))
        self._frames = self._generation = self._under_number = 0
        self._who: list[Blob] = []
        self._under: list[Blob] = []
        self._under_header: dict[str, Any] | None = None
        self._present: NDArray[np.int64] | None = None
        self._bonds: NDArray[np.int64] = np.empty((0, 2), np.int64)
        self._due_number = self._due_under = 0.0
        self._under_steady = True

    # --- what it is --------------------------------------------------------------------------------------------------

    def hello(self) -> dict[str, Any]:
        """All that a page needs to know besides frames."""
        simulation, picture = self._simulation, self._picture
        scenario = simulation.scenario
        space = {
            "kind": simulation.space.kind,
            "dimension": simulation.space.dimensions,
            **picture.described(),
            "periodic": bool(simulation.space.periods.any()),
            "radius": simulation.space.outer_radius,
        }
        return {
            "version": VERSION,
            "scenario": "" if scenario is None else scenario.name,
            "title": "" if scenario is None else scenario.title,
            "question": "" if scenario is None else scenario.question,
            "try": list(getattr(scenario, "suggestions", ())),
            "space": space,
            "axes": len(picture.axes),
            "groups": self._groups(),
            "controls": self._controls.described(simulation),
            "forces": touchable.forces(simulation.acting),
            "shapes": self._shapes,
            "verbs": touchable.verbs(simulation),
            "colours": self._colours(),
            "numbers": self._numbers.described(),
            "lattice": self._numbers.lattice,
            "tags": {name: len(ids) for name, ids in simulation.tags.items()},
            "look": self._look.model_dump(mode="json"),
            "underlays": [kind for kind in ("field", "energy") if self._flat and can_be_drawn(simulation, kind)],
            "recording": self._recording,
        }

    def _groups(self) -> list[dict[str, Any]]:
        everyone, gas = self._simulation.everyone, self._simulation.gas
        counts = np.bincount(gas.species, minlength=len(everyone.names))
        return [
            {"name": name, "structure": name in everyone.bonds, "count": int(counts[number])}
            for number, name in enumerate(everyone.names)
        ]

    @property
    def _flat(self) -> bool:
        """Whether the picture is that of a plane space."""
        return self._picture is self._own and self._picture.kind == "plane"

    def _colours(self) -> list[str]:
        simulation = self._simulation
        names = ["group"]
        names += ["speed", "kinetic energy"] if simulation.gas.velocities is not None else []
        names += ["potential energy"] if simulation.forces.conservative and len(simulation.forces) else []
        names += ["force"] if len(simulation.forces) else []
        names += ["mass"] if np.ptp(simulation.everyone.masses) > 0 else []
        names += ["charge"] if np.any(simulation.everyone.charges) else []
        return names

    @property
    def generation(self) -> int:
        """Grows whenever others are there than in the frame before."""
        return self._generation

    # --- what is asked for -------------------------------------------------------------------------------------------

    def look(self, look: Look) -> None:
        """Changes what frames show.

        Raises:
            InputError: if there are no such coordinates, no such number, or nothing that lies under the particles.
        """
        if look.colour not in (colours := self._colours()):
            text = f"there is no '{look.colour}' to colour by; there are {', '.join(colours)}."
            raise InputError(text, parameter="look.colour")
        space, positions = self._simulation.space, self._simulation.gas.positions
        picture = self._own if look.axes is None else Picture.of(space, positions, look.axes)
        flat = picture is self._own and picture.kind == "plane"
        if look.underlay != "none" and not (flat and can_be_drawn(self._simulation, look.underlay)):
            text = f"there is no {look.underlay} of single particles to draw in this picture."
            raise InputError(text, parameter="look.underlay")
        self._picture, self._look = picture, look
        self.changed()

    def changed(self) -> None:
        """Something acts differently, or others are there."""
        self._present = None
        self._due_number = self._due_under = 0.0
        self._under_steady = False

    # --- frames ------------------------------------------------------------------------------------------------------

    def shot(self, touches: int) -> Shot:
        """A frame of the present step."""
        simulation = self._simulation
        gas = simulation.gas
        self._frames += 1
        if self._present is None or not np.array_equal(self._present, gas.ids):
            self._meet()
        self._take_numbers()
        self._look_under()
        points = np.clip(np.nan_to_num(self._picture(gas.positions)), -_LARGEST, _LARGEST)
        blobs = [Blob.of("points", points, "f4")]
        if len(self._bonds):
            blobs.append(Blob.of("strain", _single(self._structures.strain(simulation, self._bonds)), "f4"))
        if self._look.colour != "group":
            blobs.append(Blob.of("colour", _single(self._colour()), "f4"))
        header = {
            "number": self._frames,
            "step": gas.step,
            "time": gas.time,
            "touches": touches,
            "count": gas.count,
            "generation": self._generation,
            "numbers": self._numbers.now,
        }
        return Shot(header, blobs, self._who, self._under, self._under_header, self._under_number)

    def _meet(self) -> None:
        """Notes who is there."""
        gas = self._simulation.gas
        self._present = gas.ids.copy()
        self._generation += 1
        self._bonds = self._structures.bonds(self._simulation)
        self._who = [
            Blob.of("ids", gas.ids, "u4"),
            Blob.of("group", np.minimum(gas.species, 255), "u1"),
            Blob.of("bonds", self._bonds, "u4"),
        ]

    def _take_numbers(self) -> None:
        begun = clock.monotonic()
        if begun < self._due_number:
            return
        self._numbers.take()
        taken = clock.monotonic() - begun
        self._due_number = begun + max(taken / _SHARE, 0.05)

    def _look_under(self) -> None:
        now, wanted = clock.monotonic(), self._look.underlay
        if now < self._due_under or (self._under_steady and self._under_header is not None):
            return
        picture = self._picture
        found = None if wanted == "none" else underlay(self._simulation, wanted, picture.low, picture.high)
        self._due_under = now + _SECONDS
        if found is None:
            if self._under_header is not None:
                self._under, self._under_header, self._under_number = [], None, self._under_number + 1
            return
        blob = Blob.of("underlay", _single(found.values), "f4")
        self._under_steady = found.steady
        self._under_header = {
            "kind": found.kind, "low": found.low.tolist(), "high": found.high.tolist(), "step": found.step
        }  # fmt: skip
        if not self._under or self._under[0].content != blob.content:
            self._under, self._under_number = [blob], self._under_number + 1

    def _colour(self) -> NDArray[np.float64]:
        """(n,) the number of each particle by which it is coloured."""
        simulation, name = self._simulation, self._look.colour
        gas = simulation.gas
        if name == "speed" and gas.velocities is not None:
            return np.asarray(np.linalg.norm(gas.velocities, axis=1), np.float64)
        if name == "kinetic energy" and gas.velocities is not None:
            return gas.kinetic_energies()
        if name in ("mass", "charge"):
            return gas.masses if name == "mass" else gas.charges
        if not simulation.forces_known():
            return np.zeros(gas.count)
        with threads_worth(gas.positions.size * (gas.count if simulation.forces.interacting else 1)):
            if name == "potential energy" and simulation.forces.conservative:
                return simulation.forces.energy(gas)
            return np.asarray(np.linalg.norm(simulation.forces.force(gas), axis=1), np.float64)


def _single(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same within the range of float32, and without NaN."""
    return np.clip(np.nan_to_num(values), -_LARGEST, _LARGEST)
