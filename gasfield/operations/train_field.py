"""Training: the numbers of a field move by gradient steps towards the density of another gas, while its gas follows.

The model is the Boltzmann density of one group in the forces that act on it, one of them with numbers to train; the
teacher is the density of another group. The gradient is estimated from the particles of both as they are
(`boltzmann_learning.py`), so that the model's gas must follow: it is in equilibrium only if training is slow.

Data without a law are a group that stays where it is: at temperature zero, and no force acts on it.

A change of the field does work on the gas. With W_i, that on particle i since the start,

    <W> >= Delta F = -T log <exp(-W/T)>

(Jarzynski 1997, Physical Review Letters 78:2690), if the gas was in equilibrium at the start and T stays. The equality
needs no equilibrium later, and no quadrature, so that it holds in any number of dimensions; the field must not be
moved by what a single particle does, which of N particles is true up to 1/N. With <W>_data, the mean of the same sum
over the teacher's particles, T KL(data || model) has changed by <W>_data - Delta F.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.strengths import NotNegative, fixed_at
from gasfield.forces.trainable import TrainedForce
from gasfield.gas import Gas
from gasfield.operations.base import Lesson, Operation, OperationSpec, SimulationLike
from gasfield.operations.boltzmann_learning import forward_gradient, reverse_gradient
from gasfield.registry import register

Values = NDArray[np.float64]

_MOST = 1000
"""Numbers of a field that can be trained: each is an observable over time."""


@register
class TrainField(OperationSpec):
    """Moves the numbers of the one trained field that acts on a group, down the gradient of a divergence."""

    kind: Literal["train_field"] = "train_field"
    group: str
    """Whose particles sample the model; one of the forces that act on them has `train`."""
    teacher: str
    """The group whose density is learned."""
    objective: Literal["forward_kl", "reverse_kl"] = "forward_kl"
    """KL(teacher || model), which needs particles of the teacher only, or KL(model || teacher), which needs the energy
    of the teacher at the places of the model."""
    rate: NotNegative = 0.05
    """Numbers move by minus the rate times the gradient of the divergence; logarithms of those that stay positive
    [square of the number's unit]."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Part of the last move that is added to the next."""

    @property
    def lesson(self) -> Lesson:
        """Who learns from whom."""
        return Lesson(self.group, self.teacher)

    def build(self, simulation: SimulationLike) -> FieldTrainer:
        """The operation at work.

        Raises:
            InputError: if there is no such group or no field to train, the run has no bath, or the teacher has no
                density that the objective needs.
        """
        for key in ("group", "teacher"):
            _require_group(simulation, getattr(self, key), key)
        if self.group == self.teacher:
            raise InputError("a group does not learn from itself.", parameter="teacher")
        if simulation.bath is None:
            raise InputError(
                "training needs a model in equilibrium with a bath: use dynamics such as langevin, brownian or hmc."
            )
        if not simulation.forces.conservative:
            raise InputError("one of the forces is not a gradient, so the model has no Boltzmann density to train.")
        temperatures = dict(zip(simulation.gas.names, simulation.bath.at(simulation.gas.step), strict=True))
        if not temperatures[self.group] > 0.0:
            raise InputError("its temperature is zero: the model has no density.", parameter="group")
        force = _trained_force(simulation, self.group)
        if len(force.names) > _MOST:
            raise InputError(f"its field has {len(force.names)} numbers to train; at most {_MOST} are possible.")
        if self.objective == "reverse_kl":
            self._require_density(simulation, temperatures[self.teacher])
        return FieldTrainer(self, simulation)

    def _require_density(self, simulation: SimulationLike, temperature: float) -> None:
        """Refuses a teacher that is known by its particles only."""
        acting = [force for force in simulation.forces if force.acts_on(self.teacher)]
        if not temperature > 0.0 or not acting:
            raise InputError(
                f"reverse_kl needs the density of '{self.teacher}', a group that forces act on at a temperature above "
                "zero; forward_kl needs its particles only.",
                parameter="objective",
            )
        if simulation.forces.interacting:
            raise InputError(
                "reverse_kl needs energies of single particles; one of the forces acts between them.",
                parameter="objective",
            )


class FieldTrainer(Operation):
    """Training at work. Its state: theta, the last move, the work on each particle and on the teacher's."""

    rewinds: ClassVar[bool] = True

    def __init__(self, spec: TrainField, simulation: SimulationLike) -> None:
        """Starts at the numbers of the specification; see `TrainField.build`."""
        self.trigger, self._spec, self._simulation = spec.trigger, spec, simulation
        self._move = np.zeros(len(self._force.names))
        self._work = np.zeros(len(simulation.gas.members(spec.group)))
        self._data_work = 0.0
        self._start = self._temperature(spec.group)
        self._isothermal = True

    def fire(self, simulation: SimulationLike) -> None:
        """One step down the gradient.

        Raises:
            InputError: if a number leaves the finite ones.
        """
        gas, force = simulation.gas, self._force
        student, teacher = (gas.select(gas.members(name)) for name in self._spec.lesson)
        rate = float(fixed_at(self._spec.rate, gas.step))
        self._move = self._spec.momentum * self._move - rate * self._gradient(student, teacher)
        self._isothermal = self._isothermal and self._temperature(self._spec.group) == self._start
        before = [force.energy(part) for part in (student, teacher)]
        force.move_to(force.coordinates + self._move)
        after = [force.energy(part) for part in (student, teacher)]
        self._work += after[0] - before[0]
        self._data_work += float(np.mean(after[1] - before[1]))
        self._forget_forces()

    def measures(self, simulation: SimulationLike) -> dict[str, float]:
        """Of the group, `trained.NAME` of each number that is trained; `training_work`, the mean work on its particles
        since the start, and `data_work`, on those of the teacher [energy]; and, while the temperature stays,
        `free_energy_change` of the model with its standard error `free_energy_change_error` [energy]."""
        numbers = {
            f"trained.{name}": float(value) for name, value in zip(self._force.names, self._force.numbers, strict=True)
        }
        numbers |= {"training_work": float(self._work.mean()), "data_work": self._data_work}
        if self._isothermal:
            change, error = free_energy_change(self._work, self._start)
            numbers |= {"free_energy_change": change, "free_energy_change_error": error}
        return {f"{self._spec.group}/{name}": value for name, value in numbers.items()}

    def state(self) -> dict[str, NDArray[Any]]:
        """Copies of everything that later steps depend on."""
        return {
            "coordinates": self._force.coordinates,
            "move": self._move.copy(),
            "work": self._work.copy(),
            "data_work": np.array(self._data_work),
            "isothermal": np.array(self._isothermal),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Sets the field back, or on, to the numbers of the state."""
        self._force.move_to(state["coordinates"])
        self._move, self._work = state["move"].copy(), state["work"].copy()
        self._data_work, self._isothermal = float(state["data_work"]), bool(state["isothermal"])
        self._forget_forces()

    @property
    def _force(self) -> TrainedForce:
        """The field; looked up each time, because a simulation that is set back builds its forces anew."""
        return _trained_force(self._simulation, self._spec.group)

    def _gradient(self, student: Gas, teacher: Gas) -> Values:
        """(P,) of the divergence, estimated from both gases."""
        force, temperature = self._force, self._temperature(self._spec.group)
        places = student.positions.astype(np.float64)
        if self._spec.objective == "forward_kl":
            data = teacher.positions.astype(np.float64)
            return forward_gradient(force.slopes, len(force.names), data, places, temperature)
        forces = self._simulation.forces
        guest = replace(student, species=np.full(student.count, teacher.species[0]))  # what the teacher would feel
        surplus = forces.energy(guest) / self._temperature(self._spec.teacher) - forces.energy(student) / temperature
        return reverse_gradient(force.slopes, len(force.names), places, surplus, temperature)

    def _temperature(self, group: str) -> float:
        simulation = self._simulation
        assert simulation.bath is not None
        return float(simulation.bath.at(simulation.gas.step)[simulation.gas.names.index(group)])

    def _forget_forces(self) -> None:
        """The dynamics may keep forces from one step to the next: those of the former field."""
        dynamics = self._simulation.dynamics
        dynamics.restore(dynamics.state())


def free_energy_change(work: Values, temperature: float) -> tuple[float, float]:
    """-T log <exp(-W/T)> and its standard error from the works (N,) on independent particles [energy]."""
    least = float(work.min())
    factors = np.exp((least - work) / temperature)
    mean, spread = float(factors.mean()), float(factors.std(ddof=min(1, len(factors) - 1)))
    return least - temperature * float(np.log(mean)), temperature * spread / mean / float(np.sqrt(len(work)))


def _require_group(simulation: SimulationLike, name: str, key: str) -> None:
    gas = simulation.gas
    if name not in gas.names:
        raise InputError(f"there is no group '{name}'; there are {', '.join(gas.names)}.", parameter=key)
    if not len(gas.members(name)):
        raise InputError(f"'{name}' has no particles at the start.", parameter=key)


def _trained_force(simulation: SimulationLike, group: str) -> TrainedForce:
    """The one field to train that acts on a group.

    Raises:
        InputError: if there is none, or more than one.
    """
    found = [force.trained for force in simulation.forces if force.acts_on(group)]
    fields = [force for force in found if force is not None]
    if len(fields) != 1:
        raise InputError(
            f"{len(fields)} of the forces that act on '{group}' have numbers to train; there must be one, such as "
            f"{{kind: gaussian_wells, wells: [...], train: [at, depth], groups: [{group}]}}.",
            parameter="group",
        )
    return fields[0]
