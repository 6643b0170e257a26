"""A number with its unit and its error: the leaf of every printed or stored result."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

ROUNDING = 1e-12
"""Pure numbers whose value and error are below are those of the arithmetic: they are printed as 0."""
ZERO = "zero within error"
"""An estimate that is negative within its error, of a number that cannot be."""
Number = float | Sequence[float | Sequence[float]] | None
"""The value of a leaf: a number, several in a fixed order (also lists of ids), or None if undefined."""


@dataclass(frozen=True)
class Quantity:
    """A measured value.

    Attributes:
        value: a number, a list of numbers in a stated order, or None if undefined.
        unit: "length", "steps", "degrees", ..., "1" for pure numbers.
        error: one standard error, of the shape of `value`; None if unknown.
        positive: whether the true number cannot be negative (a diffusion coefficient): where an estimate is, within two
            errors, the text says zero.
    """

    value: Number
    unit: str
    error: Number = None
    positive: bool = False

    def leaf(self) -> dict[str, Any]:
        """{"value", "unit", "error"} in plain Python numbers; non-finite numbers become None, for JSON. With
        `"positive": true` where the number cannot be negative."""
        kind = {"positive": True} if self.positive else {}
        return {"value": _plain(self.value), "unit": self.unit, "error": _plain(self.error), **kind}

    def text(self) -> str:
        """The value with its error in brackets, in units of the last digits, without the unit; "–" if undefined.

        "0.0954(11)" is 0.0954 ± 0.0011, "53.4(12)" is 53.4 ± 1.2, "2.84(77)e-06" is 0.00000284 ± 0.00000077. A share of
        none or all has no symmetric error: "0 (< 0.029)", "1 (> 0.971)".
        """
        parts = self.parts()
        if len(parts) == 1:
            return self._text(_plain(parts[0].value), _plain(parts[0].error))
        return ", ".join(_with_error(_plain(part.value), _plain(part.error)) for part in parts)

    def _text(self, value: float | None, error: float | None) -> str:
        if self.unit == "1" and value is not None and max(abs(value), error or 0.0) < ROUNDING:
            return "0"
        if self.unit == "1" and value in (0.0, 1.0) and error and error > ROUNDING:
            return f"0 (< {error:.2g})" if value == 0.0 else f"1 (> {1.0 - error:.3g})"
        if self.positive and value is not None and error and -2.0 * error <= value < 0.0:
            return ZERO
        return _with_error(value, error)

    def parts(self) -> list[Quantity]:
        """One quantity for each number of a list; the quantity itself if it is a single number."""
        value, error = _plain(self.value), _plain(self.error)
        if not isinstance(value, list):
            return [self]
        errors = error if isinstance(error, list) else [error] * len(value)
        return [replace(self, value=v, error=e) for v, e in zip(value, errors, strict=True)]

    def __str__(self) -> str:
        text = self.text()
        return text if self.unit == "1" or text == ZERO else f"{text} {self.unit}"


def nested_leaves(quantities: Mapping[str, Quantity]) -> dict[str, Any]:
    """Nests dotted keys: {"radius.real": q} -> {"radius": {"real": q.leaf()}}; subkeys of a leaf are merged into it:
    {"a": p, "a.permutation_null": q} -> {"a": p.leaf() | {"null": q.leaf()}}.

    Raises:
        ValueError: if a key collides with one of a leaf ("radius.value" beside "radius").
    """
    tree: dict[str, Any] = {}
    for key, quantity in quantities.items():
        branch = tree
        for name in key.split("."):
            branch = branch.setdefault(name, {})
            if not isinstance(branch, dict):
                raise ValueError(f"{key}: collides with the number of a leaf")
        leaf = quantity.leaf()
        if leaf.keys() & branch.keys():
            raise ValueError(f"{key}: is both a leaf and a branch")
        branch.update(leaf)
    return tree


def quantities_of(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Quantity]]:
    """The leaves of a tree that `nested_leaves` has made, by dotted key; also those inside of a leaf (its null). What
    is no leaf, or has an error of another shape than its value, is left out: a file may hold anything."""
    for key, branch in tree.items():
        if not isinstance(branch, Mapping):
            continue
        name = f"{path}.{key}" if path else str(key)
        if _is_leaf(branch):
            yield name, quantity_of(branch)
        yield from quantities_of(branch, name)


def quantity_of(leaf: Mapping[str, Any]) -> Quantity:
    """The number of a leaf."""
    return Quantity(leaf["value"], leaf["unit"], leaf["error"], positive=leaf.get("positive") is True)


def _is_leaf(branch: Mapping[str, Any]) -> bool:
    if not {"value", "unit", "error"} <= branch.keys() or not isinstance(branch["unit"], str):
        return False
    value, error = branch["value"], branch["error"]
    if isinstance(value, list):
        return _are_numbers(value) and (
            _is_number(error) or (isinstance(error, list) and _shape(error) == _shape(value))
        )
    return _is_number(value) and _is_number(error)


def _are_numbers(values: list[Any]) -> bool:
    return all(_are_numbers(value) if isinstance(value, list) else _is_number(value) for value in values)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _shape(values: list[Any]) -> list[Any]:
    return [_shape(value) if isinstance(value, list) else 0 for value in values]


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays -> Python numbers and lists; NaN and infinities -> None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(element) for element in value]
    return None if value is None or not math.isfinite(value) else value


NEGLIGIBLE = 1e-9
"""An error relative to its value below which it is that of the arithmetic, and is not printed."""


def _with_error(value: float | None, error: float | None) -> str:
    """ "0.1594(14)": two digits of the error, and the value to the same decimals; an exponent if large or small."""
    if value is None:
        return "–"
    if not error or error < NEGLIGIBLE * abs(value):
        return f"{value:.6g}" if error or float(value).is_integer() else f"{value:.4g}"
    magnitude = math.floor(math.log10(max(abs(value), error)))
    exponent = 0 if -4 <= magnitude < 6 else magnitude
    value, error = value / 10.0**exponent, error / 10.0**exponent
    decimals = max(0, 1 - math.floor(math.log10(error)))
    digits = f"{error * 10**decimals:.0f}"
    return f"{value:.{decimals}f}({digits})" + (f"e{exponent:+03d}" if exponent else "")
