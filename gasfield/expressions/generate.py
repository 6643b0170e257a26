"""The Python source of laws: one file a law, made of the formulas of a tree and of nothing else.

Parameters are arguments, so that one law serves all their values. What a law is called with:

    field and force:  law(x, p, force) with p = (t, tip, parameters...)
    pair:             law(u, p)        with p = (softening^2, tip, parameters...)

`tip` is the smallest distance that is told from zero: at the origin itself, a law of |x| is taken that far from it,
where a force that has a limit is as good as there, and one whose direction is open (a cone's) comes out as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gasfield.expressions.tree import LENGTH, Tree, names

_HEAD = '''"""Generated: the law of an expression."""

import math

from gasfield.kernels.leaf import leaf


@leaf
'''


def field_source(trees: Sequence[Tree], parameters: Sequence[str]) -> str:
    """Of an energy at a place: adds the force and returns energy and Laplacian."""
    from gasfield.expressions import derive

    return _at_a_place(trees, derive.field_law(trees[0]), parameters, "energy", "laplacian")


def force_source(trees: Sequence[Tree], parameters: Sequence[str]) -> str:
    """Of a force at a place, one tree a coordinate."""
    from gasfield.expressions import derive

    return _at_a_place(trees, derive.force_law(trees), parameters)


def pair_source(trees: Sequence[Tree], parameters: Sequence[str]) -> str:
    """Of an energy of a distance: returns it and its derivatives by the square of the distance."""
    from gasfield.expressions import derive
    from gasfield.expressions.emit import Lines

    lines = Lines(_words(parameters) | {derive.SQUARE: "square"}, {})
    values = lines.work_out(derive.pair_law(trees[0]))
    head = [_unpack("softening2", "tip", parameters), "square = max(u + softening2, tip * tip)"]
    return _function("law(u, p)", [*head, *lines.lines, f"return {', '.join(values.values())}"])


SOURCES = {"field": field_source, "force": force_source, "pair": pair_source}
"""Form of a law -> what writes it, from its trees and the names of its parameters."""


def _at_a_place(trees: Sequence[Tree], law: dict[str, Any], parameters: Sequence[str], *returned: str) -> str:
    from gasfield.expressions import derive
    from gasfield.expressions.emit import Lines

    places = derive.coordinates(trees)
    words = _words(parameters) | {name: name for name in places} | {"t": "t", derive.DIMENSIONS: "dimensions"}
    lines = Lines(words, {LENGTH: "square"})
    values = lines.work_out(law)
    head = [_unpack("t", "tip", parameters)]
    if any(name == LENGTH for tree in trees for name in names(tree)):
        head += ["dimensions = float(x.size)", "square = 0.0"]
        head += ["for j in range(x.size):", "    square += x[j] * x[j]", "square = max(square, tip * tip)"]
    head += [f"{name} = x[{name[1:]}]" for name in places]
    tail = [f"force[{part[1:]}] += {value}" for part, value in values.items() if part[0] == "x"]
    if "radial" in values:
        tail += [f"radial = {values['radial']}", "for j in range(x.size):", "    force[j] += radial * x[j]"]
    tail += [f"return {', '.join(values[part] for part in returned)}"] if returned else []
    return _function("law(x, p, force)", [*head, *lines.lines, *tail])


def _words(parameters: Sequence[str]) -> dict[str, str]:
    """Names of the user never stand in the source as they are."""
    return {name: f"p{number}" for number, name in enumerate(parameters)}


def _unpack(first: str, second: str, parameters: Sequence[str]) -> str:
    return f"{', '.join([first, second, *_words(parameters).values()])} = p"


def _function(signature: str, lines: Sequence[str]) -> str:
    return f"{_HEAD}def {signature}:\n" + "".join(f"    {line}\n" for line in lines)
