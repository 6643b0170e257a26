"""What diagnostics of depth have in common: which groups they apply to, and which tokens are left out."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from pydantic import Field

from gasfield.diagnostics.base import Diagnostic, Result
from gasfield.diagnostics.depth.sinks import Sinks, norms_of
from gasfield.diagnostics.group import Group

R_co = TypeVar("R_co", bound=Result, covariant=True)

SINK = 3.0
"""Norm over the median norm beyond which a token is a sink."""
FEWEST = 4
"""Fewest tokens, without sinks, of which a cloud has an order."""


class DepthDiagnostic(Diagnostic[R_co]):
    """A diagnostic of the stream of a text."""

    needs_motion: ClassVar[bool] = True

    sinks: float = Field(default=SINK, gt=1.0, allow_inf_nan=False)
    """A token whose norm is more than so many times the median norm in any frame is a sink, and is left out."""

    def objection(self, group: Group) -> str | None:
        """Applies to tokens in a transformer."""
        if not group.origin.layered:
            return "its time is not the depth of a transformer"
        return f"{group.count} tokens: too few for an order" if group.count < FEWEST else None

    def of(self, group: Group, notes: list[str]) -> Sinks:
        """The sinks of a group; a note names them."""
        found = Sinks.of(norms_of(group), self.sinks)
        note = found.note([group.origin.label(int(row)) for row in group.ids])
        if note is not None:
            notes.append(note)
        return found
