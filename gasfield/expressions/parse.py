"""From text to a tree, against an allow-list: anything else is refused, with its column and the list.

The text is first split into numbers, names and operators; nothing else reaches Python's own parser, which is used for
precedence only. Only the kinds of node below are accepted from its tree. Constants are folded in float64, never as
integers, and powers are bounded, so that a short text cannot cause a long computation.
"""

from __future__ import annotations

import ast
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from keyword import iskeyword

from gasfield.errors import InputError
from gasfield.expressions.tree import FUNCTIONS, LENGTH, Apply, Name, Number, Tree, names

MAX_LENGTH = 2000
"""Characters of an expression."""
MAX_DEPTH = 40
"""Nested operations."""
MAX_NODES = 500
"""Numbers, names and operations."""
MAX_POWER = 100
"""Magnitude of a constant exponent; of nested ones, their product."""
MAX_FACTORS = 24
"""Factors of a product without constants: its second derivative has as many terms as there are pairs of them."""
MAX_MAGNITUDE = 1e100
"""Of a constant; a constant other than zero must not be smaller than the inverse."""

CONSTANTS = {"pi": math.pi}
"""Names of numbers."""

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<length>\| *x *\|)"
    r"|(?P<operator>\*\*|//|[-+*/()])"
)
_WORK: dict[tuple[str, str], Callable[[float, float], float]] = {
    ("+", ""): lambda a, b: a + b,
    ("+", "-"): lambda a, b: a - b,
    ("*", ""): lambda a, b: a * b,
    ("*", "/"): lambda a, b: a / b,
}
_STAND_IN = "_"
"""A name for |x| that cannot occur in a text."""
_CHAINS: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", ""),
    ast.Sub: ("+", "-"),
    ast.Mult: ("*", ""),
    ast.Div: ("*", "/"),
}
"""Binary operator of Python -> sum or product, of the right side itself, its negative or its inverse."""
_HINTS = {
    "^": "a power is written **",
    "//": "a quotient is written with one /",
    ",": "a function has one argument, and decimals are written with a point",
    "|": "the distance from the origin is written |x|; there are no other absolute values",
    "x": "a coordinate is written x0, x1, ...",
    "e": "exp(1) is written out",
    "ln": "the natural logarithm is written log",
    "abs": "it has a kink, where there is no force; sqrt(x0**2 + s**2) is a smooth one",
    "min": "it has a kink, where there is no force",
    "max": "it has a kink, where there is no force",
}


@dataclass(frozen=True)
class Vocabulary:
    """The names that an expression may use.

    Attributes:
        variables: those of the law, in the order of messages.
        parameters: names of numbers.
        length: whether |x| may be used.
        hints: corrections for common mistakes, by name.
    """

    variables: Sequence[str]
    parameters: Sequence[str] = ()
    length: bool = False
    hints: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """The allow-list in one sentence."""
        shown = list(self.variables)
        if len(shown) > 8:
            shown = [*shown[:3], "...", *shown[-2:]]
        known = ", ".join(shown + ["|x|"] * self.length + list(CONSTANTS))
        given = f"the parameters {', '.join(self.parameters)}" if self.parameters else "no parameters (none are given)"
        return (
            f"Allowed are numbers, + - * / ** ( ), the functions {', '.join(FUNCTIONS)}, the names {known} and {given}."
        )


def check_parameters(parameters: Sequence[str], variables: Sequence[str]) -> None:
    """Refuses parameters with invalid or reserved names.

    Raises:
        InputError: naming the first of them.
    """
    for name in parameters:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or iskeyword(name) or "__" in name:
            reason = "is a keyword of Python" if iskeyword(name) else "is not a name"
            raise InputError(f"parameters: {name[:80]!a} {reason}; use letters, digits and single _, a letter first.")
        if re.fullmatch("x[0-9]*", name) or name in {*variables, *CONSTANTS, *FUNCTIONS, "t", "r"}:
            raise InputError(f"parameters: '{name}' has another meaning in expressions; use another name.")


def check_all_used(parameters: Sequence[str], trees: Sequence[Tree]) -> None:
    """Refuses unused parameters: one of them is misspelt, or missing in the law.

    Raises:
        InputError: naming them.
    """
    used = {name for tree in trees for name in names(tree)}
    idle = [name for name in parameters if name not in used]
    if idle:
        raise InputError(f"parameters: {', '.join(idle)} given, but not used by the expression.")


def parse(text: str, vocabulary: Vocabulary) -> Tree:
    """The tree of an expression.

    Raises:
        InputError: if anything in it is not allowed: the expression, the column, what is wrong, what is allowed.
    """
    return _Parser(text, vocabulary).parse()


def _factors(tree: Tree) -> int:
    """Number of factors of a product, including those of nested products."""
    if isinstance(tree, Apply) and tree.operator in ("*", "/", "-"):
        return sum(_factors(argument) for argument in tree.arguments)
    return int(not isinstance(tree, Number))


