"""A field learned by `gasfield fit` as a force: the sum of the laws in its file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, ForceSpec, Surroundings, not_conservative
from gasfield.forces.learned.field_file import LearnedField
from gasfield.gas import Gas
from gasfield.registry import register


@register
class Learned(ForceSpec):
    """The field in a file that `gasfield fit` wrote."""

    kind: Literal["learned"] = "learned"
    file: str
    """A learned field."""
    terms: tuple[str, ...] | None = None
    """The terms of it that act; all of them if left out."""

    def build(self, surroundings: Surroundings) -> Force:
        """Reads the file.

        Raises:
            InputError: if it is missing, damaged, lacks a term, or has other dimensions.
        """
        path = surroundings.find(self.file)
        field = LearnedField.read(path)
        try:
            return LearnedForce(field, field.build(surroundings, self.terms))
        except InputError as fault:
            raise InputError(f"{path}: {fault.message}", parameter=fault.parameter) from None


class LearnedForce(Force):
    """The sum of the laws of a learned field."""

    def __init__(self, field: LearnedField, forces: Sequence[Force]) -> None:
        """The forces of the terms of a field."""
        self.field, self.moved, self._forces = field, field.moved, tuple(forces)
        self.conservative = all(force.conservative for force in forces)
        self.interacting = any(force.interacting for force in forces)
        self.mutual = all(force.mutual for force in forces)
        self.steady = all(force.steady for force in forces)

    def add(self, gas: Gas, force: Array) -> None:
        for part in self._forces:
            part.add(gas, force)

    def energy(self, gas: Gas) -> Array:
        self._require_potential()
        energy: Array = np.sum([part.energy(gas) for part in self._forces], axis=0)
        return energy

    def laplacian(self, gas: Gas) -> Array:
        self._require_potential()
        laplacian: Array = np.sum([part.laplacian(gas) for part in self._forces], axis=0)
        return laplacian

    def virial(self, gas: Gas) -> float:
        return float(sum(part.virial(gas) for part in self._forces))

    def outside(self, gas: Gas) -> NDArray[np.bool_] | None:
        return None if self.field.region is None else self.field.region.outside(gas.positions)

    def check_gas(self, gas: Gas) -> None:
        for part in self._forces:
            part.check_gas(gas)

    def data_digest(self) -> str:
        digest = hashlib.sha256()
        for name, term in sorted(self.field.terms.items()):
            digest.update(f"{name} {term.law.model_dump_json()}".encode())
            for array, values in sorted(term.arrays.items()):
                digest.update(array.encode())
                digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()

    def _require_potential(self) -> None:
        if not self.conservative:
            raise not_conservative("learned")
