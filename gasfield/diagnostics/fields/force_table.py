"""What every token does to every other one: the table of an emission-receptivity force; how far action is reaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, missing

_MOST = 200
"""Tokens whose table is taken at most; beyond, it is too large to read."""


@dataclass(frozen=True, kw_only=True)
class ForceTableResult(Result):
    """The table at the start of a run.

    Attributes:
        emissions: (N, D) poles that act [length].
        receptivities: (N, D) poles that are acted on [length].
        table: (N, N, D): what row i does to each j [energy/length].

    Keys, of pairs of different tokens: `force_table.largest`, the largest force; `.attracting`, the share of pairs in
    which a receptivity is drawn to an emission; `.reciprocity` in [-1, 1]: minus the mean of F_ij . F_ji over the mean
    of the squares, 1 where action is reaction, 0 where they have nothing to do with each other, -1 where both push the
    same way.
    """

    emissions: Values
    receptivities: Values
    table: Values

    def draw(self, ax: Axes | None = None) -> Axes:
        """Tokens with their emission (blue), receptivity (red) and the forces on it (green)."""
        from gasfield.plots.arrows import force_arrows

        return force_arrows(self.emissions, self.receptivities, self.table, f"{self.group}: pairwise forces", ax)


@register
class ForceTable(Diagnostic[ForceTableResult]):
    """The emission-receptivity force between all pairs at the first frame."""

    needs_run: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("force_table.reciprocity", "force_table.attracting")

    kind: Literal["force_table"] = "force_table"

    def objection(self, group: Group) -> str | None:
        """Needs one emission-receptivity force on the group, and few tokens."""
        if not any(law.between_poles for law in group.run.acting(group.name)):
            return "no emission-receptivity force acts on it"
        return f"more than {_MOST} tokens: their table is too large to read" if group.count > _MOST else None

    def measure(self, group: Group, notes: list[str]) -> ForceTableResult:
        """The results for one group."""
        tables = (law.table_of(group.gas(0)) for law in group.run.acting(group.name) if law.between_poles)
        emissions, receptivities, table = next(found for found in tables if found is not None)
        return ForceTableResult(
            group=group.name,
            estimates=_estimates(table, emissions, receptivities, notes),
            notes=tuple(notes),
            emissions=emissions,
            receptivities=receptivities,
            table=table,
        )


def _estimates(table: Values, emissions: Values, receptivities: Values, notes: list[str]) -> dict[str, Estimate]:
    """Exact numbers of the table without its diagonal; `notes` grows where there is no force."""
    others = ~np.eye(len(table), dtype=bool)
    forces, returned = table[others], np.swapaxes(table, 0, 1)[others]
    towards = emissions[:, None] - receptivities[None]
    along = np.einsum("ijk,ijk->ij", table, towards)[others]
    square = float(np.mean(np.sum(forces**2, axis=1))) if len(forces) else 0.0
    found = {"largest": missing("energy/length"), "attracting": missing("1"), "reciprocity": missing("1")}
    if square > 0.0:
        found["largest"] = exact(float(np.sqrt(np.max(np.sum(forces**2, axis=1)))), "energy/length")
        found["attracting"] = exact(float(np.mean(along > 0.0)), "1")
        found["reciprocity"] = exact(-float(np.mean(np.sum(forces * returned, axis=1))) / square, "1")
    else:
        notes.append("no token moves another one: the table is empty")
    return {f"force_table.{key}": value for key, value in found.items()}
