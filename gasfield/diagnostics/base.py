"""Base classes of diagnostics and of their results."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.context import WHOLE, NotApplicable
from gasfield.diagnostics.group import ALL, Group
from gasfield.diagnostics.grouping import as_group
from gasfield.quantity import Quantity
from gasfield.registry import Registry
from gasfield.scenario import diagnostic
from gasfield.scenario.diagnostic import DiagnosticSpec
from gasfield.shown import Shown
from gasfield.statistics.estimate import Estimate
from gasfield.trajectory import Trajectory

if TYPE_CHECKING:
    import pandas
    import xarray
    from matplotlib.axes import Axes as Axes
else:  # results import matplotlib when they draw
    Axes = Any

Values = NDArray[np.float64]
_TIME = re.compile(r"(/?)\btime\b")


class Scope(Enum):
    """What a diagnostic is computed for."""

    GROUP = "group"
    """Each group of particles by itself."""
    WHOLE = "whole"
    """The gas as a whole, for quantities such as the pressure that belong to no single group."""


@dataclass(frozen=True, kw_only=True)
class Result(Shown):
    """Named results of one diagnostic for one group of rows.

    Attributes:
        group: name of the group.
        estimates: dotted key -> estimate; the keys are the same for every group and trajectory.
        notes: what is undefined or was left out, and why.
    """

    group: str
    estimates: Mapping[str, Estimate]
    notes: tuple[str, ...] = ()

    @property
    def shown_title(self) -> str:
        """The kind of the result, and its group."""
        return f"{type(self).__name__} of {self.group}"

    def shown_numbers(self) -> dict[str, Quantity]:
        """All its numbers."""
        return self.quantities()

    def quantities(self) -> dict[str, Quantity]:
        """The results as leaves, by dotted key."""
        return {key: estimate.quantity() for key, estimate in self.estimates.items()}

    def in_layers(self) -> Self:
        """The same result with layers as the unit of time."""
        units = {
            key: _TIME.sub(lambda found: "/layer" if found[1] else "layers", estimate.unit)
            for key, estimate in self.estimates.items()
        }
        return replace(self, estimates={key: replace(each, unit=units[key]) for key, each in self.estimates.items()})

    def arrays(self) -> Mapping[str, tuple[NDArray[Any], str]]:
        """Name -> (array, unit): values by row or place that the estimates summarise, for a file; default: none."""
        return {}

    def series(self) -> Mapping[str, tuple[NDArray[Any], str]]:
        """Name -> (array, unit): curves over `steps` (T,), for a table; one of T - 1 values begins at the second step.
        Default: none."""
        return {}

    def to_dataframe(self) -> pandas.DataFrame:
        """The curves of `series` by `step`; units are in `attrs["units"]`.

        Raises:
            InputError: if pandas is not installed.
        """
        from gasfield.diagnostics.tables import curves_as_dataframe

        return curves_as_dataframe(self)

    def to_xarray(self) -> xarray.Dataset:
        """The same as a data set over `step`, with units as attributes.

        Raises:
            InputError: if xarray is not installed.
        """
        from gasfield.diagnostics.tables import curves_as_xarray

        return curves_as_xarray(self)

    @property
    def drawable(self) -> bool:
        """Whether there is anything to draw: whether any value is defined."""
        return any(quantity.value is not None for quantity in self.quantities().values())

    def plot(self, ax: Axes | None = None, **settings: Any) -> Axes:
        """Draws the result into `ax`, or into a new figure (`.figure` of the returned axes).

        Args:
            ax: a panel.
            settings: what `Axes.set` of matplotlib takes: `xlim`, `ylim`, `xlabel`, `title`, `xscale`, ...

        Raises:
            AttributeError: if axes have no such setting.
        """
        axes = self.draw(ax)
        axes.set(**settings)
        return axes

    def draw(self, ax: Axes | None = None) -> Axes:
        """What `plot` draws, to be overridden."""
        raise NotImplementedError


class GroupedResult(Result):
    """Results of which several groups are best compared in one figure."""

    @classmethod
    @abstractmethod
    def plot_grouped(cls, results: Sequence[Self], ax: Axes | None = None) -> Axes:
        """Draws the results of several groups into one figure."""

    def draw(self, ax: Axes | None = None) -> Axes:
        """Draws this result alone."""
        return self.plot_grouped([self], ax)


R_co = TypeVar("R_co", bound=Result, covariant=True)


class Diagnostic(DiagnosticSpec, Generic[R_co]):
    """Computes results from the rows of a group. Its fields are its parameters; each has a default.

    A subclass implements `measure`, and overrides `objection` where it does not apply to every group.
    """

    scope: ClassVar[Scope] = Scope.GROUP
    needs_run: ClassVar[bool] = False
    """Whether it needs the model of a run (`Group.run`), and so does not apply to recordings."""
    needs_motion: ClassVar[bool] = False
    """Whether it needs at least two frames."""
    throughout: ClassVar[bool] = True
    """Whether it uses only rows with a position in every frame in which any row has one (`Group.present`)."""
    telling: ClassVar[tuple[str, ...] | None] = None
    """Keys of the results that matter most, first things first: shown where a scenario has no headline of its own. None
    if none are named; empty if its picture is all that matters."""

    if not TYPE_CHECKING:

        @classmethod
        def __class_getitem__(cls, result: Any) -> type[Self]:
            """The class itself: the kind of result is for type checkers. Pydantic would make a class for each kind, and
            look for its source in every module, a third of the time of starting."""
            return cls

    def why_not(self, group: Group) -> str | None:
        """Why this diagnostic does not apply to a group; None if it does."""
        group = group.under_one_law()
        try:
            if self.needs_run and group.run and self.throughout and not group.present().count:
                return "no row has a position throughout"
            if self.needs_motion and len(group.steps) < 2:
                return "only one frame: there is no motion"
            return self.objection(group)
        except NotApplicable as reason:
            return str(reason)

    def objection(self, group: Group) -> str | None:
        """Why it does not apply to a group, beyond the class attributes; None (the default) if it does.

        Raises:
            NotApplicable: if something it needs of the run is not known; the message gives the reason.
        """
        return None

    def compute(self, source: Group | Trajectory) -> R_co:
        """The results for one group, or for all rows of a trajectory at once. Undefined values come with a note.

        Raises:
            ValueError: if it needs a run and does not apply to this one; the message gives the reason.
        """
        group = as_group(source, WHOLE if self.scope is Scope.WHOLE else ALL)
        if self.needs_run and (reason := self.why_not(group)) is not None:
            raise ValueError(f"{group.name}: {reason}")
        return self.result(group)

    def result(self, group: Group) -> R_co:
        """The results for a group to which it applies, over the frames since the last event that has changed how it
        moves."""
        group = group.under_one_law()
        looked_at = group.present() if self.throughout else group
        notes = list(looked_at.notes)
        if group.fault is not None and group.fault not in notes:
            notes.append(group.fault)
        found = self.measure(looked_at, notes)
        return found.in_layers() if group.origin.layered else found

    @abstractmethod
    def measure(self, group: Group, notes: list[str]) -> R_co:
        """Computes the results; `notes` starts with those of the group; undefined or omitted values are added."""


DIAGNOSTICS = cast("Registry[Diagnostic[Result]]", diagnostic.DIAGNOSTICS)
"""`kind` -> every diagnostic: the registry of scenarios, whose entries can also be computed."""


def spread_over(count: int, most: int, first: int = 0) -> NDArray[np.int64]:
    """At most `most` different indices from `first` to `count` - 1, evenly spaced, both ends included."""
    if count <= first:
        return np.empty(0, np.int64)
    return np.unique(np.linspace(first, count - 1, min(count - first, most)).astype(np.int64))
