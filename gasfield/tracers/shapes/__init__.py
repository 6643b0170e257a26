"""Shapes of tracer structures: points in k dimensions, centred on the origin, and the bonds that tie neighbours."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gasfield.errors import InputError
from gasfield.tracers.shapes.curves import Helix, Ring
from gasfield.tracers.shapes.grids import Cubic, Line, Sheet
from gasfield.tracers.shapes.lattices import D4, E8, Bcc, Fcc, Hexagonal
from gasfield.tracers.shapes.points import Points
from gasfield.tracers.shapes.polytopes import CrossPolytope, Hypercube, Simplex
from gasfield.tracers.shapes.shell import Shell
from gasfield.tracers.shapes.structure import Find, Structure

Shape = Annotated[
    Line | Ring | Helix | Sheet | Hexagonal | Cubic | Bcc | Fcc | D4 | E8
    | Simplex | CrossPolytope | Hypercube | Shell | Points,
    Field(discriminator="kind"),
]  # fmt: skip


MOST = 100_000
"""Points that a structure may have."""


def structure_of(shape: Shape, find: Find) -> Structure:
    """The points and bonds of a shape; `find` resolves the name of a file of points.

    Raises:
        InputError: if such a file is missing or damaged, or the shape has more points than `MOST`.
    """
    if isinstance(shape, Points):
        return shape.structure(find)
    if shape.size > MOST:
        raise InputError(f"a {shape.kind} of these measures has {shape.size} points; {MOST} are the most.")
    return shape.structure()


__all__ = [
    "D4", "E8", "Bcc", "CrossPolytope", "Cubic", "Fcc", "Find", "Helix", "Hexagonal", "Hypercube", "Line", "Points",
    "Ring", "Shape", "Sheet", "Shell", "Simplex", "Structure", "structure_of",
]  # fmt: skip
