"""Puts diagnostics of two aligned trajectories beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from gasfield.comparison.alignment import LIVE, Pair, align, together
from gasfield.comparison.hindcast import Hindcast
from gasfield.diagnostics import Cloud, Deformation, Freezing, Motion
from gasfield.diagnostics.base import Result
from gasfield.diagnostics.cloud import CloudResult
from gasfield.diagnostics.deformation import DeformationResult
from gasfield.diagnostics.estimate import Estimate
from gasfield.diagnostics.freezing import FreezingResult
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.motion import MotionResult
from gasfield.quantity import Quantity, nested_leaves
from gasfield.trajectory import Trajectory

ALL = "all rows"
"""All aligned rows except the live ones."""

COMPARED = {
    "centroid_norm": "centroid.norm",
    "radius": "radius.end",
    "straightness": "centroid.straightness",
    "step_length": "step_length.median",
    "frozen": "frozen.fraction",
    "unmoved": "unmoved.fraction",
    "stretch": "stretch.principal",
    "rotation": "rotation.angles",
    "in_frame_rotation": "rotation.in_frame",
    "d2min": "d2min.mean",
}
"""Key of a comparison -> key of the diagnostic that is compared; the last four for structures only."""


class Row(NamedTuple):
    """A line of the table on the terminal, as text ("0.0954(11)" is 0.0954 ± 0.0011).

    `real` and `simulated` are empty where the quantity itself is an error.
    """

    group: str
    name: str
    real: str
    simulated: str
    difference: str
    unit: str


@dataclass(frozen=True)
class Side:
    """The diagnostics of one trajectory; None where one does not apply (no motion in one frame, no structure)."""

    cloud: CloudResult
    motion: MotionResult | None
    freezing: FreezingResult | None
    deformation: DeformationResult | None

    @classmethod
    def of(cls, group: Group, dimensions: int | None = None) -> Side:
        """Computes them; `dimensions` are those of the structure, which both sides share."""
        moving = len(group.steps) > 1
        return cls(
            Cloud().compute(group),
            Motion().compute(group) if moving else None,
            Freezing().compute(group) if moving else None,
            Deformation(dimensions).compute(group) if len(group.bonds) else None,
        )

    @property
    def results(self) -> list[Result]:
        """Those that apply."""
        every = (self.cloud, self.motion, self.freezing, self.deformation)
        return [result for result in every if result is not None]

    @property
    def estimates(self) -> dict[str, Estimate]:
        """All estimates by key."""
        return {key: estimate for result in self.results for key, estimate in result.estimates.items()}


@dataclass(frozen=True)
class GroupComparison:
    """One group, or all rows together.

    Attributes:
        pair: the aligned rows.
        hindcast: errors row by row.
        real, simulated: diagnostics of both sides.
    """

    pair: Pair
    hindcast: Hindcast
    real: Side
    simulated: Side

    @classmethod
    def of(cls, pair: Pair) -> GroupComparison:
        """Compares the two sides of a pair."""
        real = Side.of(pair.real)
        dimensions = real.deformation.frame.shape[1] or None if real.deformation else None
        return cls(pair, Hindcast.of(pair), real, Side.of(pair.simulated, dimensions))

    def quantities(self) -> dict[str, Quantity]:
        """Errors, then `KEY.real`, `KEY.simulated` and `KEY.difference` for each key of `COMPARED` that applies."""
        found = {key: estimate.quantity() for key, estimate in self.hindcast.estimates.items()}
        real, simulated = self.real.estimates, self.simulated.estimates
        for key, source in COMPARED.items():
            if source in real and source in simulated:
                found[f"{key}.real"] = real[source].quantity()
                found[f"{key}.simulated"] = simulated[source].quantity()
                found[f"{key}.difference"] = (simulated[source] - real[source]).quantity()
        return found

    @property
    def notes(self) -> list[str]:
        """What is undefined or was left out, and why."""
        notes = [*self.pair.notes, *self.hindcast.notes]
        for label, side in (("real", self.real), ("simulated", self.simulated)):
            silent = set(side.estimates).difference(COMPARED.values())  # a note on what is not compared is no news here
            told = (note for result in side.results for note in result.notes if note.split(":")[0] not in silent)
            notes += [f"{label}: {note}" for note in told]
        return [f"{self.pair.name}: {note}" for note in dict.fromkeys(notes)]


@dataclass(frozen=True)
class Comparison:
    """Two trajectories of the same rows.

    Attributes:
        real_file, simulated_file: where they come from.
        groups: group name -> comparison.
        alignment_notes: what has no counterpart, and why.
    """

    real_file: Path
    simulated_file: Path
    groups: dict[str, GroupComparison]
    alignment_notes: tuple[str, ...]

    @cached_property
    def together(self) -> GroupComparison | None:
        """All aligned rows that are not live; None if there are only live ones."""
        pair = together((g.pair for name, g in self.groups.items() if name != LIVE), ALL)
        return None if pair is None else GroupComparison.of(pair)

    @property
    def notes(self) -> list[str]:
        """What has no counterpart, is undefined or was left out, and why."""
        parts = [*([self.together] if self.together else []), *self.groups.values()]
        return [*self.alignment_notes, *(note for part in parts for note in part.notes)]

    def as_json(self) -> dict[str, Any]:
        """Leaves over all aligned rows that are not live; the same keys for each group under `groups.NAME`; notes."""
        tree = nested_leaves(self.together.quantities()) if self.together else {}
        groups = {name: nested_leaves(group.quantities()) for name, group in self.groups.items()}
        return tree | {"groups": groups, "notes": self.notes}

    def table(self) -> list[Row]:
        """Rows of text (name, real, simulated, difference, unit): all rows together first, then group by group."""
        rows = [] if self.together is None else _rows(ALL, self.together.quantities())
        for name, group in self.groups.items():
            rows += _rows(name, group.quantities())
        return rows

    def plot_all(self, folder: Path) -> list[Path]:
        """Every picture that applies, as PNG files in `folder`; their paths."""
        from gasfield.comparison.pictures import draw

        return draw(self.groups, folder)


def compare(real: Trajectory, simulated: Trajectory) -> Comparison:
    """Compares a simulation with what really happened to the same rows.

    Raises:
        InputError: if the two have nothing in common; the message names both files.
    """
    alignment = align(real, simulated)
    groups = {pair.name: GroupComparison.of(pair) for pair in alignment.pairs}
    return Comparison(real.path, simulated.path, groups, alignment.notes)


def _rows(group: str, quantities: dict[str, Quantity]) -> list[Row]:
    """One line a number: a list of three makes three lines."""
    rows = []
    for key, quantity in quantities.items():
        name, _, side = key.partition(".")
        label = _words(name)
        if not side:
            rows.append(Row(group, label, "", "", quantity.text(), quantity.unit))
        elif side == "real":
            sides = [quantities[f"{name}.{part}"].parts() for part in ("real", "simulated", "difference")]
            several = max(map(len, sides)) > 1
            for i, parts in enumerate(zip_longest(*sides, fillvalue=Quantity(None, quantity.unit))):
                texts = (part.text() for part in parts)
                rows.append(Row._make((group, f"{label} {i + 1}" if several else label, *texts, quantity.unit)))
    return rows


def _words(key: str) -> str:
    return "D2min" if key == "d2min" else key.replace("_", " ")
