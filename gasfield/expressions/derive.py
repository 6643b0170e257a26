"""From a tree to the formulas of a law: its energy, its force and its Laplacian, differentiated by SymPy.

SymPy receives a tree from the parser, node by node, never a text. Constants are passed as float64, and as exact numbers
in exponents only, which the parser bounds: integers cannot grow. Names are complex symbols in SymPy, so that
sqrt(x0**2) is not simplified to |x0|, whose derivatives are distributions.

With s = |x|, a law U(x, s) in D coordinates has

    F_j = -U_j - U_s x_j/s,    Laplacian = sum_j (U_jj + 2 U_js x_j/s) + U_ss + (D - 1) U_s/s

where j runs over the coordinates in U, and the others need no symbol. A pair law is differentiated by the square of the
(softened) distance r; with even powers of r only, no square root remains.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import sympy

from gasfield.errors import InputError
from gasfield.expressions.tree import FUNCTIONS, LENGTH, Apply, Name, Number, Tree, names

Formula = Any
"""A SymPy expression, which is untyped."""

DIMENSIONS = "_D"
"""Symbol of the number of dimensions. Names in a text cannot begin with _."""
SQUARE = "_square"
"""Symbol of the square of a distance."""


def field_law(tree: Tree) -> dict[str, Formula]:
    """An energy at a position: `energy`, `laplacian`, the force along each coordinate that it contains under its name
    and, if it depends on |x|, `radial`: the factor of x in the remaining force."""
    energy, s, d = formula(tree), sympy.Symbol(LENGTH), sympy.Symbol(DIMENSIONS)
    law = {"energy": energy}
    laplacian = sympy.Integer(0)
    for name in coordinates([tree]):
        x = sympy.Symbol(name)
        slope = energy.diff(x)
        law[name] = -slope
        laplacian += slope.diff(x) + 2 * x * slope.diff(s) / s
    if energy.has(s):
        slope = energy.diff(s)
        law["radial"] = -slope / s
        laplacian += slope.diff(s) + (d - 1) * (slope / s)
    return _checked(law | {"laplacian": laplacian})


def force_law(trees: Sequence[Tree]) -> dict[str, Formula]:
    """A force, one tree per coordinate: under the names of the coordinates."""
    return _checked({f"x{number}": formula(tree) for number, tree in enumerate(trees)})


def pair_law(tree: Tree) -> dict[str, Formula]:
    """An energy of the distance r: `energy` and its derivatives by r^2, `slope` and `bend`."""
    square = sympy.Symbol(SQUARE)
    energy = formula(tree).subs(sympy.Symbol("r"), sympy.sqrt(square))
    slope = energy.diff(square)
    return _checked({"energy": energy, "slope": slope, "bend": slope.diff(square)})


def coordinates(trees: Sequence[Tree]) -> list[str]:
    """The coordinates in trees, x0 first."""
    used = {name for tree in trees for name in names(tree) if name[0] == "x" and name[1:].isdigit()}
    return sorted(used, key=lambda name: int(name[1:]))


def formula(tree: Tree) -> Formula:
    """The tree as a SymPy expression."""
    if isinstance(tree, Number):
        return _constant(tree.value)
    if isinstance(tree, Name):
        return sympy.Symbol(tree.name)
    if tree.operator in FUNCTIONS:
        return getattr(sympy, tree.operator)(formula(tree.arguments[0]))
    return _operation(tree)


def _operation(tree: Apply) -> Formula:
    if tree.operator == "**":
        base, exponent = tree.arguments
        power = _exponent(exponent.value) if isinstance(exponent, Number) else formula(exponent)
        return sympy.Pow(formula(base), power)
    arguments = [formula(argument) for argument in tree.arguments]
    if tree.operator == "-":
        return -arguments[0]
    if tree.operator == "/":
        return 1 / arguments[0]
    return (sympy.Add if tree.operator == "+" else sympy.Mul)(*arguments)


def _constant(value: float) -> Formula:
    return sympy.Integer(int(value)) if value in (-1.0, 0.0, 1.0) else sympy.Float(value)


def _exponent(value: float) -> Formula:
    return sympy.Rational(int(2 * value), 2) if (2 * value).is_integer() else sympy.Float(value)


def _checked(law: dict[str, Formula]) -> dict[str, Formula]:
    """The law with powers of the same base combined.

    Raises:
        InputError: if it is nowhere a finite real number.
    """
    nowhere = (sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, sympy.I)
    for part, value in law.items():
        if value.has(*nowhere) or any(not math.isfinite(float(number)) for number in value.atoms(sympy.Float)):
            what = part if part in ("energy", "laplacian") else "force"
            raise InputError(f"its {what} is nowhere a finite real number.")
    return {part: _gathered(value) for part, value in law.items()}


def _gathered(value: Formula) -> Formula:
    """x**a / x as x**(a - 1), which is defined at x = 0 if a > 1: SymPy's derivative of x**a is the former."""

    def gather(product: Formula) -> Formula:
        powers: dict[Formula, Formula] = {}
        for factor in product.args:
            base, exponent = factor.as_base_exp()
            powers[base] = powers.get(base, 0) + exponent
        return sympy.Mul(*(sympy.Pow(base, exponent) for base, exponent in powers.items()))

    def has_open_power(part: Formula) -> bool:
        return part.is_Mul and any(factor.is_Pow and not factor.exp.is_number for factor in part.args)

    return value.replace(has_open_power, gather)