class _Parser:
    """The parser of one expression."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._text, self._vocabulary = text, vocabulary
        self._nodes = 0

    def parse(self) -> Tree:
        if not self._text.strip():
            raise self._refusal(0, "it is empty")
        if len(self._text) > MAX_LENGTH:
            raise self._refusal(MAX_LENGTH, f"it has {len(self._text)} characters; at most {MAX_LENGTH} are allowed")
        plain = self._cut()
        try:
            root = ast.parse(f"({plain})", mode="eval").body  # in brackets it may begin with a space
        except SyntaxError as fault:
            column = min(max((fault.offset or 1) - 2, 0), len(plain) - 1)
            raise self._refusal(column, "an operator, a bracket or a name is missing or superfluous") from None
        except (ValueError, RecursionError, MemoryError):
            raise self._refusal(0, "it is nested too deeply") from None
        tree, _ = self._take(root, 0)
        return tree

    # --- from text to tokens ---

    def _cut(self) -> str:
        """The text for Python's parser, column for column."""
        plain: list[str] = []
        place, depth, operand, called = 0, 0, False, False
        text = re.sub(r"[\n\r\t]", " ", self._text)  # YAML may fold a long expression
        while place < len(text):
            if text[place] == " ":
                plain.append(" ")
                place += 1
                continue
            token = _TOKEN.match(text, place)
            if token is None:
                raise self._refuse_character(place)
            kind, word = str(token.lastgroup), token.group()
            taken = self._plain(kind, word, place)
            begins = kind != "operator" or word == "("
            if begins and operand and not (word == "(" and called):
                raise self._refusal(place, f"an operator is missing before '{word[:40]}'; a product is written with *")
            depth += {"(": 1, ")": -1}.get(word, 0)
            if depth < 0:
                raise self._refusal(place, "this bracket was never opened")
            if depth > MAX_DEPTH:
                raise self._refusal(place, f"it is nested too deeply; at most {MAX_DEPTH} nested brackets")
            called = kind == "name"
            operand = kind != "operator" or word == ")"
            plain.append(taken)
            place = token.end()
        if depth > 0:
            raise self._refusal(
                len(text) - 1, f"{depth} brackets are not closed" if depth > 1 else "a bracket is not closed"
            )
        return "".join(plain)

    def _plain(self, kind: str, word: str, place: int) -> str:
        if kind == "length":
            if not self._vocabulary.length:
                raise self._refusal(place, "there is no |x| here")
            return _STAND_IN.ljust(len(word))
        if kind == "name" and (iskeyword(word) or "__" in word):
            raise self._refusal(place, f"'{word[:40]}' is not a name of an expression")
        if kind == "number" and word[0] == "0" and word[1:2].isdigit():
            raise self._refusal(place, "a number has no leading zeros")
        if word == "//":
            raise self._refusal(place, f"'//' is not allowed; {_HINTS['//']}")
        return word

    def _refuse_character(self, place: int) -> InputError:
        character = self._text[place]
        if character.isascii() and character.isprintable():
            what = f"'{character}' is not allowed"
        else:
            what = (
                f"the character U+{ord(character):04X} ({unicodedata.name(character, 'without a name')}) is not allowed"
            )
        return self._refusal(place, what + (f"; {_HINTS[character]}" if character in _HINTS else ""))

    # --- from Python's tree to a Tree ---

    def _take(self, node: ast.expr, depth: int) -> tuple[Tree, float]:
        """An allowed node, and its degree: the total power of its integer exponents."""
        self._nodes += 1
        if depth > MAX_DEPTH:
            raise self._refuse(node, f"it is nested too deeply; at most {MAX_DEPTH} nested operations")
        if self._nodes > MAX_NODES:
            raise self._refuse(node, f"it is too long; at most {MAX_NODES} numbers, names and operations are allowed")
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return self._number(node, lambda: float(node.value)), 0.0  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return self._name(node), 1.0
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            tree, degree = self._take(node.operand, depth + 1)
            return (tree if isinstance(node.op, ast.UAdd) else self._invert(node, "-", tree)), degree
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            return self._power(node, depth)
        if isinstance(node, ast.BinOp) and type(node.op) in _CHAINS:
            return self._chain(node, depth)
        if isinstance(node, ast.Call):
            return self._call(node, depth), 1.0
        raise self._refuse(node, "this is not allowed")

    def _name(self, node: ast.Name) -> Tree:
        name, words = node.id, self._vocabulary
        if name == _STAND_IN:
            return Name(LENGTH)
        if name in CONSTANTS:
            return Number(CONSTANTS[name])
        if name in words.variables or name in words.parameters:
            return Name(name)
        if name in FUNCTIONS:
            raise self._refuse(node, f"the function {name} is written with its argument in brackets, {name}(...)")
        raise self._refuse(node, f"there is no '{name[:40]}'{self._hint(name)}")

    def _hint(self, name: str) -> str:
        words = self._vocabulary
        hints = {**_HINTS, **words.hints}
        if name in hints:
            return f"; {hints[name]}"
        if re.fullmatch("x[0-9]+", name) and words.variables and words.variables[0] == "x0":
            last = [variable for variable in words.variables if variable.startswith("x")][-1]
            return f"; the coordinates are x0 to {last}"
        close = get_close_matches(name, [*words.variables, *words.parameters, *CONSTANTS, *FUNCTIONS], 1)
        return f"; did you mean '{close[0]}'?" if close else "; a number of that name would be under 'parameters'"

    def _chain(self, node: ast.BinOp, depth: int) -> tuple[Tree, float]:
        """A sum or product of any number of terms: Python nests a + b + c to the left; here that is not nesting."""
        operator = _CHAINS[type(node.op)][0]
        links: list[tuple[ast.BinOp, str, ast.expr]] = []
        first: ast.expr = node
        while isinstance(first, ast.BinOp) and _CHAINS.get(type(first.op), ("", ""))[0] == operator:
            links.append((first, _CHAINS[type(first.op)][1], first.right))
            first = first.left
        tree, degree = self._take(first, depth + 1)
        terms = [tree]
        for link, inverse, right in reversed(links):
            tree, more = self._take(right, depth + 1)
            degree = max(degree, more) if operator == "+" else degree + more
            a, b = terms[0], tree
            if len(terms) == 1 and isinstance(a, Number) and isinstance(b, Number):  # constants at the beginning
                terms[0] = self._number(link, partial(_WORK[operator, inverse], a.value, b.value))
            else:
                terms.append(self._invert(right, inverse, tree) if inverse else tree)
        whole = terms[0] if len(terms) == 1 else Apply(operator, tuple(terms))
        if operator == "*" and _factors(whole) > MAX_FACTORS:
            raise self._refuse(node, f"a product has more than {MAX_FACTORS} factors; powers are written with **")
        return whole, degree

    def _invert(self, node: ast.expr, operator: str, tree: Tree) -> Tree:
        """The negative or the inverse of a tree."""
        if not isinstance(tree, Number):
            return Apply(operator, (tree,))
        if operator == "/" and tree.value == 0.0:
            raise self._refuse(node, "this divides by zero")
        value = tree.value
        return self._number(node, lambda: -value if operator == "-" else 1.0 / value)

    def _power(self, node: ast.BinOp, depth: int) -> tuple[Tree, float]:
        base, degree = self._take(node.left, depth + 1)
        exponent, _ = self._take(node.right, depth + 1)
        if isinstance(exponent, Number):
            degree = abs(exponent.value) * max(degree, 1.0)
            if degree > MAX_POWER:
                what = f"the power is too high; at most {MAX_POWER} is allowed, that of nested ones multiplied"
                raise self._refuse(node.right, what)
        if isinstance(base, Number):
            if isinstance(exponent, Number):
                a, b = base.value, exponent.value
                return self._number(node, lambda: math.pow(a, b)), 0.0
            if base.value <= 0.0:
                raise self._refuse(node.left, "the base of such a power must be above zero")
        return Apply("**", (base, exponent)), degree

    def _call(self, node: ast.Call, depth: int) -> Tree:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name is None or name not in FUNCTIONS:
            if name is None or name == _STAND_IN or name in (*self._vocabulary.variables, *self._vocabulary.parameters):
                raise self._refuse(node.func, "this is not a function; a product is written with *")
            close = get_close_matches(name, list(FUNCTIONS), 1)
            hint = f"; {_HINTS[name]}" if name in _HINTS else f"; did you mean '{close[0]}'?" if close else ""
            raise self._refuse(node.func, f"there is no function '{name[:40]}'{hint}")
        if len(node.args) != 1 or node.keywords:
            raise self._refuse(node, f"{name} has one argument, not {len(node.args) + len(node.keywords)}")
        argument, _ = self._take(node.args[0], depth + 1)
        if isinstance(argument, Number):
            value = argument.value
            return self._number(node, lambda: FUNCTIONS[name](value))
        return Apply(name, (argument,))

    def _number(self, node: ast.expr, work_out: Callable[[], float]) -> Number:
        try:
            value = work_out()
        except (ValueError, ZeroDivisionError):
            raise self._refuse(node, "this constant is not a real number") from None
        except OverflowError:
            value = math.inf
        if value != 0.0 and not 1.0 / MAX_MAGNITUDE <= abs(value) <= MAX_MAGNITUDE:
            what = f"a constant must be 0 or of magnitude {1 / MAX_MAGNITUDE:g} to {MAX_MAGNITUDE:g}"
            raise self._refuse(node, what)
        return Number(value + 0.0)

    # --- error messages ---

    def _refuse(self, node: ast.expr, what: str) -> InputError:
        return self._refusal(max(node.col_offset - 1, 0), what)

    def _refusal(self, column: int, what: str) -> InputError:
        """The error with the expression (an excerpt if long), the column, the reason, and the allow-list."""
        start = max(0, column - 40) if len(self._text) > 100 else 0
        piece = self._text[start : start + 100]
        shown = ascii(("..." if start else "") + piece + ("..." if start + 100 < len(self._text) else ""))
        stop = "" if what.endswith("?") else "."
        return InputError(f"expression {shown}, column {column + 1}: {what}{stop} {self._vocabulary}")
