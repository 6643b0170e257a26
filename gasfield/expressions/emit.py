"""From formulas to lines of Python that Numba compiles into code like that of a hand-written kernel.

Common subexpressions are evaluated once, over all formulas of a law together. Integer powers become products, by
repeated squaring, half-integer powers use sqrt; a divisor is inverted once and multiplied with (the compiler hoists the
inverse of a parameter out of the loop over particles). The order of every sum and product is SymPy's canonical one, so
that the same law has the same lines, and the same bits, everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import sympy

from gasfield.expressions.tree import FUNCTIONS

_CALLS = {getattr(sympy, name): f"math.{name}" for name in FUNCTIONS if name != "sqrt"}

_MOST_PRODUCTS = 256
"""Greater powers are evaluated as exp(n log x)."""


class Lines:
    """Lines of one function that evaluate formulas.

    Attributes:
        lines: the lines, without indentation.
    """

    def __init__(self, words: Mapping[str, str], squares: Mapping[str, str]) -> None:
        """Starts empty.

        Args:
            words: symbol in a formula -> its name in the code.
            squares: symbol in a formula that is a square root -> the name of its square in the code.
        """
        self.lines: list[str] = []
        self._words, self._squares = dict(words), squares
        self._known: dict[str, str] = {}

    def work_out(self, formulas: Mapping[str, Any]) -> dict[str, str]:
        """Appends lines; returns the code for the value of each formula."""
        shared, rest = sympy.cse(list(formulas.values()), symbols=_temporaries(), order="canonical")
        for symbol, value in shared:
            self._words[symbol.name] = self._keep(self._code(value))
        return {part: self._code(value) for part, value in zip(formulas, rest, strict=True)}

    def _keep(self, code: str) -> str:
        """A name for the value of an expression, evaluated once."""
        if code.isidentifier():
            return code
        if code not in self._known:
            self._known[code] = f"c{len(self._known)}"
            self.lines.append(f"{self._known[code]} = {code}")
        return self._known[code]

    def _code(self, value: Any) -> str:
        """The code of a formula, in brackets unless it is a name, a number or a call."""
        if value.is_Symbol:
            return self._symbol(value.name)
        if value.is_Number or value.is_NumberSymbol:
            return _number(value)
        if value.is_Add:
            return self._sum(value)
        if value.is_Mul or value.is_Pow:
            return self._product(value)
        return f"{_CALLS[value.func]}({self._code(value.args[0])})"

    def _symbol(self, name: str) -> str:
        return self._keep(f"math.sqrt({self._squares[name]})") if name in self._squares else self._words[name]

    def _sum(self, value: Any) -> str:
        code = ""
        for term in value.as_ordered_terms():
            minus = bool(term.as_coeff_Mul()[0] < 0)
            word = self._code(-term if minus else term)
            code += (" - " if code else "-") + word if minus else (" + " if code else "") + word
        return f"({code})"

    def _product(self, value: Any) -> str:
        number, factors = 1.0, []
        for factor in value.as_ordered_factors():
            if factor.is_Number:
                number *= float(factor)
            else:
                factors += self._power(*(factor.as_base_exp() if factor.is_Pow else (factor, sympy.Integer(1))))
        if abs(number) != 1.0 or not factors:
            factors.insert(0, repr(abs(number)))
        code = " * ".join(factors)
        if number < 0.0:
            return f"(-{code})"
        return f"({code})" if len(factors) > 1 else code

    def _power(self, base: Any, exponent: Any) -> list[str]:
        """The factors of base**exponent."""
        if exponent.is_Float and float(2 * exponent).is_integer():
            exponent = sympy.Rational(int(float(2 * exponent)), 2)
        if not (exponent.is_Rational and exponent.q in (1, 2) and abs(exponent) <= _MOST_PRODUCTS):
            return [f"{self._enclosed(base)}**{self._enclosed(exponent)}"]
        halves, inverse = abs(int(2 * exponent)), bool(exponent < 0)
        whole, root = divmod(halves, 2)
        factors = []
        if base.is_Symbol and base.name in self._squares and not root:
            if whole > 1:
                factors.append(self._whole_power(self._squares[base.name], whole // 2, inverse))
            whole %= 2
        if whole:
            factors.append(self._whole_power(self._enclosed(base), whole, inverse))
        if root:
            factors.append(self._whole_power(self._keep(f"math.sqrt({self._enclosed(base)})"), 1, inverse))
        return factors

    def _enclosed(self, value: Any) -> str:
        """A name, or a number in brackets, as an operand of **."""
        return f"({_number(value)})" if value.is_Number else self._keep(self._code(value))

    def _whole_power(self, word: str, power: int, inverse: bool) -> str:
        """A power, at least 1, of a name or of its inverse."""
        if inverse:
            word = self._keep(f"1.0 / {word}")
        if power == 1:
            return word
        if power % 2:
            return self._keep(f"{self._whole_power(word, power - 1, False)} * {word}")
        half = self._whole_power(word, power // 2, False)
        return self._keep(f"{half} * {half}")


def _number(value: Any) -> str:
    """The nearest float64, exactly."""
    return repr(float(value))


def _temporaries() -> Iterator[Any]:
    """Symbols distinct from those of formulas, in the same order in every process."""
    return (sympy.Symbol(f"_{number}") for number in count())
