"""The training of a field, as thermodynamics: what falls is T KL(data || model).

For any density of data, any energy E of the model at temperature T, and with F = -T log Z,

    <E>_data - T S_data - F = T KL(data || model).

F by itself means nothing: adding a constant to E adds it to F, and a training step may well add one. The difference
does not depend on the zero of E, and is what gradient steps down KL(data || model) lower. All of it is exact by
quadrature for the numbers that the field had at an observation; beside it stands what the gas itself shows, from the
work that the moving field has done (`gasfield.operations.train_field`), which is known in any number of dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.diagnostics.base import Axes, Diagnostic, GroupedResult, Values, spread_over
from gasfield.diagnostics.context import NotApplicable
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.thermodynamics.training_history import TrainingHistory, training_history
from gasfield.registry import register
from gasfield.statistics.boltzmann import Boltzmann
from gasfield.statistics.correlation import correlated_mean
from gasfield.statistics.estimate import Estimate, exact, missing, stated

_MUCH = 0.5
"""Dissipated work, in T, from which the average of exp(-W/T) is not trusted."""
_EXACT = (
    "forward_kl", "reverse_kl", "free_energy", "free_energy_above_lowest", "data_energy", "data_entropy", "entropy",
    "divergence", "identity",
)  # fmt: skip
_UNITS = {"forward_kl": "1", "reverse_kl": "1", "data_entropy": "1", "entropy": "1"}
"""Of the courses; energies are left out."""


@dataclass(frozen=True, kw_only=True)
class TrainingResult(GroupedResult):
    """Over the observations, for the numbers that the field had then.

    Attributes:
        teacher: name of the group that was learned.
        steps: (T,).
        courses: name -> (T,), by quadrature; NaN where there is none:
            `forward_kl` KL(data || model) and `reverse_kl` KL(model || data) [1]; `free_energy` F with the zero of E as
            the forces have it, `free_energy_above_lowest` with that zero at the lowest E, `data_energy` <E>_data,
            `divergence` T KL(data || model) [energy]; `data_entropy` and `entropy` of the data and of the model [1];
            `identity`, by how much both sides differ [energy].
        sampled: (T,) change of T KL(data || model) since the start according to the work on the gas [energy].
        sampled_error: (T,) its standard error.
    """

    teacher: str
    steps: NDArray[np.int64]
    courses: dict[str, Values]
    sampled: Values
    sampled_error: Values

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        return {"sampled": (self.sampled, "energy"), "sampled_error": (self.sampled_error, "energy")}

    def arrays(self) -> dict[str, tuple[Values, str]]:
        """The courses, with their steps."""
        found = {name: (values, _UNITS.get(name, "energy")) for name, values in self.courses.items()}
        return {"steps": (self.steps.astype(np.float64), "steps"), **found, "sampled": (self.sampled, "energy")}

    @classmethod
    def plot_grouped(cls, results: Sequence[Self], ax: Axes | None = None) -> Axes:
        """Both divergences over training; of a single group beside the energies that make them up."""
        from gasfield.plots.training import Divergences, cooling, divergences

        if len(results) == 1 and ax is None and np.isfinite(results[0].courses["divergence"]).any():
            only = results[0]
            start = only.courses["divergence"][0]
            return cooling(only.steps, only.courses, start + only.sampled, only.sampled_error, only.group)
        parts = [
            Divergences(
                one.group, one.steps, one.courses["forward_kl"], one.courses["reverse_kl"],
                one._end("forward_kl"), one._end("reverse_kl"),
            )
            for one in results
        ]  # fmt: skip
        return divergences(parts, ax)

    def _end(self, name: str) -> tuple[float, float]:
        """The mean of a course at the end, and its error; NaN where it is unknown."""
        estimate = self.estimates[f"training.{name}.end"]
        return float(estimate.value), np.nan if estimate.error is None else float(estimate.error)


@register
class Training(Diagnostic[TrainingResult]):
    """The divergences, free energies and entropies of a group whose field is trained by `train_field`."""

    needs_run: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("training.forward_kl", "training.reverse_kl")

    kind: Literal["training"] = "training"
    observations: int = Field(60, ge=2)
    """Number of observations at which densities are computed, at most; evenly spaced."""

    def objection(self, group: Group) -> str | None:
        """Needs a field that was trained, and its numbers over time."""
        training_history(group)
        return None

    def measure(self, group: Group, notes: list[str]) -> TrainingResult:
        """The courses, their values at the start, and means over the last quarter."""
        history = training_history(group)
        chosen = spread_over(len(history.steps), self.observations)
        courses = {name: np.full(len(chosen), np.nan) for name in _EXACT}
        try:
            for place, observation in enumerate(chosen):
                for name, value in _numbers(history, int(observation)).items():
                    courses[name][place] = value
        except NotApplicable as reason:
            notes.append(f"no divergence or free energy by quadrature: {reason}")
        sampled, error = _by_work(group, chosen)
        if not np.isfinite(sampled).all():
            notes.append(
                "the temperature changed, or no particles were held out: no change of F by the work on the gas"
            )
        estimates = _ends(courses, notes) | _changes(group, courses, chosen, sampled, error)
        if (warning := _dissipated(estimates, history.temperature(group.name, -1))) is not None:
            notes.append(warning)
        return TrainingResult(
            group=group.name,
            estimates={f"training.{name}": estimate for name, estimate in estimates.items()},
            notes=tuple(notes),
            teacher=history.pair.teacher,
            steps=history.steps[chosen],
            courses=courses,
            sampled=sampled,
            sampled_error=error,
        )


def _numbers(history: TrainingHistory, observation: int) -> dict[str, float]:
    """All courses at an observation."""
    model, data = history.model(observation), history.teacher(observation)
    forward, temperature = data.divergence(model), model.temperature
    energy = data.cross_energy(model)
    return {
        "forward_kl": forward,
        "reverse_kl": model.divergence(data),
        "free_energy": model.free_energy,
        "free_energy_above_lowest": model.free_energy - _lowest(model),
        "data_energy": energy,
        "data_entropy": data.entropy,
        "entropy": model.entropy,
        "divergence": temperature * forward,
        "identity": energy - temperature * data.entropy - model.free_energy - temperature * forward,
    }


def _lowest(model: Boltzmann) -> float:
    return float(model.energies.min())


def _by_work(group: Group, chosen: NDArray[np.int64]) -> tuple[Values, Values]:
    """(T,) change of T KL(data || model) since the start from the work on both gases, and its error."""
    names = ("data_work", "free_energy_change", "data_work_error", "free_energy_change_error")
    if any(name not in group.series for name in names):
        return np.full(len(chosen), np.nan), np.full(len(chosen), np.nan)
    work, change, *errors = (group.series[name].values[chosen] for name in names)
    return work - change, np.hypot(*errors)


def _ends(courses: dict[str, Values], notes: list[str]) -> dict[str, Estimate]:
    """The first value of each course, and the mean of its last quarter; its error is that of the noise of training."""
    found: dict[str, Estimate] = {}
    for name, values in courses.items():
        unit = _UNITS.get(name, "energy")
        if name == "identity":
            worst = float(np.max(np.abs(values)))
            found["identity.residual"] = exact(worst, unit) if np.isfinite(worst) else missing(unit)
            continue
        late = values[-max(1, len(values) // 4) :]
        known = bool(np.isfinite(values[0]) and np.isfinite(late).all())
        found[f"{name}.start"] = exact(values[0], unit) if known else missing(unit)
        found[f"{name}.end"] = correlated_mean(late, unit) if known else missing(unit)
    return found


def _changes(
    group: Group, courses: dict[str, Values], chosen: NDArray[np.int64], sampled: Values, error: Values
) -> dict[str, Estimate]:
    """What the work on the gas says of the last observation, beside the exact values."""
    found = {
        f"{name}.exact": exact(value, "energy") if np.isfinite(value) else missing("energy")
        for name, value in (
            ("free_energy_change", float(courses["free_energy"][-1] - courses["free_energy"][0])),
            ("divergence_change", float(courses["divergence"][-1] - courses["divergence"][0])),
        )
    }
    found["free_energy_change.sampled"] = _last(group, "free_energy_change", "free_energy_change_error", chosen)
    known = bool(np.isfinite(sampled[-1]))
    found["divergence_change.sampled"] = stated(sampled[-1], error[-1], "energy") if known else missing("energy")
    found["work"] = _last(group, "training_work", None, chosen)
    return found


def _dissipated(estimates: dict[str, Estimate], temperature: float) -> str | None:
    """What is to be said of a field that moved too fast for the average over works."""
    lost = float(estimates["work"].value - estimates["free_energy_change.sampled"].value)
    if not lost > _MUCH * temperature:
        return None
    return (
        f"the work exceeds the change of the free energy by {lost / temperature:.2g} T: the field moved so fast that "
        "the error of that change is underestimated; train more slowly"
    )


def _last(group: Group, name: str, error: str | None, chosen: NDArray[np.int64]) -> Estimate:
    """The last value of a series; undefined where there is none."""
    if name not in group.series:
        return missing("energy")
    value = float(group.series[name].values[chosen[-1]])
    return exact(value, "energy") if error is None else stated(value, group.series[error].values[chosen[-1]], "energy")
