"""Fields whose numbers can be moved while a gas feels them: the parameters of a model that is trained.

A specification names the keys whose numbers move (`train: [at, depth]`); the numbers that it gives are their start. The
built force is moved by an operation (`gasfield.operations.train_field`) in coordinates theta without bounds: the number
itself, or the logarithm of one that must stay positive.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, ForceSpec, Surroundings
from gasfield.gas import Gas


@dataclass(frozen=True)
class Part:
    """The numbers of one key.

    Attributes:
        names: (p,) of the numbers, as places in the specification: "wells.0.depth".
        values: (p,).
        slopes: places (N, D) -> (N, p), the derivative of the energy by each number.
        positive: whether they must stay positive, so that their logarithms are moved.
    """

    names: tuple[str, ...]
    values: Array
    slopes: Callable[[Array], Array]
    positive: bool = False


class Trainable(ForceSpec):
    """The specification of a field with numbers that can be trained. A subclass declares `train` with its keys."""

    train: tuple[str, ...] | None = None
    """Keys whose numbers an operation moves during the run; none if left out."""

    @property
    def trained(self) -> Self | None:
        """Itself, if it has numbers that an operation moves."""
        return self if self.train else None

    @model_validator(mode="after")
    def _moved_by_one(self) -> Self:
        if self.train and self.schedules:
            raise PydanticCustomError("trained", "the numbers of a trained field cannot follow schedules as well")
        if len(set(self.train or ())) < len(self.train or ()):
            raise PydanticCustomError("trained", "'train' names a key twice")
        return self

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the field; one whose numbers can be moved, if they are to be trained.

        Raises:
            InputError: as `build_field`, or if a number whose logarithm is trained is not positive.
        """
        return TrainedForce(self, surroundings) if self.train else self.build_field(surroundings)

    @abstractmethod
    def build_field(self, surroundings: Surroundings) -> Force:
        """Builds the field with the numbers as they are.

        Raises:
            InputError: if it is not defined in this space; the message gives the reason.
        """

    @abstractmethod
    def parts(self, dimensions: int) -> dict[str, Part]:
        """Key -> its numbers, of each key that can be trained.

        Raises:
            InputError: if numbers do not fit the dimensions.
        """

    @abstractmethod
    def with_values(self, values: Mapping[str, Array]) -> Self:
        """The same specification with the numbers (p,) of some keys replaced."""

    def at_numbers(self, numbers: Array, dimensions: int) -> Self:
        """The field at rest with other numbers (P,), in the order of `trained_names`: one that is not trained."""
        sizes = [len(part.values) for part in _chosen(self, dimensions)]
        split = np.split(np.asarray(numbers, np.float64), np.cumsum(sizes)[:-1])
        return self.with_values(dict(zip(self.train or (), split, strict=True))).model_copy(update={"train": None})

    def trained_names(self, dimensions: int) -> tuple[str, ...]:
        """(P,) names of the numbers that are trained."""
        return tuple(name for part in _chosen(self, dimensions) for name in part.names)


def _chosen(law: Trainable, dimensions: int) -> list[Part]:
    """The parts that are trained, in the order of `train`."""
    parts = law.parts(dimensions)
    return [parts[key] for key in law.train or ()]


class TrainedForce(Force):
    """A field at its present numbers. It has an energy at each step; as the numbers move, they do work on the gas.

    Attributes:
        law: the specification at the present numbers.
        names: (P,) of the numbers.
    """

    steady = False

    def __init__(self, law: Trainable, surroundings: Surroundings) -> None:
        """Starts at the numbers of the specification.

        Raises:
            InputError: as `Trainable.build`.
        """
        self.law, self._surroundings = law, surroundings
        self._built, self._parts = law.build_field(surroundings), _chosen(law, surroundings.dimensions)
        self.names = law.trained_names(surroundings.dimensions)
        self._logs = np.concatenate([np.full(len(part.values), part.positive) for part in self._parts])
        if np.any(self.numbers[self._logs] <= 0.0):
            first = self.names[int(np.flatnonzero(self._logs & (self.numbers <= 0.0))[0])]
            raise InputError(f"{first} is trained by its logarithm, so it must be positive.", parameter="train")
        self.conservative, self.interacting = self._built.conservative, self._built.interacting
        self.mutual, self.rotates_velocities = self._built.mutual, self._built.rotates_velocities

    @property
    def trained(self) -> TrainedForce:
        return self

    @property
    def numbers(self) -> Array:
        """(P,) the present numbers, in their own units."""
        return np.concatenate([part.values for part in self._parts])

    @property
    def coordinates(self) -> Array:
        """(P,) theta: the numbers, or the logarithms of those that must stay positive."""
        numbers = self.numbers
        return np.where(self._logs, np.log(np.where(self._logs, numbers, 1.0)), numbers)

    def move_to(self, coordinates: Array) -> None:
        """Sets theta (P,).

        Raises:
            InputError: if a number would not be finite; the field stays as it was.
        """
        with np.errstate(over="ignore"):
            numbers = np.where(self._logs, np.exp(np.where(self._logs, coordinates, 0.0)), coordinates)
        lost = ~np.isfinite(numbers) | (self._logs & (numbers == 0.0))
        if lost.any():
            raise InputError(f"{self.names[int(np.argmax(lost))]} has left the finite numbers: give a smaller rate.")
        values = np.split(numbers, np.cumsum([len(part.values) for part in self._parts])[:-1])
        law = self.law.with_values(dict(zip(self.law.train or (), values, strict=True)))
        self._built = law.build_field(self._surroundings)
        self.law, self._parts = law, _chosen(law, self._surroundings.dimensions)

    def slopes(self, places: Array) -> Array:
        """(N, P) derivative of the energy at places (N, D) by theta [energy per unit of theta]."""
        found = [part.slopes(places) * (part.values if part.positive else 1.0) for part in self._parts]
        return np.concatenate(found, axis=1)

    def add(self, gas: Gas, force: Array) -> None:
        self._built.add(gas, force)

    def energy(self, gas: Gas) -> Array:
        return self._built.energy(gas)

    def laplacian(self, gas: Gas) -> Array:
        return self._built.laplacian(gas)

    def virial(self, gas: Gas) -> float:
        return self._built.virial(gas)
