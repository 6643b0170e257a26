"""What a hindcast has found: errors, where and why it departs, and where everything is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gasfield.comparison import GroupComparison
from gasfield.hindcasting.departure import Departure
from gasfield.hindcasting.occurrences import ErrorByCount
from gasfield.hindcasting.plan import Plan
from gasfield.hindcasting.terms import Terms
from gasfield.quantity import Quantity, nested_leaves
from gasfield.runs import RunResult

_ERRORS = ("displacement_error", "rounding_floor", "cells_equal", "centroid_path_error")


@dataclass(frozen=True)
class GroupHindcast:
    """The hindcast of one group.

    Attributes:
        comparison: with the recording.
        departure: when and where the two depart.
        terms: why; None where the terms of the law are not known.
        by_count: the errors by how often the tokens occurred; empty where that is not recorded.
    """

    comparison: GroupComparison
    departure: Departure
    terms: Terms | None
    by_count: tuple[ErrorByCount, ...] = ()

    def errors(self) -> dict[str, Quantity]:
        """The errors at the end, by key."""
        every = self.comparison.quantities()
        return {name: every[name] for name in _ERRORS if name in every}

    def errors_by_count(self) -> dict[str, Quantity]:
        """The errors at the end by how often the tokens occurred, by dotted key."""
        return {
            f"by_occurrences.{each.tokens.name}.{key}": quantity
            for each in self.by_count
            for key, quantity in each.quantities().items()
        }

    def sentences(self) -> list[str]:
        """When, where and why, for a reader."""
        last = self.comparison.hindcast.estimates["displacement_error"]
        found = [f"when and where: {self.departure.sentence(last)}"]
        return found if self.terms is None else [*found, f"why: {self.terms.sentence()}"]

    def as_json(self) -> dict[str, Any]:
        """The errors, `by_occurrences`, `departure`, `updates` with the terms, `cause`, and the sentences as `text`."""
        found = nested_leaves(self.errors() | self.errors_by_count()) | {
            "departure": nested_leaves(self.departure.quantities())
        }
        if self.terms is not None:
            found |= {"updates": nested_leaves(self.terms.quantities()), "cause": self.terms.cause}
        return found | {"text": self.sentences()}


@dataclass(frozen=True)
class HindcastResult:
    """A hindcast.

    Attributes:
        plan: how the recording was simulated again.
        run: the run directory, with scenario, trajectory, comparison and plots.
        groups: the results of each group by name.
        law: the constants of the law at the first update, by name.
        law_varies: whether they are others later.
        notes: what was decided or left out, and why.
    """

    plan: Plan
    run: RunResult
    groups: Mapping[str, GroupHindcast]
    law: Mapping[str, Any]
    law_varies: bool
    notes: tuple[str, ...]

    @property
    def scenario_file(self) -> Path:
        """The scenario that was built; `gasfield run` runs it again."""
        return self.run.directory / "scenario.yaml"

    @property
    def law_differences(self) -> tuple[str, ...]:
        """What makes the simulated law another one than that of the training."""
        return self.run.comparison.law if self.run.comparison else ()

    @property
    def law_text(self) -> str:
        """The law in a few words."""
        numbers = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.law.items() if name != "kind")
        return f"{self.law['kind']} ({numbers}{'; varies as recorded' if self.law_varies else ''})"

    def as_json(self) -> dict[str, Any]:
        """All numbers and sentences.

        `recording`, `directory`, `scenario`, `field`, `law`, `not_the_same_law`, `start`, `steps`; the errors of all
        rows, and for each group under `groups.NAME` its errors as {value, unit, error}, `departure`, `updates`, `cause`
        and `text`; `notes`.
        """
        together = self.run.comparison.together if self.run.comparison else None
        every = {} if together is None else together.quantities()
        return {
            "recording": str(self.plan.recording),
            "directory": str(self.run.directory),
            "scenario": str(self.scenario_file),
            "field": self.plan.field,
            "law": {**self.law, "varies": self.law_varies},
            "not_the_same_law": list(self.law_differences),
            "start": Quantity(self.plan.start, "steps").leaf(),
            "steps": Quantity(self.plan.steps, "steps").leaf(),
            **nested_leaves({name: every[name] for name in _ERRORS if name in every}),
            "groups": {name: group.as_json() for name, group in self.groups.items()},
            "notes": list(self.notes),
        }
