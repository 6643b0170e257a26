"""The laws of which a learned field consists: numbers in a specification, arrays beside it, and the force of both."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, Surroundings
from gasfield.registry import Registry
from gasfield.spec import Spec

Arrays = Mapping[str, Array]
"""The arrays of one law by name."""
Shape = tuple[int | str, ...]
"""Of an array: numbers, "D" for the dimensions, and other letters for lengths that are the same wherever they stand."""


class FieldLaw(Spec):
    """One term of a learned field: a law whose parameters were fitted."""

    layout: ClassVar[Mapping[str, Shape]]
    """Name -> shape of every array that it needs. Other arrays of a file (errors, say) are kept and not looked at."""

    kind: str

    @abstractmethod
    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """The force, from arrays that fit the layout.

        Raises:
            InputError: if it is not defined in this space.
        """

    def require(self, arrays: Arrays, dimensions: int) -> None:
        """Checks that every array is there, has its shape, and is finite: kernels check no bounds.

        Raises:
            InputError: if one does not fit.
        """
        lengths: dict[str, int] = {"D": dimensions}
        for name, shape in self.layout.items():
            if name not in arrays:
                raise InputError(f"the array '{name}' of the learned law {self.kind} is missing.")
            found = arrays[name].shape
            wanted = tuple(lengths.setdefault(n, length) if isinstance(n, str) else n
                           for n, length in zip(shape, found, strict=False))  # fmt: skip
            if len(found) != len(shape) or wanted != found:
                meant = " x ".join(str(lengths.get(n, n) if isinstance(n, str) else n) for n in shape) or "one number"
                raise InputError(f"the array '{name}' of the learned law {self.kind} has shape {found}, not {meant}.")
            if not np.isfinite(arrays[name]).all():
                raise InputError(f"the array '{name}' of the learned law {self.kind} has values that are not finite.")


FIELD_LAWS = Registry("learned law", FieldLaw, package="gasfield.forces.learned")
"""`kind` -> every law that a learned field may consist of."""
