"""Frames whose shape or number type is not that of the series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from gasfield.auditing.finding import Finding


def usual(forms: Sequence[Hashable]) -> Hashable:
    """The form that most frames have; of several such ones the first."""
    return Counter(forms).most_common(1)[0][0]


def forms_found(steps: Sequence[int], shapes: Sequence[tuple[int, ...]], types: Sequence[str]) -> tuple[Finding, ...]:
    """One finding for each shape and each number type other than the usual one."""
    found = []
    most, kind = usual(shapes), usual(types)
    for shape in dict.fromkeys(shapes):
        if shape != most:
            at = tuple(step for step, each in zip(steps, shapes, strict=True) if each == shape)
            text = f"the matrix is {_size(shape)}, in most other frames {_size(most)}"
            found.append(Finding("resized", at, True, text, {"shape": list(shape)}))
    for name in dict.fromkeys(types):
        if name != kind:
            at = tuple(step for step, each in zip(steps, types, strict=True) if each == name)
            text = f"the numbers are {name}, in most other frames {kind}"
            found.append(Finding("dtype_change", at, True, text, {"dtype": name}))
    return tuple(found)


def _size(shape: Hashable) -> str:
    assert isinstance(shape, tuple)
    return " x ".join(map(str, shape))
