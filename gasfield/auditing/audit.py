"""The result of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gasfield.auditing.finding import KINDS, Finding

FOUND_WRONG = 5
"""Exit code of a command that has checked, and found that something is wrong."""


@dataclass(frozen=True)
class Audit:
    """What an audit has found.

    Attributes:
        source: file or folder.
        steps: of the frames that were audited.
        findings: faults and notes, by kind.
        notes: what was chosen, and what could not be judged.
    """

    source: str
    steps: tuple[int, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that say that something is wrong."""
        return tuple(finding for finding in self.findings if finding.fault)

    @property
    def exit_code(self) -> int:
        """0 if nothing is wrong, else 5; notes do not change it."""
        return FOUND_WRONG if self.faults else 0

    def verdicts(self) -> Sequence[str]:
        """A line for each finding, and for each kind without one."""
        lines = []
        for kind in KINDS:
            lines += [finding.line() for finding in self.findings if finding.kind == kind] or [f"none: {kind}"]
        return lines

    def as_json(self) -> dict[str, Any]:
        """All of it; `findings` holds faults and notes, which `fault` tells apart."""
        return {
            "source": self.source,
            "frames": {"value": len(self.steps), "unit": "frames", "error": None},
            "sound": not self.faults,
            "findings": [finding.as_json() for finding in self.findings],
            "notes": list(self.notes),
        }
