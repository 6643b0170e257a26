"""The interface of a shape: points in k dimensions and bonds between neighbours."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar

from gasfield.errors import InputError
from gasfield.registry import Registry
from gasfield.spec import Spec
from gasfield.tracers.shapes.structure import Structure

Find = Callable[[str], Path]
"""Resolves the name of a data file; raises InputError."""

MOST = 100_000
"""Largest number of points of a structure."""


class Shape(Spec):
    """The specification of a shape."""

    from_file: ClassVar[bool] = False
    """Whether its points are in a file."""

    kind: str

    @property
    def size(self) -> int | None:
        """Number of points; None if unknown before the structure is built."""
        return None

    @abstractmethod
    def structure(self, find: Find = Path) -> Structure:
        """Points (M, k) centred on the origin [length], and the bonds between neighbours.

        Args:
            find: resolves the name of a data file; unused by most shapes.

        Raises:
            InputError: if a data file is missing or damaged.
        """


SHAPES = Registry("shape", Shape, package="gasfield.tracers.shapes")
"""`kind` -> specification of every shape."""

AnyShape = Annotated[Shape, SHAPES.by_kind]
"""The specification of any registered shape."""


def structure_of(shape: Shape, find: Find) -> Structure:
    """The points and bonds of a shape; `find` resolves the name of a file of points.

    Raises:
        InputError: if a data file is missing or damaged, or the shape has more points than `MOST`.
    """
    if shape.size is not None and shape.size > MOST:
        raise InputError(f"a {shape.kind} of this size has {shape.size} points; the maximum is {MOST}.")
    return shape.structure(find)
