"""The numbers of a trained field over time, the density of its group and that of the teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gasfield.diagnostics.base import Values
from gasfield.diagnostics.context import NotApplicable
from gasfield.diagnostics.group import Group, once
from gasfield.diagnostics.thermodynamics.confinement import BY_QUADRATURE, UNCONFINED, domain
from gasfield.dynamics import Bath
from gasfield.forces import ForceSpec, Surroundings, TotalForce, build_alone
from gasfield.forces.trainable import Trainable
from gasfield.operations import TrainingPair
from gasfield.statistics.boltzmann import Boltzmann
from gasfield.statistics.quadrature import NotConfined


@dataclass(frozen=True)
class TrainingHistory:
    """The numbers of a trained field at the observations.

    Attributes:
        group: the group that learns.
        pair: names of the group that learns and of its teacher.
        law: the field, as it started.
        steps: (T,).
        times: (T,).
        numbers: (T, P).
        known: densities that do not change, by group and temperature.
    """

    group: Group
    pair: TrainingPair
    law: Trainable
    steps: np.ndarray
    times: Values
    numbers: Values
    known: dict[tuple[str, float], Boltzmann] = field(default_factory=dict, repr=False)

    def model(self, observation: int) -> Boltzmann:
        """The density of the model at an observation.

        Raises:
            NotApplicable: if it is not known by quadrature; the message gives the reason.
        """
        at = self.law.at_numbers(self.numbers[observation], self.group.dimensions)
        laws = [at if law is self.law else law for law in self.group.run.acting(self.pair.student)]
        return self._density(laws, self.pair.student, observation)[0]

    def teacher(self, observation: int) -> Boltzmann:
        """The density of the teacher at an observation.

        Raises:
            NotApplicable: as `model`.
        """
        name = self.pair.teacher
        place, laws = (name, self.temperature(name, observation)), self.group.run.acting(name)
        if place in self.known:
            return self.known[place]
        density, forces = self._density(laws, name, observation)
        if forces.steady:
            self.known[place] = density
        return density

    def _density(self, laws: Sequence[ForceSpec], name: str, observation: int) -> tuple[Boltzmann, TotalForce]:
        group, run = self.group, self.group.run
        around = Surroundings(run.space, run.find)
        forces = TotalForce([build_alone(law, around) for law in laws], group.dimensions)
        temperature = self.temperature(name, observation)
        if not len(forces) or not temperature > 0.0:
            raise NotApplicable(f"the density of '{name}' is known by its particles only")
        if group.dimensions > BY_QUADRATURE:
            raise NotApplicable(f"in more than {BY_QUADRATURE} dimensions there is no quadrature")
        if forces.interacting or not forces.conservative:
            raise NotApplicable(f"the particles of '{name}' interact, or a force on them has no energy")
        step, time = int(self.steps[observation]), float(self.times[observation])

        def energy(places: Values) -> Values:
            probe = group.probe(places)
            with np.errstate(over="ignore"):
                return forces.energy(replace(probe, step=step, time=time))

        try:
            where = domain(run.space, energy, temperature, _seen(group))
        except NotConfined:
            raise NotApplicable(f"'{name}': {UNCONFINED}") from None
        return Boltzmann.of(energy, temperature, where), forces

    def temperature(self, name: str, observation: int) -> float:
        """T of a group [energy].

        Raises:
            NotApplicable: if there is no bath.
        """
        run = self.group.run
        if run.temperature is None:
            raise NotApplicable("no bath: the temperature is undefined")
        bath = Bath(run.temperature, run.groups)
        return float(bath.at(int(self.steps[observation]))[run.groups.index(name)])


def training_history(group: Group) -> TrainingHistory:
    """The history of a group's training.

    Raises:
        NotApplicable: if it was not trained.
    """
    pairs = [operation.trains for operation in group.run.operations if operation.trains is not None]
    pair = next((pair for pair in pairs if pair.student == group.name), None)
    laws = [law.trained for law in group.run.acting(group.name) if law.trained is not None]
    if pair is None or len(laws) != 1:
        raise NotApplicable("no operation trains a field of this group")
    names = [f"trained.{name}" for name in laws[0].trained_names(group.dimensions)]
    if any(name not in group.series for name in names):
        raise NotApplicable("the numbers of its field were not observed")
    series = [group.series[name] for name in names]
    numbers = np.stack([one.values for one in series], axis=1)
    return TrainingHistory(group, pair, laws[0], series[0].steps, series[0].times, numbers)


@once
def _seen(group: Group) -> Values:
    """(M, D) places from which domains are sought: those of the first frame and of the last.

    Raises:
        NotApplicable: if there are none.
    """
    places = np.concatenate([group.places(slice(0, 1)), group.places(slice(-1, None))]).reshape(-1, group.dimensions)
    places = np.asarray(places[np.isfinite(places).all(axis=1)])
    if not len(places):
        raise NotApplicable("no row has a position")
    return places
