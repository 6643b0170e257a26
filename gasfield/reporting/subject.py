"""What a report is about: a run or a trajectory, with its numbers, pictures and origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gasfield.quantity import Quantity


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        name: what it shows, in words.
        data: a PNG file.
        width, height: its size [pixels].
    """

    name: str
    data: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Remark:
    """What was left out of some groups, or is to be said of them.

    Attributes:
        diagnostic: its name.
        text: the reason, or the note.
        groups: names.
    """

    diagnostic: str
    text: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """A run or a trajectory.

    Attributes:
        label: a short name, different from those of the others in the report.
        title: of the scenario, or of the file.
        question: that the scenario answers; empty if there is none.
        numbers: all results by path: `groups.dead.radius.end`.
        telling: keys, in every group, of the results that answer the question.
        comparison: with the real trajectory: path -> number, as `Comparison.as_json`; empty if there is none.
        pictures: in their order.
        left_out, notes: remarks.
        scenario: YAML; empty if there is none.
        provenance: what is known of its origin, by name.
        caution: what is to be said first: that it is not finished.
    """

    label: str
    title: str
    question: str
    numbers: Mapping[str, Quantity]
    telling: tuple[str, ...] = ()
    comparison: Mapping[str, Quantity] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    left_out: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()
    scenario: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)
    caution: tuple[str, ...] = ()

    @property
    def everything(self) -> dict[str, Quantity]:
        """All numbers by path; those of the comparison begin with `comparison`."""
        return {**self.numbers, **{f"comparison.{path}": number for path, number in self.comparison.items()}}


def remarks(entries: Any, key: str) -> tuple[Remark, ...]:
    """Remarks of a summary: equal ones of several groups are one.

    Args:
        entries: a list of {"group", "diagnostic", key}; anything else is left out.
        key: "reason" or "note".
    """
    found: dict[tuple[str, str], list[str]] = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, str):
            found.setdefault(("", entry), [])
        elif isinstance(entry, dict):
            found.setdefault((str(entry.get("diagnostic", "")), str(entry.get(key, ""))), []).append(
                str(entry.get("group", ""))
            )
    return tuple(Remark(diagnostic, text, tuple(groups)) for (diagnostic, text), groups in found.items())
