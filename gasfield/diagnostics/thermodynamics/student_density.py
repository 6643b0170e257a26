"""What a trained field has become: the density of the student at the end, beside that of its teacher.

A student that cannot represent its teacher covers all of its modes, and what lies between them, if KL(teacher ||
student) is minimised, and seeks one of them if KL(student || teacher) is (Minka 2005, MSR-TR-2005-173). Two shares
tell which:

    recall     the share of the teacher's density where the student's is at least a tenth of it,
    precision  the share of the student's density where the teacher's is at least a tenth of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np

from gasfield.diagnostics.base import Axes, Diagnostic, GroupedResult, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.training_history import training_history
from gasfield.registry import register
from gasfield.statistics.boltzmann import Boltzmann
from gasfield.statistics.estimate import exact
from gasfield.statistics.quadrature import shares

_PART = 0.1
_BINS = 50
_FINE = 4
"""Points of the curves in a bin of the sample."""
_TAIL = 1e-4
"""Share of a density beyond the picture, on each side."""


@dataclass(frozen=True, kw_only=True)
class StudentDensityResult(GroupedResult):
    """Densities of x0 at the last observation.

    Attributes:
        teacher: name of the teacher.
        edges: (4 k + 1,) of bins of x0 [length].
        densities: teacher and student (2, 4 k), by quadrature over the other coordinates [1/length].
        sample: (k,) of the student's gas in the last frame, in bins four times as wide [1/length].
    """

    teacher: str
    edges: Values
    densities: Values
    sample: Values

    @classmethod
    def plot_grouped(cls, results: Sequence[Self], ax: Axes | None = None) -> Axes:
        """Teacher and student, a panel for each group."""
        from gasfield.plots.training import Densities, densities

        parts = [
            Densities(
                one.group, one.teacher, one.edges, one.densities[0], one.densities[1], one.sample,
                float(one.estimates["student_density.recall"].value),
                float(one.estimates["student_density.precision"].value),
            )
            for one in results
        ]  # fmt: skip
        return densities(parts, ax)


@register
class StudentDensity(Diagnostic[StudentDensityResult]):
    """The density that a trained field has reached, beside that of its teacher."""

    needs_run: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("student_density.recall", "student_density.precision")

    kind: Literal["student_density"] = "student_density"

    def objection(self, group: Group) -> str | None:
        """Needs a trained field, and densities of model and teacher that quadrature gives."""
        history = training_history(group)
        history.model(-1)
        history.teacher(-1)
        return None

    def measure(self, group: Group, notes: list[str]) -> StudentDensityResult:
        """Both densities at the last observation, and the shares that they have in common."""
        history = training_history(group)
        student, teacher = history.model(-1), history.teacher(-1)
        last = group.places(slice(-1, None))[0][:, 0]
        low, high = (np.array(ends) for ends in zip(_span(student), _span(teacher), strict=True))
        edges = np.linspace(low.min(), high.max(), _FINE * _BINS + 1)
        counts = np.histogram(last, edges[::_FINE])[0] / max(len(last), 1) / np.diff(edges[::_FINE])
        common = {"recall": teacher.share_within(student, _PART), "precision": student.share_within(teacher, _PART)}
        return StudentDensityResult(
            group=group.name,
            estimates={f"student_density.{name}": exact(share, "1") for name, share in common.items()},
            notes=tuple(notes),
            teacher=history.pair.teacher,
            edges=edges,
            densities=np.stack([_along(density, edges) for density in (teacher, student)]),
            sample=counts,
        )


def _span(density: Boltzmann) -> tuple[float, float]:
    """Between which x0 lies but for its tails."""
    order = np.argsort(density.places[:, 0])
    reached = np.cumsum(density.shares[order])
    ends = np.searchsorted(reached, [_TAIL, 1.0 - _TAIL])
    return tuple(density.places[order[np.minimum(ends, len(order) - 1)], 0])  # type: ignore[return-value]


def _along(density: Boltzmann, edges: Values) -> Values:
    """(k,) density of x0 in bins, integrated over the other coordinates."""
    found = shares(density.energy, density.temperature, density.domain, edges)[0]
    return np.asarray(found / np.diff(edges))
