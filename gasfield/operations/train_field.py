"""Training: the numbers of a field move by gradient steps towards the density of another gas, while its gas follows.

The model is the Boltzmann density of one group in the forces that act on it, one of them with numbers to train; the
teacher is the density of another group. The gradient is estimated from the particles of both as they are
(`boltzmann_learning.py`), so that the model's gas must follow: it is in equilibrium only if training is slow.

Data without a law are a group that stays where it is: at temperature zero, and no force acts on it.

A change of the field does work on the gas. With W_i, that on particle i since the first step of training,

    <W> >= Delta F = -T log <exp(-W/T)>

(Jarzynski 1997, Physical Review Letters 78:2690), if the gas was in equilibrium then and T stays. The equality needs no
equilibrium later and no quadrature, so that it holds in any number of dimensions. It needs a field that does not move
by what the particles do: a gradient that is estimated from N particles contains their fluctuations, and moves the field
against them, which at each step adds rate/T sum Var(dE/d theta)/N to the work on the same particles. Part of both gases
is therefore held out: they do not enter the gradient, and the work is measured on them only. With <W>_data, the mean
of the same sum over the held-out particles of the teacher, T KL(data || model) has changed by <W>_data - Delta F. As
ever with Jarzynski's average, the field must move slowly: once <W> - Delta F is of the order of T, the few particles
that decide the average are missing from the sample, and its error is underestimated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.files import write_json
from gasfield.forces.strengths import NotNegative
from gasfield.forces.trainable import TrainedForce
from gasfield.gas import Gas
from gasfield.operations.base import Operation, OperationSpec, SimulationLike, TrainingPair
from gasfield.operations.boltzmann_learning import forward_gradient, reverse_gradient
from gasfield.registry import register
from gasfield.schedules import fixed_at

Values = NDArray[np.float64]

_ENDINGS = (".json", ".yaml")
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
    held_out: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    """Share of the particles of both groups that do not enter the gradient; the work is measured on them."""
    file: str | None = None
    """Name of a file in the run directory, .json or .yaml, for the field as it is at the end: an entry for `forces`."""

    @property
    def trains(self) -> TrainingPair:
        """The group that is trained, and its teacher."""
        return TrainingPair(self.group, self.teacher)

    def build(self, simulation: SimulationLike) -> FieldTrainer:
        """The operation at work.

        Raises:
            InputError: if there is no such group or no field to train, the run has no bath, or the teacher has no
                density that the objective needs.
        """
        if self.file is not None and (Path(self.file).name != self.file or Path(self.file).suffix not in _ENDINGS):
            raise InputError(f"'{self.file}' is not the name of a file that ends in .json or .yaml.", parameter="file")
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
    """Training at work. Its state: theta, the last move, and the work on each particle that is held out."""

    rewinds: ClassVar[bool] = True

    def __init__(self, spec: TrainField, simulation: SimulationLike) -> None:
        """Starts at the numbers of the specification; see `TrainField.build`."""
        self.trigger, self._spec, self._simulation = spec.trigger, spec, simulation
        self._move = np.zeros(len(self._force.names))
        self._work, self._data_work = (
            np.zeros(len(self._parted(simulation.gas, name)[1])) for name in (spec.group, spec.teacher)
        )
        self._start = self._temperature(spec.group)
        self._isothermal = True

    def fire(self, simulation: SimulationLike) -> None:
        """One step down the gradient.

        Raises:
            InputError: if a number leaves the finite ones.
        """
        gas, force = simulation.gas, self._force
        parted = [[gas.select(rows) for rows in self._parted(gas, name)] for name in self._spec.trains]
        (student, teacher), held_out = zip(*parted, strict=True)
        rate = float(fixed_at(self._spec.rate, gas.step))
        self._move = self._spec.momentum * self._move - rate * self._gradient(student, teacher)
        self._isothermal = self._isothermal and self._temperature(self._spec.group) == self._start
        before = [force.energy(part) for part in held_out]
        force.move_to(force.coordinates + self._move)
        for works, part, then in zip((self._work, self._data_work), held_out, before, strict=True):
            works += force.energy(part) - then
        self._forget_forces()

    def measures(self, simulation: SimulationLike) -> dict[str, float]:
        """Of the group, `trained.NAME` of each number that is trained. Of particles that are held out `training_work`,
        the mean work on the model's since the start, and `data_work`, on the teacher's; and, while the temperature
        stays, `free_energy_change` of the model. The last two with standard errors as `NAME_error` [energy]."""
        numbers = {
            f"trained.{name}": float(value) for name, value in zip(self._force.names, self._force.numbers, strict=True)
        }
        if len(self._work) > 1:
            numbers["training_work"] = float(self._work.mean())
        if len(self._data_work) > 1:
            numbers["data_work"] = float(self._data_work.mean())
            numbers["data_work_error"] = float(self._data_work.std(ddof=1)) / float(np.sqrt(len(self._data_work)))
        if len(self._work) > 1 and self._isothermal:
            numbers["free_energy_change"], numbers["free_energy_change_error"] = free_energy_change(
                self._work, self._start
            )
        return {f"{self._spec.group}/{name}": value for name, value in numbers.items()}

    def flush(self) -> Path | None:
        """Writes the field as it is now, if it has a file.

        Raises:
            WriteError: if it cannot be written.
        """
        if self._spec.file is None:
            return None
        field = self._force.law.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"train"})
        return write_json(self._simulation.directory / self._spec.file, field)  # JSON is YAML as well

    def close(self) -> None:
        """Writes the field as it is at the end."""
        self.flush()

    def state(self) -> dict[str, NDArray[Any]]:
        """Copies of everything that later steps depend on."""
        return {
            "coordinates": self._force.coordinates,
            "move": self._move.copy(),
            "work": self._work.copy(),
            "data_work": self._data_work.copy(),
            "isothermal": np.array(self._isothermal),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Sets the field back, or on, to the numbers of the state."""
        self._force.move_to(state["coordinates"])
        self._move, self._work = state["move"].copy(), state["work"].copy()
        self._data_work, self._isothermal = state["data_work"].copy(), bool(state["isothermal"])
        self._forget_forces()

    def _parted(self, gas: Gas, group: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of a group of which the gradient is estimated, and of those that are held out, evenly among them."""
        rows = gas.members(group)
        count = np.floor(self._spec.held_out * np.arange(len(rows) + 1) + 1e-9)
        apart = np.diff(count) > 0.0
        return rows[~apart], rows[apart]

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
    mean, spread = float(factors.mean()), float(factors.std(ddof=1))
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
