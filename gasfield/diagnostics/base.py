"""What all diagnostics have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from gasfield.diagnostics.experiment import Experiment
from gasfield.diagnostics.group import Group, as_group
from gasfield.quantity import Quantity
from gasfield.statistics.estimate import Estimate
from gasfield.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Scope(Enum):
    """What a diagnostic is about."""

    GROUP = "group"
    """Each group of particles by itself."""
    WHOLE = "whole"
    """The gas as a whole: its pressure, say, belongs to no group."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """Named results of one diagnostic for one group of rows.

    Attributes:
        group: name of the group.
        estimates: dotted key -> estimate; the keys are the same for every group and trajectory.
        notes: what is undefined or was left out, and why.
    """

    group: str
    estimates: Mapping[str, Estimate]
    notes: tuple[str, ...] = ()

    def quantities(self) -> dict[str, Quantity]:
        """The results as leaves, by dotted key."""
        return {key: estimate.quantity() for key, estimate in self.estimates.items()}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draws the result into `ax`, or into a figure of its own (`.figure` of what is returned)."""
        raise NotImplementedError


class Together(Result):
    """Results that several groups are best looked at in one picture."""

    @classmethod
    @abstractmethod
    def plot_together(cls, results: Sequence[Self], ax: Axes | None = None) -> Axes:
        """Draws the results of several groups into one picture."""

    def plot(self, ax: Axes | None = None) -> Axes:
        """The result by itself."""
        return self.plot_together([self], ax)


class Diagnostic(Protocol):
    """Computes results from the rows of a group; parameters are given on creation and have defaults."""

    name: ClassVar[str]
    scope: ClassVar[Scope] = Scope.GROUP

    def left_out(self, group: Group) -> str | None:
        """Why this diagnostic does not apply to a group; None if it does."""
        ...

    def compute(self, source: Group | Trajectory) -> Result:
        """The results for one group, or for all rows of a trajectory at once."""
        ...


def simulated(diagnostic: Diagnostic, source: Group | Trajectory) -> tuple[Group, Experiment]:
    """A group, or all rows of a trajectory at once, to which a diagnostic of runs applies; and what was simulated.

    Raises:
        ValueError: if it does not apply; the text says why.
    """
    group = as_group(source)
    reason = diagnostic.left_out(group)
    if reason is not None or group.experiment is None:
        raise ValueError(f"{group.name}: {reason or 'no simulation stands behind it'}")
    return group, group.experiment
