"""The Python source of laws: one file per law, generated from the formulas of a tree only.

Parameters are arguments, so that a law is compiled once for all their values. Signatures:

    field and force:  law(x, p, force) with p = (t, tip, parameters...)
    pair:             law(u, p)        with p = (softening^2, tip, parameters...)

`tip` is the least distance: at the origin, a law of |x| is evaluated at that distance from it, where a force that has a
limit is accurate, and a force without a direction (of a cone) is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gasfield.expressions.tree import LENGTH, Tree, names

_HEAD = '''"""Generated: the law of an expression."""

import math

from gasfield.kernels.pointwise import pointwise_kernel


@pointwise_kernel
'''


def field_source(trees: Sequence[Tree], parameters: Sequence[str], dimensions: int) -> str:
    """For an energy at a position: adds the force and returns energy and Laplacian."""
    from gasfield.expressions import derive

    return _at_a_place(trees, derive.field_law(trees[0]), parameters, dimensions, "energy", "laplacian")


def force_source(trees: Sequence[Tree], parameters: Sequence[str], dimensions: int) -> str:
    """For a force at a position, one tree per coordinate."""
    from gasfield.expressions import derive

    return _at_a_place(trees, derive.force_law(trees), parameters, dimensions)


def pair_source(trees: Sequence[Tree], parameters: Sequence[str], dimensions: int) -> str:
    """For an energy of a distance: returns it and its derivatives by the square of the distance."""
    from gasfield.expressions import derive
    from gasfield.expressions.emit import Lines

    lines = Lines(_words(parameters) | {derive.SQUARE: "square"}, {})
    values = lines.work_out(derive.pair_law(trees[0]))
    head = [_unpack("softening2", "tip", parameters), "square = max(u + softening2, tip * tip)"]
    return _function("law(u, p)", [*head, *lines.lines, f"return {', '.join(values.values())}"])


SOURCES = {"field": field_source, "force": force_source, "pair": pair_source}
"""Form of a law -> its generator: from its trees, the names of its parameters and the number of dimensions, 0 for any.
"""


def written_out(form: str, trees: Sequence[Tree], dimensions: int) -> int:
    """The number of dimensions in the source of a law: 0, for any, unless it needs |x| and they are few. A loop over
    three coordinates is slower than unrolled code."""
    few = form != "pair" and dimensions <= _FEW and _has_length(trees)
    return dimensions if few else 0


_FEW = 4


def _has_length(trees: Sequence[Tree]) -> bool:
    return any(name == LENGTH for tree in trees for name in names(tree))


def _at_a_place(
    trees: Sequence[Tree], law: dict[str, Any], parameters: Sequence[str], dimensions: int, *returned: str
) -> str:
    from gasfield.expressions import derive
    from gasfield.expressions.emit import Lines

    places = [f"x{j}" for j in range(dimensions)] or derive.coordinates(trees)
    words = _words(parameters) | {name: name for name in places} | {"t": "t", derive.DIMENSIONS: "dimensions"}
    lines = Lines(words, {LENGTH: "square"})
    values = lines.work_out(law)
    head = [_unpack("t", "tip", parameters), *(f"{name} = x[{name[1:]}]" for name in places)]
    if _has_length(trees):
        head += _square(dimensions)
    tail = [f"force[{part[1:]}] += {value}" for part, value in values.items() if part[0] == "x"]
    if "radial" in values:
        tail += [f"radial = {values['radial']}", *_along_x(dimensions)]
    tail += [f"return {', '.join(values[part] for part in returned)}"] if returned else []
    return _function("law(x, p, force)", [*head, *lines.lines, *tail])


def _square(dimensions: int) -> list[str]:
    """Lines that evaluate |x|^2, not less than the square of the tip."""
    if dimensions:
        terms = " + ".join(f"x{j} * x{j}" for j in range(dimensions))
        return [f"dimensions = {float(dimensions)}", f"square = max({terms}, tip * tip)"]
    loop = ["square = 0.0", "for j in range(x.size):", "    square += x[j] * x[j]"]
    return ["dimensions = float(x.size)", *loop, "square = max(square, tip * tip)"]


def _along_x(dimensions: int) -> list[str]:
    """Lines that add the radial part of the force."""
    if dimensions:
        return [f"force[{j}] += radial * x{j}" for j in range(dimensions)]
    return ["for j in range(x.size):", "    force[j] += radial * x[j]"]


def _words(parameters: Sequence[str]) -> dict[str, str]:
    """Names in the source for the user's parameter names, which never appear in it."""
    return {name: f"p{number}" for number, name in enumerate(parameters)}


def _unpack(first: str, second: str, parameters: Sequence[str]) -> str:
    return f"{', '.join([first, second, *_words(parameters).values()])} = p"


def _function(signature: str, lines: Sequence[str]) -> str:
    return f"{_HEAD}def {signature}:\n" + "".join(f"    {line}\n" for line in lines)
