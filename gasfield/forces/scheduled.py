"""A force whose strengths change over the steps."""

from __future__ import annotations

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, ForcePrecision, ForceSpec, Surroundings
from gasfield.gas import Gas


class ScheduledForce(Force):
    """The force of a specification with schedules: at each step that with the numbers of the step.

    It has an energy where it has one at every step; as the strengths change, they do work on the gas, so that the
    energy of the gas is not conserved.
    """

    steady = False

    def __init__(self, law: ForceSpec, surroundings: Surroundings, precision: ForcePrecision = "float64") -> None:
        """Builds the force at the steps at which a schedule changes its course.

        Raises:
            InputError: if it is not defined with the numbers of one of them; the message names the step.
        """
        self._law, self._surroundings, self._precision = law, surroundings, precision
        self._step, self._built = 0, law.at(0).build(surroundings).with_precision(precision)
        self._numbers = self._numbers_at(0)
        samples = [self._at(step) for step in sorted({step for each in law.schedules for step in each.corners})]
        self.conservative = all(sample.conservative for sample in samples)
        self.interacting = any(sample.interacting for sample in samples)
        self.mutual = all(sample.mutual for sample in samples)
        self.rotates_velocities = any(sample.rotates_velocities for sample in samples)

    def with_precision(self, precision: ForcePrecision) -> ScheduledForce:
        return self if precision == self._precision else ScheduledForce(self._law, self._surroundings, precision)

    def add(self, gas: Gas, force: Array) -> None:
        self._at(gas.step).add(gas, force)

    def energy(self, gas: Gas) -> Array:
        return self._at(gas.step).energy(gas)

    def laplacian(self, gas: Gas) -> Array:
        return self._at(gas.step).laplacian(gas)

    def virial(self, gas: Gas) -> float:
        return self._at(gas.step).virial(gas)

    def rotate_velocities(self, gas: Gas, span: float) -> None:
        self._at(gas.step).rotate_velocities(gas, span)

    def check_gas(self, gas: Gas) -> None:
        self._at(gas.step).check_gas(gas)

    def check_steps(self, start: int, stop: int) -> None:
        self._built.check_steps(start, stop)

    def measures(self, gas: Gas) -> dict[str, float]:
        return self._at(gas.step).measures(gas)

    def data_digest(self) -> str | None:
        return self._built.data_digest()

    def _numbers_at(self, step: int) -> tuple[float, ...]:
        return tuple(schedule.at(step) for schedule in self._law.schedules)

    def _at(self, step: int) -> Force:
        """The force of a step; built anew where a number has changed."""
        if step != self._step:
            numbers = self._numbers_at(step)
            if numbers != self._numbers:
                try:
                    self._built = self._law.at(step).build(self._surroundings).with_precision(self._precision)
                except InputError as error:
                    raise InputError(f"at step {step}: {error.message}", parameter=error.parameter) from None
                self._numbers = numbers
            self._step = step
        return self._built
