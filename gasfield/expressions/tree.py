"""An expression as a tree of plain values: the output of the parser and the input of all later stages.

The `repr` of a tree is the same in every process, so that it can be part of a cache key.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FUNCTIONS: dict[str, Callable[[float], float]] = {
    name: getattr(math, name)
    for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "erf")
}
"""The functions of an expression, all smooth inside their domain, with one argument each."""

LENGTH = "x"
"""Name in a tree of |x|, the distance from the origin. The name `x` itself is not allowed in the text."""


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True)
class Name:
    """A coordinate, the time, a parameter."""

    name: str


@dataclass(frozen=True)
class Apply:
    """A function of FUNCTIONS, or an operation: + and * of any number of trees, ** of two, - (the negative) and / (the
    inverse) of one."""

    operator: str
    arguments: tuple[Tree, ...]


Tree = Number | Name | Apply


def names(tree: Tree) -> Iterator[str]:
    """The names in a tree, with repetitions."""
    if isinstance(tree, Name):
        yield tree.name
    elif isinstance(tree, Apply):
        for argument in tree.arguments:
            yield from names(argument)
