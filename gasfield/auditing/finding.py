"""What an audit finds: faults, and notes on what is unusual but may well be meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KINDS = (
    "duplicate",
    "jump_back",
    "foreign_run",
    "permuted_rows",
    "resized",
    "dtype_change",
    "zero_rows",
    "missing_step",
)
"""All kinds of findings, in the order in which they are reported."""
LEVEL = 1e-3
"""Probability of a false alarm of a sound series under the null of each detector."""
_NAMED = 8


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        kind: one of `KINDS`.
        steps: of the frames concerned, ascending.
        fault: whether something is wrong; else it is a note.
        text: what was found, in one sentence without a stop at its end.
        more: further entries of its JSON.
    """

    kind: str
    steps: tuple[int, ...]
    fault: bool
    text: str
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {"kind": self.kind, "steps": list(self.steps), "fault": self.fault, "text": self.text, **self.more}

    def line(self) -> str:
        """All of it in one line."""
        return f"{'fault' if self.fault else 'note'}: {self.kind}: {named(self.steps)}: {self.text}"


def named(steps: Sequence[int]) -> str:
    """ "step 3", or "steps 3, 5, 8", not too many."""
    shown = ", ".join(str(step) for step in steps[:_NAMED])
    more = f" and {len(steps) - _NAMED} more" if len(steps) > _NAMED else ""
    return f"{'step' if len(steps) == 1 else 'steps'} {shown}{more}"
