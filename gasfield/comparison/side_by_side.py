"""A real and a simulated trajectory compared: every group, and all rows combined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gasfield.comparison.alignment import align, together
from gasfield.comparison.law import law_differences
from gasfield.comparison.pairing import GroupComparison
from gasfield.comparison.rounding_floor import floor_of
from gasfield.quantity import Quantity, nested_leaves
from gasfield.shown import Shown
from gasfield.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gasfield.plots.style import OnFailure

ALL = "all rows"
"""All aligned rows, of whatever group."""


class Row(NamedTuple):
    """A row of the table on the terminal, as text ("0.0954(11)" is 0.0954 ± 0.0011).

    `real` and `simulated` are empty where the quantity itself is an error.
    """

    group: str
    name: str
    real: str
    simulated: str
    difference: str
    unit: str


@dataclass(frozen=True)
class Comparison(Shown):
    """Comparison of two trajectories of the same rows.

    Attributes:
        real_file, simulated_file: the files.
        groups: group name -> comparison.
        alignment_notes: what has no counterpart, and why.
        law: what makes the simulated law another one than that of the training; empty if nothing does.
        names: what the two are called in tables and pictures; keys of JSON are always `real` and `simulated`.
    """

    real_file: Path
    simulated_file: Path
    groups: dict[str, GroupComparison]
    alignment_notes: tuple[str, ...]
    law: tuple[str, ...] = ()
    names: tuple[str, str] = ("real", "simulated")

    @cached_property
    def together(self) -> GroupComparison | None:
        """All aligned rows; None if there are none."""
        pair = together((group.pair for group in self.groups.values()), ALL)
        return None if pair is None else GroupComparison.of(pair, mixed=len(self.groups) > 1)

    @property
    def shown_title(self) -> str:
        """The two files."""
        files = zip((self.real_file, self.simulated_file), self.names, strict=True)
        return "Comparison of " + " with ".join(f"{file} ({name})" for file, name in files)

    def shown_numbers(self) -> dict[str, Quantity]:
        """The comparison of all rows together."""
        return {} if self.together is None else self.together.quantities()

    @property
    def notes(self) -> list[str]:
        """What has no counterpart, is undefined or was omitted, and why."""
        parts = [*([self.together] if self.together else []), *self.groups.values()]
        law = (f"not the same law: {difference}" for difference in self.law)
        return [*law, *self.alignment_notes, *(note for part in parts for note in part.notes)]

    def as_json(self) -> dict[str, Any]:
        """Leaves over all aligned rows; the same keys for each group under `groups.NAME`; notes."""
        tree = nested_leaves(self.together.quantities()) if self.together else {}
        groups = {name: nested_leaves(group.quantities()) for name, group in self.groups.items()}
        return tree | {"groups": groups, "notes": self.notes}

    def table(self) -> list[Row]:
        """Rows of text: all particles combined first, then each group."""
        rows = [] if self.together is None else _rows(ALL, self.together.quantities())
        for name, group in self.groups.items():
            rows += _rows(name, group.quantities())
        return rows

    def figures(self) -> dict[str, Callable[[], Figure]]:
        """Every figure that applies, by name; drawn when it is called."""
        from gasfield.comparison.pictures import figures

        return figures(self.groups, self.names)

    def plot_all(self, folder: Path, failed: OnFailure | None = None) -> list[Path]:
        """Writes every figure as a PNG file in a folder; see `gasfield.plots.style.save_all`."""
        from gasfield.plots.style import save_all

        return save_all(self.figures(), folder, failed)


def compare(real: Trajectory, simulated: Trajectory, names: tuple[str, str] = ("real", "simulated")) -> Comparison:
    """Compares a simulation with the recorded trajectory of the same rows.

    Args:
        real, simulated: the trajectories; errors are those of the second against the first.
        names: what they are called in tables, pictures and notes.

    Raises:
        InputError: if the two have no common rows or steps; the message names both files.
    """
    alignment = align(real, simulated, names)
    groups = {
        pair.name: GroupComparison.of(pair, floor=floor_of(real, simulated, pair.real)) for pair in alignment.pairs
    }
    law = tuple(law_differences(real, simulated))
    return Comparison(real.path, simulated.path, groups, alignment.notes, law, names)


def _rows(group: str, quantities: dict[str, Quantity]) -> list[Row]:
    """One row per number: a list of three gives three rows."""
    rows = []
    for key, quantity in quantities.items():
        name, _, side = key.partition(".")
        label = _words(name)
        if not side:
            rows.append(Row(group, label, "", "", quantity.text(), quantity.unit))
        elif side == "real":
            sides = [quantities[f"{name}.{part}"].parts() for part in ("real", "simulated", "difference")]
            if all(part.value is None for part in sides[0] + sides[1]):
                continue  # explained in the notes
            several = max(map(len, sides)) > 1
            for i, parts in enumerate(zip_longest(*sides, fillvalue=Quantity(None, quantity.unit))):
                texts = (part.text() for part in parts)
                rows.append(Row._make((group, f"{label} {i + 1}" if several else label, *texts, quantity.unit)))
    return rows


def _words(key: str) -> str:
    return "D2min" if key == "d2min" else key.replace("_", " ")
